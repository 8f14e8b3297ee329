"""The opening page and the claims: what is there is drawn, what is missing is asked for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

import core
from app.parts.claims import parts
from core import jobs
from core.jobs import queue
from core.paper.studies import STUDIES, Choices
from core.spec import CorpusSpec
from core.store import Store
from tests.app.prepared import TEXT, computed

MAIN = Path(__file__).parents[3] / "app" / "main.py"
RESULTS = ("models", "signatures", "perplexities")
OF_TEXT = ("signature", "size", "depth", "adaptation", "ngram")


@pytest.fixture
def corpora(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[CorpusSpec, CorpusSpec]:
    """An empty cache that has two small texts under the names of the paper's corpora."""
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path))
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    lines = TEXT.encode()
    return (
        core.add_corpus(lines, "shakespeare", "line"),
        core.add_corpus(lines[: len(lines) // 2], "sotu", "sentence"),
    )


@pytest.fixture
def everything(corpora: tuple[CorpusSpec, CorpusSpec], tmp_path: Path) -> Store:
    """All studies of text, computed."""
    shakespeare, sotu = corpora
    specs = {}
    for name in OF_TEXT:
        corpus = shakespeare if name == "signature" else sotu
        choices = Choices("smoke", corpus=corpus, source=shakespeare, target=sotu)
        for spec in STUDIES[name].plan(choices).specs:
            specs[spec.key] = spec
            if name == "signature":
                specs[spec.preview().key] = spec.preview()
    computed(tmp_path, specs.values())
    return Store()


def opened(page: str, **address: str) -> AppTest:
    app = AppTest.from_file(str(MAIN), default_timeout=60).switch_page(page)
    app.query_params.update(address)
    app.run()
    assert not app.exception and not app.error
    return app


def said(app: AppTest) -> str:
    return "\n".join(str(part.value) for part in [*app.html, *app.markdown, *app.caption])


def test_the_overview_draws_what_is_there(everything: Store) -> None:
    app = opened("pages/overview.py")
    assert len(app.get("plotly_chart")) == 1 + len(OF_TEXT)
    told = said(app)
    assert told.count("Not computed yet") == 4  # factorized kernels, speech, all cells, targets
    counts = ("3 of 3", "12 of 12", "11 of 11", "7 of 7")  # of each study of text; two have 12
    for part in (*counts, "memory signature", "badge[:material"):
        assert part in told, part
    assert jobs.listing() == []
    shown = [code.value for code in app.code if code.value.startswith(("SELECT", "FROM"))]
    for sql in shown:
        assert core.query(sql).height


def test_an_empty_start_offers_the_first_signature(corpora: tuple[CorpusSpec, CorpusSpec]) -> None:
    app = opened("pages/overview.py")
    assert jobs.listing() == []
    app.button(key="begin").click().run()
    (job,) = jobs.listing()
    assert job.title == "signature: GRU [1,80] on shakespeare, layer 1 (h)"
    assert said(app).count("Not computed yet") == 9
    assert "First the network is trained" in said(app)


def test_claims_are_listed_with_their_parts(everything: Store) -> None:
    app = opened("pages/claims.py", claims="smoke")
    told = said(app)
    links = [str(link.proto.label) for link in app.get("page_link")]
    assert sum(label.startswith("**C") for label in links) == 15
    verdicts = [
        row[0]
        for row in everything.query(
            "SELECT verdict FROM claims_by_profile WHERE profile = 'smoke'"
        ).iter_rows()
    ]
    assert f"{verdicts.count('holds')} hold" in told
    assert told.count("class='range'") == told.count("class='dot'") >= 10
    rises = everything.query("SELECT rise FROM claim_checks WHERE profile = 'smoke'")["rise"]
    assert all(f"<td>{parts.change(rise)}</td>" in told for rise in rises)
    assert "15 not computed" in said(opened("pages/claims.py"))  # smoke decides nothing


@pytest.mark.parametrize(
    ("rise", "text"),
    [(None, "–"), (0.0, "0"), (0.00004, "0"), (0.0041, "+0.0041"), (-0.10714, "−0.1071")],
)
def test_what_longer_training_changed_has_its_sign(rise: float | None, text: str) -> None:
    assert parts.change(rise) == text


def test_shipped_results_say_so_and_are_computed_on_a_click(
    corpora: tuple[CorpusSpec, CorpusSpec], tmp_path: Path
) -> None:
    corpus, store = core.add_corpus(TEXT[: len(TEXT) // 3].encode(), "tiny"), Store()
    specs = STUDIES["size"].plan(Choices("smoke", corpus=corpus, cells=("gru",))).specs
    computed(tmp_path, specs)
    keys = [key for table in RESULTS for key in store.query(f"SELECT key FROM {table}")["key"]]
    facts = {"command": "c", "machine": "m", "made": datetime(2026, 1, 1), "packages": "{}"}
    store.take_in({"shipped": pl.DataFrame([{"key": key} | facts for key in keys])})
    app = opened("pages/sweeps.py", corpus=corpus.content, cells="gru")
    count = len(specs)
    assert f"{count} of {count}" in said(app) and f"{count} came with the program" in said(app)
    app.button(key="recompute").click().run()
    assert jobs.listing() == [] and "What is there stays" in said(app)
    app.button(key="recompute-surely").click().run()
    assert not app.exception and {job.key for job in jobs.listing()} == {s.key for s in specs}
    assert all(job.again for job in jobs.listing())
    assert store.query("FROM shipped").height == len(keys)  # until the new rows come in
    assert not store.query("FROM recall").is_empty()
    first, *others = jobs.listing()
    queue.finish(store, first, "failed", "There was not enough memory")
    for job in others:
        jobs.cancel(job.key, "the test", store)
    app = opened("pages/sweeps.py", corpus=corpus.content, cells="gru")
    assert f"{count} of {count}" in said(app) and f"{count} came with the program" in said(app)
    assert "computing again: 1 failed · There was not enough memory" in said(app)
