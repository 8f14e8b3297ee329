"""The difference of two of the pinned signatures."""

from __future__ import annotations

import html
from itertools import combinations

import streamlit as st

from app.parts import pager, several
from app.parts.compare.pinned import Row, alphabet, file_name
from app.pictures import heatmaps, look, symbols
from app.shell import choices, export, queries
from app.shell.buttons import icon_button
from app.shell.errors import explained


@st.fragment
@explained()
def of_pair(rows: list[Row]) -> None:
    """The selected pair, on the scale that all pairs share."""
    if len(rows) < 2:
        st.html("<div class='pane-title'>Difference</div>")
        export.empty(several.DIFFERENCE, "Pin another to see the difference.")
        return
    first, second = pair = _pair(len(rows))
    a, b = (rows[heatmaps.LETTERS.index(letter)] for letter in pair)
    several.difference(
        f"Difference {first} − {second}",
        pair,
        _sql(a, b),
        several.reach(*(_sql(*both) for both in combinations(rows, 2))),
        file_name([a, b], "difference"),
        alt=f"{a['name']} less {b['name']}",
        missing="They have no cell in common.",
        largest=True,
        clicks=True,
        buttons=lambda: _pairs(len(rows), pair),
        symbols=alphabet(rows),
    )
    _answers(pair, (a, b))


def _answers(pair: str, both: tuple[Row, Row]) -> None:
    """What each of the two answers in the selected cell, one below the other."""
    listed = alphabet(list(both))
    cells = pager.cells(queries.table(_sql(*both)), listed)
    if not cells.height:
        return
    lag, symbol = several.selected_cell(cells, listed)
    for letter, row in zip(pair, both, strict=True):
        sql = queries.fill(queries.CONFUSION, key=row["key"], lag=lag, symbol=symbol)
        answers = queries.table(sql)
        title = f"{letter}: answers where <b>{html.escape(look.printable(symbol))}</b> was read"
        export.heading(f"{title} {lag} ago", f"answers-{letter}", sql)
        if answers.height:
            figure = export.drawn(symbols.confusion, answers, export.colors(), listed)
            name = file_name([row], f"confusion-{lag}-{ord(symbol[0])}")
            export.chart(figure, f"answers-{letter}", name, f"What {letter} answers in the cell")
        else:
            export.empty(symbols.CONFUSION, "Not stored: previews and floors ship without answers")


def _sql(a: Row, b: Row) -> str:
    return queries.fill(queries.DIFFERENCE, a=a["key"], b=b["key"])


def _pair(count: int) -> str:
    """The letters of the selected pair, first − second."""
    letters = heatmaps.LETTERS[:count]

    def read(text: str) -> str | None:
        two = len(text) == 2 and text[0] != text[1]
        return text if two and set(text) <= set(heatmaps.LETTERS) else None

    pair = choices.value("pair", "AB", read)
    return pair if set(pair) <= set(letters) else "AB"


def _pairs(count: int, pair: str) -> None:
    """Buttons for every pair, and one that turns the selected one round."""
    with st.container(
        horizontal=True,
        key="pairs",
        width="content",
        wrap=False,
        gap="xxsmall",
        vertical_alignment="center",
    ):
        every = ["".join(both) for both in combinations(heatmaps.LETTERS[:count], 2)]
        if count > 2:
            options = [pair if set(both) == set(pair) else both for both in every]
            choices.switch(
                "pair",
                "Pair",
                options,
                pair,
                label_visibility="collapsed",
                format_func=lambda both: f"{both[0]} − {both[1]}",
            )
        else:
            choices.set_value("pair", pair)
        icon_button(
            "swap_horiz",
            "swap",
            choices.set_value,
            "pair",
            pair[::-1],
            help=f"{pair[1]} − {pair[0]}",
            shortcut="Shift+X",
        )
