"""What `test_fourth_cell.py` runs on a copy of the program that has the cell `rnn`, too."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import core
from app.parts.overview import tile_queries
from app.shell import queries
from core import cli, jobs
from core.cells import CELLS
from core.corpora import from_text
from core.errors import BadInput
from core.jobs.estimate import estimate
from core.models.language import char_lm
from core.paper.studies import STUDIES, Choices
from core.store import Store
from tests.app.prepared import TEXT, computed

MAIN = Path(__file__).parents[2] / "app" / "main.py"
LABELS = [cell.label for cell in CELLS.values()]


@pytest.fixture(autouse=True)
def empty(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")


def options(page: str, choice: str) -> list[str]:
    corpus = core.add_corpus(TEXT.encode(), "tiny")
    app = AppTest.from_file(str(MAIN), default_timeout=60).switch_page(f"pages/{page}.py")
    app.query_params["corpus"] = corpus.content
    app.run()
    assert not app.exception and not app.error
    return app.selectbox(key=f"choice-{choice}").options


def test_it_is_listed() -> None:
    assert LABELS[:2] == ["GRU", "LSTM"] and LABELS[-1] == "RNN"


def test_the_pages_offer_it() -> None:
    assert options("signature", "cell") == LABELS
    assert options("sweeps", "cells") == ["GRU and LSTM", *LABELS]


def test_the_factorized_page_does_not_offer_it_and_says_why() -> None:
    assert options("factorized", "recurrence") == ["GRU", "LSTM", "Elman"]
    pair = [core.add_corpus(TEXT[:n].encode(), str(n)) for n in (4000, 8000)]
    asked = Choices("smoke", source=pair[0], target=pair[1], cells=("rnn",))
    with pytest.raises(BadInput, match=r"The cell RNN has no kernel .*; choose one of gru, lstm"):
        STUDIES["factorized"].plan(asked)


def test_the_command_line_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["signature", "--help"])
    assert ", deltanet, rnn" in " ".join(capsys.readouterr().out.split())


def test_it_is_estimated_trained_and_read() -> None:
    corpus = from_text(TEXT.encode(), "tiny")
    spec = core.signature_spec(core.add_corpus(TEXT.encode(), "tiny"), "rnn", profile="smoke")
    assert spec.state == "h" and spec.title.startswith("signature: RNN [1,80] on tiny")
    assert estimate(spec) > 0
    budget = spec.model.budget.model_copy(update={"epochs": 1, "learning_rate": 2e-2})
    model = spec.model.model_copy(update={"budget": budget, "hidden": 16})
    weights, facts = char_lm.train(model, corpus)
    assert facts["perplexity"] < 25
    assert set(char_lm.load(model, weights).states(char_lm.padded(corpus.dev, [0])[0], 1)) == {"h"}


def test_the_tiles_draw_every_cell_under_its_own_name(tmp_path: Path) -> None:
    corpus = core.add_corpus(TEXT.encode(), "sotu")
    for study, sql in (("size", tile_queries.SIZE), ("depth", tile_queries.DEPTH)):
        plan = STUDIES[study].plan(Choices("smoke", corpus=corpus, cells=tuple(CELLS)))
        computed(Store().root, plan.specs)
        filled = queries.fill(sql, profile="smoke", first="sotu", last="sotu")
        panels = core.query(f"SELECT DISTINCT panel, name FROM ({filled}) ORDER BY panel")
        assert panels.rows() == list(enumerate(LABELS, start=1))
    assert jobs.listing() == []
