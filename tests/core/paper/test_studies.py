"""Studies are declarations: what they ask for, what they share, and what comes out at `smoke`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core import profiles
from core.cells import CELLS
from core.cli import main, measuring
from core.corpora.speech.spec import SpeechSpec
from core.library import add_corpus, find_corpus
from core.models.mixture import fit
from core.paper.studies import STUDIES, Choices, Plan, Study, cells, targets
from core.paper.studies.study import installed
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


def test_cells_are_compared_at_equal_parameters_and_at_equal_state() -> None:
    """Against an LSTM of 16 units: 8 · 16² weights, and 32 numbers of state."""
    compared = cells.networks(16)
    units = {
        alignment: {cell: hidden for (cell, hidden), of in compared.items() if alignment in of}
        for alignment in cells.ALIGNMENTS
    }
    assert units["parameters"] == {
        "gru": 18,  # 6 · 18² = 1944
        "lstm": 16,
        "elman": 32,  # 2 · 32² = 2048
        "mingru": 32,
        "minlstm": 26,  # 3 · 26² = 2028
        "lru": 20,  # 5 · 20² = 2000
        "s6": 22,
        "mlstm": 25,
        "deltanet": 25,
    }
    assert {cell: CELLS[cell].state_size(units["state"][cell]) for cell in CELLS} == (
        dict.fromkeys(CELLS, 32) | {"mlstm": 33}  # 16 numbers, n of 16 and m: one unit
    )
    # One network where both alignments choose the same units.
    assert compared["elman", 32] == {"parameters": 0, "state": 0}
    assert len(compared) == 15
    for (cell, hidden), aligned in compared.items():
        for alignment, off in aligned.items():
            number = cells.ALIGNMENTS[alignment](CELLS[cell], hidden)
            assert off == number / {"parameters": 2048, "state": 32}[alignment] - 1
            assert abs(off) < 0.06


def test_a_network_far_from_the_reference_says_by_how_much() -> None:
    """The memory of one unit of S6 has 16 numbers, the state of one unit of an LSTM two."""
    labels = [cells.label(*network, aligned) for network, aligned in cells.networks(1).items()]
    assert "S6 [1,1], equal parameters and state (parameters +550%, state +700%)" in labels
    assert "LSTM [1,1], equal parameters and state" in labels


def test_the_nearest_size_is_no_larger_than_one_that_reaches_the_target() -> None:
    found = [cells.nearest_size(lambda n: n * n, target) for target in (0, 9, 12, 13)]
    assert found == [1, 3, 3, 4]
    assert cells.nearest_size(lambda n: 2 * n, 5) == 2  # 4 and 6 are as near
    # 311 units, which have one head instead of 14, would be as near by chance.
    weights, target = CELLS["mlstm"].kernel, CELLS["lstm"].kernel(160)
    assert abs(weights(311) - target) < abs(weights(224) - target)
    assert cells.nearest_size(weights, target) == 224


def test_compared_networks_differ_in_cell_size_and_rate_alone() -> None:
    plan = STUDIES["cells"].plan(EVERY)
    models = [spec.model for spec in plan.drawn.values()]
    assert [(model.cell, model.hidden) for model in models] == [*cells.networks(16)]
    budgets = {model.budget.model_copy(update={"learning_rate": 0.0}) for model in models}
    assert len(budgets) == 1
    for label, spec in plan.drawn.items():
        assert plan.others[f"{label}, added bits"] == spec.added()


def test_peak_rates_are_chosen_by_cell_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, cell in CELLS.items():
        monkeypatch.setitem(CELLS, name, replace(cell, rates={18: 4e-2} if name == "gru" else {}))
    rates = {
        (spec.model.cell, spec.model.hidden): spec.model.budget.learning_rate
        for spec in STUDIES["cells"].plan(EVERY).drawn.values()
    }
    assert rates == dict.fromkeys(cells.networks(16), 1e-2) | {("gru", 18): 4e-2}


def test_a_cell_whose_rates_are_searched_has_one_for_each_of_its_networks() -> None:
    searched = {
        (name, hidden): rate for name in CELLS for hidden, rate in CELLS[name].rates.items()
    }
    compared = cells.networks(profiles.find("laptop").compared)
    assert {*searched} == {network for network in compared if CELLS[network[0]].rates}
    assert {*searched.values()} <= {*profiles.TRIED_RATES}


def test_what_ships_is_what_the_studies_plan() -> None:
    """Keys have not changed: a study finds as many results as when it was shipped."""
    place = Path(__file__).parents[3] / "cache" / "reference" / "laptop"
    manifest = json.loads((place / "manifest.json").read_text())
    rows = pl.read_parquet(place / "corpora.parquet").iter_rows(named=True)
    corpora = {
        row["name"]: SpeechSpec.model_validate_json(row["spec"])
        if row["spec"]
        else CorpusSpec(name=row["name"], content=row["key"])
        for row in rows
    }
    seen: set[str] = set()  # what two studies need counts for the first
    for name, study in STUDIES.items():
        named = {choice: corpora[installed(paper)] for choice, paper in study.corpora.items()}
        plans = [study.plan(Choices("laptop", **named, **more)) for more in ({}, *study.more)]
        planned = {spec.key for plan in plans for spec in plan.specs} - seen
        seen |= planned
        assert len(planned & {*manifest["keys"]}) == manifest["computed"][name][0], name


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
    arguments = ["--corpus", str(target)]
    if name == "adaptation":
        arguments = ["--source", str(source), "--target", str(target), "--fraction", "0.5"]
    arguments += ["--profile", "smoke", "--json"]
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


def test_words_seen_from_the_command_line(
    store: Store,
    text: bytes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def plan(choices: Choices) -> Plan:
        whole = targets.plan(choices)
        return Plan({"word": whole.signatures["word"]}, others=whole.others)

    monkeypatch.setitem(STUDIES, "targets", replace(STUDIES["targets"], plan=plan))
    path = tmp_path / "text.txt"
    path.write_bytes(text)
    command = ["study", "targets", "--corpus", str(path), "--profile", "smoke", "--json"]
    assert main(command) == 0
    hits = pl.DataFrame(json.loads(capsys.readouterr().out)["hits"])
    assert set(hits["detectors"]) == {targets.SEEN, f"{targets.SEEN}, untrained"}
    assert hits["n"].min() > 0
    # The detectors without a state are the same for the trained and the untrained network.
    both = hits.pivot("detectors", index="ago", values="guess")
    assert both[targets.SEEN].equals(both[f"{targets.SEEN}, untrained"])
    [row] = store.query("FROM detectors WHERE untrained IS NOT NULL").to_dicts()
    assert 0 < row["words"] <= 100 and row["test_states"] > 0
    # Every word by its counts, which add up to those of all together.
    of_words = store.query(
        "SELECT ago, sum(n) AS n, sum(yes) AS yes FROM hits WHERE word IS NOT NULL "
        "AND detectors = ? GROUP BY ago ORDER BY ago",
        [row["key"]],
    )
    together = store.query(
        "SELECT ago, n, yes FROM hits WHERE word IS NULL AND detectors = ? ORDER BY ago",
        [row["key"]],
    )
    assert of_words["n"].to_list() == together["n"].to_list()
    assert of_words["yes"].to_list() == together["yes"].to_list()


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
    assert main([*command, "--units", "100"]) == 2
    assert "Give --target unit with --units" in capsys.readouterr().err


def test_an_option_that_a_study_does_not_use_is_refused(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    for study, option, value, taken in (
        ("size", "--units", "50", "--corpus"),
        ("ngram", "--target", "sotu", "--corpus"),
        ("adaptation", "--corpus", "sotu", "--source, --target, --fraction"),
        ("factorized", "--fraction", "0.05", "--source, --target"),  # also where it is the default
        ("las", "--source", "sotu", "--corpus, --target, --units"),
    ):
        assert main(["study", study, option, value]) == 2
        said = f"Leave out {option}: `study {study}` takes {taken} and --profile.\n"
        assert capsys.readouterr().err == said


def test_the_help_says_which_study_takes_which_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["study", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for option, studies in (
        ("CORPUS", "signature, size, depth, ngram, las, cells, targets"),
        ("SOURCE", "adaptation, factorized"),
        ("TARGET", "adaptation, factorized"),
        ("{50,100}", "las"),
        ("FRACTION", "adaptation"),
    ):
        assert f"{option} {studies}: " in said


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
