"""How many results a second one writer takes into the tables, and what publishing costs."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from core.bench import here
from core.profiles import find
from core.store import Store
from core.text import SYMBOLS

SIZES = (0, 100, 500)  # signatures in the tables before
ROUNDS = 5


def run() -> dict[str, Any]:
    """Medians, by how many signatures of the paper's size the tables hold already.

    take_in: seconds to take one more in and publish it, as a job does; written: the part of it
    until the rows are safe; megabytes: of the published database.
    """
    taken, written, sizes = {}, {}, {}
    with tempfile.TemporaryDirectory() as folder:
        store, stored = Store(Path(folder)), 0
        for size in SIZES:
            if size > stored:
                store.take_in(_signatures(stored, size), publish=True)
                stored = size
            times = []
            for _ in range(ROUNDS):
                started = time.perf_counter()
                store.take_in(_signatures(stored, stored + 1), publish=False)
                safe = time.perf_counter()
                store.tables.publish()
                times.append((safe - started, time.perf_counter() - started))
                stored += 1
            written[size], taken[size] = (float(part) for part in np.median(times, axis=0))
            sizes[size] = store.tables.newest().stat().st_size / 1e6
    return {
        "take_in": taken,
        "written": written,
        "results_per_minute": {size: 60 / seconds for size, seconds in taken.items()},
        "megabytes": sizes,
        "rows_per_signature": _signatures(0, 1)["confusion"].height,
        **here(),
    }


def _signatures(first: int, last: int) -> dict[str, pl.DataFrame]:
    """Rows of signatures as large as the paper's, of invented numbers."""
    keys = pl.DataFrame({"signature": [f"{number:064x}" for number in range(first, last)]})
    lags = pl.DataFrame({"lag": range(find("paper").max_lag + 1)})
    symbols = pl.DataFrame({"symbol": [None, *SYMBOLS]})
    recall = keys.join(lags, how="cross").join(symbols, how="cross")
    truth, guess = (pl.DataFrame({name: list(SYMBOLS)}) for name in ("truth", "guess"))
    confusion = keys.join(lags, how="cross").join(truth, how="cross").join(guess, how="cross")
    chance = np.random.default_rng(first)
    return {
        "signatures": keys.select(
            key="signature", model="signature", corpus="signature"
        ).with_columns(layer=1, state=pl.lit("c"), decoder=pl.lit("mlp"), spec=pl.lit("{}" * 1000)),
        "recall": recall.with_columns(
            pl.Series("n", chance.integers(1, 10_000, recall.height)),
            *(
                pl.Series(name, chance.random(recall.height))
                for name in ("accuracy", "low", "high", "bits", "majority", "current")
            ),
        ),
        "confusion": confusion.with_columns(
            pl.Series("n", chance.integers(0, 1000, confusion.height))
        ),
    }
