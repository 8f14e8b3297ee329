"""What is pinned: a card for each signature, and a table of their numbers."""

from __future__ import annotations

import html
from typing import Any

import polars as pl
import streamlit as st

from app.parts import unfinished
from app.pictures import heatmaps, look
from app.pictures.symbols import most_frequent
from app.shell import export, pins, queries, tray, words
from app.shell.buttons import icon_button
from core.registry import known
from core.signatures.spec import SignatureSpec
from core.text import SYMBOLS, Alphabet

Row = dict[str, Any]
SIGNATURES = "SELECT count(*) AS signatures FROM signatures"


def cards() -> list[Row]:
    """A card for each pinned signature; the rows of the pins that the tables have."""
    rows = pins.rows()
    if lost := pins.missing():
        these = " and ".join(map(words.plain, lost))
        st.warning(
            f"Not in this database: {these}. The others are shown; compute what is missing here, "
            "or unpin it in the rail."
        )
    if rows:
        for number, column in enumerate(st.columns(len(rows), gap="small")):
            with column.container(key=f"card-{number}", border=True, gap=None):
                _head(number, rows[number])
                _facts(rows[number])
    if note := unfinished.sentence([row["key"] for row in rows]):
        st.html(f"<div class='note'>{note}</div>")
    if len({row["target"] for row in rows}) > 1:
        st.warning(
            "These signatures recall different things, so their cells cannot be compared; "
            "unpin all but those of one target."
        )
        st.stop()
    if len({(row["characters"], row["of_words"]) for row in rows}) > 1:
        st.warning(
            "These signatures were measured on texts with different alphabets, so their cells "
            "cannot be compared; unpin all but those of one alphabet."
        )
        st.stop()
    if warning := measured_differently(rows):
        st.warning(warning)
    return rows


def alphabet(rows: list[Row]) -> tuple[str, ...]:
    """The symbols that all of them have, in order; of words those with a label."""
    characters = rows[0]["characters"]
    if rows[0]["of_words"]:
        return most_frequent(queries.table(queries.fill(queries.MATRIX, key=rows[0]["key"])))
    return Alphabet(characters).symbols if characters else SYMBOLS


def _head(number: int, row: Row) -> None:
    """The name, and buttons that move, open and unpin."""
    with st.container(
        horizontal=True,
        key=f"card-head-{number}",
        vertical_alignment="center",
        wrap=False,
        gap="xxsmall",
    ):
        name = html.escape(row["name"])
        st.html(f"<div class='pinned' title='{name}'>{pins.badge(number)} {name}</div>")
        if number:
            places = f"Change places with {heatmaps.LETTERS[number - 1]}"
            key = f"forward-{number}"
            icon_button("keyboard_arrow_left", key, pins.forward, row["key"], help=places)
        if isinstance(known(row["spec"]), SignatureSpec):
            tray.open_link(row["key"], icon=":material/open_in_new:")
        icon_button("close", f"card-unpin-{number}", pins.unpin, row["key"], help="Unpin")


def _facts(row: Row) -> None:
    facts = [f"profile {row['profile']}", f"decoder {row['decoder']}"]
    if row["perplexity"] is not None:
        facts.append(f"perplexity {row['perplexity']:.3f}")
    if row["added_bits"] is not None:
        facts.append(f"{row['added_bits']:.2f} added bits")
    text = html.escape(" · ".join(facts))
    st.html(f"<div class='note clipped' title='{text}'>{text}</div>")


def measured_differently(rows: list[Row]) -> str:
    """One sentence where what is compared was not measured alike; else nothing."""
    parts = []
    for column, what in (("profile", "profiles"), ("decoder", "decoders")):
        if len({row[column] for row in rows}) > 1:
            each = ", ".join(
                f"{letter} {row[column]}"
                for letter, row in zip(heatmaps.LETTERS, rows, strict=False)
            )
            parts.append(f"{what} ({each})")
    if not parts:
        return ""
    return (
        f"These signatures have different {' and '.join(parts)}, so part of what differs may come "
        "from how they were measured."
    )


def nothing() -> None:
    """What to do where nothing is pinned."""
    text = "Choose two to four signatures above, or press Pin on the page where you see one."
    if not queries.table(SIGNATURES)["signatures"][0]:
        text = "No signature has been computed yet; open the Signature page for the first."
    export.empty(heatmaps.SIDE[2], text)


def numbers(rows: list[Row]) -> None:
    """All that the tables have of each, but the name, which stands on its card."""
    sql = queries.fill(queries.PINNED, pins=[row["key"][: pins.DIGITS] for row in rows])
    export.heading("Numbers", "pinned-numbers", sql)
    letters = pl.Series("pin", list(heatmaps.LETTERS[: len(rows)]))
    table = pl.DataFrame(rows, infer_schema_length=None).drop(
        "pin", "spec", "cell", "characters", "of_words"
    )
    first = ("perplexity", "added_bits", "parameters", "test_states")
    table = table.select(letters, *first, pl.exclude(*first, "key"), "key")
    export.table(table.drop("key", "name"), "pinned-table", height=export.table_height(len(rows)))
    export.downloads(table, file_name(rows, "compared"))


def file_name(rows: list[Row], what: str) -> str:
    """The name under which something of these signatures is saved."""
    return look.file_name(what, *(row["key"][:6] for row in rows))
