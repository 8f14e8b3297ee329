"""Interpolated modified Kneser-Ney smoothing, one order at a time, over any alphabet.

Source: S. F. Chen, J. Goodman, "An empirical study of smoothing techniques for language modeling"
(1999), with the conventions of K. Heafield et al., "Scalable modified Kneser-Ney language model
estimation" (2013).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl


def tally(keys: np.ndarray) -> pl.DataFrame:
    """Distinct keys and how often each occurs: `key`, `count`."""
    return pl.DataFrame({"key": keys}).group_by("key").agg(count=pl.len())


def discounts(n: Sequence[int]) -> tuple[float, float, float]:
    """The discounts of the adjusted counts 1, 2 and 3+ of one order.

    n: how many n-grams of that order have adjusted count 1, 2, 3 and 4. Small alphabets and texts
    leave one of the first three at zero or make a discount negative (none can exceed its count);
    that order then takes (0.5, 1, 1.5).
    """
    if 0 not in n[:3]:
        y = n[0] / (n[0] + 2 * n[1])
        d1, d2, d3 = (j - (j + 1) * y * n[j] / n[j - 1] for j in (1, 2, 3))
        if min(d1, d2, d3) >= 0:
            return d1, d2, d3
    return 0.5, 1.0, 1.5


def interpolated(counted: pl.DataFrame, lower: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One order from its adjusted counts and the order below.

    counted: `key` of each n-gram, the keys of its first n - 1 symbols (`context`) and of its last
    n - 1 (`suffix`), and its adjusted `count`. lower: `key` and `p` of the order below; of order 0
    a single key. Returns (`key`, `p` of the n-grams in the order of `counted`; `key`, `backoff` of
    their contexts, in any order). Only integers are summed, so the result does not depend on the
    order of summation.
    """
    count = pl.col("count")
    tally = counted.select(*((count == j).sum().alias(str(j)) for j in (1, 2, 3, 4))).row(0)
    d1, d2, d3 = discounts(tally)
    contexts = counted.group_by("context").agg(
        total=count.sum(),
        withheld=d1 * (count == 1).sum() + d2 * (count == 2).sum() + d3 * (count >= 3).sum(),
    )
    contexts = contexts.select("context", "total", backoff=pl.col("withheld") / pl.col("total"))
    discount = pl.when(count > 2).then(d3).when(count == 2).then(d2).when(count == 1).then(d1)
    own = (count - discount.otherwise(0.0)) / pl.col("total")
    estimated = (
        counted.join(contexts, "context", how="left", maintain_order="left")
        .join(
            lower.rename({"key": "suffix", "p": "p_lower"}),
            "suffix",
            how="left",
            maintain_order="left",
        )
        .select("key", p=own + pl.col("backoff") * pl.col("p_lower"))
    )
    return estimated, contexts.select("backoff", key="context")
