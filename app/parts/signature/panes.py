"""The signature pane: heatmap, confusion row of the clicked cell, curves, scatter, numbers."""

from __future__ import annotations

import html
import math
from collections.abc import Callable

import polars as pl
import streamlit as st

from app.pictures import curves, heatmaps, look, symbols
from app.shell import choices, export, pins, queries
from core.probes.intervals import rank_correlation
from core.signatures.spec import SignatureSpec

# The height of the first row of panes in pixels, kept while results are missing.
EMPTY_PANE = heatmaps.HEIGHT + 48
COMING = "First the network is trained, then come the linear preview and the trained decoders."
STEPS = {"Left": (0, -1), "Right": (0, 1), "Up": (-1, 0), "Down": (1, 0)}


def draw(spec: SignatureSpec, there: frozenset[str]) -> None:
    """Draw the best signature there is: trained, else the preview, else empty panes."""
    if not there & {spec.key, spec.preview().key}:
        _placeholder()
        return
    shown = spec if spec.key in there else spec.preview()
    _upper(spec, shown, there)
    _lower(shown)


def opened_by_key() -> None:
    """Said where the choices above the signature are not the whole of it."""
    st.html(
        "<div class='note'>Opened by its key: the choices above are the nearest to it, and "
        "changing one leaves it.</div>"
    )


def _placeholder() -> None:
    left, right = st.columns([16, 9], gap="medium")
    panes = ((left, "Recall by lag and symbol", COMING), (right, "Marginal recall", ""))
    for column, title, said in panes:
        with column:
            st.html(f"<div class='pane-title'>{title}</div>")
            export.empty(EMPTY_PANE - 30, said)


@st.fragment
def _upper(spec: SignatureSpec, shown: SignatureSpec, there: frozenset[str]) -> None:
    """Heatmap left; marginal curve and confusion row right. A click redraws only this part."""
    left, right = st.columns([16, 9], gap="medium")
    name = _name(shown)
    sql = queries.fill(queries.MATRIX, key=shown.key)
    ahead = queries.fill(queries.FORWARD, key=shown.key)
    matrix, colors = queries.table(sql), export.colors()
    with left:
        label = "Recall by lag and symbol" + ("" if spec.key in there else ", linear preview")
        export.heading(
            label, "matrix", sql, ahead, buttons=lambda: pins.button(shown.key, "matrix")
        )
        figure = heatmaps.signature(matrix, queries.table(ahead), colors, _cell(matrix))
        export.chart(
            figure,
            f"signature-{shown.key[:12]}",
            name,
            "Recall of every symbol at every lag, and below it the "
            "accuracy of predicting it as the next symbol",
            clicked=_clicked(shown),
        )
        st.html(
            "<div class='note'>White 0 %, dark purple 100 %. A dot marks recall not above its "
            "floors. Row “next”: accuracy of predicting the symbol. Click a cell for its "
            "answers.</div>"
        )
    with right:
        _marginal(spec, there, name)
        _confusion(shown, matrix, name)


def _marginal(spec: SignatureSpec, there: frozenset[str], name: str) -> None:
    trained = queries.fill(queries.MARGINAL, key=spec.key)
    preview = queries.fill(queries.MARGINAL, key=spec.preview().key)
    run = [trained] * (spec.key in there) + [preview] * (spec.preview().key in there)
    export.heading("Marginal recall", "marginal", *run)
    figure = curves.marginal(queries.table(trained), queries.table(preview), export.colors())
    export.chart(figure, "marginal", f"{name}-marginal", "Marginal recall by lag with its floors")


def _confusion(shown: SignatureSpec, matrix: pl.DataFrame, name: str) -> None:
    lag, symbol = _cell(matrix)
    sql = queries.fill(queries.CONFUSION, key=shown.key, lag=lag, symbol=symbol)
    row = queries.table(sql)
    said = html.escape(look.printable(symbol))
    export.heading(
        f"Answers where <b>{said}</b> was read {lag} ago",
        "confusion",
        sql,
        buttons=lambda: _steps(matrix, lag, symbol),
    )
    if row.height:
        figure = symbols.confusion(row, export.colors())
        export.chart(
            figure,
            "confusion",
            f"{name}-confusion-{lag}-{ord(symbol[0])}",
            f"What the decoder answered where {symbol!r} was read {lag} symbols ago",
        )
    else:
        st.caption("No held-out position has this symbol at this lag.")


def _clicked(shown: SignatureSpec) -> Callable[[], None]:
    key = f"signature-{shown.key[:12]}"

    def take() -> None:
        points = st.session_state[key]["selection"]["points"]
        # A click on empty ground unselects; the row last asked for stays.
        chosen = [point["customdata"] for point in points if point.get("customdata")]
        if chosen:
            _choose(*chosen[-1][:2])

    return take


def _choose(lag: int, symbol: str) -> None:
    choices.keep("lag", lag)
    choices.keep("symbol", symbol)


def _cell(matrix: pl.DataFrame) -> tuple[int, str]:
    """The cell whose confusion row is shown: the kept one where this signature has it."""
    last, symbols = max(matrix["lag"].to_list()), matrix["symbol"].unique().to_list()
    lag = choices.value("lag", 3, choices.whole(1, 64))
    symbol = choices.value("symbol", "e", lambda text: text if text in symbols else None)
    return min(lag, last), symbol if symbol in symbols else "e"


def _steps(matrix: pl.DataFrame, lag: int, symbol: str) -> None:
    """Four buttons, and their keys, that step to the neighbouring cell."""
    seen = look.in_order(matrix.filter(pl.col("n") > 0).select("symbol").unique())
    symbols, last = seen["symbol"].to_list(), max(matrix["lag"].to_list())
    place = symbols.index(symbol) if symbol in symbols else 0
    with st.container(horizontal=True, key="steps", width="content", wrap=False, gap=None):
        for arrow, (down, right) in STEPS.items():
            target = min(max(lag + down, 1), last), symbols[(place + right) % len(symbols)]
            st.button(
                "",
                icon=f":material/keyboard_arrow_{arrow.lower()}:",
                key=f"step-{arrow}",
                type="tertiary",
                shortcut=f"Shift+{arrow}",
                on_click=_choose,
                args=target,
            )


def _lower(shown: SignatureSpec) -> None:
    """Memory against prediction left, the numbers behind it all right."""
    left, right = st.columns([16, 9], gap="medium")
    name = _name(shown)
    with left:
        sql = queries.fill(queries.SCATTER, key=shown.key)
        table = queries.table(sql)
        rank = rank_correlation(table["memory"], table["forward"])
        correlation = "" if math.isnan(rank) else f", rank correlation {rank:.2f}"
        export.heading(f"Memory against prediction, symbol by symbol{correlation}", "scatter", sql)
        export.chart(
            symbols.memory_against_prediction(table, export.colors()),
            "scatter",
            f"{name}-scatter",
            "Mean recall of each symbol against its forward accuracy",
            zooms=True,
        )
    with right:
        sql = queries.fill(queries.NUMBERS, key=shown.key)
        table = queries.table(sql)
        export.heading("Numbers", "numbers", sql)
        st.dataframe(table.drop("signature"), height=290, hide_index=True, key="numbers")
        export.downloads(table, name)


def _name(spec: SignatureSpec) -> str:
    kind = "preview" if spec.decoder == "linear" else "signature"
    return look.file_name(
        kind,
        spec.corpus.name,
        *(getattr(spec.model, part, "") for part in ("kind", "cell", "layers", "hidden")),
        f"layer{spec.layer}-{spec.state}",
        spec.profile,
    )
