"""Discrete units of sound: k-means over log-mel frames, each frame's unit the center nearest to it.

As in textless speech processing (Lakhotia et al., "On Generative Spoken Language Modeling from Raw
Audio", TACL 2021), which takes 50, 100 or 200 centers.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from safetensors import SafetensorError
from safetensors.numpy import load, save
from scipy.cluster.vq import kmeans2, vq
from scipy.spatial.distance import cdist

from core import machine
from core.corpora.speech.logmel import centers as band_centers
from core.corpora.speech.spec import ITERATIONS, CodebookSpec
from core.corpora.speech.utterances import HOP_MS, SpeechCorpus
from core.errors import BadInput
from core.step import Inputs, Progress, Result
from core.training.checkpoints import Checkpoint

# Frames among which each first center is chosen: 2 + ⌊ln units⌋ of 100 units, as in scikit-learn,
# and of 50 too.
DRAWS = 6


@dataclass(frozen=True, eq=False)
class Codebook:
    """centers: float32 [units, mels], log-mel frames; the quietest first."""

    centers: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """Of the units: u00 and so on, from the quietest to the loudest."""
        return tuple(f"u{unit:02}" for unit in range(len(self.centers)))

    def label(self, frames: np.ndarray) -> np.ndarray:
        """The unit of every frame. frames: float [frames, mels]; returns int64 [frames]."""
        if not len(frames):
            return np.zeros(0, dtype=np.int64)
        return vq(frames.astype(np.float32), self.centers, check_finite=False)[0].astype(np.int64)

    def to_bytes(self) -> bytes:
        return save({"centers": self.centers})

    @classmethod
    def from_bytes(cls, data: bytes) -> Codebook:
        """The codebook of `to_bytes`; BadInput if it is damaged."""
        try:
            found = cls(load(data)["centers"])
            if found.centers.dtype != np.float32 or found.centers.ndim != 2:
                raise ValueError("centers of another kind")
        except (SafetensorError, KeyError, ValueError) as problem:
            raise BadInput("These stored units are damaged: compute them again.") from problem
        return found


def fit(frames: np.ndarray, units: int, seed: int) -> Codebook:
    """k-means, the same for the same seed. frames: float32 [frames, mels].

    Raises BadInput for fewer frames than units.
    """
    if len(frames) < units:
        raise BadInput(
            f"{len(frames):,} frames of speech are too few for {units} units: take more utterances."
        )
    first = _first_centers(frames, units, np.random.default_rng(seed))
    found, _ = kmeans2(frames, first, ITERATIONS, minit="matrix")
    return Codebook(found[np.argsort(found.mean(1), kind="stable")].astype(np.float32))


def _first_centers(frames: np.ndarray, units: int, generator: np.random.Generator) -> np.ndarray:
    """Greedy k-means++ (Arthur and Vassilvitskii 2007), which scipy lacks: without the choice among
    several draws one seed in three misses a cluster.

    Every next center is a frame drawn by its squared distance from those before: of `DRAWS` such
    frames the one that leaves the least.
    """
    chosen = [frames[generator.integers(len(frames))]]
    left = cdist(chosen, frames, "sqeuclidean")[0]
    for _ in range(units - 1):
        drawn = frames[np.searchsorted(left.cumsum(), generator.random(DRAWS) * left.sum())]
        each = np.minimum(left, cdist(drawn, frames, "sqeuclidean"))
        best = each.sum(1).argmin()
        chosen.append(drawn[best])
        left = each[best]
    return np.stack(chosen)


def fit_codebook(
    spec: CodebookSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """Fits the units of a speech corpus on its train split and describes each of them."""
    machine.settle()
    started = time.monotonic()
    utterances = list(_first(SpeechCorpus(spec.corpus, inputs), spec.frames))
    frames = np.concatenate(utterances).astype(np.float32)
    progress(0.1, f"{spec.units} centers of {len(frames):,} frames")
    codebook = fit(frames, spec.units, spec.seed)
    labels = [codebook.label(each) for each in utterances]
    left = np.square(frames - codebook.centers[np.concatenate(labels)]).sum()
    row = {
        "key": spec.key,
        "corpus": spec.corpus.key,
        "units": spec.units,
        "frames": len(frames),
        "explained": float(1 - left / np.square(frames - frames.mean(0)).sum()),
        "seed": spec.seed,
        "seconds": time.monotonic() - started,
        "machine": machine.name(),
        "created": datetime.datetime.now(datetime.UTC).replace(tzinfo=None),
        "spec": spec.model_dump_json(),
    }
    described = describe(codebook, labels).with_columns(codebook=pl.lit(spec.key))
    tables = {"codebooks": pl.DataFrame([row]), "units": described}
    return Result(tables, {spec.key: codebook.to_bytes()})


def _first(corpus: SpeechCorpus, frames: int) -> Iterator[np.ndarray]:
    """The frames of the first training utterances, so many frames in all or a few more.

    Utterances are mixed by a seed, so the first ones are a sample of all.
    """
    for part in corpus.shards():
        for i in range(len(part)):
            if frames <= 0:
                return
            yield part.stored(i)
            frames -= len(part.stored(i))


def describe(codebook: Codebook, labels: Sequence[np.ndarray]) -> pl.DataFrame:
    """The rows of the table `units`, without the codebook's key.

    labels: int64 [frames], the units of each utterance.
    """
    units, mels = codebook.centers.shape
    laid = np.concatenate(labels)
    begins = [np.diff(each, prepend=-1) != 0 for each in labels]
    n = np.bincount(laid, minlength=units)
    runs = np.bincount(laid[np.concatenate(begins)], minlength=units)
    bands = band_centers(mels)
    return pl.DataFrame(
        {
            "unit": codebook.names,
            "n": n,
            "share": n / len(laid),
            "ms": [HOP_MS * int(a) / int(b) if b else None for a, b in zip(n, runs, strict=True)],
            "level": codebook.centers.mean(1).astype(float),
            "hertz": bands[codebook.centers.argmax(1)],
        }
    )
