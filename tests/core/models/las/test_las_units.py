"""Units of sound recalled from a recognizer: known answers, and the right state for a frame."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

from core.corpora.speech.units import Codebook
from core.corpora.speech.utterances import Utterances
from core.errors import BadInput
from core.models.las import builders
from core.models.las.batches import Minibatch, minibatch
from core.models.las.labels import units
from core.models.las.network import Las, build
from core.models.las.spec import LasSignatureSpec, LasSpec
from core.models.las.states import layer_states
from core.registry import run
from core.training.checkpoints import pack
from tests.core.corpora.speech import toy_speech
from tests.core.corpora.speech.test_units import MELS, PLANTED, UNITS, around, quiet

FRAMES, HELD = 100, 9  # frames of an utterance, and of the delay line


def speech(count: int, seed: int) -> Utterances:
    """Every frame is one of the planted sounds, whatever the one before."""
    drawn = np.random.default_rng(seed).integers(0, UNITS, (count, FRAMES + 3))
    frames = [around(each, seed) for each in drawn]  # three frames more than whole steps
    said = [np.zeros(1)] * count
    return Utterances.of(frames, said, [np.zeros((0, 2))] * count, [""] * count, MELS)


def measured(layer: str, reduction: int, lags: tuple[int, int]) -> dict[int, dict[str, float]]:
    """Marginal recall of the units of such speech by lag."""
    model = toy_speech.model(toy_speech.corpus(300, 60))
    # As many units as make a state as wide as the delay line's.
    model = model.model_copy(update={"reduction": reduction, "units": HELD * MELS // 2})
    spec = builders.las_signature(model, layer, units=UNITS)
    whole = {"states": None, "dev_states": None, "test_states": None}
    budget = spec.budget.model_copy(update={**whole, "steps": 200})
    update = {"budget": budget, "min_lag": lags[0] * reduction, "max_lag": lags[1] * reduction}
    spec = spec.model_copy(update=update)
    keys = [*model.corpus.shards, model.corpus.part("dev"), model.corpus.part("test")]
    parts = {key: speech(n, n).to_bytes() for key, n in zip(keys, (300, 60, 61), strict=True)}
    parts[model.key] = pack(build(model).state_dict(), {})
    assert spec.codebook is not None
    parts |= run(spec.codebook, parts, quiet).artifacts
    assert set(spec.needs()) == set(parts)  # no alignment: units need none
    tables = run(spec, parts, quiet).tables
    row = tables["signatures"].row(0, named=True)
    assert (row["target"], row["codebook"], row["alignment"]) == ("unit", spec.codebook.key, None)
    assert (row["min_lag"], row["max_lag"]) == (spec.min_lag, spec.max_lag)
    recall = tables["recall"]
    assert set(recall["symbol"].drop_nulls()) == {f"u{n:02}" for n in range(UNITS)}
    for name in ("positions", "draws", "confusion", "decoder_rounds"):
        assert set(tables[name]["lag"]) == set(recall["lag"])
    rows = recall.filter(pl.col("symbol").is_null()).to_dicts()
    return {row["lag"]: row for row in rows}


def test_the_window_of_the_sound_recalls_units_as_far_as_it_reaches_both_ways() -> None:
    """Its seven frames on either side hold the units of one lag of four frames."""
    found = measured("log-mel", 4, (-2, 2))
    assert list(found) == [-8, -4, 0, 4, 8]
    for lag, row in found.items():
        assert row["ms"] == pytest.approx(10 * lag)
        assert row["n"] == 61 * (FRAMES // 4 - abs(lag) // 4)
        if abs(lag) <= 4:
            assert row["accuracy"] > 0.99
        else:
            assert row["accuracy"] < 0.05 and row["majority"] < 0.05


def delay_line(self: Las, batch: Minibatch, layer: int) -> dict[str, Tensor]:
    """In place of an encoder layer: at each step the last frames up to the newest one of it."""
    rate = self.encoder.rates[layer - 1]
    held = torch.nn.functional.pad(batch.frames, (0, 0, 0, 0, HELD - 1, 0)).unfold(0, HELD, 1)
    return {"c": held[rate - 1 :: rate].flatten(2)}


@pytest.mark.parametrize(("layer", "reduction"), [(1, 4), (3, 4), (2, 8), (3, 8)])
def test_a_delay_line_of_frames_recalls_units_up_to_its_length_at_any_rate(
    layer: int, reduction: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds nine frames: those of lags 0 to 8, and none of 12 or 16.

    A state that is a step too old lacks lag 0, one that is a step too new lacks lag 8.
    """
    monkeypatch.setattr(Las, "encoder_states", delay_line)
    for lag, row in measured(f"encoder {layer}", reduction, (0, 16 // reduction)).items():
        if lag < HELD:
            assert row["accuracy"] > 0.99, lag
        else:
            assert row["accuracy"] < 0.05, lag


def deaf(spec: LasSpec) -> Las:
    """A recognizer whose backward halves say nothing, so that no layer has heard the future."""
    model = build(spec)
    with torch.no_grad():
        for name, weights in model.encoder.named_parameters():
            if ".back." in name:
                weights.zero_()
    return model


@torch.no_grad()
@pytest.mark.parametrize("reduction", [4, 8])
@pytest.mark.parametrize("layer", [1, 2, 3])
def test_a_state_has_heard_the_frame_of_its_unit_and_none_after_it(
    layer: int, reduction: int
) -> None:
    model = deaf(
        toy_speech.model(toy_speech.corpus(4, 4)).model_copy(update={"reduction": reduction})
    )
    both = speech(2, 0)
    labels = units(both, Codebook(PLANTED.astype(np.float32)), reduction)
    rows = np.array([0, 1])
    _, moments = labels.at(rows)
    batch = minibatch(both, rows, reduction)

    def states(frames: Tensor) -> Tensor:
        heard = batch._replace(frames=frames)
        return layer_states(
            model, heard, torch.from_numpy(moments), f"encoder {layer}", "c", "both"
        )

    before = states(batch.frames)
    assert before.shape[1] == (FRAMES + 3) // reduction
    for changed in (0, 37, 38, 39, 40, 41, 47, 48):
        other = batch.frames.clone()
        other[changed] += 3
        differs = (states(other) != before).any(2).all(0)
        assert int(differs.int().argmax()) == changed // reduction  # the step that holds it
        assert not differs[: changed // reduction].any()


def test_labels_are_those_of_the_newest_frame_of_whole_steps() -> None:
    drawn = np.random.default_rng(1).integers(0, UNITS, 12)
    said = Utterances.of(
        [around(drawn), around(drawn[:3]), around(drawn[:7])],
        [np.zeros(1)] * 3,
        [np.zeros((0, 2))] * 3,
        [""] * 3,
        MELS,
    )
    found = units(said, Codebook(PLANTED.astype(np.float32)), 4)
    assert found.offsets.tolist() == [0, 3, 3, 4]  # the second is too short for a step
    assert found.labels.tolist() == [drawn[3], drawn[7], drawn[11], drawn[3]]
    assert found.moments.tolist() == [35, 75, 115, 35] and found.owners.tolist() == [0, 0, 0, 2]
    labels, _ = found.at(np.array([0, 1, 2]))
    assert labels[:, 0].tolist() == [drawn[3], -1, drawn[3]]


def test_what_has_no_state_at_each_frame_is_refused() -> None:
    model = toy_speech.model(toy_speech.corpus(4, 4))
    with pytest.raises(BadInput, match="goes by symbols"):
        builders.las_signature(model, "query", units=50)
    with pytest.raises(BadInput, match="no alignment"):
        builders.las_signature(model, "encoder 1", alignment="ctc", units=50)
    spec = builders.las_signature(model, "encoder 1", units=100)
    for change, why in (({"decoder": "added"}, "recalls symbols"), ({"max_lag": 6}, "multiples")):
        with pytest.raises(ValueError, match=why):
            LasSignatureSpec(**{**dict(spec), **change})


def test_signatures_of_symbols_have_the_keys_that_they_always_had() -> None:
    model = toy_speech.model(toy_speech.corpus(4, 4))
    symbols = builders.las_signature(model, "encoder 1")
    assert "codebook" not in symbols.identity()
    keys = {builders.las_signature(model, "encoder 1", units=n).key for n in (50, 100)}
    assert len(keys | {symbols.key}) == 3
