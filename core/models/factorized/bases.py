"""All bases of a factorized kernel together: their order by likeness, and the paper's claims.

A signature here is the number of test positions that are decoded correctly, int [lags, symbols].
n, of the same shape, is the number of positions. Lag 0 comes first and has no part in a claim.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from core.probes.intervals import rank_correlation, sign_test
from core.text import N_SYMBOLS

CLUSTERS = 12
SHUFFLES = 10_000  # of a permutation test
RESAMPLED = 500  # bootstrap replicates over symbols


def total_recall(correct: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Marginal recall, mean over lags 1 to Δ. correct: [..., lags, symbols] -> [...]."""
    return np.asarray((correct.sum(-1) / n.sum(-1))[..., 1:].mean(-1))


def symbol_recall(correct: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Recall of each symbol, mean over lags 1 to Δ; NaN where the test text has it at no lag.

    correct: [..., lags, symbols] -> [..., symbols].
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = correct[..., 1:, :] / n[1:]
    lags = (n[1:] > 0).sum(0)
    total = np.where(n[1:] > 0, recall, 0).sum(-2)
    return np.asarray(np.where(lags > 0, total / np.maximum(lags, 1), np.nan))


def own_recall(recall: np.ndarray) -> np.ndarray:
    """Recall of the symbols of each bigram: [bases, symbols] -> [bases, bigrams].

    The mean over both symbols, over one of them where the test text lacks the other.
    """
    pairs = np.stack(np.broadcast_arrays(recall[:, :, None], recall[:, None, :]))
    valid = ~np.isnan(pairs)
    total = np.where(valid, pairs, 0).sum(0)
    with np.errstate(invalid="ignore"):
        return np.asarray((total / valid.sum(0)).reshape(len(recall), -1))


def recall_outside(recall: np.ndarray, uses: np.ndarray, target: int) -> np.ndarray:
    """How well each basis recalls the symbols that a target does not use: [bases].

    A symbol is outside the target's use as far as another corpus uses it more: by 1 less the
    ratio of its share in the target to its largest share. recall: [bases, symbols], NaN where
    unknown; uses: [corpora, symbols], how often each corpus has each symbol; target: its row.
    """
    shares = uses / uses.sum(1, keepdims=True)
    most = np.maximum(shares.max(0), 1e-12)
    return np.asarray(np.nan_to_num(recall) @ (1 - shares[target] / most))


def percentiles(values: np.ndarray) -> np.ndarray:
    """Down each column, the share of the other rows that lie below, ties counted by half."""
    ranks = rankdata(values, axis=0, nan_policy="omit")
    return np.asarray((ranks - 1) / max(len(values) - 1, 1))


def distances(correct: np.ndarray, n: np.ndarray) -> np.ndarray:
    """How far apart signatures are: mean absolute difference of recall, cells weighted by n.

    As the macro `similarity`, lag 0 left out. correct: [k, lags, symbols] -> float64 [k, k].
    """
    shares = correct[:, 1:] / n[1:].sum()
    flat = torch.from_numpy(shares.reshape(len(correct), -1))
    return np.asarray(torch.cdist(flat, flat, p=1))


def order(distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hierarchical clustering by Ward's method: (place of each item, its cluster from 1).

    Sums of absolute differences are squares of Euclidean distances, which the method needs. The
    places are the leaf order in which neighbors are as alike as the tree allows (Z. Bar-Joseph et
    al., "Fast optimal leaf ordering for hierarchical clustering", 2001). Clusters are numbered by
    place. distance: [k, k].
    """
    condensed = squareform(distance, checks=False)
    tree = hierarchy.linkage(np.sqrt(condensed), "ward")
    leaves = hierarchy.leaves_list(hierarchy.optimal_leaf_ordering(tree, condensed))
    owner = hierarchy.cut_tree(tree, n_clusters=min(CLUSTERS, len(leaves)))[:, 0]
    numbers = {number: rank for rank, number in enumerate(dict.fromkeys(owner[leaves]), start=1)}
    return np.argsort(leaves), np.array([numbers[number] for number in owner])


@dataclass(frozen=True)
class Claim:
    """One of the paper's claims as a number; the fields are columns of `basis_claims`."""

    claim: str
    meaning: str
    value: float
    reference: float | None = None
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    n: int | None = None


def claims(
    bases: np.ndarray,
    controls: np.ndarray,
    base: np.ndarray,
    full: np.ndarray,
    n: np.ndarray,
    uses: np.ndarray,
    seed: int = 0,
) -> list[Claim]:
    """The claims of the paper's section 7, measured.

    bases, controls: [1156, lags, symbols]; base, full, n: [lags, symbols]; uses: [1156], the mean
    λ of each basis in training. Only bases that were used count: the others still have their
    random initial weights.
    """
    trained = np.flatnonzero(uses)
    recall, chance = (total_recall(part[trained], n) for part in (bases, controls))
    return [
        *_base_claims(base, full, n),
        _difference_claim(bases[trained], controls[trained], n, trained, seed),
        Claim(
            "a basis recalls more than chance",
            "Share of bases whose total recall is above that of a random kernel of equal norm; "
            "effect: mean difference; p: sign test.",
            float((recall > chance).mean()),
            0.5,
            float((recall - chance).mean()),
            p=sign_test(int((recall > chance).sum()), len(trained)),
            n=len(trained),
        ),
        _own_claim(bases[trained], n, trained, seed),
        Claim(
            "training shows in recall",
            "Rank correlation of a basis's mean λ in training, which is how often its bigram "
            "occurs, with its total recall above the control.",
            rank_correlation(uses[trained], recall - chance),
            0.0,
            n=len(trained),
        ),
    ]


def _base_claims(base: np.ndarray, full: np.ndarray, n: np.ndarray) -> list[Claim]:
    """How much of the model's recall W₀ has alone."""
    majority = float((n.max(1) / n.sum(1))[1:].mean())
    w0, whole = (float(total_recall(part, n)) for part in (base, full))
    return [
        Claim(
            "W₀ holds the model's recall",
            "Total recall of W₀ alone as a share of the full kernel's; reference: the majority "
            "guesser's share of it.",
            w0 / whole,
            majority / whole,
        ),
        Claim(
            "W₀ holds the model's recall above the floor",
            "The same share, both less the majority guesser's recall.",
            (w0 - majority) / (whole - majority),
        ),
    ]


def _difference_claim(
    bases: np.ndarray, controls: np.ndarray, n: np.ndarray, numbers: np.ndarray, seed: int
) -> Claim:
    """How much more bases differ from each other than random kernels do. numbers: of the bases."""
    pairs = len(bases) * (len(bases) - 1)
    mine, random = (float(distances(part, n).sum() / max(pairs, 1)) for part in (bases, controls))
    draws = _draw_symbols(seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = _drawn_distance(bases, numbers, draws) / _drawn_distance(controls, numbers, draws)
    low, high = _interval(ratios)
    return Claim(
        "bases differ",
        "Mean distance of two bases' signatures; reference: of two random kernels of the same "
        "norms; effect: their ratio.",
        mine,
        random,
        mine / random if random else None,
        low,
        high,
        n=pairs // 2,
    )


def _draw_symbols(seed: int) -> np.ndarray:
    """How often each bootstrap replicate has each symbol: int64 [RESAMPLED, symbols]."""
    chances = np.full(N_SYMBOLS, 1 / N_SYMBOLS)
    return np.random.default_rng(seed).multinomial(N_SYMBOLS, chances, RESAMPLED)


def _drawn_bases(numbers: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """How often each replicate has each basis: as often as its two symbols meet. [draws, bases].

    The 1,156 bases are no independent units: they share 34 symbols.
    """
    return np.asarray(draws[:, numbers // N_SYMBOLS] * draws[:, numbers % N_SYMBOLS])


def _drawn_distance(correct: np.ndarray, numbers: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """In each replicate, the sum of the distances of all pairs of bases: float64 [draws].

    Drawn symbols count in what is recalled, and in which bases there are. Sums of bases and of
    their controls have the same number of pairs, so their ratio is that of the means.
    """
    times = torch.from_numpy(_drawn_bases(numbers, draws).astype(float))
    total = np.zeros(len(draws))
    for symbol in range(correct.shape[2]):
        cells = torch.from_numpy(correct[:, 1:, symbol].astype(float))
        sums = ((times @ torch.cdist(cells, cells, p=1)) * times).sum(1)
        total += draws[:, symbol] * sums.numpy()
    return total


def _interval(replicates: np.ndarray) -> tuple[float | None, float | None]:
    """The 95 % percentile interval, of the replicates that have a number."""
    finite = replicates[np.isfinite(replicates)]
    if not finite.size:
        return None, None
    low, high = np.quantile(finite, [0.025, 0.975])
    return float(low), float(high)


def _own_claim(bases: np.ndarray, n: np.ndarray, numbers: np.ndarray, seed: int) -> Claim:
    """How well bases recall the symbols of their own bigrams, as mean percentile of all bases.

    The interval is over symbols; p is one-sided, by permutation of bigrams. numbers: of the bases.
    """
    ranks = percentiles(own_recall(symbol_recall(bases, n))[:, numbers])
    valid = ~np.isnan(ranks[0])  # bigrams with a symbol in the test text
    ranks = ranks[np.ix_(valid, valid)]
    own = np.diag(ranks)
    mean = float(own.mean())
    times = _drawn_bases(numbers[valid], _draw_symbols(seed))
    with np.errstate(invalid="ignore"):
        low, high = _interval(times @ own / times.sum(1) - 0.5)
    rng, rows = np.random.default_rng(seed), np.arange(len(ranks))
    shuffled = [ranks[rows, rng.permutation(rows)].mean() for _ in range(SHUFFLES)]
    return Claim(
        "a basis recalls its own symbols",
        "Chance that a basis recalls the symbols of its bigram better than another basis "
        "does; effect: that chance less one half; p: permutation of bigrams among bases.",
        mean,
        0.5,
        mean - 0.5,
        low,
        high,
        float((1 + (np.array(shuffled) >= mean).sum()) / (1 + SHUFFLES)),
        len(bases),
    )
