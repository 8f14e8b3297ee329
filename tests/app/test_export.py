"""Pictures as the pages show them, and what is saved of them."""

from __future__ import annotations

import io
import json

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

import core
from app.shell import queries, saving
from core.signatures.spec import SignatureSpec


def page(zooms: bool) -> None:
    import plotly.graph_objects as go

    from app.shell import export

    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4]))
    export.chart(figure, "line", "line", "A line", zooms=zooms)


@pytest.mark.parametrize("zooms", [True, False])
def test_what_can_be_dragged_can_be_reset(zooms: bool) -> None:
    shown = AppTest.from_function(page, kwargs={"zooms": zooms}).run().get("plotly_chart")[0].proto
    layout, config = json.loads(shown.spec)["layout"], json.loads(shown.config)
    assert layout["dragmode"] == ("zoom" if zooms else False)
    assert layout["xaxis"]["fixedrange"] is layout["yaxis"]["fixedrange"] is (not zooms)
    assert config["displayModeBar"] is zooms
    assert config["doubleClick"] == ("reset" if zooms else False)


def test_the_numbers_of_a_pane_are_its_query_with_names_and_every_floor(
    specs: list[SignatureSpec],
) -> None:
    sqls = tuple(queries.fill(queries.MATRIX, key=spec.key) for spec in specs[:2])
    rows = saving.rows(sqls, saving.names(sqls))
    assert rows["signature"].unique(maintain_order=True).to_list() == [
        "GRU [1,80] on tiny (h)",
        "LSTM [1,80] on tiny (c)",
    ]
    shown = pl.concat([core.query(sql) for sql in sqls], how="diagonal_relaxed")
    assert rows.drop("signature").equals(shown)
    assert {"majority", "current", "untrained"} <= set(rows.columns)
    read = pl.read_csv(io.StringIO(saving.flat(rows).write_csv()))
    assert read.height == shown.height and read["accuracy"].equals(shown["accuracy"])


def test_the_numbers_of_a_difference_name_both(specs: list[SignatureSpec]) -> None:
    sqls = (queries.fill(queries.DIFFERENCE, a=specs[0].key, b=specs[1].key),)
    rows = saving.rows(sqls, saving.names(sqls))
    assert rows.columns[:2] == ["first", "second"]
    assert rows.row(0)[:2] == ("GRU [1,80] on tiny (h)", "LSTM [1,80] on tiny (c)")


def test_a_query_without_keys_is_saved_as_it_is(specs: list[SignatureSpec]) -> None:
    assert saving.rows(("SELECT 1 AS one",), {}).to_dicts() == [{"one": 1}]


def test_a_pane_opens_in_sql_and_is_saved(specs: list[SignatureSpec]) -> None:
    from tests.app.parts.test_compare import opened

    page = opened("pages/signature.py", signature=specs[0].key)
    links = [link.proto for link in page.get("page_link")]
    sent = [link for link in links if link.label == "Open in SQL"]
    assert any("signature_matrix" in link.query_string for link in sent)
    next(button for button in page.button if button.label == "Save").click().run()
    assert not page.exception
    saved = {button.proto.label for button in page.get("download_button")}
    assert {"PDF", "SVG", "PNG", "CSV", "Parquet"} <= saved


def table() -> None:
    import polars as pl
    import streamlit as st

    from app.shell import export

    rows = pl.DataFrame({"test_states": [60001], "mean_recall": [0.12345], "own": [3], "name": "a"})
    own = {"own": st.column_config.NumberColumn("seen", help="how often")}
    export.table(rows, "rows", own)


def test_a_table_has_words_for_names_and_separators() -> None:
    shown = AppTest.from_function(table).run().dataframe[0].proto
    columns = json.loads(shown.columns)
    labels = {
        name: columns[name]["label"] for name in ("test_states", "mean_recall", "own", "name")
    }
    assert labels == {
        "test_states": "test states",
        "mean_recall": "mean recall",
        "own": "seen",
        "name": "name",
    }
    forms = {name: columns[name]["type_config"]["format"] for name in [*labels][:3]}
    assert forms == {"test_states": "localized", "mean_recall": "%.3f", "own": "localized"}
    assert columns["own"]["help"] == "how often"
