"""The heat map, the marginal curve, and what was answered in the selected cell of the map."""

from __future__ import annotations

import html
from collections.abc import Sequence

import polars as pl
import streamlit as st

from app.parts import pager, several, unfinished
from app.parts.signature import longer
from app.pictures import curves, heatmaps, look, symbols
from app.shell import export, pins, queries, words
from app.shell.buttons import icon_button
from core.signatures.spec import SignatureSpec

PLACEHOLDER = heatmaps.HEIGHT + 18  # pixels
STEPS = {"Left": (0, -1), "Right": (0, 1), "Up": (-1, 0), "Down": (1, 0)}

# Where trained and untrained differ by more than their intervals and by more than their decoders'
# last doubling still gave either, the largest difference first.
LEARNED = """
SELECT t.lag, t.accuracy AS trained, u.accuracy AS untrained
FROM signatures s
JOIN recall t ON t.signature = s.key AND t.symbol IS NULL AND t.lag >= 1
JOIN recall u ON u.signature = s.untrained AND u.symbol IS NULL AND u.lag = t.lag
WHERE s.key = {key} AND (t.low > u.high OR u.low > t.high)
  AND abs(t.accuracy - u.accuracy) > greatest(coalesce(t.rising, 0), coalesce(u.rising, 0))
ORDER BY abs(t.accuracy - u.accuracy) DESC"""


def finding(shown: SignatureSpec) -> None:
    """What training has done to memory, in one sentence: the largest difference each way."""
    rows = queries.table(queries.fill(LEARNED, key=shown.key)).rows()
    more = next((row for row in rows if row[1] > row[2]), None)
    less = next((row for row in rows if row[1] < row[2]), None)
    if not rows:
        return
    first = "remembers more than untrained" if rows[0] == more else "forgets"
    other = less if rows[0] == more else more
    unit = "word" if shown.target == "word" or shown.corpus.words else "symbol"
    text = f"This network <b>{first}</b>: {_both(rows[0], unit)}."
    text += f" The other way round: {_both(other, unit)}." if other else ""
    st.html(f"<div class='finding'>{text}</div>")


def _both(row: tuple[int, float, float], unit: str) -> str:
    lag, trained, untrained = row
    back = f"{words.small(lag)} {unit}{'s' * (lag > 1)} back"
    return f"untrained it recalls {untrained:.0%} {back}, trained {trained:.0%}"


def heat_map(shown: SignatureSpec, preview: bool) -> pl.DataFrame:
    """Recall by lag and symbol, and below it how well the symbols are predicted; the cells."""
    sql = queries.fill(queries.MATRIX, key=shown.key)
    ahead = queries.fill(queries.FORWARD, key=shown.key)
    matrix = queries.table(sql)
    alphabet = _alphabet(shown, matrix)
    labels = alphabet if shown.target == "symbol" else symbols.most_frequent(matrix)
    matrix = pager.cells(matrix, labels)
    what = "word" if shown.corpus.words else shown.target
    title = f"Recall by lag and {what}" + (", linear preview" if preview else "")
    export.heading(title, "matrix", sql, ahead, buttons=lambda: _buttons(shown, labels))
    figure = export.drawn(
        heatmaps.signature,
        matrix,
        pager.cells(queries.table(ahead), labels),
        export.colors(),
        several.selected_cell(matrix, alphabet),
        alphabet,
    )
    export.chart(
        figure,
        f"signature-{shown.key[:12]}",
        file_name(shown),
        "Recall of every symbol at every lag, and below it the "
        "accuracy of predicting it as the next symbol",
        on_click=several.select_cell,
    )
    following = "Row “next”: accuracy of predicting it. " if shown.target == "symbol" else ""
    order = " The most frequent come first." if len(labels) > symbols.MOST else ""
    recent = heatmaps.share_recent([matrix])
    several.how_to_read(recent, f"{following}Click a cell for its answers.{order}")
    return matrix


def _buttons(shown: SignatureSpec, labels: Sequence[str]) -> None:
    pager.buttons(labels)
    pins.button(shown.key, "matrix")


def _alphabet(shown: SignatureSpec, matrix: pl.DataFrame) -> Sequence[str]:
    """The symbols in their order; of a corpus of words those with a label."""
    return symbols.most_frequent(matrix) if shown.corpus.words else shown.corpus.alphabet.symbols


def marginal(spec: SignatureSpec, computed: frozenset[str]) -> None:
    """Recall over all symbols by lag, with its floors and the linear preview."""
    trained = queries.fill(queries.MARGINAL, key=spec.key)
    preview = queries.fill(queries.MARGINAL, key=spec.preview().key)
    drawn = [trained] * (spec.key in computed) + [preview] * (spec.preview().key in computed)
    tables = queries.table(trained), queries.table(preview)
    of_floors = tables[0] if tables[0].height else tables[1]
    export.heading(
        "Marginal recall", "marginal", *drawn, buttons=lambda: several.switch_untrained(of_floors)
    )
    figure = export.drawn(curves.marginal, *tables, export.colors(), several.floors())
    name = file_name(spec if spec.key in computed else spec.preview())
    export.chart(figure, "marginal", f"{name}-marginal", "Marginal recall by lag with its floors")
    if spec.key in computed and spec.decoder == "mlp":
        trained = unfinished.sentence([spec.model.key])
        st.html(f"<div class='note'>{longer.how_converged(spec)} {trained}</div>")


def answers(shown: SignatureSpec, matrix: pl.DataFrame) -> None:
    """What the decoder answered where the selected symbol was read the selected lag ago."""
    alphabet = _alphabet(shown, matrix)
    lag, symbol = several.selected_cell(matrix, alphabet)
    sql = queries.fill(queries.CONFUSION, key=shown.key, lag=lag, symbol=symbol)
    row = queries.table(sql)
    name = html.escape(look.printable(symbol))
    export.heading(
        f"Answers where <b>{name}</b> was read {lag} ago",
        "confusion",
        sql,
        buttons=lambda: _steps(matrix, lag, symbol, alphabet),
    )
    if row.height:
        export.chart(
            export.drawn(symbols.confusion, row, export.colors(), alphabet),
            "confusion",
            f"{file_name(shown)}-confusion-{lag}-{ord(symbol[0])}",
            f"What the decoder answered where {symbol!r} was read {lag} symbols ago",
        )
    else:
        st.caption("No held-out position has this symbol at this lag.")


def placeholder(title: str, text: str = "") -> None:
    """What stands where a picture will be."""
    st.html(f"<div class='pane-title'>{title}</div>")
    export.empty(PLACEHOLDER, text)


def _steps(matrix: pl.DataFrame, lag: int, symbol: str, alphabet: Sequence[str]) -> None:
    """Four buttons, and their keys, that step to the neighbouring cell."""
    listed, last = several.labels(matrix, alphabet), max(matrix["lag"].to_list())
    place = listed.index(symbol) if symbol in listed else 0
    with st.container(horizontal=True, key="steps", width="content", wrap=False, gap=None):
        for arrow, (down, right) in STEPS.items():
            target = min(max(lag + down, 1), last), listed[(place + right) % len(listed)]
            icon = f"keyboard_arrow_{arrow.lower()}"
            icon_button(
                icon, f"step-{arrow}", several.select_cell, *target, shortcut=f"Shift+{arrow}"
            )


def file_name(spec: SignatureSpec) -> str:
    """The name under which what is shown of a signature is saved."""
    kind = "preview" if spec.decoder == "linear" else "signature"
    return look.file_name(
        kind,
        spec.corpus.name,
        *(getattr(spec.model, part, "") for part in ("kind", "cell", "layers", "hidden")),
        f"layer{spec.layer}-{spec.state}",
        spec.profile,
    )
