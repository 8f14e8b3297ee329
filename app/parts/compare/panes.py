"""The Compare page's parts: picker, cards, heatmaps, difference, curves, distances, numbers."""

from __future__ import annotations

import html
from itertools import combinations
from typing import Any

import polars as pl
import streamlit as st

from app.pictures import curves, heatmaps, look
from app.shell import choices, export, pins, queries, tray
from app.shell.errors import explained
from core.cells import label as label_of
from core.registry import known
from core.signatures.spec import SignatureSpec

ANY = "any"
MOST = 60  # signatures in the matrix of a whole profile
NONE_YET = "No signature has been computed yet; open the Signature page for the first."
Row = dict[str, Any]


def picker() -> None:
    """The toolbar: three filters, and the computed signatures that they leave to be pinned."""
    table = queries.table(queries.CATALOG)
    for column, label in (("profile", "Profile"), ("corpus", "Corpus"), ("cell", "Model")):
        present = [ANY, *sorted(table[column].drop_nulls().unique())]
        chosen = choices.select(f"of-{column}", label, present, ANY, width=125, say=label_of)
        if chosen != ANY:
            table = table.filter(pl.col(column) == chosen)
    taken = pins.pinned()
    table = table.filter(~pl.col("key").str.head(pins.DIGITS).is_in(taken))
    names = {key: f"{name} · {p}" for key, name, p in table.select("key", "name", "profile").rows()}
    full = len(taken) >= pins.MOST
    st.selectbox(
        "Add a signature",
        list(names),
        index=None,
        format_func=lambda key: names.get(key, key),
        key="add",
        on_change=_add,
        disabled=full or not names,
        width=430,
        placeholder=pins.FULL if full else f"{len(names):,} to choose from; type to search",
    )
    if taken:
        st.button("Clear", key="clear-pins", icon=":material/clear_all:", on_click=pins.clear)


def cards() -> list[Row]:
    """What is pinned, a card each; the rows of the pins that the tables have."""
    rows = pins.rows()
    if lost := pins.missing():
        these = "One pinned signature is" if lost == 1 else f"{lost} pinned signatures are"
        st.warning(f"{these} not in this database; compute it here, or unpin it in the rail.")
    if rows:
        for number, column in enumerate(st.columns(len(rows), gap="small")):
            with column.container(key=f"card-{number}", border=True, gap=None):
                _card(number, rows[number])
    if said := mixed(rows):
        st.warning(said)
    return rows


def mixed(rows: list[Row]) -> str:
    """One sentence where what is compared was not measured alike; else nothing."""
    parts = []
    for column, what in (("profile", "profiles"), ("decoder", "decoders")):
        if len({row[column] for row in rows}) > 1:
            each = ", ".join(
                f"{letter} {row[column]}"
                for letter, row in zip(heatmaps.LETTERS, rows, strict=False)
            )
            parts.append(f"{what} ({each})")
    if not parts:
        return ""
    return (
        f"These signatures have different {' and '.join(parts)}, so part of what differs may come "
        "from how they were measured."
    )


def nothing() -> None:
    """What to do where nothing is pinned."""
    empty = not queries.table(queries.CATALOG).height
    choose = "Choose two to four signatures above, or press Pin on the page where you see one."
    said = NONE_YET if empty else choose
    export.empty(heatmaps.SIDE[2], said)


def draw(rows: list[Row]) -> None:
    """All pictures of the pinned signatures."""
    keys = [row["key"] for row in rows]
    matrices = [queries.fill(queries.MATRIX, key=key) for key in keys]
    export.heading("Recall by lag and symbol", "side", *matrices)
    tables = [(row["name"], queries.table(sql)) for row, sql in zip(rows, matrices, strict=True)]
    figure = heatmaps.lettered(tables, export.colors())
    title = "Recall by lag and symbol, side by side"
    export.chart(figure, "side", _name(rows, "side"), title, zooms=True)
    st.html(
        "<div class='note'>White 0 %, dark purple 100 %; a dot marks recall not above its floors. "
        "Drag over cells to see them closer, in all at once; double-click to see all again.</div>"
    )
    left, right = st.columns([16, 9], gap="medium")
    with left:
        st.fragment(explained()(_difference))(rows)
    with right:
        _curves(rows)
    left, right = st.columns([16, 9], gap="medium")
    with left:
        st.fragment(explained()(_distances))(rows)
    with right:
        _numbers(rows)


def _card(number: int, row: Row) -> None:
    with st.container(
        horizontal=True,
        key=f"card-head-{number}",
        vertical_alignment="center",
        wrap=False,
        gap="xxsmall",
    ):
        name = html.escape(row["name"])
        st.html(f"<div class='pinned' title='{name}'>{pins.badge(number)} {name}</div>")
        if number:
            st.button(
                "",
                icon=":material/keyboard_arrow_left:",
                key=f"forward-{number}",
                type="tertiary",
                help=f"Change places with {heatmaps.LETTERS[number - 1]}",
                on_click=pins.forward,
                args=(row["key"],),
            )
        if isinstance(known(row["spec"]), SignatureSpec):
            tray.open_link(row["key"], icon=":material/open_in_new:")
        st.button(
            "",
            icon=":material/close:",
            key=f"card-unpin-{number}",
            type="tertiary",
            help="Unpin",
            on_click=pins.unpin,
            args=(row["key"],),
        )
    facts = [f"profile {row['profile']}", f"decoder {row['decoder']}"]
    if row["perplexity"] is not None:
        facts.append(f"perplexity {row['perplexity']:.3f}")
    if row["bits"] is not None:
        facts.append(f"{row['bits']:.2f} bits recalled")
    said = html.escape(" · ".join(facts))
    st.html(f"<div class='note clipped' title='{said}'>{said}</div>")


def _difference(rows: list[Row]) -> None:
    if len(rows) < 2:
        st.html("<div class='pane-title'>Difference</div>")
        export.empty(340, "Pin another to see the difference.")
        return
    first, second = pair = _pair(len(rows))
    at = heatmaps.LETTERS.index
    ends = {
        both: queries.table(
            queries.fill(queries.DIFFERENCE, a=rows[both[0]]["key"], b=rows[both[1]]["key"])
        )
        for both in combinations(range(len(rows)), 2)
    }
    # One scale for all pairs: the eye may go from one difference to the next.
    largest = max((table["difference"].abs().max() or 0.0 for table in ends.values()), default=0.0)
    a, b = rows[at(first)], rows[at(second)]
    sql = queries.fill(queries.DIFFERENCE, a=a["key"], b=b["key"])
    table = queries.table(sql)
    export.heading(
        f"Difference {first} − {second}", "difference", sql, buttons=lambda: _pairs(len(rows), pair)
    )
    if not table.height:
        export.empty(340, "They have no cell in common.")
        return
    figure = heatmaps.difference(table, pair, look.scale_end(largest), export.colors())
    name, alt = _name([a, b], "difference"), f"{a['name']} less {b['name']}"
    export.chart(figure, "difference", name, alt, zooms=True)
    st.html(f"<div class='note'>{_verdict(table, first, second)}</div>")


def _verdict(table: pl.DataFrame, first: str, second: str) -> str:
    """Who remembers more, in one sentence, as HTML."""
    sure = table.filter(pl.col("significant"))
    said = heatmaps.difference_note(table, first, second)
    if sure.height:
        top = sure.sort(pl.col("difference").abs(), descending=True).row(0, named=True)
        symbol = html.escape(look.printable(top["symbol"]))
        said += f" Largest: <b>{symbol}</b>, {top['lag']} ago, {look.points(top['difference'])}."
    return said


def _pair(count: int) -> str:
    """The chosen pair, first − second."""
    letters = heatmaps.LETTERS[:count]
    pair = choices.value(
        "pair",
        "AB",
        lambda text: (
            text
            if len(text) == 2 and set(text) <= set(heatmaps.LETTERS) and text[0] != text[1]
            else None
        ),
    )
    return pair if set(pair) <= set(letters) else "AB"


def _pairs(count: int, pair: str) -> None:
    """Buttons for every pair, and one that turns the chosen one round."""
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
            choices.keep("pair", pair)
        st.button(
            "",
            icon=":material/swap_horiz:",
            key="swap",
            type="tertiary",
            help=f"{pair[1]} − {pair[0]}",
            on_click=choices.keep,
            args=("pair", pair[::-1]),
            shortcut="Shift+X",
        )


def _curves(rows: list[Row]) -> None:
    sqls = [queries.fill(queries.MARGINAL, key=row["key"]) for row in rows]
    export.heading("Marginal recall", "curves", *sqls)
    tables = [(row["name"], queries.table(sql)) for row, sql in zip(rows, sqls, strict=True)]
    figure = curves.lettered(tables, export.colors())
    export.chart(figure, "curves", _name(rows, "marginal"), "Marginal recall by lag of each")


def _distances(rows: list[Row]) -> None:
    profiles = dict(queries.table(queries.PROFILES).rows())
    options = ["pinned", *profiles]
    among = choices.value("among", "pinned", lambda text: text if text in options else None)
    pinned = among == "pinned" or among not in profiles
    sql = (
        queries.fill(queries.DISTANCES, keys=[row["key"] for row in rows])
        if pinned
        else queries.fill(queries.PROFILE_DISTANCES, profile=among, most=MOST)
    )
    export.heading("Distances", "distances", sql.strip(), buttons=lambda: _among(options))
    if pinned and len(rows) < 2:
        export.empty(260, "Pin another to see how far it is.")
        return
    letters = {row["key"]: letter for letter, row in zip(heatmaps.LETTERS, rows, strict=False)}
    names, matrix = square(queries.table(sql), letters)
    figure = heatmaps.distances(names, matrix, export.colors())
    said = "pinned" if pinned else f"profile {among}"
    export.chart(figure, "distances", look.file_name("distances", said), f"Distances, {said}")
    cut = "" if pinned or profiles[among] <= MOST else f" The newest {MOST} of {profiles[among]}."
    st.html(
        "<div class='note'>Mean absolute difference of the cells, weighted by their counts; "
        f"0 means alike. Alike ones stand together (average linkage).{cut}</div>"
    )


def _among(options: list[str]) -> None:
    with st.container(key="among", width="content"):
        choices.switch(
            "among",
            "Among",
            options,
            "pinned",
            label_visibility="collapsed",
            format_func=lambda among: "pinned" if among == "pinned" else f"all {among}",
        )


def square(
    table: pl.DataFrame, letters: dict[str, str]
) -> tuple[list[str], list[list[float | None]]]:
    """The names and the matrix of all pairs, alike ones together.

    letters: of the pinned keys; every other signature goes by a number.
    """
    names = dict(table.select("a", "name_a").unique().sort("name_a", "a").rows())
    found = {(a, b): value for a, b, value in table.select("a", "b", "distance").iter_rows()}
    keys = sorted(names, key=lambda key: (letters.get(key, "~"), names[key], key))
    matrix = [[found.get((one, other)) for other in keys] for one in keys]
    order = heatmaps.clustered(matrix)
    marks = {key: letters.get(key, str(number)) for number, key in enumerate(keys, start=1)}
    named = [f"{marks[keys[place]]} {names[keys[place]]}" for place in order]
    return named, [[matrix[one][other] for other in order] for one in order]


def _numbers(rows: list[Row]) -> None:
    sql = queries.fill(queries.PINNED, pins=[row["key"][: pins.DIGITS] for row in rows])
    export.heading("Numbers", "pinned-numbers", sql)
    letters = pl.Series("pin", list(heatmaps.LETTERS[: len(rows)]))
    table = pl.DataFrame(rows, infer_schema_length=None).drop("pin", "spec", "cell")
    first = ("perplexity", "bits", "parameters", "test_states")
    table = table.select(letters, *first, pl.exclude(*first, "key"), "key")
    # The names stand on the cards; the letters are enough to find them.
    st.dataframe(
        table.drop("key", "name"), height=35 * len(rows) + 38, hide_index=True, key="pinned-table"
    )
    export.downloads(table, _name(rows, "compared"))


def _add() -> None:
    if key := st.session_state["add"]:
        pins.pin(key)
    st.session_state["add"] = None


def _name(rows: list[Row], what: str) -> str:
    return look.file_name(what, *(row["key"][:6] for row in rows))
