"""Factorized (the paper's Fig. 6): the bases of a factorized kernel, one per bigram."""

from __future__ import annotations

import streamlit as st

from app import watching
from app.parts.factorized import atlas, basis, clusters, numbers, pruning, table, toolbar
from app.shell import choices
from core.paper.studies import Plan

ATLAS, PRUNING, NUMBERS = "Atlas", "Pruning", "Numbers"

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    part = choices.switch("factorized", "Part", [ATLAS, PRUNING, NUMBERS], ATLAS)
    model = toolbar.select_model()


@st.fragment
def pruned_bases() -> None:
    """All that follows how many bases are kept; moving the slider draws only this again."""
    keep = pruning.select_number()
    left, right = st.columns([16, 9], gap="medium")
    with left:
        pruning.perplexity_curves(model, order, keep)
    with right:
        pruning.kept_bases(model, order, keep)


if part == ATLAS:
    computed = watching.watch_plan(Plan(model.plan.signatures, others={"atlas": model.atlas}))
    with st.container(key="wraps"):
        every, selected = st.columns([11, 14], gap="medium")
        frequency, listed = st.columns([11, 14], gap="medium")
    with every:
        atlas.bases(model, computed)
    with selected:
        basis.selected_basis(model, computed)
    with frequency:
        atlas.frequency(model, computed)
    with listed:
        table.bases(model)
    clusters.likeness(model)
elif part == PRUNING:
    order = pruning.select_order(model)
    watching.watch_plan(pruning.plan(model, order))
    pruned_bases()
else:
    watching.watch_plan(Plan({}, model.plan.perplexities, {"atlas": model.atlas}))
    numbers.claims(model)
    left, right = st.columns(2, gap="medium")
    with left:
        numbers.forgetting(model)
    with right:
        numbers.ranks(model)
    numbers.perplexities(model)
