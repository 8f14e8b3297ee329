"""Signatures, jobs and disk space as tables; a table in which one row can be chosen."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.shell import export, pins, queries, tray, words
from app.shell.queries import NAMED, PERPLEXITY, SIGNATURE, STANDING
from core.registry import known
from core.signatures.spec import SignatureSpec
from core.store import Store

ROWS = 420  # pixels: the height of a table
COUNT = st.column_config.NumberColumn(format="localized")
SHARE = st.column_config.NumberColumn("kept", format="percent")
DAY = st.column_config.DatetimeColumn(format="D MMM YYYY")
MOMENT = st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm:ss")

SIGNATURES = f"""
SELECT s.key, {SIGNATURE} AS signature, m.cell, m.layers, m.hidden, s.layer, s.state,
       measured.name AS corpus, s.decoder, s.profile, s.seed,
       {PERPLEXITY} AS test_perplexity, s.seconds,
       s.created, {STANDING.format(row="s")}, s.spec{NAMED}
WHERE m.trained IS NOT FALSE
ORDER BY s.created DESC"""

JOBS = """
SELECT title, who, asked, started, ended, seconds, outcome, reason, attempt, device
FROM jobs
ORDER BY asked DESC
LIMIT 500"""


def signatures() -> None:
    """Every signature; a chosen one opens on its page."""
    table = queries.table(SIGNATURES)
    export.heading("Signatures", "signatures", SIGNATURES.strip())
    if not table.height:
        st.caption("No signature has been computed yet; open the Signature page for the first.")
        return
    row = select_row(table.drop("key", "spec"), "signatures-table", ROWS)
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


def jobs() -> None:
    """Jobs that ended: who asked for what, how long it took, how it ended."""
    table = queries.table(JOBS)
    export.heading("Jobs that ended", "jobs", JOBS.strip())
    st.dataframe(
        table,
        hide_index=True,
        height=ROWS,
        key="jobs-table",
        column_config=dict.fromkeys(("asked", "started", "ended"), MOMENT),
    )


def space() -> None:
    """The bytes of each part of the cache."""
    sizes = Store().status()["bytes"]
    parts = pl.DataFrame({"part": list(sizes), "size": [words.size(b) for b in sizes.values()]})
    st.html("<div class='pane-title'>Disk space</div>")
    st.dataframe(parts, hide_index=True, width=360, key="space-table")
    total = words.size(sum(sizes.values()))
    st.caption(f"{total} in all, in the cache folder that MEMSIG_CACHE names.")


def select_row(table: pl.DataFrame, key: str, height: int) -> int | None:
    """A table in which one row can be chosen; the chosen row's number."""
    counts = [name for name in table.columns if table[name].dtype == pl.Int64]
    days = [name for name in ("added", "created") if name in table.columns]
    event = st.dataframe(
        table,
        hide_index=True,
        height=height,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        column_config=dict.fromkeys(counts, COUNT) | dict.fromkeys(days, DAY) | {"kept": SHARE},
    )
    rows = event["selection"]["rows"]
    return rows[0] if rows and rows[0] < table.height else None
