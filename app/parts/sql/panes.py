"""The SQL page's parts: editor, result, and beside them tables, examples and history."""

from __future__ import annotations

import html
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
import streamlit as st

from app.parts.sql import examples
from app.pictures import query
from app.shell import choices, export, pins, queries, words
from core.errors import BadInput
from core.store.sandbox import MAX_TEXT, run_sql

SECONDS, ROWS, MEMORY_MB = 10, 10_000, 2048
LINK = 1500  # characters of a query that still goes into the URL
REMEMBERED = 50  # queries of a session
HEIGHT = 620  # pixels of what stands beside the editor
SHOWN = 400  # pixels of a result
MARKS = ("table", "line", "bars", "points")
POINTS = 5_000  # of a chart


@dataclass(frozen=True)
class Answer:
    """What came of a query: its rows, or one sentence on why there are none."""

    sql: str
    frame: pl.DataFrame
    truncated: bool = False
    refusal: str = ""
    seconds: float = 0.0
    asked: datetime | None = None


def editor() -> None:
    """The query and the button that runs it; a link's query runs by itself."""
    asked = choices.value("sql", "", lambda text: text if 0 < len(text) <= MAX_TEXT else None)
    if st.session_state.get("sql-shown") != asked or "sql-text" not in st.session_state:
        st.session_state["sql-text"] = asked or examples.EXAMPLES[0][1].strip()
        st.session_state["sql-shown"] = asked
    with st.form("sql-form", border=False):
        st.text_area("Query", key="sql-text", height=190, label_visibility="collapsed")
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.form_submit_button(
                "Run",
                type="primary",
                icon=":material/play_arrow:",
                on_click=_typed,
                help="Ctrl + Enter",
            )
            st.html(
                "<div class='note'>Ctrl + Enter runs it. Reading only, one query at a time, at "
                f"most {SECONDS} seconds, {ROWS:,} rows and {MEMORY_MB // 1024} GB.</div>",
                width="stretch",
            )
    if asked:
        choices.keep("sql", asked, link=len(asked) <= LINK)
        answer = st.session_state.get("sql.answer")
        if answer is None or answer.sql != asked:
            with st.spinner("Running …"):
                ask(asked)


def ask(sql: str) -> None:
    """Run a query and remember what came of it."""
    asked, started = datetime.now(UTC).replace(tzinfo=None), time.monotonic()
    frame, truncated, refusal = pl.DataFrame(), False, ""
    try:
        frame, truncated = run_sql(sql, SECONDS, ROWS, MEMORY_MB)
    except BadInput as refused:
        refusal = str(refused)
    took = time.monotonic() - started
    answer = Answer(sql, frame, truncated, refusal, took, asked)
    st.session_state["sql.answer"] = answer
    history = _history()
    if history and history[0][0] == sql:
        history.popleft()
    said = refusal or _rows(frame)
    history.appendleft((sql, said, asked))


def result() -> None:
    """The rows of the last query as a table or a chart."""
    answer = st.session_state.get("sql.answer")
    if answer is None:
        said = "Run a query, or choose an example: its rows appear here."
        export.empty(SHOWN, said)
        return
    if answer.refusal:
        st.warning(words.plain(answer.refusal))
        return
    frame = answer.frame
    with st.container(horizontal=True, key="sql-head", vertical_alignment="center", gap="small"):
        st.html(f"<div class='pane-title'>{_told(answer)}</div>", width="stretch")
        mark = choices.switch(
            "as",
            "Shown as",
            MARKS,
            "table",
            label_visibility="collapsed",
            format_func=str.capitalize,
        )
    if answer.truncated:
        st.caption(
            f"There are more rows: only the first {frame.height:,} are shown and downloaded."
        )
    if not frame.height:
        export.empty(SHOWN, "No row answers this query.")
    elif mark == "table" or not _chart(frame, mark):
        st.dataframe(frame, height=SHOWN, hide_index=True, key="sql-table")
    export.downloads(frame, "query")


def _told(answer: Answer) -> str:
    return f"{_rows(answer.frame)}, {answer.seconds:.1f} s"


def _rows(frame: pl.DataFrame) -> str:
    return "1 row" if frame.height == 1 else f"{frame.height:,} rows"


def _chart(frame: pl.DataFrame, mark: str) -> bool:
    """Draw a chart of three chosen columns; False where no column is a number."""
    numbers = [name for name, kind in frame.schema.items() if kind.is_numeric()]
    if not numbers:
        st.caption("A chart needs a column of numbers.")
        return False
    plain = [name for name, kind in frame.schema.items() if not kind.is_nested()]
    x, y, by = guess(frame)
    with st.container(horizontal=True, key="chart-toolbar", gap="small"):
        x = choices.select("x", "Across", plain, x, width=150)
        y = choices.select("y", "Up", numbers, y, width=150)
        by = choices.select("by", "Color", ["", *plain], by, width=150, say=lambda c: c or "none")
    if frame.height > POINTS:
        st.caption(f"The chart shows the first {POINTS:,} rows.")
    figure = query.chart(frame.head(POINTS), x, y, by or None, mark, export.colors())
    export.chart(figure, "sql-chart", "query", f"{y} against {x}", zooms=True)
    return True


def guess(frame: pl.DataFrame) -> tuple[str, str, str]:
    """Columns for a first chart: across, up and color ('' for none)."""
    numbers = [name for name, kind in frame.schema.items() if kind.is_numeric()]
    y = next((name for name in numbers if frame.schema[name].is_float()), numbers[-1])
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    rest = [name for name in numbers if name != y]
    x = "lag" if "lag" in rest else (rest or texts or [y])[0]
    groups = [name for name in texts if name != x and 1 < frame[name].n_unique() <= query.GROUPS]
    return x, y, (groups or [""])[0]


def beside() -> None:
    """Tables, examples and history, in tabs of one height."""
    tables, examples, history = st.tabs(["Tables", "Examples", "History"])
    with tables, st.container(height=HEIGHT, key="schema", border=False):
        st.html(_schema())
    with examples, st.container(height=HEIGHT, key="examples", border=False, gap=None):
        _examples()
    with history, st.container(height=HEIGHT, key="history", border=False, gap=None):
        _past()


def _schema() -> str:
    """Tables, views and macros with their columns, from the database's own comments."""
    columns = queries.table(examples.COLUMNS).partition_by("name", as_dict=True)
    parts = []
    for name, kind, comment, takes in queries.table(examples.TABLES).iter_rows():
        # A macro's columns are known only from what it gives.
        sql = examples.MACRO.format(macro=name, takes=", ".join(["NULL"] * takes))
        listed = queries.table(sql) if kind == "macro" else columns[(name,)]
        inside = "".join(
            f"<dt>{html.escape(row['column'])} <i>{html.escape(row['type'].lower())}</i></dt>"
            f"<dd>{html.escape(row['comment'] or '')}</dd>"
            for row in listed.iter_rows(named=True)
        )
        said = html.escape(comment or "")
        parts.append(
            f"<details><summary><b>{html.escape(name)}</b> <i>{kind}</i><br>{said}</summary>"
            f"<dl>{inside}</dl></details>"
        )
    return f"<div class='schema'>{''.join(parts)}</div>"


def _examples() -> None:
    """Questions that run when they are pressed; A and B are pins, else the newest signatures."""
    pair = queries.table(queries.fill(examples.PAIR, pins=["", *pins.pinned()]))
    keys = [*pair["key"], *["" for _ in range(2)]]
    if not pair.height:
        st.caption("The tables are empty until a signature is computed on the Signature page.")
    for number, (question, template) in enumerate(examples.EXAMPLES):
        sql = queries.fill(template, a=keys[0], b=keys[1])
        st.button(question, key=f"example-{number}", type="tertiary", on_click=_load, args=(sql,))
    names = dict(zip("AB", pair["name"], strict=False))
    said = "; ".join(f"{letter} is {name}" for letter, name in names.items())
    st.html(f"<div class='note'>{html.escape(said)}. Pin others to ask about them.</div>")


def _past() -> None:
    if not _history():
        st.caption("The queries of this session appear here.")
    for number, (sql, said, asked) in enumerate(_history()):
        line = " ".join(sql.split())
        st.button(
            words.plain(line if len(line) <= 70 else line[:69] + "…"),
            key=f"past-{number}",
            type="tertiary",
            on_click=_load,
            args=(sql,),
        )
        st.html(f"<div class='note'>{words.clock(asked)} · {html.escape(said)}</div>")


def _typed() -> None:
    _load(st.session_state["sql-text"].strip())


def _load(sql: str) -> None:
    """Let a query be the one that is shown and run, even if it is the one that ran last."""
    choices.keep("sql", sql, link=len(sql) <= LINK)
    st.session_state.pop("sql.answer", None)


def _history() -> deque[tuple[str, str, datetime]]:
    return st.session_state.setdefault("sql.history", deque(maxlen=REMEMBERED))
