"""Linear interpolation of language models, its weights by expectation maximization."""

from __future__ import annotations

import numpy as np

STEPS, TOLERANCE = 200, 1e-6


def fit(log_probs: np.ndarray) -> np.ndarray:
    """Weights [members] that maximize the likelihood of the mixture; they sum to one.

    log_probs: [members, symbols], each member's natural log probability of every true symbol.
    """
    probs = np.exp(log_probs)
    weights = np.full(len(probs), 1 / len(probs))
    for _ in range(STEPS):
        shares = weights[:, None] * probs
        updated = (shares / np.maximum(shares.sum(0), 1e-300)).mean(1)
        change, weights = np.abs(updated - weights).max(), updated
        if change < TOLERANCE:
            break
    return weights


def mixed(log_probs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Natural log probability of every true symbol by the mixture; log_probs as in `fit`."""
    return np.log(np.maximum(weights @ np.exp(log_probs), 1e-300))


def perplexity(log_probs: np.ndarray, weights: np.ndarray) -> float:
    """Perplexity per predicted symbol of the mixture; log_probs as in `fit`."""
    return float(np.exp(-mixed(log_probs, weights).mean()))
