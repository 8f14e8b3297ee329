"""Adaptation (the paper's Figs. 4 and 5): retraining on another domain, and n-grams."""

from __future__ import annotations

import streamlit as st

from app import watching
from app.parts import several, study
from app.parts.adaptation import ngram, retraining, toolbar
from app.shell import choices
from core.paper.studies import STUDIES

RETRAINING, NGRAM = "Retraining", "Network against n-gram"
WIDTHS = [16, 9]

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    figure = choices.switch("adaptation", "Figure", [RETRAINING, NGRAM], RETRAINING)
    selected = toolbar.retraining() if figure == RETRAINING else toolbar.ngram()

if figure == RETRAINING:
    plan = STUDIES["adaptation"].plan(selected)
    computed = watching.watch_plan(plan)
    study.note("adaptation", selected, plan)
    retraining.signatures(selected, plan, computed)
    left, right = st.columns(2, gap="medium")
    with left:
        retraining.target_less(selected, plan, "retrained")
    with right:
        retraining.target_less(selected, plan, "source")
    left, right = st.columns(WIDTHS, gap="medium")
    with left:
        retraining.changed_symbols(selected, plan)
    with right:
        retraining.distances(selected, plan)
    left, right = st.columns(WIDTHS, gap="medium")
    with left:
        retraining.perplexities(selected, plan)
    with right:
        retraining.sample(selected)
else:
    plan = STUDIES["ngram"].plan(selected)
    computed = watching.watch_plan(plan)
    study.note("ngram", selected, plan, "The paper: a 1-layer GRU and a 5-gram.")
    left, right = st.columns(WIDTHS, gap="medium")
    with left:
        ngram.difference(selected, plan)
    with right:
        labels = [(label, spec.key) for label, spec in plan.drawn.items()]
        several.marginal(labels, toolbar.file_name(selected, "marginal"))
    ngram.signatures(selected, plan, computed)
    ngram.perplexities(selected, plan)
