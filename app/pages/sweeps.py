"""Sweeps: what is remembered by size and by layer (Figs. 2 and 3), by cell and by target."""

from __future__ import annotations

import streamlit as st

from app import watching
from app.parts import study
from app.parts.sweeps import cells, networks, opening, recall, seen, targets, toolbar
from app.shell import choices

SIZE, DEPTH, CELLS, TARGETS = "Kernel size", "Depth", "Cells", "Targets"
TOOLBARS = {
    SIZE: toolbar.sizes,
    DEPTH: toolbar.layers,
    CELLS: toolbar.compared,
    TARGETS: toolbar.targets,
}

opening.follow()
with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    figure = choices.switch("sweep", "Figure", list(TOOLBARS), SIZE)
    sweep = TOOLBARS[figure]()
    if figure == CELLS:
        alignment, lag = cells.select_alignment(), cells.select_lag(sweep)
computed = watching.watch_plan(sweep.plan)
study.note(sweep.study, sweep.choices, sweep.plan, sweep.note)

if figure == CELLS:
    compared = cells.compared(sweep, alignment, lag)
    cells.pictures(compared)
    cells.numbers(compared)
elif figure == TARGETS:
    targets.recall(sweep)
    left, right = st.columns(2, gap="medium")
    with left:
        targets.above_guess(sweep)
    with right:
        targets.numbers(sweep)
    left, right = st.columns(2, gap="medium")
    with left:
        seen.hits(sweep)
    with right:
        seen.words(sweep)
else:
    left, right = st.columns(2, gap="medium")
    with left:
        recall.matrix(sweep, computed)
    with right:
        recall.curves(sweep)

if figure == SIZE:
    with st.container(key="wraps"):
        columns = st.columns(3)
    for column, number in zip(columns, networks.AGAINST_SIZE, strict=True):
        with column:
            networks.against_size(sweep, number)
    networks.added_bits(sweep)
    networks.numbers(sweep)
elif figure == DEPTH:
    left, right = st.columns([16, 9], gap="medium")
    with left:
        networks.deeper_decoders(sweep)
    with right:
        networks.numbers(sweep)
