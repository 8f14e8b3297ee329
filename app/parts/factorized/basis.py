"""The pane beside the map: the paper's Fig. 6, or the picked basis beside W₀."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import streamlit as st

from app import watching
from app.parts import several, study, unfinished
from app.parts.factorized.queries import BASIS, CELLS, CELLS_OF, FORGETTING
from app.parts.factorized.toolbar import SelectedModel, pick, picked, read_bigram
from app.pictures import curves, heatmaps
from app.pictures.bases import short
from app.shell import choices, export, queries, words
from core.models.factorized.builders import NAMED_IN_PAPER, bigram, kernel_signature
from core.models.factorized.spec import AtlasSpec, Bigram, Part
from core.signatures.spec import Decoder, SignatureSpec
from core.text import SYMBOLS

FIGURE = "Fig. 6"
BESIDE = 590  # pixels: all that stands below the choices, in every view
PANELS, CURVES, ONE = 360, 194, 250
# Of every view: the two kernels that it lays beside each other, or subtracts.
VIEWS: dict[str, tuple[Part, Part]] = {
    "Alone": ("base", "basis"),
    "W₀ + basis": ("base+basis", "base"),
    "Left out": ("without", "full"),
    "Random control": ("basis", "control"),
}
SUBTRACTED = ("W₀ + basis", "Left out")
DECODERS: dict[str, Decoder] = {"linear": "linear", "trained": "mlp"}
ABOUT = (
    "W₀ and five bases as in the paper, and 'he', which its text says recalls 't' and 'h' well "
    "(its caption has 'ha')."
)

SCALE = (
    "White 0 %, dark purple 100 %. Where a kernel remembers nothing, the decoder's best answer is "
    "the most frequent symbol, ␣: its column is dark by that alone."
)


@st.fragment(key="kernel-basis")
def selected_basis(model: SelectedModel, computed: frozenset[str]) -> None:
    """The choices, one line of facts, the pictures, and what can be computed.

    computed: the keys of the study's signatures, the paper's Fig. 6, that have been computed.
    """
    atlas, six, basis = model.atlas, model.plan.drawn, picked()
    choices.set_value("basis", "".join(basis) if basis else "")
    with st.container(horizontal=True, key="basis-choices", gap="small", wrap=False):
        _search(basis)
        _named(basis)
    with st.container(horizontal=True, key="basis-views", gap="small", wrap=False):
        usual = "trained" if {spec.key for spec in six.values()} <= computed else "linear"
        decoders = choices.switch(
            "decoders", "Decoders", list(DECODERS), usual, label_visibility="collapsed"
        )
        view = _view() if basis else ""
    with st.container(key="basis-facts"):
        trained = unfinished.sentence([atlas.model.key])
        st.html(f"<div class='note'>{_facts(atlas, basis) if basis else ABOUT} {trained}</div>")
    if basis is None:
        _figure(model, decoders)
    else:
        _basis(model, basis, view, decoders)


def _search(basis: Bigram | None) -> None:
    st.session_state["basis-search"] = "".join(basis) if basis else ""
    st.text_input(
        "Bigram",
        key="basis-search",
        width=110,
        label_visibility="collapsed",
        placeholder="Bigram",
        on_change=_pick_searched,
        icon=":material/search:",
        help="Two symbols, such as `he` or `<s>t`",
    )


@choices.by_person
def _pick_searched() -> None:
    text = read_bigram(st.session_state["basis-search"])
    pick(bigram(text) if text else picked(), "kernel-basis", "kernel-map", "kernel-scatter")


def _named(basis: Bigram | None) -> None:
    """The paper's figure and its bases."""
    options = [FIGURE, *NAMED_IN_PAPER]
    name = "".join(basis) if basis else FIGURE
    st.session_state["basis-named"] = name if name in options else None
    st.segmented_control(
        "Named in the paper",
        options,
        key="basis-named",
        label_visibility="collapsed",
        on_change=_pick_named,
    )


@choices.by_person
def _pick_named() -> None:
    name = st.session_state["basis-named"]
    basis = bigram(name) if name in NAMED_IN_PAPER else None
    pick(basis, "kernel-basis", "kernel-map", "kernel-scatter")


def _view() -> str:
    return choices.switch("view", "View", list(VIEWS), "Alone", label_visibility="collapsed")


def _figure(model: SelectedModel, decoders: str) -> None:
    """Fig. 6: W₀ and the bases that the paper names."""
    atlas = model.atlas
    specs = {name: spec for name, spec in model.plan.drawn.items() if name != "full kernel"}
    if decoders == "trained":
        shown = [queries.fill(queries.MATRIX, key=spec.key) for spec in specs.values()]
    else:
        bigrams = [bigram(name) for name in NAMED_IN_PAPER]
        shown = [_of(atlas, "base"), *(_cells(atlas, basis) for basis in bigrams)]
    export.heading(f"The paper's Fig. 6, {decoders} decoders", "six", *shown)
    panes = [
        heatmaps.Pane(name, queries.table(sql)) for name, sql in zip(specs, shown, strict=True)
    ]
    figure = export.drawn(heatmaps.side_by_side, panes, 2, BESIDE, export.colors(), font=8)
    export.chart(figure, "six", model.file_name("fig6", decoders), "W₀ and the bases of Fig. 6")
    st.html(f"<div class='note'>{SCALE}</div>")


def _basis(model: SelectedModel, basis: Bigram, view: str, decoders: str) -> None:
    atlas = model.atlas
    parts = VIEWS[view]
    specs = [
        kernel_signature(
            atlas.model,
            part,
            None if part in ("base", "full") else basis,
            decoder=DECODERS[decoders],
        )
        for part in parts
    ]
    measured = view == "Alone" and decoders == "linear"  # by the atlas
    if measured:
        shown = [_of(atlas, "base"), _cells(atlas, basis)]
    else:
        shown = [queries.fill(queries.MATRIX, key=spec.key) for spec in specs]
    titles = [_title(part, basis) for part in parts]
    tables = [queries.table(sql) for sql in shown]
    name = model.file_name("basis", *(SYMBOLS.index(symbol) for symbol in basis), view, decoders)
    if view in SUBTRACTED:
        _difference(name, titles, specs, tables[0], shown[0])
    else:
        _beside(name, titles, tables, shown, () if measured else specs)
        _forgetting(atlas, basis, name)
    if measured:
        st.html(f"<div class='note'>{SCALE}</div>")
    else:
        watching.offer("basis", specs, "Compute" if decoders == "linear" else "Train decoders")


def _beside(
    name: str,
    titles: list[str],
    tables: list[pl.DataFrame],
    shown: list[str],
    specs: Sequence[SignatureSpec],
) -> None:
    """Two signatures on one scale. specs: theirs, where they are more than rows of the atlas."""
    title = f"{titles[1]} beside {titles[0]}"
    export.heading(title, "basis", *shown, buttons=_compare(specs) if specs else None)
    panes = [heatmaps.Pane(*pair) for pair in zip(titles, tables, strict=True)]
    figure = export.drawn(heatmaps.side_by_side, panes, 1, PANELS, export.colors())
    export.chart(figure, "basis", name, title)


def _forgetting(atlas: AtlasSpec, basis: Bigram, name: str) -> None:
    """How fast the basis, its control, W₀ and the whole kernel forget."""
    sql = queries.fill(FORGETTING, atlas=atlas.key, first=basis[0], second=basis[1])
    table = queries.table(sql)
    lines = {part: _title(part, basis) for part in ("full", "base", "basis")}
    lines["control"] = "random control"
    export.heading("Marginal recall, linear decoders", "forgetting", sql)
    figure = export.drawn(
        curves.kernels,
        [(label, table.filter(pl.col("kernel") == kernel)) for kernel, label in lines.items()],
        CURVES,
        export.colors(),
    )
    export.chart(figure, "forgetting", f"{name}-marginal", "Marginal recall by lag")


def _difference(
    name: str, titles: list[str], specs: list[SignatureSpec], table: pl.DataFrame, sql: str
) -> None:
    """One signature, and under it what it is more than the one it is held against."""
    less = queries.fill(queries.DIFFERENCE, a=specs[0].key, b=specs[1].key)
    title = f"<b>A</b> {titles[0]}, and its difference to <b>B</b> {titles[1]}"
    export.heading(title, "basis", sql, less, buttons=_compare(specs))
    pane = heatmaps.Pane(titles[0], table)
    figure = export.drawn(heatmaps.side_by_side, [pane], 1, ONE, export.colors())
    export.chart(figure, "basis", name, titles[0])
    found = queries.table(less)
    if found.height:
        figure = export.drawn(
            heatmaps.difference, found, "AB", several.reach(less), export.colors()
        )
        alt = f"{titles[0]} less {titles[1]}"
        export.chart(figure, "less", f"{name}-difference", alt, zooms=True)
    else:
        export.empty(BESIDE - ONE, f"{titles[0]} less {titles[1]}: not computed yet")


def _facts(atlas: AtlasSpec, basis: Bigram) -> str:
    """One line of HTML: how often the bigram was seen, and the basis's numbers."""
    sql = queries.fill(BASIS, atlas=atlas.key, first=basis[0], second=basis[1])
    rows = queries.table(sql).to_dicts()
    if not rows:
        return "This basis is not measured yet."
    row: dict[str, Any] = rows[0]
    names = [html.escape(corpus.name) for corpus in atlas.model.corpora]
    facts = [
        f"seen {words.number(row['count_1'])} times in {names[0]}, "
        f"{words.number(row['count_2'])} in {names[1]}"
        if row["count"]
        else "<b class='more'>never seen in training</b>: its weights are as drawn",
        f"norm {row['norm']:.2f}",
        f"recall {row['recall']:.1%}, control {row['control']:.1%}",
    ]
    if row["own"] is not None:
        facts.append(f"its own symbols {row['own']:.1%}")
    if row["drop_1"] is not None:
        facts.append(f"left out: perplexity {row['drop_1']:+.4f} and {row['drop_2']:+.4f}")
    return " · ".join(facts)


def _compare(specs: Sequence[SignatureSpec]) -> Callable[[], None]:
    """A link to the Compare page, as `export.heading` takes it."""
    keys, computed = [spec.key for spec in specs], watching.computed_keys(specs)
    return lambda: study.compare(keys, computed, "Compare")


def _title(part: Part, basis: Bigram) -> str:
    name = f"'{short(''.join(basis))}'"
    titles = {
        "full": "whole kernel",
        "base": "W₀",
        "basis": f"basis {name}",
        "base+basis": f"W₀ + {name}",
        "without": f"whole kernel without {name}",
        "control": f"random kernel of the norm of {name}",
    }
    return titles[part]


def _cells(atlas: AtlasSpec, basis: Bigram) -> str:
    return queries.fill(CELLS, atlas=atlas.key, first=basis[0], second=basis[1])


def _of(atlas: AtlasSpec, kernel: str) -> str:
    return queries.fill(CELLS_OF, atlas=atlas.key, kernel=kernel)
