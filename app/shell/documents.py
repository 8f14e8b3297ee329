"""The documents of docs/, with the links between them, as a page shows them."""

from __future__ import annotations

import re
from functools import cache

import streamlit as st

from app.shell import choices
from core import places

PAGE, CHOICE, INDEX = "pages/documents.py", "document", "README"
# A picture, in two files: for a dark page and for a light one.
PICTURE = re.compile(r'<picture>.*?srcset="([\w.-]+)".*?src="([\w.-]+)" alt="([^"]*)".*?</picture>')
LINK = re.compile(r"\[([^\]]*)\]\(([\w-]+)\.md(#[\w-]+)?\)")
OUTSIDE = re.compile(r"\[([^\]]*)\]\(\.\./[^)]*\)")  # a file that the app does not show


@cache
def titles() -> dict[str, str]:
    """The title of each document by its name, the list of all of them first."""
    texts = {path.stem: path.read_text() for path in sorted(places.documents().glob("*.md"))}
    names = sorted(texts, key=lambda name: name != INDEX)
    return {name: texts[name].partition("\n")[0].removeprefix("# ") for name in names}


def show() -> None:
    """Choose a document, and read it."""
    listed = titles()
    name = choices.select(
        CHOICE, "Document", list(listed), INDEX, format_func=lambda name: listed[name], width=430
    )
    text = OUTSIDE.sub(r"\1", (places.documents() / f"{name}.md").read_text())
    text = LINK.sub(rf"<a href='?{CHOICE}=\2\3' target='_self'>\1</a>", text)
    with st.container(width=860, key="document"):
        pieces = PICTURE.split(text)
        st.markdown(pieces[0], unsafe_allow_html=True)
        for dark, light, about, piece in zip(*(pieces[n::4] for n in range(1, 5)), strict=True):
            file = dark if st.context.theme.type == "dark" else light
            st.image(places.documents() / file, caption=about)
            st.markdown(piece, unsafe_allow_html=True)
