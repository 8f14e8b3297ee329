"""The paper's figures as tiles, each with a small picture of what is computed here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.parts.overview import progress, tile_queries
from app.pictures import look
from app.pictures import tiles as pictures
from app.shell import export, links, queries
from core.paper.studies import STUDIES
from core.paper.studies.study import installed
from core.signatures.spec import RECALLED

VERDICTS = ("holds", "fails", "undecided", "not computed")
DARK = "Dark: recalled. {} across, lags down."


@dataclass(frozen=True)
class Tile:
    """A figure in small. sql: its cells as `tiles.thumbnail` takes them; reading: of its colors."""

    study: str
    title: str
    sql: str
    reading: str = DARK.format("Symbols")
    scale: look.Scale = field(default_factory=lambda: look.PURPLE)
    ends: tuple[float, float] = (0.0, 1.0)


TILES = (
    Tile("signature", "What one network remembers", tile_queries.SIGNATURE),
    Tile("size", "Kernel size", tile_queries.SIZE, DARK.format("Sizes")),
    Tile("depth", "Layer by layer", tile_queries.DEPTH, DARK.format("Layers")),
    Tile(
        "adaptation",
        "Retraining on another text",
        tile_queries.ADAPTATION,
        "Light: recalled. Symbols across, lags down.",
        look.GREEN,
    ),
    Tile(
        "ngram",
        "Network less 5-gram",
        tile_queries.NGRAM,
        "Red: the network recalls more; blue: the 5-gram.",
        look.RED_BLUE,
        (-1.0, 1.0),
    ),
    Tile("factorized", "Factorized kernel", tile_queries.FACTORIZED),
    Tile("las", "Listen, attend, spell", tile_queries.LAS),
    Tile("cells", "Cells of today", tile_queries.CELLS, DARK.format("Cells")),
    Tile(
        "targets", "Classes, n-grams, words", tile_queries.TARGETS, DARK.format("Symbols to words")
    ),
)


def tiles_of(studies: Iterable[str]) -> list[Tile]:
    """A tile of every study; one that has no picture of its own yet goes by its name."""
    known = {tile.study: tile for tile in TILES}
    return [known.get(name, Tile(name, name, "")) for name in studies]


def tiles(profile: str) -> dict[str, DeltaGenerator]:
    """A tile for every study and one for the claims; the place for each study's progress."""
    with st.container(key="tiles"):
        columns = st.columns(len(STUDIES) + 1, gap="medium")
    places = {}
    for column, tile in zip(columns, tiles_of(STUDIES), strict=False):
        with column.container(border=True, key=f"tile-{tile.study}", gap="xxsmall"):
            _picture(tile, profile)
            places[tile.study] = st.empty()
    with columns[len(STUDIES)].container(border=True, key="tile-claims", gap="xxsmall"):
        _verdicts(profile)
    return places


def _picture(tile: Tile, profile: str) -> None:
    """The tile's title, which leads to its page, and its picture."""
    study = STUDIES[tile.study]
    corpora = [installed(name) for name in study.corpora.values()]
    title = f"**{study.figures}** {tile.title}"
    page, params = links.figure(tile.study, corpora, profile)
    st.page_link(page, label=title, query_params=params)
    first, last = corpora[0], corpora[-1]
    sql = queries.fill(
        tile.sql,
        profile=profile,
        first=first,
        last=last,
        keys=progress.drawn(tile.study, profile),
        targets=[*RECALLED],
    )
    table = queries.table(sql) if sql else None
    if table is not None and table.height:
        figure = export.drawn(pictures.thumbnail, table, tile.scale, tile.ends, export.colors())
        st.plotly_chart(
            figure,
            key=f"thumb-{tile.study}",
            theme=None,
            config={"staticPlot": True},
            alt=f"{study.figures} of the paper, as computed here, in small",
        )
        st.html(f"<div class='note'>{tile.reading}</div>")
    else:
        export.empty(pictures.HEIGHT)


def _verdicts(profile: str) -> None:
    """The tile of the claims: how many of each verdict."""
    claims = queries.table(queries.fill(queries.CLAIMS_OF, profile=profile))
    st.page_link("pages/claims.py", label="**Fifteen claims** and what is found")
    counted = dict(claims["verdict"].value_counts().iter_rows())
    counts = {name: str(counted.get(name, 0)) for name in VERDICTS}
    st.html(export.facts(counts, pictures.HEIGHT))
