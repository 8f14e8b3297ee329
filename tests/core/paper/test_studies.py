"""Studies are declarations: what they ask for, what they share, and what comes out at `smoke`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.cells import CELLS
from core.cli import main, measuring
from core.corpora.speech.spec import SpeechSpec
from core.library import add_corpus, find_corpus
from core.models.mixture import fit
from core.paper.studies import STUDIES, Choices, Plan, Study
from core.registry import SPECS
from core.spec import CorpusSpec
from core.store import Store

ONE, OTHER = (CorpusSpec(name=name, content=digit * 64) for name, digit in (("a", "1"), ("b", "2")))
SPEECH = SpeechSpec(name="s", source="synthetic", content="3" * 64, train=90, dev=9, test=9)
EVERY = Choices("laptop", corpus=ONE, source=OTHER, target=ONE, speech=SPEECH)


def keys(name: str, choices: Choices) -> set[str]:
    return {step.key for spec in STUDIES[name].plan(choices).specs for step in spec.steps()}


def test_editing_one_size_asks_for_one_model_more() -> None:
    before = STUDIES["size"].plan(Choices("laptop", corpus=ONE, cells=("gru",), sizes=(40, 80)))
    after = STUDIES["size"].plan(Choices("laptop", corpus=ONE, cells=("gru",), sizes=(40, 96)))
    models = [{spec.model.key for spec in plan.drawn.values()} for plan in (before, after)]
    assert len(models[1] - models[0]) == 1


def test_the_papers_sizes() -> None:
    plan = STUDIES["size"].plan(Choices("paper", corpus=ONE))
    assert list(plan.drawn) == [
        f"{cell} [1,{hidden}]" for cell in ("GRU", "LSTM") for hidden in (80, 160, 320, 640)
    ]
    deep = STUDIES["depth"].plan(Choices("paper", corpus=ONE)).drawn
    assert {(s.model.layers, s.model.hidden) for s in deep.values()} == {(4, 320)}
    assert deep["LSTM layer 3, decoders twice as deep"].budget.depth == 2
    assert len({spec.model.key for spec in deep.values()}) == 2


def test_retraining_starts_from_the_source_and_shares_its_models() -> None:
    plan = STUDIES["adaptation"].plan(EVERY)
    retrained = plan.signatures["retrained"].model
    assert retrained.init_from == plan.signatures["source"].model
    assert retrained.corpus == ONE and retrained.fraction == 0.05
    assert {spec.corpus for spec in plan.specs} == {ONE}  # all measured on the target
    # Source, retrained, target and untrained network, and two n-grams: nothing is trained twice.
    trained = {step.key for spec in plan.specs for step in spec.steps() if step.table == "models"}
    assert len(trained) == 6
    steps = [step.key for step in plan.perplexities["retrained + n-grams"].steps()]
    assert len(steps) == len(set(steps))
    assert steps.index(retrained.init_from.key) < steps.index(retrained.key)


def test_every_network_that_is_drawn_has_its_control() -> None:
    controlled = {"signature": "GRU", "adaptation": "target", "ngram": "GRU", "factorized": "W₀"}
    for name, label in controlled.items():
        plan = STUDIES[name].plan(EVERY)
        control = plan.signatures["untrained" if name == "signature" else f"{label}, untrained"]
        assert not control.model.trained and control not in plan.drawn.values()
        assert control.corpus == plan.signatures[label].corpus
    for name in ("size", "depth", "cells"):
        plan = STUDIES[name].plan(EVERY)
        for label, spec in plan.drawn.items():
            deeper = label.endswith("twice as deep")
            assert deeper or plan.signatures[f"{label}, untrained"] == spec.floor
    assert "query (h), untrained" in STUDIES["las"].plan(EVERY).signatures


def test_every_cell_is_compared_at_one_budget_and_size() -> None:
    plan = STUDIES["cells"].plan(EVERY)
    assert [*plan.drawn] == [cell.label for cell in CELLS.values()]
    budgets = {
        spec.model.budget.model_copy(update={"learning_rate": 0.0}) for spec in plan.drawn.values()
    }
    assert len(budgets) == len({spec.model.hidden for spec in plan.drawn.values()}) == 1
    for label, spec in plan.drawn.items():
        assert plan.others[f"{label}, added bits"] == spec.added()


def test_seeds_are_networks_of_their_own() -> None:
    for study in STUDIES.values():
        one, other = (study.plan(replace(EVERY, seeds=(seed,))).drawn for seed in (0, 1))
        assert all(
            one[label].model.key != other[label].model.key
            for label in one
            if label not in ("5-gram", "5-gram, exact")
        )


def test_every_spec_of_every_study_survives_json() -> None:
    plans = [study.plan(EVERY) for study in STUDIES.values()]
    for plan in [*plans, STUDIES["las"].plan(replace(EVERY, units=100))]:
        for spec in plan.specs:
            again = SPECS.validate_json(spec.model_dump_json())
            assert again == spec and again.key == spec.key


def test_keys_depend_on_everything_but_the_name_of_the_corpus() -> None:
    spec = STUDIES["adaptation"].plan(EVERY).signatures["retrained"]
    renamed = ONE.model_copy(update={"name": "another name"})
    same = STUDIES["adaptation"].plan(Choices("laptop", source=OTHER, target=renamed))
    assert same.signatures["retrained"].key == spec.key
    for changes in (
        {"fraction": 0.1},
        {"seed": 1},
        {"init_from": None},
        {"init_from": spec.model.init_from.model_copy(update={"seed": 1})},
        {"corpus": OTHER},
    ):
        assert spec.model.model_copy(update=changes).key != spec.model.key


def test_interpolation_weights_are_the_most_likely_ones() -> None:
    generator = np.random.default_rng(0)
    probs = generator.dirichlet(np.ones(6), (3, 500))[:, :, 0]
    probs[2] *= 1e-3  # a member that knows nothing
    logs = np.log(probs)
    weights = fit.fit(logs)
    assert weights.sum() == pytest.approx(1) and weights[2] < 1e-3
    best = fit.perplexity(logs, weights)
    for one in np.linspace(0, 1, 101):
        assert best <= fit.perplexity(logs, np.array([one, 1 - one, 0])) + 1e-4
    assert fit.fit(logs[:1]).tolist() == [1.0]


def test_the_mixture_of_two_uniform_models_is_uniform() -> None:
    logs = np.full((2, 40), np.log(0.25))
    assert fit.perplexity(logs, fit.fit(logs)) == pytest.approx(4)


# What the two studies are run with below: one signature of each way to get one, and perplexities
# of one model and of several.
SMALLER = {
    "adaptation": {"retrained", "n-gram source", "n-grams interpolated", "retrained + n-grams"},
    "ngram": {"GRU", "5-gram", "5-gram, exact", "GRU + 5-gram"},
}


def only(name: str, labels: set[str]) -> Study:
    """The study of this name with these signatures and perplexities alone."""
    study = STUDIES[name]

    def plan(choices: Choices) -> Plan:
        whole = study.plan(choices)
        signatures, perplexities = (
            {label: spec for label, spec in part.items() if label in labels}
            for part in (whole.signatures, whole.perplexities)
        )
        assert {*signatures, *perplexities} == labels
        return Plan(signatures, perplexities)

    return replace(study, plan=plan)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLER)
def test_a_study_from_the_command_line(
    name: str,
    store: Store,
    text: bytes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study = only(name, SMALLER[name])
    monkeypatch.setitem(STUDIES, name, study)
    source, target = tmp_path / "one.txt", tmp_path / "two.txt"
    source.write_bytes(text)
    target.write_bytes(text.upper().replace(b"THE", b"those").replace(b"AND", b"or"))
    arguments = ["--source", str(source), "--target", str(target), "--fraction", "0.5"]
    arguments += ["--corpus", str(target), "--profile", "smoke", "--json"]
    assert main(["study", name, *arguments]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["study", "profile", "seconds", "rows", "perplexities"]
    assert set(answer["rows"][0]) == {
        "signature",
        "model",
        "layer",
        "lag",
        "recall",
        "low",
        "high",
        "majority",
    }
    plan = study.plan(
        Choices(
            "smoke",
            corpus=find_corpus(str(target)),
            source=find_corpus(str(source)),
            target=find_corpus(str(target)),
            fraction=0.5,
        )
    )
    assert {row["signature"] for row in answer["rows"]} == set(plan.signatures)
    perplexities = answer["perplexities"]
    assert set(plan.perplexities) <= set(perplexities)
    if name == "ngram":
        exact = {r["lag"]: r["recall"] for r in answer["rows"] if r["signature"] == "5-gram, exact"}
        assert exact[1] > 0.98 and exact[2] > 0.95  # inside the context, up to shortened ones
        assert (
            perplexities["GRU + 5-gram"] < min(perplexities["GRU"], perplexities["5-gram"]) + 0.05
        )
    else:
        assert perplexities["n-grams interpolated"] <= perplexities["n-gram source"]
    assert main(["study", name, *arguments]) == 0  # found, not computed
    again = json.loads(capsys.readouterr().out)
    assert again["rows"] == answer["rows"] and again["seconds"] < answer["seconds"]


def test_units_of_a_recognizer_are_asked_for_from_the_command_line(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Choices] = []

    def plan(choices: Choices) -> Plan:
        asked.append(choices)
        return Plan({})

    monkeypatch.setitem(STUDIES, "las", replace(STUDIES["las"], plan=plan))
    monkeypatch.setattr(measuring, "obtain", lambda specs: True)
    command = ["study", "las", "--profile", "smoke", "--json"]
    for more in ([], ["--target", "unit"], ["--target", "unit", "--units", "100"]):
        assert main([*command, *more]) == 0
    assert [choices.units for choices in asked] == [None, 50, 100]
    assert main([*command, "--target", "word"]) == 2
    assert "symbol or unit" in capsys.readouterr().err


def test_a_study_of_units_computes_its_codebook_before_anything_reads_it() -> None:
    plan = STUDIES["las"].plan(replace(EVERY, units=50))
    assert list(plan.signatures)[:4] == ["encoder 1", "encoder 2", "encoder 3", "log-mel"]
    assert {spec.target for spec in plan.signatures.values()} == {"unit"}
    for spec in plan.specs:
        steps = [step.key for step in spec.steps()]
        owners = {key.partition("/")[0] for key in spec.needs()}
        assert owners <= set(steps[: steps.index(spec.key)])


def test_a_wrong_fraction_is_refused(
    store: Store, text: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    add_corpus(text, "words")
    assert main(["study", "adaptation", "--fraction", "5"]) == 2
    assert "fraction" in capsys.readouterr().err
