"""The parts of the Library page: what is kept, and how to add to it."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st
from streamlit.typing import UploadedFile

import core
from app import access
from app.pictures import look, symbols
from app.shell import export, people, pins, queries, tray, words
from core.corpora import NAMES
from core.errors import BadInput
from core.library import letters_kept
from core.registry import known
from core.signatures.spec import SignatureSpec
from core.spec import CorpusSpec
from core.store import Store

ROWS = 420  # pixels: the height of a table
COUNT = st.column_config.NumberColumn(format="localized")
SHARE = st.column_config.NumberColumn("letters kept", format="percent")
TIME = st.column_config.DatetimeColumn(format="D MMM YYYY")
MOMENT = st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm:ss")
SEGMENTS = {"line": "line", "sentence": "sentence", "paragraph": "paragraph (blank line)"}


def corpora() -> None:
    """Corpora: the table, an upload, and a preview of the chosen one."""
    left, right = st.columns([16, 9], gap="medium")
    with left:
        table = queries.table(queries.CORPORA)
        export.heading("Corpora", "corpora", queries.CORPORA.strip())
        row = chosen_row(table.drop("key", "sample", "skipped"), "corpora-table", 215)
        _unread(set(table["name"]))
    with right:
        st.html("<div class='pane-title'>Add a text</div>")
        if people.member():
            _upload()
        else:
            st.caption(people.ADDING)
    if table.height:
        _preview(table.row(row or 0, named=True))


def _unread(kept: set[str]) -> None:
    """Packaged corpora are read when first needed; offer those that nobody has needed yet."""
    missing = [name for name in NAMES if name not in kept]
    if missing:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Packaged, not read yet:", width="content")
            for name in missing:
                if st.button(name, key=f"read-{name}", icon=":material/add:"):
                    with st.spinner(f"Reading {name} …"):
                        core.find_corpus(name)
                    st.rerun()


def _upload() -> None:
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
        if st.form_submit_button("Add", type="primary") and _added(file, name, segment):
            st.rerun()
    if said := st.session_state.pop("upload-said", None):
        st.success(words.plain(said))


def _added(file: UploadedFile | None, name: str, segment: str) -> bool:
    if file is None:
        st.warning("Choose a text file first, then press Add.")
        return False
    try:
        added = core.add_corpus(file.getvalue(), name.strip() or Path(file.name).stem, segment)
    except BadInput as refusal:
        st.warning(words.plain(str(refusal)))
        return False
    people.note(added.key, f"text {added.name}", "added")
    kept = letters_kept(added)
    share = "" if kept is None else f" with {kept:.1%} of its letters"
    said = f"{added.name} is ready{share}; choose it on the Signature page."
    st.session_state["upload-said"] = said
    return True


def _preview(corpus: dict[str, Any]) -> None:
    left, right = st.columns([16, 9], gap="medium")
    with left:
        if corpus["kind"] == "speech":
            left_out = corpus["skipped"] or ["none"]
            st.html(f"<div class='pane-title'>Utterances left out: {len(corpus['skipped'])}</div>")
            st.code("\n".join(left_out), language=None, height=190, wrap_lines=True)
        else:
            _symbols(corpus)
    with right:
        st.html("<div class='pane-title'>First segments</div>")
        st.code(str(corpus["sample"]), language=None, height=190, wrap_lines=True)


def _symbols(corpus: dict[str, Any]) -> None:
    st.html(f"<div class='pane-title'>Symbols of {html.escape(corpus['name'])}</div>")
    counts = core.corpus(CorpusSpec(name=corpus["name"], content=corpus["key"])).statistics()
    export.chart(
        symbols.frequencies(counts.rename({"count": "n"}), export.colors()),
        "frequencies",
        look.file_name("symbols", corpus["name"]),
        "How often each symbol occurs",
    )


def signatures() -> None:
    """Signatures: the table; a chosen one opens on its page."""
    table = queries.table(queries.SIGNATURES)
    export.heading("Signatures", "signatures", queries.SIGNATURES.strip())
    if not table.height:
        st.caption("No signature has been computed yet; open the Signature page for the first.")
        return
    row = chosen_row(table.drop("key", "spec"), "signatures-table", ROWS)
    if row is None:
        st.caption("Choose a row to open it.")
        return
    spec = known(table["spec"][row])
    title = words.plain(spec.title if spec else table["signature"][row])
    with st.container(horizontal=True, vertical_alignment="center"):
        if isinstance(spec, SignatureSpec):
            tray.open_link(table["key"][row], f"Open {title}", ":material/open_in_new:")
        else:
            st.markdown(title)
        pins.button(table["key"][row], "library")


def history() -> None:
    """Jobs: who asked for what, how long it took, how it ended."""
    table = queries.table(queries.JOBS)
    export.heading("Jobs that ended", "jobs", queries.JOBS.strip())
    st.dataframe(
        table,
        hide_index=True,
        height=ROWS,
        key="jobs-table",
        column_config=dict.fromkeys(("asked", "started", "ended"), MOMENT),
    )


def space() -> None:
    """Space: the bytes of each part of the cache."""
    state = Store().status()
    parts = pl.DataFrame(
        {"part": list(state["bytes"]), "size": [words.size(b) for b in state["bytes"].values()]}
    )
    st.html("<div class='pane-title'>Disk space</div>")
    st.dataframe(parts, hide_index=True, width=360, key="space-table")
    total = words.size(sum(state["bytes"].values()))
    st.caption(f"{total} in all, in the cache folder that MEMSIG_CACHE names.")


def chosen_row(table: pl.DataFrame, key: str, height: int) -> int | None:
    """A table in which one row can be chosen; the chosen row's number."""
    counts = [name for name in table.columns if table[name].dtype == pl.Int64]
    times = [name for name in ("added", "created") if name in table.columns]
    event = st.dataframe(
        table,
        hide_index=True,
        height=height,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        column_config=dict.fromkeys(counts, COUNT) | dict.fromkeys(times, TIME) | {"kept": SHARE},
    )
    rows = event["selection"]["rows"]
    return rows[0] if rows and rows[0] < table.height else None
