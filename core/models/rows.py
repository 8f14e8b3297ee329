"""The rows that every kind of language model fills, counted the same way for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from core.corpora import Segments
from core.probes.intervals import DRAWS, intervals, resampled
from core.probes.targets import Target
from core.spec import CorpusSpec, Spec
from core.step import where

DRAWN = pl.List(pl.Float32)  # the bootstrap replicates that are stored


def model_row(spec: Spec, device: str, **facts: Any) -> dict[str, Any]:
    """A row of `models`: what all kinds fill, and what this kind knows besides."""
    return {
        "key": spec.key,
        "kind": spec.kind,
        "title": spec.title,
        "spec": spec.model_dump_json(),
        **where(device),
        **facts,
    }


def training_tables(row: dict[str, Any], facts: dict[str, Any]) -> dict[str, pl.DataFrame]:
    """The tables of a training run: the row of `models`, and the curve if there is any.

    row: what `model_row` gave; facts: what `core.training.loop.fit` gave.
    """
    curve = facts["curve"]
    trained = {
        "train_symbols": facts["symbols"],
        "epochs": float(len(curve)),
        "seconds": facts["seconds"],
    }
    tables = {"models": pl.DataFrame([row | trained])}
    if curve:
        points = [{"model": row["key"], **point} for point in curve]
        tables["training_curve"] = pl.DataFrame(points)
    return tables


def next_symbols(segments: Segments) -> np.ndarray:
    """The symbols a model predicts: segment by segment its own, then `</s>`; flat."""
    return np.insert(segments.symbols, segments.offsets[1:], segments.alphabet.eos)


def count_first(
    segments: Segments, first: np.ndarray, target: Target | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Forward accuracy (paper, Fig. 1b): (n, correct), both int64 [segments, symbols].

    How often each symbol came next in each segment, and how often it was the model's `first`
    choice, [symbols + segments]. target: counts by the label of the symbol that came.
    """
    truth = next_symbols(segments)
    labels = target.labels(truth, np.zeros(0)) if target else truth
    size = len(target.names) if target else segments.alphabet.size
    cell = np.repeat(np.arange(len(segments)), segments.lengths + 1) * size + labels
    shape = (len(segments), size)
    n = np.bincount(cell, minlength=len(segments) * size).reshape(shape)
    hits = cell[first == truth]
    return n, np.bincount(hits, minlength=len(segments) * size).reshape(shape)


def predictions(
    model: Spec,
    corpus: CorpusSpec,
    seed: int,
    n: np.ndarray,
    correct: np.ndarray,
    names: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Forward accuracy by symbol (paper, Fig. 1b); n, correct: int [segments, symbols].

    names: of the symbols, or of the labels that stand for them (None: those of the alphabet).
    """
    names = corpus.alphabet.symbols if names is None else names
    n = np.concatenate([n, n.sum(1, keepdims=True)], 1)
    correct = np.concatenate([correct, correct.sum(1, keepdims=True)], 1)
    rates = resampled(n, correct, seed)
    low, high = intervals(rates, n, correct)
    total, hits = n.sum(0), correct.sum(0)
    return pl.DataFrame(
        [
            {
                "model": model.key,
                "corpus": corpus.content,
                "symbol": symbol,
                "n": int(total[i]),
                "correct": int(hits[i]),
                "accuracy": hits[i] / total[i],
                "low": low[i],
                "high": high[i],
                "draws": [None if np.isnan(rate) else rate for rate in rates[:DRAWS, i].tolist()],
            }
            for i, symbol in enumerate([*names, None])
            if total[i]
        ],
        schema_overrides={"symbol": pl.String, "draws": DRAWN},
    ).with_columns(pl.col("low", "high").fill_nan(None))


def redrawn(test: Segments, logs: np.ndarray, seed: int) -> list[float]:
    """Perplexity of a text in bootstrap replicates, its segments drawn with replacement.

    logs: log probability of each predicted symbol, segment after segment. All models scored on the
    same text are redrawn alike.
    """
    n = test.lengths + 1  # </s> is predicted, too
    sums = np.add.reduceat(logs, np.cumsum(n) - n)
    means = resampled(n[:, None], sums[:, None], seed)[:DRAWS, 0]
    return np.exp(-means).tolist()
