"""All runs in one table: signatures, jobs that run or wait, and jobs that ended without either."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from app import pace
from app.parts.library import deleting
from app.parts.library.tables import MOMENT, ROWS
from app.pictures import look
from app.shell import choices, export, people, pins, queries, tray, words
from app.shell.errors import explained
from app.shell.queries import NAMED, PERPLEXITY, SIGNATURE, STANDING
from core.cells import label
from core.registry import known
from core.signatures.spec import SignatureSpec

ANY = "any"
LIVE, COMPUTED = ("running", "queued", "interrupted"), "computed"
FILTERS = {"status": "Status", "profile": "Profile", "corpus": "Corpus", "model": "Model"}

COLUMNS = {
    "run": st.column_config.TextColumn(width="large"),
    "computed or ended": MOMENT,
    "seconds": st.column_config.NumberColumn(format="%.0f"),
}

RUNS = f"""
WITH ended AS (FROM jobs QUALIFY row_number() OVER (PARTITION BY key ORDER BY attempt DESC) = 1)
SELECT s.key, {SIGNATURE} AS run, '{COMPUTED}' AS status, measured.name AS corpus,
       coalesce(m.cell, m.kind) AS model, m.layers, m.hidden, s.decoder, s.profile, s.seed,
       {PERPLEXITY} AS perplexity, s.seconds, s.created AS moment, ended.who,
       {STANDING.format(row="s")}, s.spec{NAMED}
LEFT JOIN ended ON ended.key = s.key
WHERE m.trained IS NOT FALSE
UNION ALL BY NAME
SELECT key, title AS run, outcome AS status, seconds, ended AS moment, who, reason
FROM ended
WHERE outcome <> 'deleted' AND key NOT IN (SELECT key FROM signatures)
ORDER BY moment DESC, run, key"""


def runs() -> None:
    """The table under its filters, and what can be done with the chosen rows."""
    with st.container(horizontal=True, key="runs-filters", gap="small", wrap=True):
        wanted = choices.typed(
            "search", "Search", "", str.strip, width=170, placeholder="such as lstm 80 sotu"
        )
        chosen = {
            name: choices.select(
                f"run-{name}", title, _options(name), ANY, width=115, format_func=label
            )
            for name, title in FILTERS.items()
        }
    st.fragment(explained()(_table), run_every=pace.every(2))(wanted, chosen)


def _options(column: str) -> list[str]:
    values = set(queries.table(RUNS)[column].drop_nulls())
    return [ANY, *sorted(values | ({*LIVE} if column == "status" else set()))]


def _table(wanted: str, chosen: dict[str, str]) -> None:
    """The runs that the filters leave; it looks for news by itself."""
    table = matching(listed(), wanted, chosen)
    export.heading(f"Runs: {words.number(table.height)}", "runs", RUNS.strip())
    if not table.height:
        export.empty(ROWS, "No run is like this: take a filter away, or compute a signature.")
        return
    # Other rows are another table: what was chosen by its place may now be something else.
    name = hashlib.sha256("".join(table["key"]).encode()).hexdigest()[:16]
    event = export.table(
        table.drop("key", "spec").rename({"moment": "computed or ended"}),
        f"runs-{name}",
        COLUMNS,
        height=ROWS,
        on_select="rerun",
        selection_mode="multi-row",
    )
    rows = [row for row in event["selection"]["rows"] if row < table.height]
    _actions(table[rows].to_dicts(), table)


def listed() -> pl.DataFrame:
    """Jobs that run or wait, then all else, the newest first."""
    live = [
        {
            "key": job.key,
            "run": job.title,
            "status": job.status,
            "who": job.who,
            "reason": _far(job),
        }
        for job in people.listing()
        if job.live
    ]
    table = queries.table(RUNS)
    if not live:
        return table
    waiting = pl.DataFrame(live).with_columns(pl.all().cast(pl.String))
    # A signature that is being computed once more stays listed: it can be looked at meanwhile.
    return pl.concat([waiting, table], how="diagonal_relaxed").select(table.columns)


def _far(job: Any) -> str:
    return f"{job.fraction:.0%} {job.message}".strip() if job.status == "running" else job.obstacle


def matching(table: pl.DataFrame, wanted: str, chosen: dict[str, str]) -> pl.DataFrame:
    """The rows that hold every word of the search in some column, and the chosen values."""
    for column, value in chosen.items():
        if value != ANY:
            table = table.filter(pl.col(column) == value)
    text = pl.concat_str(
        pl.exclude("spec", "moment", "seconds").cast(pl.String), separator=" ", ignore_nulls=True
    ).str.to_lowercase()
    for word in wanted.lower().split():
        table = table.filter(text.str.contains(word, literal=True))
    return table


def _actions(rows: list[dict[str, Any]], table: pl.DataFrame) -> None:
    """What can be done with the chosen rows, and files of all that is listed."""
    signatures = [row for row in rows if row["status"] == COMPUTED]
    jobs = {job.key: job for job in people.listing()}
    live = [row["key"] for row in rows if row["status"] in LIVE]
    again = [
        jobs[row["key"]]
        for row in rows
        if row["status"] in ("failed", "cancelled")
        if row["key"] in jobs
    ]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if not rows:
            st.caption(
                f"Choose rows by their boxes: up to {pins.MOST} signatures can be compared.",
                width="content",
            )
        if 2 <= len(signatures) <= pins.MOST and st.button("Compare", icon=":material/compare:"):
            pins.replace([row["key"] for row in signatures])
            st.switch_page("pages/compare.py")
        if len(rows) == 1 == len(signatures):
            _one(signatures[0])
        if live:
            _for_members("Cancel", "close", people.cancel, live)
        if again:
            _for_members("Try again", "refresh", partial(_again, again), [])
        if rows and not live:
            deleting.button([(row["key"], row["run"]) for row in rows], "runs")
        export.downloads(table.drop("spec"), look.file_name("runs"))


def _one(row: dict[str, Any]) -> None:
    if isinstance(known(row["spec"]), SignatureSpec):
        tray.open_link(row["key"], "Open", ":material/open_in_new:")
    pins.button(row["key"], "library")


def _for_members(name: str, icon: str, act: Any, arguments: Sequence[str]) -> None:
    """A button that acts on jobs, for members."""
    st.button(
        name,
        icon=f":material/{icon}:",
        key=f"runs-{icon}",
        on_click=act,
        args=arguments,
        disabled=not people.member(),
    )


def _again(ended: list[Any]) -> None:
    for job in ended:
        people.start(job.spec, again=job.again)
