"""The corpora of the Library page: the table, adding a text, what is in the chosen one."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.typing import UploadedFile

import core
from app import access
from app.parts import pager
from app.parts.library import deleting
from app.parts.library.tables import select_row
from app.pictures import look, symbols
from app.shell import export, links, people, pickers, queries, words
from core.corpora import NAMES
from core.corpora.assembly import AlphabetName
from core.errors import BadInput
from core.library import letters_kept
from core.spec import CorpusSpec
from core.text import MOST_SYMBOLS, MOST_WORDS, SPECIAL

ALPHABETS: dict[AlphabetName, str] = {
    "paper": "the paper's 34 symbols (Latin letters)",
    "text": "its own characters (any script)",
    "words": "its own words",
}
ALPHABET_HELP = (
    f"Its own: the {MOST_SYMBOLS - len(SPECIAL)} most frequent characters, or {MOST_WORDS:,} most "
    "frequent words and marks, in lower case; all others are the one symbol <unk>. Texts with "
    "different alphabets cannot be compared."
)
COUNTED = {"paper": "letters", "text": "characters", "words": "words"}  # of which a share is kept
SEGMENTS = {"line": "line", "sentence": "sentence", "paragraph": "paragraph (blank line)"}


def select() -> dict[str, Any] | None:
    """The table of corpora; the chosen one, else the newest, if there is any."""
    table = queries.table(queries.CORPORA)
    export.heading("Corpora", "corpora", queries.CORPORA.strip())
    row = select_row(table.drop("key", "sample", "skipped"), "corpora-table", 215)
    _not_read_yet(set(table["name"]))
    if not table.height:
        return None
    corpus = table.row(-1 if row is None else row, named=True)
    deleting.button([(corpus["key"], f"text {corpus['name']}")], "corpus")
    return corpus


def _not_read_yet(names: set[str]) -> None:
    """Packaged corpora are read when first needed; offer those that nobody has needed yet."""
    missing = [name for name in NAMES if name not in names]
    if missing:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Packaged, not read yet:", width="content")
            for name in missing:
                if st.button(name, key=f"read-{name}", icon=":material/add:"):
                    with st.spinner(f"Reading {name} …"):
                        core.find_corpus(name)
                    st.rerun()


def add() -> None:
    """A form that adds a text, for members."""
    st.html("<div class='pane-title'>Add a text</div>")
    if not people.member():
        st.caption(people.ADDING)
        return
    limit = access.settings().upload_mb
    with st.form("upload", clear_on_submit=True, border=False):
        file = st.file_uploader(
            f"A UTF-8 text, at most {limit} MB", max_upload_size=limit, key="upload-file"
        )
        names, splits = st.columns(2)
        name = names.text_input("Name", placeholder="the file's name", key="upload-name")
        segment = splits.selectbox(
            "One segment is a",
            list(SEGMENTS),
            format_func=SEGMENTS.__getitem__,
            key="upload-segment",
        )
        alphabet = st.selectbox(
            "Alphabet",
            list(ALPHABETS),
            format_func=ALPHABETS.__getitem__,
            key="upload-alphabet",
            help=ALPHABET_HELP,
        )
        if st.form_submit_button("Add", type="primary") and _added(file, name, segment, alphabet):
            st.rerun()
    if added := st.session_state.pop("upload-added", None):
        message, key = added
        st.success(words.plain(message))
        page, params = links.figure("signature", [key], pickers.default_profile())
        st.page_link(
            page, label="Open its signature", icon=":material/open_in_new:", query_params=params
        )


def _added(file: UploadedFile | None, name: str, segment: str, alphabet: AlphabetName) -> bool:
    """Add what the form holds; whether that went well."""
    if file is None:
        st.warning("Choose a text file first, then press Add.")
        return False
    called = name.strip() or Path(file.name).stem
    try:
        added = core.add_corpus(file.getvalue(), called, segment, alphabet=alphabet)
    except BadInput as refusal:
        st.warning(words.plain(str(refusal)))
        return False
    people.note(added.key, f"text {added.name}", "added")
    kept = letters_kept(added)
    share = "" if kept is None else f" with {kept:.1%} of its {COUNTED[alphabet]}"
    share += "" if alphabet == "paper" else f" as {added.symbols:,} symbols"
    st.session_state["upload-added"] = f"{added.name} is ready{share}.", added.key
    return True


def symbols_or_left_out(corpus: dict[str, Any]) -> None:
    """How often each symbol occurs; of speech, which utterances were left out."""
    if corpus["kind"] == "speech":
        left_out = corpus["skipped"] or ["none"]
        st.html(f"<div class='pane-title'>Utterances left out: {len(corpus['skipped'])}</div>")
        st.code("\n".join(left_out), language=None, height=190, wrap_lines=True)
        return
    export.heading(f"Symbols of {html.escape(corpus['name'])}", "symbols")
    read = core.corpus(CorpusSpec(name=corpus["name"], content=corpus["key"]))
    counts = read.statistics().rename({"count": "n"})
    alphabet = read.alphabet.symbols
    pager.buttons(alphabet)
    export.chart(
        export.drawn(symbols.frequencies, pager.cells(counts, alphabet), export.colors(), alphabet),
        "frequencies",
        look.file_name("symbols", corpus["name"]),
        "How often each symbol occurs",
    )


def first_segments(corpus: dict[str, Any]) -> None:
    """The beginning of the corpus."""
    st.html("<div class='pane-title'>First segments</div>")
    with st.container(key="segments"):  # whose text may run from right to left
        st.code(str(corpus["sample"]), language=None, height=190, wrap_lines=True)
