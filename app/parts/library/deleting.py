"""Deleting on the Library page: a button, and a dialog that names what goes with it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.shell import people, words
from core.deleting import resting_on
from core.paper import shipped

NAMED = 12  # results that the dialog lists one by one


def button(rows: Sequence[tuple[str, str]], place: str) -> None:
    """A button that deletes these, (key, title) each, after a question."""
    if st.button(
        "Delete",
        key=f"delete-{place}",
        icon=":material/delete:",
        disabled=not people.member() or not rows,
        help="Asks first, and names what goes with it",
    ):
        _ask(rows)


@st.dialog("Delete this?")
def _ask(rows: Sequence[tuple[str, str]]) -> None:
    """What goes, with what rests on it; it is gone on a second click."""
    keys = [key for key, _ in rows]
    st.markdown("\n".join(f"- {words.plain(title)}" for _, title in rows[:NAMED]))
    if len(rows) > NAMED:
        st.markdown(f"and {len(rows) - NAMED} more")
    found = resting_on(keys)
    others = [row for row in found.iter_rows(named=True) if row["key"] not in keys]
    if others:
        count = "One result rests" if len(others) == 1 else f"{len(others)} results rest"
        st.markdown(f"{count} on this and would be deleted with it:")
        listed = [f"- {row['kind']} {words.plain(row['title'] or '')}" for row in others[:NAMED]]
        more = [f"- and {len(others) - NAMED} more"] if len(others) > NAMED else []
        st.markdown("\n".join([*listed, *more]))
    if shipped.among([*found["key"], *keys]):
        st.caption("What came with the program comes back when the program starts again.")
    if st.button("Delete", key="surely", type="primary", on_click=people.delete, args=(rows,)):
        st.rerun()
