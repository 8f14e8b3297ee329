"""The pane beside the map: the paper's Fig. 6, or the picked basis beside W₀."""

from __future__ import annotations

import html
from typing import Any

import polars as pl
import streamlit as st

from app import comparisons, figures, kernels
from app.widgets import choices, export, queries, study, words
from app.widgets import factorized_queries as sqls
from core.errors import BadInput
from core.kernels import NAMED_IN_PAPER, bigram, kernel_signature
from core.specs import AtlasSpec, Decoder, SignatureSpec
from core.specs.factorized import Bigram, Part

FIGURE = "Fig. 6"
BESIDE = 590  # pixels: all that stands below the choices, in every view
PANELS, CURVES, ONE = 360, 230, 250
# Of every view: what is shown and what it is held against. None: side by side, on one scale.
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


def read(text: str) -> str | None:
    """A bigram as a person types it, in the one way it is kept; None for anything else."""
    try:
        first, second = bigram(text.replace("␣", " "))
    except BadInput:
        return None
    return first + second


def picked() -> Bigram | None:
    """The basis that is shown; None: the paper's figure."""
    text = choices.value("basis", "", read)
    return bigram(text) if text else None


def pick(basis: Bigram | None, *redrawn: str) -> None:
    """Show a basis, as a widget's callback: only these fragments are drawn again."""
    choices.keep("basis", "".join(basis) if basis else "")
    st.rerun(redrawn)


def six(atlas: AtlasSpec) -> dict[str, SignatureSpec]:
    """The paper's Fig. 6 by trained decoders: W₀, and the bases that it names."""
    named = {f"'{name}'": _spec(atlas, "basis", bigram(name)) for name in NAMED_IN_PAPER}
    return {"W₀": _spec(atlas, "base", None)} | named


def pane(atlas: AtlasSpec, there: frozenset[str]) -> None:
    """The choices, one line of facts, the pictures, and what can be computed.

    there: the keys of `six` that have been computed.
    """
    basis = picked()
    choices.keep("basis", "".join(basis) if basis else "")
    with st.container(horizontal=True, key="basis-choices", gap="small", wrap=False):
        _search(basis)
        _named(basis)
    with st.container(horizontal=True, key="basis-views", gap="small", wrap=False):
        usual = "trained" if {spec.key for spec in six(atlas).values()} <= there else "linear"
        decoders = choices.switch(
            "decoders", "Decoders", list(DECODERS), usual, label_visibility="collapsed"
        )
        view = _view() if basis else ""
    with st.container(key="basis-facts"):
        st.html(f"<div class='note'>{_facts(atlas, basis) if basis else ABOUT}</div>")
    if basis is None:
        _figure(atlas, decoders)
    else:
        _basis(atlas, basis, view, decoders)


def _search(basis: Bigram | None) -> None:
    st.session_state["basis-search"] = "".join(basis) if basis else ""
    st.text_input(
        "Bigram", key="basis-search", width=110, label_visibility="collapsed",
        placeholder="Bigram", on_change=_searched, icon=":material/search:",
        help="Two symbols, such as `he` or `<s>t`",
    )  # fmt: skip


def _searched() -> None:
    found = read(st.session_state["basis-search"])
    pick(bigram(found) if found else picked(), "kernel-basis", "kernel-map", "kernel-scatter")


def _named(basis: Bigram | None) -> None:
    """The paper's figure and its bases."""
    options = [FIGURE, *NAMED_IN_PAPER]
    name = "".join(basis) if basis else FIGURE
    st.session_state["basis-named"] = name if name in options else None
    st.segmented_control(
        "Named in the paper", options, key="basis-named", label_visibility="collapsed",
        on_change=_took_named,
    )


def _took_named() -> None:
    name = st.session_state["basis-named"]
    found = bigram(name) if name in NAMED_IN_PAPER else None
    pick(found, "kernel-basis", "kernel-map", "kernel-scatter")


def _view() -> str:
    return choices.switch("view", "View", list(VIEWS), "Alone", label_visibility="collapsed")


def _figure(atlas: AtlasSpec, decoders: str) -> None:
    """Fig. 6: W₀ and the bases that the paper names."""
    specs = six(atlas)
    if decoders == "trained":
        shown = [queries.fill(queries.MATRIX, key=spec.key) for spec in specs.values()]
    else:
        bigrams = [bigram(name) for name in NAMED_IN_PAPER]
        shown = [_of(atlas, "base"), *(_cells(atlas, basis) for basis in bigrams)]
    export.heading(f"The paper's Fig. 6, {decoders} decoders", "six", *shown)
    tables = [(name, queries.table(sql)) for name, sql in zip(specs, shown, strict=True)]
    figure = kernels.panels(tables, 2, BESIDE, export.colors())
    export.chart(figure, "six", _name(atlas, "fig6", decoders), "W₀ and the bases of Fig. 6")
    st.html("<div class='note'>White 0 %, dark purple 100 %.</div>")


def _basis(atlas: AtlasSpec, basis: Bigram, view: str, decoders: str) -> None:
    parts = VIEWS[view]
    specs = [_spec(atlas, part, basis, DECODERS[decoders]) for part in parts]
    measured = view == "Alone" and decoders == "linear"  # by the atlas
    if measured:
        shown = [_of(atlas, "base"), _cells(atlas, basis)]
    else:
        shown = [queries.fill(queries.MATRIX, key=spec.key) for spec in specs]
    titles = [_title(part, basis) for part in parts]
    tables = [queries.table(sql) for sql in shown]
    if view in SUBTRACTED:
        _difference(atlas, basis, view, titles, specs, tables[0], shown[0])
    else:
        _beside(atlas, basis, view, titles, tables, shown)
    if measured:
        st.html("<div class='note'>White 0 %, dark purple 100 %. Linear decoders.</div>")
    else:
        study.offer("basis", specs, "Compute" if decoders == "linear" else "Train decoders")


def _beside(
    atlas: AtlasSpec, basis: Bigram, view: str, titles: list[str], tables: list[pl.DataFrame],
    shown: list[str],
) -> None:  # fmt: skip
    """Two signatures on one scale, and how fast each kernel forgets."""
    export.heading(f"{titles[1]} beside {titles[0]}", "basis", *shown)
    pairs = list(zip(titles, tables, strict=True))
    figure = kernels.panels(pairs, 1, PANELS, export.colors())
    name = _name(atlas, "basis", *map(ord, "".join(basis)[:2]), view)
    export.chart(figure, "basis", name, f"{titles[1]} beside {titles[0]}")
    sql = queries.fill(sqls.FORGETTING, atlas=atlas.key, first=basis[0], second=basis[1])
    table = queries.table(sql)
    lines = {"full": "whole kernel", "base": "W₀", "basis": _title("basis", basis),
             "control": "random control"}  # fmt: skip
    export.heading("Marginal recall, linear decoders", "forgetting", sql)
    figure = kernels.forgetting(
        [(said, table.filter(pl.col("kernel") == kernel)) for kernel, said in lines.items()],
        CURVES - 36, export.colors(),
    )  # fmt: skip
    export.chart(figure, "forgetting", f"{name}-marginal", "Marginal recall by lag")


def _difference(
    atlas: AtlasSpec, basis: Bigram, view: str, titles: list[str], specs: list[SignatureSpec],
    table: pl.DataFrame, sql: str,
) -> None:  # fmt: skip
    """One signature, and under it what it is more than the one it is held against."""
    less = queries.fill(queries.DIFFERENCE, a=specs[0].key, b=specs[1].key)
    export.heading(
        f"{titles[0]}, and its difference to {titles[1]}", "basis", sql, less,
        buttons=lambda: study.compare([spec.key for spec in specs], _there(specs), "Compare"),
    )
    name = _name(atlas, "basis", *map(ord, "".join(basis)[:2]), view)
    figure = kernels.panels([(titles[0], table)], 1, ONE, export.colors())
    export.chart(figure, "basis", name, titles[0])
    found = queries.table(less)
    if found.height:
        end = comparisons.reach(found["difference"].abs().max())
        figure = comparisons.difference(found, "AB", end, export.colors())
        export.chart(figure, "less", f"{name}-difference", f"{titles[0]} less {titles[1]}")
    else:
        study.empty(BESIDE - ONE, f"{titles[0]} less {titles[1]}: not computed yet")


def _facts(atlas: AtlasSpec, basis: Bigram) -> str:
    """One line of HTML: how often the bigram was seen, and the basis's numbers."""
    sql = queries.fill(sqls.BASIS, atlas=atlas.key, first=basis[0], second=basis[1])
    rows = queries.table(sql).to_dicts()
    if not rows:
        return "This basis is not measured yet."
    row: dict[str, Any] = rows[0]
    names = [html.escape(corpus.name) for corpus in atlas.model.corpora]
    facts = [
        f"seen {words.number(row['count_1'])} times in {names[0]}, "
        f"{words.number(row['count_2'])} in {names[1]}"
        if row["count"] else "<b class='more'>never seen in training</b>: its weights are as drawn",
        f"norm {row['norm']:.2f}",
        f"recall {row['recall']:.1%}, control {row['control']:.1%}",
    ]  # fmt: skip
    if row["own"] is not None:
        facts.append(f"its own symbols {row['own']:.1%}")
    if row["drop_1"] is not None:
        facts.append(f"left out: perplexity {row['drop_1']:+.4f} and {row['drop_2']:+.4f}")
    return " · ".join(facts)


def _spec(
    atlas: AtlasSpec, part: Part, basis: Bigram | None, decoder: Decoder = "mlp"
) -> SignatureSpec:
    of = None if part in ("base", "full") else basis
    return kernel_signature(atlas.model, part, of, decoder=decoder)


def _there(specs: list[SignatureSpec]) -> frozenset[str]:
    sql = queries.fill(queries.THERE, keys=[spec.key for spec in specs])
    return frozenset(queries.table(sql)["key"])


def _title(part: Part, basis: Bigram) -> str:
    name = f"'{kernels.named(*basis)}'"
    titles = {
        "base": "W₀", "full": "whole kernel", "basis": f"basis {name}", "base+basis": f"W₀ + {name}",
        "without": f"whole kernel without {name}", "control": f"random kernel of the norm of {name}",
    }  # fmt: skip
    return titles[part]


def _cells(atlas: AtlasSpec, basis: Bigram) -> str:
    return queries.fill(sqls.CELLS, atlas=atlas.key, first=basis[0], second=basis[1])


def _of(atlas: AtlasSpec, kernel: str) -> str:
    return queries.fill(sqls.CELLS_OF, atlas=atlas.key, kernel=kernel)


def _name(atlas: AtlasSpec, *what: object) -> str:
    return figures.file_name(*what, *(c.name for c in atlas.model.corpora), atlas.profile)
