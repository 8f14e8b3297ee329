"""Units of sound: planted clusters are found, by the train split alone, and what describes them."""

from __future__ import annotations

import numpy as np
import pytest

from core.corpora.speech.spec import CodebookSpec
from core.corpora.speech.units import Codebook, describe, fit
from core.corpora.speech.utterances import Utterances
from core.errors import BadInput
from core.registry import run
from tests.core.corpora.speech import toy_speech

UNITS, MELS = 50, toy_speech.MELS
PLANTED = np.random.default_rng(7).normal(-5, 3, (UNITS, MELS))
PLANTED += np.linspace(-10, 0, UNITS)[:, None] - PLANTED.mean(1, keepdims=True)  # quietest first


def quiet(fraction: float, message: str) -> None:
    """Progress that nobody looks at."""


def around(drawn: np.ndarray, seed: int = 0, noise: float = 0.1) -> np.ndarray:
    """Frames around the planted centers of these numbers."""
    noisy = np.random.default_rng(seed).normal(0, noise, (len(drawn), MELS))
    return (PLANTED[drawn] + noisy).astype(np.float32)


def test_planted_clusters_are_found_and_named_by_their_loudness() -> None:
    drawn = np.random.default_rng(1).integers(0, UNITS, 10_000)
    codebook = fit(around(drawn), UNITS, seed=0)
    assert np.abs(codebook.centers - PLANTED).max() < 0.05
    assert (codebook.label(around(drawn, seed=2)) == drawn).all()
    assert codebook.names[0] == "u00" and codebook.names[-1] == "u49"


def test_the_same_seed_gives_the_same_units_and_another_others() -> None:
    frames = np.random.default_rng(3).normal(size=(3_000, MELS)).astype(np.float32)
    once, again, other = (fit(frames, UNITS, seed).to_bytes() for seed in (5, 5, 6))
    assert once == again != other
    assert (Codebook.from_bytes(once).centers == fit(frames, UNITS, 5).centers).all()


def test_units_are_fitted_on_the_train_split_alone_and_on_no_more_than_is_asked() -> None:
    corpus = toy_speech.corpus(300, 4)
    spec = CodebookSpec(corpus=corpus.spec, frames=2_000)
    train = {key: corpus._artifacts[key] for key in spec.needs()}
    assert list(train) == corpus.spec.shards  # neither dev nor test can be read
    result = run(spec, train, quiet)
    row = result.tables["codebooks"].row(0, named=True)
    longest = int(corpus.train.lengths.max())
    assert row["units"] == UNITS and 2_000 <= row["frames"] < 2_000 + longest
    assert 0.9 < row["explained"] < 1  # six sounds with a little noise
    units = result.tables["units"]
    assert units["n"].sum() == row["frames"] and units["level"].is_sorted()
    read = Codebook.from_bytes(result.artifacts[spec.key])
    assert units["unit"].to_list() == list(read.names)


def test_a_unit_is_described_by_how_often_and_how_long_it_sounds() -> None:
    bands = np.eye(2, MELS, dtype=np.float32)
    labels = [np.array([0, 0, 0, 1]), np.array([1, 0])]  # a run ends with its utterance
    rows = describe(Codebook(bands), labels).to_dicts()
    assert [row["n"] for row in rows] == [4, 2]
    assert [row["ms"] for row in rows] == [20, 10]
    assert rows[0]["share"] == pytest.approx(2 / 3) and rows[0]["hertz"] < rows[1]["hertz"]


def test_what_gives_no_units_is_refused() -> None:
    with pytest.raises(BadInput, match="too few for 50 units"):
        fit(np.zeros((20, MELS), dtype=np.float32), UNITS, 0)
    with pytest.raises(BadInput, match="damaged"):
        Codebook.from_bytes(b"none")
    nothing = Utterances.of([np.zeros((0, MELS))], [np.zeros(1)], [np.zeros((0, 2))], ["it"], MELS)
    assert fit(around(np.arange(UNITS)), UNITS, 0).label(nothing.features(0)).tolist() == []
