"""How far signatures are from each other: those that are pinned, or all of a profile."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.parts.compare.pinned import Row
from app.pictures import heatmaps, look
from app.shell import choices, export, queries
from app.shell.errors import explained
from app.shell.queries import NAMED, SIGNATURE

MOST = 60  # signatures in the matrix of a whole profile

# Of every two there is a row: two that only guess, or have different alphabets, have no distance.
DISTANCES = f"""
WITH named AS (
    SELECT s.key, {SIGNATURE} AS name{NAMED} WHERE s.key IN ({{keys}})
),
near AS (FROM signature_distances WHERE a IN ({{keys}}) AND b IN ({{keys}}))
SELECT one.key AS a, other.key AS b, one.name AS name_a, other.name AS name_b,
       near.distance, coalesce(near.cells, 0) AS cells
FROM named one CROSS JOIN named other LEFT JOIN near ON near.a = one.key AND near.b = other.key"""

# The newest of a profile; previews and untrained floors would crowd them out.
NEWEST = """
SELECT s.key
FROM signatures s JOIN models m ON m.key = s.model
WHERE s.profile = {profile} AND s.decoder NOT IN ('linear', 'added') AND s.target = 'symbol'
  AND m.trained IS NOT FALSE
ORDER BY s.created DESC
LIMIT {most}"""

PROFILES = """
SELECT s.profile, count(*) AS signatures
FROM signatures s JOIN models m ON m.key = s.model
WHERE s.decoder NOT IN ('linear', 'added') AND s.target = 'symbol' AND m.trained IS NOT FALSE
GROUP BY s.profile
ORDER BY s.profile"""


@st.fragment
@explained()
def matrix(rows: list[Row]) -> None:
    """The distance of every two, alike ones together."""
    profiles = dict(queries.table(PROFILES).rows())
    options = ["pinned", *profiles]
    among = choices.value("among", "pinned", lambda text: text if text in options else None)
    pinned = among == "pinned" or among not in profiles
    newest = queries.fill(NEWEST, profile=among, most=MOST)
    keys = [row["key"] for row in rows] if pinned else queries.table(newest)["key"].to_list()
    sql = queries.fill(DISTANCES, keys=keys or [""])
    export.heading("Distances", "distances", sql, buttons=lambda: _among(options))
    if pinned and len(rows) < 2:
        export.empty(260, "Pin another to see how far it is.")
        return
    letters = {row["key"]: letter for letter, row in zip(heatmaps.LETTERS, rows, strict=False)}
    names, values = square(queries.table(sql), letters)
    figure = heatmaps.distances(names, values, export.colors())
    which = "pinned" if pinned else f"profile {among}"
    name = look.file_name("distances", which)
    export.chart(figure, "distances", name, f"Distances, {which}")
    cut = "" if pinned or profiles[among] <= MOST else f" The newest {MOST} of {profiles[among]}."
    st.html(
        "<div class='note'>Mean absolute difference of cells, weighted by their counts; 0 means "
        "alike. Cells in which both are no better than a guess do not count; where there are no "
        "others, or the alphabets differ, the square is empty. Alike ones stand together (average "
        f"linkage).{cut}</div>"
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
    distance = {(a, b): value for a, b, value in table.select("a", "b", "distance").iter_rows()}
    keys = sorted(names, key=lambda key: (letters.get(key, "~"), names[key], key))
    values = [[distance.get((one, other)) for other in keys] for one in keys]
    order = heatmaps.clustered(values)
    marks = {key: letters.get(key, str(number)) for number, key in enumerate(keys, start=1)}
    named = [f"{marks[keys[place]]} {names[keys[place]]}" for place in order]
    return named, [[values[one][other] for other in order] for one in order]
