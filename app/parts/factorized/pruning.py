"""The Factorized page's pruning: what it costs to keep fewer bases, by which rule, for whom."""

from __future__ import annotations

import html

import streamlit as st

from app import watching
from app.parts.factorized import queries as sqls
from app.parts.factorized.panes import WHOLE
from app.parts.factorized.toolbar import Asked
from app.pictures import kernel_curves
from app.shell import choices, export, pins, queries
from core.models.factorized.builders import pruned_signature, pruning_spec
from core.models.factorized.spec import RULES, PrunedSpec, PruningSpec
from core.paper.studies import Plan

MEANING = {
    "recall": "least of symbols that the target does not use",
    "norm": "the largest",
    "lambda": "λ-weighted norm on the target",
    "leave-one-out": "what leaving it out costs on the target",
    "random": "as chance has it",
}


def pruning(asked: Asked) -> None:
    """Curves and the map of what is kept, with the model to save."""
    names = {corpus.name: corpus for corpus in asked.corpora}
    with st.container(horizontal=True, key="pruning-choices", gap="small"):
        target = names[choices.select("toward", "For", list(names), asked.corpora[1].name)]
        rule = choices.select(
            "rule", "Keep by", RULES, "leave-one-out", width=330, say=lambda r: f"{r}: {MEANING[r]}"
        )
    chosen = pruning_spec(asked.atlas, target, rule)
    # Chance knows no target: the study's baseline serves both.
    chance = {
        label: spec
        for label, spec in asked.plan.others.items()
        if isinstance(spec, PruningSpec) and spec.rule == "random"
    }
    others = chance if rule == "random" else {rule: chosen, **chance}
    watching.watch_plan(Plan({}, others=others))
    st.fragment(_kept, key="kernel-pruning")(asked, chosen)


def _kept(asked: Asked, chosen: PruningSpec) -> None:
    """All that follows how many bases are kept; moving the slider draws only this again."""
    keep = choices.slide(
        "keep", "Bases kept", 0, WHOLE, 256, help="The rest is taken out of the kernel"
    )
    left, right = st.columns([16, 9], gap="medium")
    with left:
        _curves(asked, chosen, keep)
    with right:
        _map(asked, chosen, keep)


def _curves(asked: Asked, chosen: PruningSpec, keep: int) -> None:
    """Perplexity against the number kept, by every rule that has been tried for the target."""
    sql = queries.fill(sqls.CURVES, atlas=asked.atlas.key, target=chosen.target.content)
    table = queries.table(sql)
    target = html.escape(chosen.target.name)
    export.heading(f"Perplexity when pruned for {target} by {chosen.rule}", "curves", sql)
    if not table.height:
        export.empty(kernel_curves.PRUNING)
        return
    corpora = [corpus.name for corpus in asked.corpora]
    figure = kernel_curves.pruned(table, corpora, chosen.rule, keep, export.colors())
    name = asked.name("pruning", chosen.target.name)
    export.chart(figure, "pruned", name, "Perplexity against the number of bases kept")
    st.html(
        "<div class='note'>Dashed across: how many are kept. The gray band: random pruning, "
        "from the lowest to the highest of its seeds. On a part of the test split.</div>"
    )
    number = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        table,
        key="kernel-curves",
        height=250,
        hide_index=True,
        column_config={"perplexity": number, "low": number, "high": number},
    )
    export.downloads(table, name)


def _map(asked: Asked, chosen: PruningSpec, keep: int) -> None:
    """Which bases are kept, and the model that has only these."""
    sql = queries.fill(sqls.ORDER, pruning=chosen.key)
    table = queries.table(sql)
    export.heading(f"The {keep:,} that are kept", "left", sql)
    if not table.height:
        export.empty(kernel_curves.PRUNING)
        return
    figure = kernel_curves.left(table, keep, export.colors())
    export.chart(figure, "left", asked.name("kept", keep, chosen.rule), "Which bases are kept")
    _save(chosen, keep)


def _save(chosen: PruningSpec, keep: int) -> None:
    """The pruned model as a model like any other, and its signature."""
    saved = PrunedSpec(pruning=chosen, keep=keep)
    if saved.key not in watching.offer("pruned", [saved], "Save as a model"):
        return
    st.page_link(
        "pages/library.py",
        label="In the Library",
        icon=":material/inventory_2:",
        query_params={"part": "Models"},
    )
    signature = pruned_signature(saved)
    if signature.key in watching.offer("pruned-signature", [signature], "Compute its signature"):
        pins.button(signature.key, "pruned")
