"""Signatures of a recognizer's layers: known answers, the right state for a symbol, the study."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from core import listening
from core.corpora.speech.utterances import SpeechCorpus, Utterances
from core.models.las import builders
from core.models.las.batches import minibatch
from core.models.las.heard import Edit
from core.models.las.inspection import compare
from core.models.las.network import build
from core.models.las.spec import LasSignatureSpec, LasSpec
from core.models.las.states import layer_states
from core.paper.studies import STUDIES, Choices, Plan
from core.registry import run
from core.store import Store
from core.training.checkpoints import pack
from tests.core.corpora.speech import toy_speech

LENGTH = 10  # frames of a symbol in the delay line


def quiet(fraction: float, message: str) -> None:
    """Progress that nobody looks at."""


def delay_line(count: int, seed: int) -> Utterances:
    """Each symbol is heard as itself, one band of its own, for a tenth of a second."""
    generator = np.random.default_rng(seed)
    weights = np.array([0.3, *[0.1] * 7])
    said = [generator.choice(8, 20, p=weights) for _ in range(count)]
    bands = np.eye(toy_speech.MELS)
    times = np.arange(20)[:, None] * [1, LENGTH * 10]
    return Utterances.of(
        [np.repeat(bands[symbols], LENGTH, 0) for symbols in said],
        said,
        [times] * count,
        [str(i) for i in range(count)],
        toy_speech.MELS,
    )


# Smoke's 120 minibatches are too few for the linear decoder, which begins at no weights at all.
@pytest.mark.parametrize(("decoder", "steps"), [("linear", 400), ("mlp", 40)])
def test_a_delay_line_is_recalled_as_far_as_it_reaches_both_ways(decoder: str, steps: int) -> None:
    """The window of log-mel frames around a symbol ends inside the symbols on its either side."""
    model = toy_speech.model(toy_speech.corpus(200, 60))
    budget = model.budget
    signature = builders.las_signature(model, "log-mel", alignment="words")
    spec = signature.model_copy(update={"decoder": decoder, "min_lag": -3, "max_lag": 3})
    decoders = spec.budget.model_copy(
        update={"states": None, "dev_states": None, "test_states": None, "steps": steps}
    )
    spec = spec.model_copy(update={"budget": decoders})
    corpus, parts = model.corpus, {}
    for seed, (key, count) in enumerate(
        zip([*corpus.shards, corpus.part("dev"), corpus.part("test")], (200, 60, 60), strict=True)
    ):
        parts[key] = delay_line(count, seed).to_bytes()
    parts |= {model.key: pack(build(model).state_dict(), {}), model.alignment: pack({}, {})}
    assert budget.aligned >= 200
    rows = run(spec, parts, quiet).tables["recall"].filter(pl.col("symbol").is_null())
    found = {row["lag"]: row for row in rows.to_dicts()}
    assert list(found) == [-3, -2, -1, 0, 1, 2, 3]
    for lag, row in found.items():
        assert row["ms"] == pytest.approx(100 * lag, abs=1)
        assert row["n"] == 60 * (20 - abs(lag))
        if abs(lag) <= 1:
            assert row["accuracy"] > 0.999
        else:
            assert row["low"] - 0.03 < row["majority"] < row["high"] + 0.03
    assert found[0]["current"] == 1 and found[2]["current"] < 0.5


@torch.no_grad()
def test_a_symbol_gets_the_state_whose_frames_hold_its_moment() -> None:
    corpus = toy_speech.corpus(4, 4)
    model = build(toy_speech.model(corpus))
    batch = minibatch(corpus.dev, np.array([0, 1]), model.reduction)
    moments = torch.tensor([[5.0, 45.0, 95.0], [0.0, 39.9, 1e6]])
    ends = model.whole(batch.lengths)
    for layer, rate, steps in (("encoder 1", 2, [0, 2, 4]), ("encoder 3", 4, [0, 1, 2])):
        for name, states in model.encoder_states(batch, int(layer[-1])).items():
            got = layer_states(model, batch, moments, layer, name, "both")
            assert torch.equal(got[0], states[steps, 0])
            last = int(ends[1]) // rate - 1  # behind the end: the last step
            assert torch.equal(got[1], states[[0, 3 // rate, last], 1])
            half = layer_states(model, batch, moments, layer, name, "forward")
            assert torch.equal(half, got[:, :, : got.shape[2] // 2])
    memory, _ = model(batch)
    for name in ("c", "h"):
        query = layer_states(model, batch, moments, "query", name, "both")
        assert torch.equal(query, getattr(memory, name)[:, :-1])
    around = layer_states(model, batch, moments, "log-mel", None, "both")
    frames = model.standardized(batch.frames, batch.lengths)
    window = around[0, 2].view(toy_speech.MELS, 15)
    assert torch.equal(window, frames[9 - 7 : 9 + 8, 0].T)


def compute(plan: Plan, store: Store) -> dict[str, bytes]:
    """All of a plan but the previews it does not name, into the store, in this process."""
    held: dict[str, bytes] = {}
    for spec in plan.specs:
        for step in spec.steps():
            unnamed = step.table == "signatures" and step != spec
            if not (unnamed or store.has_result(step)):
                result = run(step, held, quiet)
                store.take_in(result.tables, result.artifacts)
                held |= result.artifacts
    return held


@pytest.mark.slow
def test_the_study_at_smoke_from_sound_to_refusal(store: Store) -> None:
    speech = listening.speech("synthetic-speech", "smoke", store)
    plan = STUDIES["las"].plan(Choices("smoke", speech=speech))
    held = compute(plan, store)
    model: LasSpec = plan.signatures["query"].model
    reason = listening.refusal(model, store)
    assert reason and "cannot be paired" in reason
    marginal = store.query("FROM marginal_recall WHERE decoder = 'mlp'")
    keys = {
        decoder: {spec.key for spec in plan.signatures.values() if spec.decoder == decoder}
        for decoder in ("mlp", "added")
    }
    assert set(marginal["signature"]) == keys["mlp"]
    added = store.query("SELECT signature, lag FROM added WHERE symbol IS NULL")
    assert set(added["signature"]) == keys["added"] and set(added["lag"]) == set(range(-2, 6))
    assert set(marginal["part"]) == {*builders.layers(model), "log-mel"}
    assert set(marginal["alignment"]) == {"attention", "ctc", "words"}
    assert set(marginal["name"]) == {"LAS [3,16]"} and marginal["ms"].null_count() == 0
    assert set(marginal["lag"]) == set(range(-2, 6))
    main = marginal.filter(pl.col("signature") == plan.signatures["encoder 1"].key)
    assert main["untrained"].null_count() == 0
    corpus = SpeechCorpus(speech, held)
    found = listening.listen(model, corpus.test.features(0), corpus.test.text(0), store)
    assert found.attention.shape[0] == len(found.hypothesis) == len(found.moments)
    assert "".join(edit.reference for edit in found.edits) == corpus.test.text(0)
    assert set(found.recalled["part"]) == set(builders.layers(model))


@pytest.mark.slow
def test_a_recognizer_that_follows_may_be_drawn(store: Store) -> None:
    corpus = toy_speech.corpus()
    model = toy_speech.model(corpus)
    parts = {key: corpus._artifacts[key] for key in model.corpus.parts}
    for spec in (model, builders.las_signature(model, "query")):
        result = run(spec, parts, quiet)
        store.take_in(result.tables, result.artifacts)
        parts |= result.artifacts
    assert listening.refusal(model, store) is None
    row = store.query("SELECT cer, wer, monotone, parameters FROM models").row(0, named=True)
    assert row["cer"] < 0.05 and row["monotone"] > 0.95
    recall = dict(store.query("SELECT lag, accuracy FROM marginal_recall").iter_rows())
    assert recall[1] > 0.9  # y_{i-1} is what the query has just read
    heard = listening.listen(model, corpus.test.features(1), corpus.test.text(1), store)
    assert heard.hypothesis == heard.reference
    assert heard.edits == [Edit("equal", heard.reference, heard.hypothesis)]
    assert np.allclose(heard.attention.sum(1), 1, atol=1e-5)
    before = heard.recalled.filter(pl.col("lag") == 1)
    assert "".join(before["truth"]) == heard.hypothesis[:-1]
    assert (before["guess"] == before["truth"]).mean() > 0.7
    nothing = listening.listen(model, np.full((3, toy_speech.MELS), -5.0), None, store)
    assert nothing.edits == [] and nothing.attention.shape[0] == len(nothing.hypothesis)


def test_errors_are_named_one_by_one() -> None:
    assert compare("the cat", "tha catt") == [
        Edit("equal", "th", "th"),
        Edit("substitute", "e", "a"),
        Edit("equal", " ca", " ca"),
        Edit("insert", "", "t"),
        Edit("equal", "t", "t"),
    ]
    assert compare("on", "") == [Edit("delete", "on", "")]


def test_the_first_results_of_the_study_are_the_previews_of_the_figure() -> None:
    model = toy_speech.model(toy_speech.corpus(4, 4))
    plan = STUDIES["las"].plan(Choices("laptop", speech=model.corpus))
    first = plan.specs[:3]
    assert [spec.layer for spec in first] == ["encoder 1", "encoder 3", "query"]
    assert {spec.decoder for spec in first} == {"linear"}
    steps = [step.key for step in first[0].steps()]
    assert steps[:2] == [plan.signatures["query"].model.corpus.key, first[0].model.key]
    assert all(isinstance(spec, LasSignatureSpec) for spec in plan.specs)
