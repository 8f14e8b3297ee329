"""The desktop around the pages: rail, job tray, status line, keys, style."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.shell import choices, palette, people, pins, status
from app.shell.errors import explained
from app.shell.tray import tray

STYLE = Path(__file__).parent / "style.css"
ABOUT = "**Memory Signatures**: what a recurrent network still remembers, of which symbols."
ICON = Path(__file__).parent / "icon.svg"
# Title, file and icon of every page, in the rail's order. A new page is a file and a line here.
PAGES = (
    ("Overview", "pages/overview.py", ":material/home:"),
    ("Signature", "pages/signature.py", ":material/grid_on:"),
    ("Sweeps", "pages/sweeps.py", ":material/stacked_line_chart:"),
    ("Adaptation", "pages/adaptation.py", ":material/swap_calls:"),
    ("Factorized", "pages/factorized.py", ":material/apps:"),
    ("LAS", "pages/las.py", ":material/graphic_eq:"),
    ("Compare", "pages/compare.py", ":material/compare:"),
    ("Claims", "pages/claims.py", ":material/fact_check:"),
    ("SQL", "pages/sql.py", ":material/database:"),
    ("Library", "pages/library.py", ":material/inventory_2:"),
    ("Documents", "pages/documents.py", ":material/menu_book:"),
)


def run() -> None:
    """Draw the shell and the chosen page inside it."""
    st.set_page_config(page_icon=str(ICON), layout="wide", menu_items={"About": ABOUT})
    st.html(STYLE)
    if people.role() is None:  # the guard lets no stranger come this far; this is a second door
        st.warning("Log in first.")
        st.stop()
    pages = [
        st.Page(file, title=title, icon=icon, default=not number)
        for number, (title, file, icon) in enumerate(PAGES)
    ]
    page = st.navigation(pages)
    st.set_page_config(page_title=f"{page.title} · Memory Signatures")
    with st.sidebar:
        palette.button({title: file for title, file, _ in PAGES})
        people.settings([page.title for page in pages])
        with explained():
            pins.tray()
        tray()
        _keys(pages)
    with st.bottom:
        status.line()
    try:
        with explained():
            page.run()
    finally:
        choices.forget_change()


def _keys(pages: list[st.Page]) -> None:
    """The keys 1, 2, … 9, 0 open the first ten pages by buttons that are out of sight."""
    with st.container(key="keys"):
        for key, page in zip(people.PAGE_KEYS, pages, strict=False):
            if st.button(page.title, key=f"page-{key}", shortcut=key):
                st.switch_page(page)
