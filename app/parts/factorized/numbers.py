"""The Factorized page's numbers: what the paper says of the bases, and what the model predicts."""

from __future__ import annotations

import html
from typing import Any

import polars as pl
import streamlit as st

from app import watching
from app.parts import study
from app.parts.factorized import queries as sqls
from app.parts.factorized.toolbar import Asked
from app.pictures import kernel_curves
from app.shell import export, queries
from core.paper.studies import Plan


def numbers(asked: Asked) -> None:
    """The claims, how fast each kind of kernel forgets, ranks, perplexities."""
    plan = Plan({}, asked.plan.perplexities, {"atlas": asked.atlas})
    watching.watch_plan(plan)
    sql = queries.fill(sqls.CLAIMS, atlas=asked.atlas.key)
    table = queries.table(sql)
    export.heading("What the paper says of the bases, as numbers", "claims", sql)
    if table.height:
        st.html(_claims(table))
    else:
        export.empty(160, "Known when all bases are measured")
    left, right = st.columns(2, gap="medium")
    with left:
        sql = queries.fill(sqls.TOGETHER, atlas=asked.atlas.key)
        table = queries.table(sql)
        export.heading("Marginal recall, linear decoders", "together", sql)
        lines = {
            "full": "whole kernel",
            "base": "W₀ alone",
            "basis": "a basis alone",
            "control": "a random kernel",
        }
        shown = [(said, table.filter(pl.col("kernel") == k)) for k, said in lines.items()]
        if table.height:
            figure = kernel_curves.forgetting(shown, kernel_curves.CURVES, export.colors())
            export.chart(figure, "together", asked.name("together"), "Marginal recall by lag")
        else:
            export.empty(kernel_curves.CURVES)
        st.html("<div class='note'>Of bases and random kernels the mean, and 90 % of them.</div>")
    with right:
        sql = queries.fill(sqls.BASES, atlas=asked.atlas.key)
        table = queries.table(sql).drop_nulls("own_rank")
        export.heading("Does a basis recall its own symbols better than others do?", "ranks", sql)
        if table.height:
            figure = kernel_curves.ranks(table, export.colors())
            export.chart(figure, "ranks", asked.name("ranks"), "Ranks in recall of own symbols")
        else:
            export.empty(kernel_curves.CURVES)
    study.perplexities(plan, "Test perplexity on each corpus", asked.name("scored"))
    st.html(
        "<div class='note'>Plain: the same network without bases, trained on the same minibatches. "
        "λ is taken from the text before, never from the text that is scored.</div>"
    )


def _claims(table: pl.DataFrame) -> str:
    """A table of the claims in plain words."""
    head = "".join(f"<th>{name}</th>" for name in ("", "number", "against", "effect", "p", "n"))
    rows = "".join(map(_claim, table.to_dicts()))
    return f"<table class='facts claims'><tr>{head}</tr>{rows}</table>"


def _claim(row: dict[str, Any]) -> str:
    said = f"<b>{html.escape(row['claim'])}</b><br>{html.escape(row['meaning'])}"
    cells = [
        *(_number(row[name], ".3g") for name in ("value", "reference", "effect")),
        _number(row["p"], ".1e"),
        _number(row["n"], ",d"),
    ]
    return f"<tr><td>{said}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
