"""The figures as tiles: their queries, their looks, how far they are computed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl
import streamlit as st

from app.parts.overview import tile_queries
from app.pictures import look, tiles
from app.shell import export, links, queries, words
from core.paper import shipped
from core.paper.reproduce import left, recorded
from core.paper.studies import STUDIES, Choices
from core.paper.studies.study import installed
from core.spec import Spec
from core.store import Store

ACROSS = 4
SCORE = {"holds": ":green-badge[:material/check: {}]", "fails": ":red-badge[:material/close: {}]"}
OPEN = ":gray-badge[{}]"


@dataclass(frozen=True)
class Tile:
    """A figure in small. sql: its cells as `tiles.thumbnail` takes them."""

    study: str
    title: str
    sql: str
    scale: list[list[Any]]
    ends: tuple[float, float] = (0.0, 1.0)


TILES = (
    Tile("signature", "What one network remembers", tile_queries.TILE_SIGNATURE, look.PURPLE),
    Tile("size", "Kernel size", tile_queries.TILE_SIZE, look.PURPLE),
    Tile("depth", "Layer by layer", tile_queries.TILE_DEPTH, look.PURPLE),
    Tile("adaptation", "Retraining on another text", tile_queries.TILE_ADAPTATION, look.GREEN),
    Tile("ngram", "Network less 5-gram", tile_queries.TILE_NGRAM, look.RED_BLUE, (-1.0, 1.0)),
    Tile("factorized", "Factorized kernel", tile_queries.TILE_FACTORIZED, look.PURPLE),
    Tile("las", "Listen, attend, spell", tile_queries.TILE_LAS, look.PURPLE),
)


def tiles_of(studies: Iterable[str]) -> list[Tile]:
    """A tile of every study; one that has no picture of its own yet goes by its name."""
    known = {tile.study: tile for tile in TILES}
    return [known.get(name, Tile(name, name, "", look.PURPLE)) for name in studies]


@dataclass(frozen=True)
class State:
    """How far a study is at a profile. seconds: estimated for what is missing."""

    done: int
    total: int
    shipped: int
    seconds: float


def gallery(profile: str) -> None:
    """The tiles, pictures first: what is computed and what the claims say follows."""
    slots = []
    listed = tiles_of(STUDIES)
    rows = math.ceil((len(listed) + 1) / ACROSS)
    columns = [column for _ in range(rows) for column in st.columns(ACROSS, gap="medium")]
    for column, tile in zip(columns, listed, strict=False):
        with column.container(border=True, key=f"tile-{tile.study}", gap="xxsmall"):
            slots.append(_picture(tile, profile))
    last = columns[len(listed)].container(border=True, key="tile-claims", gap="xxsmall")
    claims = queries.kept(queries.fill(tile_queries.CLAIMS_OF, profile=profile))
    with last:
        _verdicts(claims)
    for slot, tile in zip(slots, listed, strict=True):
        _told(slot, claims.filter(pl.col("study") == tile.study), state(tile.study, profile))


def _picture(tile: Tile, profile: str) -> Any:
    """The tile's title and picture; gives the place where its state will stand."""
    study = STUDIES[tile.study]
    corpora = [installed(name) for name in study.corpora.values()]
    title = f"**{study.figures}** {tile.title}"
    page, params = links.figure(tile.study, corpora, profile)
    st.page_link(page, label=title, query_params=params)
    first, last = corpora[0], corpora[-1]
    sql = queries.fill(tile.sql, profile=profile, first=first, last=last)
    table = queries.table(sql) if sql else None
    if table is not None and table.height:
        figure = tiles.thumbnail(table, tile.scale, tile.ends, export.colors())
        st.plotly_chart(
            figure,
            key=f"thumb-{tile.study}",
            theme=None,
            config={"staticPlot": True},
            alt=f"{study.figures} of the paper, as computed here, in small",
        )
    else:
        export.empty(tiles.HEIGHT)
    return st.empty()


def _told(slot: Any, claims: pl.DataFrame, now: State) -> None:
    """What the claims of a figure say, and what is missing of it."""
    badges = [
        SCORE.get(verdict, OPEN).format(claim)
        for claim, verdict in claims.select("claim", "verdict").iter_rows()
    ]
    from_release = f" · {now.shipped} shipped" if now.shipped else ""
    missing = f" · about {words.seconds(now.seconds)} to go" if now.done < now.total else ""
    slot.markdown(f"{' '.join(badges)} :small[{now.done} of {now.total}{from_release}{missing}]")


def _verdicts(claims: pl.DataFrame) -> None:
    """The tile of the claims: how many of each verdict."""
    st.page_link("pages/claims.py", label="**Fifteen claims** and what is found")
    counted = dict(claims["verdict"].value_counts().iter_rows())
    rows = "".join(
        f"<tr><td>{verdict}</td><td>{counted.get(verdict, 0)}</td></tr>"
        for verdict in ("holds", "fails", "undecided")
    )
    st.html(f"<table class='facts' style='height:{tiles.HEIGHT}px'>{rows}</table>")


def state(study: str, profile: str) -> State:
    """How far a study is; looked up once for every state of the tables."""
    return _state(study, profile, str(Store().tables.newest()))


@st.cache_data(max_entries=100, show_spinner=False)
def _state(study: str, profile: str, generation: str) -> State:
    store = Store()
    choices = Choices(profile, **recorded(STUDIES[study], profile, store))
    specs: list[Spec] = STUDIES[study].plan(choices).specs
    keys = {spec.key for spec in specs}
    sql = queries.fill(queries.THERE, keys=sorted(keys))
    there = set(queries.table(sql)["key"])
    missing = [spec for spec in specs if spec.key not in there]
    n_shipped = len(shipped.among(keys, store))
    return State(len(there), len(keys), n_shipped, left(missing, store) if missing else 0.0)
