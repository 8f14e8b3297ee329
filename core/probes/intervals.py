"""Statistics of measured recall: intervals by bootstrap over segments, ranks, the sign test."""

from __future__ import annotations

import math
import warnings

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, stdtrit

REPLICATES = 1000
DRAWS = 200  # of them are stored, to compare signatures replicate by replicate
SEGMENTS = 20  # that hold a cell, at least, for its interval
Z = 1.96  # 95 %


def resampled(n: np.ndarray, correct: np.ndarray, seed: int = 0) -> np.ndarray:
    """sum(correct) / sum(n) over segments drawn with replacement, once for every replicate.

    n, correct: int [segments, cells], trials and hits of each segment. Returns float32
    [REPLICATES, cells]; NaN where a replicate has no trial of the cell. The same seed and number
    of segments give the same draws, so that networks tested on the same segments are paired.
    """
    rng = np.random.default_rng(seed)
    segments = len(n)
    n, correct = n.astype(np.float32), correct.astype(np.float32)
    rates = []
    for _ in range(0, REPLICATES, 100):
        draws = rng.multinomial(segments, np.full(segments, 1 / segments), 100)
        weights = draws.astype(np.float32)
        trials = weights @ n
        with np.errstate(invalid="ignore", divide="ignore"):
            rates.append(np.where(trials > 0, weights @ correct / trials, np.float32(np.nan)))
    return np.concatenate(rates)


def intervals(
    rates: np.ndarray, n: np.ndarray, correct: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """95 % intervals from `resampled` rates: (low, high), float [cells].

    NaN where fewer than `SEGMENTS` segments hold a trial of the cell: so few do not tell how much
    segments differ. Where every trial of a cell is a hit, the bootstrap interval has no width; the
    Wilson interval over the segments that hold the cell replaces it. A cell with a mistake is not
    surer than one without: a bootstrap interval inside that Wilson interval is replaced by it too.
    The same holds for cells without a hit.
    """
    holders = (n > 0).sum(0)
    low, high = percentiles(rates, holders)
    least, most = wilson(np.maximum(holders, 1), np.ones(len(holders)))
    right, wrong = low >= least, high <= 1 - least
    low = np.where(right, least, np.where(wrong, 1 - most, low))
    high = np.where(right, most, np.where(wrong, 1 - least, high))
    with np.errstate(invalid="ignore"):
        rate = correct.sum(0) / n.sum(0)  # every interval includes its own rate
    return np.minimum(low, rate), np.maximum(high, rate)


def percentiles(rates: np.ndarray, holders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The expanded percentile interval of each column, without replicates that lack the cell.

    rates: [replicates, cells], as `resampled` returns them. NaN below `SEGMENTS` holders.
    Percentiles of draws from few segments are too narrow; these are as much further out as a t
    interval is wider than a normal one with the bootstrap's standard error (T. Hesterberg, "What
    teachers should know about the bootstrap", The American Statistician, 2015). holders: int
    [cells], segments.
    """
    held = np.maximum(holders, 2)
    tail = ndtr(stdtrit(held - 1, 0.025) * np.sqrt(held / (held - 1)))
    ranked = np.sort(rates, axis=0)  # NaN sorts last
    valid = np.maximum((~np.isnan(ranked)).sum(0), 1)
    columns = np.arange(ranked.shape[1])
    low = ranked[np.floor(tail * (valid - 1)).astype(int), columns]
    high = ranked[np.ceil((1 - tail) * (valid - 1)).astype(int), columns]
    enough = holders >= SEGMENTS
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)


def wilson(n: np.ndarray, rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % Wilson score interval of `rate` in n independent trials, for arrays.

    As `scipy.stats.binomtest(...).proportion_ci(method="wilson")`, which takes one cell at a time
    and whole hits.
    """
    center = (rate + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(rate * (1 - rate) / n + Z**2 / (4 * n**2))
    return np.clip(center - half, 0, 1), np.clip(center + half, 0, 1)


def rank_correlation(one: ArrayLike, other: ArrayLike) -> float:
    """Spearman's rank correlation; NaN for constant values and for fewer than two."""
    from scipy import stats  # takes a second to load, and most processes need no ranks

    one, other = np.asarray(one), np.asarray(other)
    if len(one) < 2:
        return math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        return float(stats.spearmanr(one, other).statistic)


def sign_test(hits: int, n: int) -> float:
    """One-sided p value of at least so many hits among n fair coins, exact (binomial)."""
    from scipy import stats

    return float(stats.binomtest(hits, n, alternative="greater").pvalue)
