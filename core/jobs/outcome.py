"""How a step ends, on either back end: rows as bytes, and failures in one sentence."""

from __future__ import annotations

import io

import polars as pl

from core.errors import BadInput
from core.store.files import readable_os


def reason(error: Exception) -> str:
    """What went wrong, for a person."""
    if isinstance(error, BadInput):
        return str(error)
    if isinstance(error, OSError):
        return str(readable_os(error))
    if isinstance(error, MemoryError):
        return "There was not enough memory; choose a smaller size."
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    return f"Something unexpected went wrong ({what}); the log has the details."


def parquet(rows: pl.DataFrame) -> bytes:
    """Rows as the bytes of a Parquet file."""
    file = io.BytesIO()
    rows.write_parquet(file)
    return file.getvalue()


def rows(data: bytes) -> pl.DataFrame:
    """The inverse of `parquet`."""
    return pl.read_parquet(data)
