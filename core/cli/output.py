"""What the commands print."""

from __future__ import annotations

import json
import math
from typing import Any

import polars as pl

from core.library import query


def print_json(value: Any) -> None:
    """Prints a value as one line of JSON."""
    print(json.dumps(_finite(value), default=str, allow_nan=False))


def _finite(value: Any) -> Any:
    """The value with numbers that JSON lacks as words: "nan", "inf", "-inf"."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def print_table(rows: pl.DataFrame) -> None:
    """Prints a table in full width: lines that a terminal wraps read better than wrapped cells."""
    # A control character would be a command to the terminal.
    printable = pl.selectors.string().str.replace_all(r"[\p{Cc}--\n\t]", "\ufffd")
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=-1,
        fmt_str_lengths=80,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
    ):
        print(rows.with_columns(printable))


def marginal(keys: list[str]) -> pl.DataFrame:
    """Recall over all symbols, by signature and lag."""
    return query(
        "SELECT signature, title AS model, layer, lag, accuracy AS recall, low, high, majority "
        "FROM target_recall WHERE signature IN (SELECT unnest(?)) AND lag <> 0 "
        "ORDER BY signature, layer, lag",
        [keys],
    )


def added_bits(keys: list[str]) -> pl.DataFrame:
    """Memory beyond inference over all symbols, by signature and lag."""
    return query(
        "SELECT a.signature, m.title AS model, s.layer, a.lag, a.floor_bits, a.bits, a.added, "
        "a.low, a.high, a.rising FROM added a JOIN signatures s ON s.key = a.signature "
        "JOIN models m ON m.key = s.model WHERE a.signature IN (SELECT unnest(?)) "
        "AND a.symbol IS NULL ORDER BY a.signature, s.layer, a.lag",
        [keys],
    )


def sentence_rows(table: pl.DataFrame, symbols: str) -> pl.DataFrame:
    """A row for each symbol of a sentence: its expectation, then what is held there by lag.

    table: as `core.reading.table` gives it. Probabilities of the true symbols, in percent.
    """

    percent = {
        (row["position"] + (row["lag"] < 0), row["lag"]): f"{row['probability']:.0%}"
        for row in table.drop_nulls("truth").iter_rows(named=True)
    }
    lags = [lag for lag in sorted({lag for _, lag in percent}) if lag]
    rows = [
        (symbol, *(percent.get((place, lag), "") for lag in lags))
        for place, symbol in enumerate(symbols, start=1)
    ]
    names = ["read", *("expected" if lag < 0 else f"{lag} ago" for lag in lags)]
    return pl.DataFrame(rows, names, orient="row")


def clock(seconds: float) -> str:
    """A duration in hours and minutes, or in seconds where it is short."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
