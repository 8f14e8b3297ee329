"""Pictures as the pages show them: what can be dragged, and what brings all of it back."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest


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
    assert ("resetScale2d" in config["modeBarButtons"][0]) is zooms
    assert config["doubleClick"] == ("reset" if zooms else False)
