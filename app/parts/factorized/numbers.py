"""Numbers: what the paper says of the bases, how fast kernels forget, what the model predicts."""

from __future__ import annotations

import html
from typing import Any

import polars as pl
import streamlit as st

from app.parts import study, unfinished
from app.parts.factorized.queries import BASES, CLAIMS, TOGETHER
from app.parts.factorized.toolbar import SelectedModel
from app.pictures import bases, curves
from app.shell import export, queries

KERNELS = {
    "full": "whole kernel",
    "base": "W₀ alone",
    "basis": "a basis alone",
    "control": "a random kernel",
}
COLUMNS = ("", "number", "against", "effect", "p", "n")


def claims(model: SelectedModel) -> None:
    """What the paper says of the bases, a row for each claim."""
    sql = queries.fill(CLAIMS, atlas=model.atlas.key)
    table = queries.table(sql)
    export.heading("What the paper says of the bases, as numbers", "claims", sql)
    if table.height:
        head = "".join(f"<th>{name}</th>" for name in COLUMNS)
        rows = "".join(map(_claim, table.to_dicts()))
        st.html(f"<table class='facts claims'><tr>{head}</tr>{rows}</table>")
    else:
        export.empty(160, "Known when all bases are measured")
    st.html(f"<div class='note'>{unfinished.sentence([model.atlas.model.key])}</div>")


def _claim(row: dict[str, Any]) -> str:
    """A row of the table, as HTML."""
    claim = f"<b>{html.escape(row['claim'])}</b><br>{html.escape(row['meaning'])}"
    cells = [
        *(_number(row[name], ".3g") for name in ("value", "reference", "effect")),
        "&lt; 0.0001" if row["p"] is not None and row["p"] < 1e-4 else _number(row["p"], ".2g"),
        _number(row["n"], ",d"),
    ]
    return f"<tr><td>{claim}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form).replace("-", "−")


def forgetting(model: SelectedModel) -> None:
    """How fast each kind of kernel forgets."""
    sql = queries.fill(TOGETHER, atlas=model.atlas.key)
    table = queries.table(sql)
    export.heading("Marginal recall, linear decoders", "together", sql)
    if table.height:
        lines = [(label, table.filter(pl.col("kernel") == k)) for k, label in KERNELS.items()]
        figure = export.drawn(curves.kernels, lines, curves.KERNELS, export.colors())
        export.chart(figure, "together", model.file_name("together"), "Marginal recall by lag")
    else:
        export.empty(curves.KERNELS)
    st.html("<div class='note'>Of bases and random kernels the mean, and 90 % of them.</div>")


def ranks(model: SelectedModel) -> None:
    """The rank of every basis among all in the recall of its own symbols."""
    sql = queries.fill(BASES, atlas=model.atlas.key)
    table = queries.table(sql).drop_nulls("own_rank")
    export.heading("Does a basis recall its own symbols better than others do?", "ranks", sql)
    if table.height:
        figure = export.drawn(bases.ranks, table, export.colors())
        export.chart(figure, "ranks", model.file_name("ranks"), "Ranks in recall of own symbols")
    else:
        export.empty(bases.RANKS)


def perplexities(model: SelectedModel) -> None:
    """How well the model, and the same without bases, predict each corpus."""
    study.perplexities(model.plan, "Test perplexity on each corpus", model.file_name("scored"))
    st.html(
        "<div class='note'>Plain: the same network without bases, trained on the same minibatches. "
        "λ is taken from the text before, never from the text that is scored.</div>"
    )
