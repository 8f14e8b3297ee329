"""Pruning: what it costs to keep fewer bases, by which rule, for whom."""

from __future__ import annotations

import html

import streamlit as st

from app import watching
from app.parts import unfinished
from app.parts.factorized.atlas import WHOLE
from app.parts.factorized.queries import CURVES, ORDER
from app.parts.factorized.toolbar import SelectedModel
from app.pictures import pruning as pictures
from app.shell import choices, export, pins, queries
from core.models.factorized.builders import pruned_signature, pruning_spec
from core.models.factorized.spec import RULES, PrunedSpec, PruningSpec
from core.paper.studies import Plan

MEANING = {
    "recall": "those that recall little of what the target does not use",
    "norm": "those of the largest norm",
    "lambda": "those of the largest norm times λ on the target",
    "leave-one-out": "those that the target misses most",
    "random": "by chance",
}


def select_order(model: SelectedModel) -> PruningSpec:
    """The choice of a corpus to prune for and of a rule, which order the bases."""
    names = {corpus.name: corpus for corpus in model.corpora}
    with st.container(horizontal=True, key="pruning-choices", gap="small"):
        target = names[choices.select("toward", "For", list(names), model.corpora[1].name)]
        rule = choices.select(
            "rule",
            "Keep by",
            RULES,
            "leave-one-out",
            width=430,
            format_func=lambda r: f"{r}: {MEANING[r]}",
        )
    return pruning_spec(model.atlas, target, rule)


def plan(model: SelectedModel, order: PruningSpec) -> Plan:
    """The order, and pruning by chance, which knows no target: one baseline serves both."""
    chance = {
        label: spec
        for label, spec in model.plan.others.items()
        if isinstance(spec, PruningSpec) and spec.rule == "random"
    }
    return Plan({}, others=chance if order.rule == "random" else {order.rule: order, **chance})


def select_number() -> int:
    """The choice of how many bases are kept."""
    return choices.slide(
        "keep", "Bases kept", 0, WHOLE, 256, help="The rest is taken out of the kernel"
    )


def perplexity_curves(model: SelectedModel, order: PruningSpec, keep: int) -> None:
    """Perplexity against the number kept, by every rule that has been tried for the target."""
    sql = queries.fill(CURVES, atlas=model.atlas.key, target=order.target.content)
    table = queries.table(sql)
    target = html.escape(order.target.name)
    export.heading(f"Perplexity when pruned for {target} by {order.rule}", "curves", sql)
    if not table.height:
        export.empty(pictures.HEIGHT)
        return
    corpora = [corpus.name for corpus in model.corpora]
    figure = export.drawn(pictures.perplexities, table, corpora, order.rule, keep, export.colors())
    name = model.file_name("pruning", order.target.name)
    export.chart(figure, "pruned", name, "Perplexity against the number of bases kept")
    st.html(
        "<div class='note'>Dashed across: how many are kept. The gray band: random pruning, "
        "from the lowest to the highest of its seeds. On a part of the test split. "
        f"{unfinished.sentence([model.atlas.model.key])}</div>"
    )
    export.numbers(table, "kernel-curves", 250, name)


def kept_bases(model: SelectedModel, order: PruningSpec, keep: int) -> None:
    """Which bases are kept, and the model that has only these."""
    sql = queries.fill(ORDER, pruning=order.key)
    table = queries.table(sql)
    export.heading(f"The {keep:,} that are kept", "left", sql)
    if not table.height:
        export.empty(pictures.HEIGHT)
        return
    figure = export.drawn(pictures.kept, table, keep, export.colors())
    name = model.file_name("kept", keep, order.rule)
    export.chart(figure, "left", name, "Which bases are kept")
    _save(PrunedSpec(pruning=order, keep=keep))


def _save(pruned: PrunedSpec) -> None:
    """The pruned model as a model like any other, and its signature."""
    if pruned.key not in watching.offer("pruned", [pruned], "Save as a model"):
        return
    st.page_link(
        "pages/library.py",
        label="In the Library",
        icon=":material/inventory_2:",
        query_params={"part": "Models"},
    )
    signature = pruned_signature(pruned)
    if signature.key in watching.offer("pruned-signature", [signature], "Compute its signature"):
        pins.button(signature.key, "pruned")
