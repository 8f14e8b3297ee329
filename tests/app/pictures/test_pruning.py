"""The pictures of pruning, from plain tables."""

from __future__ import annotations

import polars as pl

from app.pictures import look, pruning
from core.text import SYMBOLS


def test_pruning_has_a_panel_each_corpus_and_chance_as_a_band() -> None:
    rows = [
        {
            "corpus": corpus,
            "rule": rule,
            "kept": kept,
            "perplexity": 6 - kept / 1156,
            "low": 5.9 - kept / 1156,
            "high": 6.1 - kept / 1156,
        }
        for corpus in ("one", "other")
        for rule in ("norm", "random")
        for kept in (0, 500, 1156)
    ]
    figure = pruning.perplexities(pl.DataFrame(rows), ["one", "other"], "norm", 300, look.LIGHT)
    norm = [trace for trace in figure.data if trace.name == "norm"]
    assert [trace.xaxis for trace in norm] == ["x", "x2"]
    assert norm[0].line.width > next(t for t in figure.data if t.name == "random").line.width
    assert sum(trace.fill == "toself" and len(trace.x) == 6 for trace in figure.data) == 2
    assert [note.text for note in figure.layout.annotations].count("W₀ alone") == 2


def test_what_a_pruning_keeps_is_marked() -> None:
    order = pl.DataFrame({"first": ["h", "x"], "second": ["e", "t"], "place": [1, 2]})
    z = pruning.kept(order, 1, look.LIGHT).data[0].z
    at = {symbol: number for number, symbol in enumerate(SYMBOLS)}
    assert z[at["h"]][at["e"]] == 1 and z[at["x"]][at["t"]] == 0
    assert sum(map(sum, z)) == 1
