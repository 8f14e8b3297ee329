"""Saving a pane: its picture for a paper, and the numbers that it shows, with names in words."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app.shell import queries
from app.shell.queries import NAMED, SIGNATURE

FORMULA = r"^(?:[=@\t\r]|[-+][^\d.])"  # how a text begins that a spreadsheet takes for one
TABLES = {"csv": "text/csv", "parquet": "application/octet-stream"}
KEY = re.compile(r"'([0-9a-f]{64})'")
PIXELS = 96  # of an inch on a screen
FEW = 2  # signatures that a line below the title can name

NAMES = f"""
SELECT s.key, {SIGNATURE} AS name{NAMED}
WHERE s.key IN ({{keys}})"""


@st.dialog("Save this pane", width="large")
def dialog(figure: go.Figure, name: str, title: str, sqls: tuple[str, ...]) -> None:
    """Offer the picture at a width of a paper, as it will look, and its numbers.

    name: of the files; title: of the pane, HTML; sqls: the queries behind the picture.
    """
    # matplotlib takes a second to import: only who saves waits for it.
    from app.pictures import files
    from app.pictures.traces import plain

    named = names(sqls)
    title = "\n".join(
        [plain(title), *(["; ".join(named.values())] if 0 < len(named) <= FEW else [])]
    )
    width = st.segmented_control(
        "Width",
        list(files.WIDTHS),
        default=next(iter(files.WIDTHS)),
        required=True,
        key="save-width",
        persist_state="session",
    )
    inches = files.WIDTHS[width]
    st.image(files.save(figure, "png", inches, title), width=round(min(inches, 7) * PIXELS))
    with st.container(horizontal=True, gap="small"):
        for form, mime in files.FORMATS.items():
            button(form, mime, lambda form=form: files.save(figure, form, inches, title), name)
        if sqls:
            table = rows(sqls, named)
            for extension in TABLES:
                table_button(extension, table, name, "saved")
    st.caption("On white in both themes, without selection; PDF and PNG at 300 dots per inch.")


def button(
    extension: str, mime: str, content: Callable[[], bytes | str], name: str, place: str = "saved"
) -> None:
    """A button that writes a file; the content is made when it is pressed."""
    st.download_button(
        extension.upper() if extension != "parquet" else "Parquet",
        content,
        f"{name}.{extension}",
        mime,
        key=f"{place}-{extension}-{name}",
        icon=":material/download:",
        on_click="ignore",
    )


def table_button(extension: str, table: pl.DataFrame, name: str, place: str = "table") -> None:
    """A button that writes a table as CSV or as Parquet."""
    write = (lambda: flat(table).write_csv()) if extension == "csv" else (lambda: _parquet(table))
    button(extension, TABLES[extension], write, name, place)


def names(sqls: tuple[str, ...]) -> dict[str, str]:
    """The signatures whose keys stand in these queries, by key, in words."""
    keys = list(dict.fromkeys(key for sql in sqls for key in KEY.findall(sql)))
    if not keys:
        return {}
    known = dict(queries.table(queries.fill(NAMES, keys=keys)).iter_rows())
    return {key: known[key] for key in keys if key in known}


def rows(sqls: tuple[str, ...], named: dict[str, str]) -> pl.DataFrame:
    """The rows of all queries below each other, the names of their signatures before them.

    Of a query with one signature the column is `signature`, with two `first` and `second`.
    """
    tables = []
    for sql in sqls:
        table = queries.table(sql)
        found = [named[key] for key in dict.fromkeys(KEY.findall(sql)) if key in named]
        columns = {1: ("signature",), 2: ("first", "second")}.get(len(found), ())
        words = [pl.lit(text).alias(column) for column, text in zip(columns, found, strict=False)]
        tables.append(table.select(*words, pl.exclude(*columns)) if columns else table)
    return pl.concat(tables, how="diagonal_relaxed")


def flat(table: pl.DataFrame) -> pl.DataFrame:
    """The table with lists, structures and bytes as text, which is all that CSV can hold.

    A text that a spreadsheet would run as a formula begins with an apostrophe.
    """
    written = table.with_columns(
        pl.Series(name, [None if value is None else str(value) for value in table[name].to_list()])
        for name, kind in table.schema.items()
        if kind.is_nested() or kind == pl.Binary
    )
    return written.with_columns(pl.col(pl.String).str.replace(FORMULA, "'$0"))


def _parquet(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()
