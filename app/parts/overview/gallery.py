"""The paper's figures as tiles, each with a small picture of what is computed here."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.parts.overview import progress, tile_queries
from app.pictures import look
from app.pictures import tiles as pictures
from app.shell import export, links, queries
from core.paper.studies import STUDIES
from core.paper.studies.study import installed
from core.signatures.spec import RECALLED

ACROSS = 4
VERDICTS = ("holds", "fails", "undecided", "not computed")


@dataclass(frozen=True)
class Tile:
    """A figure in small. sql: its cells as `tiles.thumbnail` takes them; reading: of its colors."""

    study: str
    title: str
    sql: str
    scale: list[list[Any]]
    ends: tuple[float, float] = (0.0, 1.0)
    reading: str = "Dark: recalled. Symbols across, lags down."


TILES = (
    Tile("signature", "What one network remembers", tile_queries.TILE_SIGNATURE, look.PURPLE),
    Tile(
        "size",
        "Kernel size",
        tile_queries.TILE_SIZE,
        look.PURPLE,
        reading="Dark: recalled. Sizes across, lags down.",
    ),
    Tile(
        "depth",
        "Layer by layer",
        tile_queries.TILE_DEPTH,
        look.PURPLE,
        reading="Dark: recalled. Layers across, lags down.",
    ),
    Tile(
        "adaptation",
        "Retraining on another text",
        tile_queries.TILE_ADAPTATION,
        look.GREEN,
        reading="Light: recalled. Symbols across, lags down.",
    ),
    Tile(
        "ngram",
        "Network less 5-gram",
        tile_queries.TILE_NGRAM,
        look.RED_BLUE,
        (-1.0, 1.0),
        "Red: the network recalls more; blue: the 5-gram.",
    ),
    Tile("factorized", "Factorized kernel", tile_queries.TILE_FACTORIZED, look.PURPLE),
    Tile("las", "Listen, attend, spell", tile_queries.TILE_LAS, look.PURPLE),
    Tile(
        "cells",
        "Cells of today",
        tile_queries.TILE_CELLS,
        look.PURPLE,
        reading="Dark: recalled. Cells across, lags down.",
    ),
    Tile(
        "targets",
        "Classes, n-grams, words",
        tile_queries.TILE_TARGETS,
        look.PURPLE,
        reading="Dark: recalled. Symbols to words across, lags down.",
    ),
)


def tiles_of(studies: Iterable[str]) -> list[Tile]:
    """A tile of every study; one that has no picture of its own yet goes by its name."""
    known = {tile.study: tile for tile in TILES}
    return [known.get(name, Tile(name, name, "", look.PURPLE)) for name in studies]


def tiles(profile: str) -> dict[str, DeltaGenerator]:
    """A tile for every study and one for the claims; the place for each study's progress."""
    rows = math.ceil((len(STUDIES) + 1) / ACROSS)
    columns = [column for _ in range(rows) for column in st.columns(ACROSS, gap="medium")]
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
