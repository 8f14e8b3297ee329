"""Both pages, run by streamlit's own test driver on a prepared store; no job runner is there."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

import core
from app.parts.signature import recall
from app.shell import words
from core import jobs
from core.signatures.spec import SignatureSpec
from core.store import Store
from tests.app.prepared import TEXT, computed, prepare, tables

MAIN = Path(__file__).parents[2] / "app" / "main.py"


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignatureSpec:
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path))
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    made = prepare(tmp_path)
    computed(tmp_path, [made.added()])
    return made


def opened(**address: object) -> AppTest:
    page = AppTest.from_file(str(MAIN), default_timeout=60).switch_page("pages/signature.py")
    page.query_params.update({name: str(value) for name, value in address.items()})
    return page.run()


def shown(markdown: str) -> str:
    """Text as a browser shows it: what `words.plain` has escaped stands as it was."""
    return re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", markdown).replace("\u2060", "")


def said(page: AppTest) -> str:
    parts = [*page.html, *page.caption, *page.markdown, *page.warning, *page.error, *page.success]
    return shown("\n".join(str(part.value) for part in parts))


def charts(page: AppTest) -> int:
    return len(page.get("plotly_chart"))


def lines(page: AppTest) -> set[str | None]:
    """The names of the lines of the marginal recall."""
    pictures = (json.loads(chart.proto.spec)["data"] for chart in page.get("plotly_chart"))
    named = ({trace.get("name") for trace in data} for data in pictures)
    return next(names for names in named if "preview" in names)


def test_signature_draws_what_is_there(spec: SignatureSpec) -> None:
    page = opened(corpus=spec.corpus.content)
    assert not page.exception and not page.error
    assert charts(page) == 6
    assert "Memory beyond inference: 0.60 bits" in said(page)  # of lags 1 and 2
    for part in ("GRU [1,80] on tiny", "perplexity 6.520", "smoke, seed 0", "a test machine"):
        assert part in said(page)
    assert jobs.listing() == []


def test_decoders_whose_recall_rises_can_be_trained_longer(
    spec: SignatureSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    button = "Train decoders longer"
    assert not any(button in each.label for each in opened(corpus=spec.corpus.content).button)
    monkeypatch.setattr("app.parts.signature.longer.HALF_A_POINT", -1.0)
    page = opened(corpus=spec.corpus.content)
    assert any(button in each.label for each in page.button) and not jobs.listing()
    later = spec.continued()
    assert later and later.shorter.key == spec.key and spec.key in later.needs()
    computed(tmp_path, [later])
    page = opened(corpus=spec.corpus.content)
    assert not page.exception and any(later.key in code.value for code in page.code)
    profile = "SELECT profile FROM claim_signatures WHERE key = "
    assert core.query(f"{profile}'{spec.key}'").item() == "smoke"
    assert core.query(f"{profile}'{later.key}'").item() == "smoke, 1 more"


def test_the_page_says_what_training_has_done(spec: SignatureSpec, tmp_path: Path) -> None:
    found = core.query(recall.LEARNED.replace("{key}", f"'{spec.key}'"))
    lag, trained, untrained = found.row(0)
    assert trained > untrained and found["lag"].n_unique() == found.height
    said_first = said(opened(corpus=spec.corpus.content))
    assert "This network <b>remembers more than untrained</b>: untrained it recalls" in said_first
    assert f"{untrained:.0%} {words.small(lag)} symbols back, trained {trained:.0%}" in said_first
    assert "other way" not in said_first
    assert spec.floor
    rising = tables(spec.floor, 2.0)
    rising["recall"] = rising["recall"].with_columns(rising=pl.lit(1.0))
    Store(tmp_path).take_in(rising, replace=True)  # what still rises so much decides nothing
    assert "This network" not in said(opened(corpus=spec.corpus.content))
    Store(tmp_path).take_in(tables(spec.floor, 2.0), replace=True)
    assert "This network <b>forgets</b>: untrained" in said(opened(corpus=spec.corpus.content))
    Store(tmp_path).take_in(tables(spec.model_copy(update={"seed": 1}), 1.0))
    alone = opened(signature=spec.model_copy(update={"seed": 1}).key)
    assert charts(alone) and "This network" not in said(alone)  # no control, no sentence


def test_shown_sql_runs_as_it_is(spec: SignatureSpec) -> None:
    page = opened(corpus=spec.corpus.content)
    shown = [code.value for code in page.code]
    assert len(shown) >= 10
    assert sum("FROM positions" in sql for sql in shown) == 2  # of the network and its control
    for sql in shown:
        assert core.query(sql).height
    assert any(spec.key in sql for sql in shown)


def test_the_view_is_in_the_url(spec: SignatureSpec) -> None:
    page = opened(corpus=spec.corpus.content, lag=2, symbol="q")
    assert "Answers where <b>q</b> was read 2 ago" in said(page)
    assert page.query_params["profile"] == "smoke"
    assert page.query_params["hidden"] == "80"
    page.button(key="step-Down").click().run()
    assert page.query_params["lag"] == "3"
    assert "Answers where <b>q</b> was read 3 ago" in said(page)


def test_the_line_of_the_untrained_network_is_switched_off_in_the_url(spec: SignatureSpec) -> None:
    page = opened(corpus=spec.corpus.content)
    assert page.query_params["untrained"] == "on" and "untrained" in lines(page)
    page.toggle(key="choice-untrained").set_value(False).run()
    assert page.query_params["untrained"] == "off"
    linked = opened(corpus=spec.corpus.content, untrained="off")
    for each in (page, linked):
        assert "untrained" not in lines(each) and "majority" in lines(each)


def test_choices_survive_a_visit_to_another_page(spec: SignatureSpec) -> None:
    page = opened(corpus=spec.corpus.content)
    page.selectbox(key="choice-cell").select("lstm").run()
    assert page.selectbox(key="choice-state").value == "c"
    page.switch_page("pages/library.py").run()
    assert not page.exception
    page.query_params.clear()
    page.switch_page("pages/signature.py").run()
    assert page.selectbox(key="choice-cell").value == "lstm"
    assert page.query_params["cell"] == "lstm"


def test_an_address_that_comes_late_is_not_followed(
    spec: SignatureSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A progress strip reports each second, with the URL as its browser knew it."""
    monkeypatch.setattr("app.shell.choices.LATE", 600.0)
    page = opened(corpus=spec.corpus.content)
    before = page.query_params["cell"]
    page.selectbox(key="choice-cell").select("lstm").run()
    page.query_params["cell"] = before
    page.run()
    assert page.query_params["cell"] == "lstm"
    monkeypatch.setattr("app.shell.choices.LATE", 0.0)
    page.query_params["cell"] = before
    page.run()
    assert page.selectbox(key="choice-cell").value == "gru"


def test_a_link_to_the_state_of_another_cell_is_followed(spec: SignatureSpec) -> None:
    page = opened(corpus=spec.corpus.content)
    assert "state" not in page.query_params
    page.query_params.update({"cell": "lstm", "state": "h"})
    page.run()
    assert page.selectbox(key="choice-state").value == "h"


def test_only_a_changed_choice_starts_work_by_itself_and_once(spec: SignatureSpec) -> None:
    page = opened(corpus=spec.corpus.content, cell="lstm")
    page.run()
    assert jobs.listing() == [] and "Not computed yet" in said(page)  # a link is only looked at
    page = opened(corpus=spec.corpus.content)
    page.selectbox(key="choice-cell").select("lstm").run()
    [job] = jobs.listing()
    assert job.spec.model.cell == "lstm" and job.who == "test@example.com"
    page.run()
    opened(corpus=spec.corpus.content, cell="lstm")
    assert len(jobs.listing()) == 1
    assert charts(page) == 0
    page.run()
    assert "Waiting" in said(page)


def test_missing_work_above_the_limit_waits_for_a_click(spec: SignatureSpec) -> None:
    page = opened(corpus=spec.corpus.content)
    page.selectbox(key="choice-profile").select("paper").run()
    assert jobs.listing() == []
    assert "Not computed yet" in said(page) and "about" in said(page)
    page.button(key="begin").click().run()
    assert [job.spec.profile for job in jobs.listing()] == ["paper"]


def test_a_canceled_job_is_not_restarted_until_asked(spec: SignatureSpec) -> None:
    page = opened(corpus=spec.corpus.content, cell="lstm")
    page.button(key="begin").click().run()
    [job] = jobs.listing()
    page.button(key=f"strip-cancel-{job.key}").click().run()
    assert jobs.find(job.key).status == "cancelled"
    assert "1 cancelled by you" in said(page)
    page.button(key="begin").click().run()
    assert jobs.find(job.key).live


def test_the_preview_is_shown_first_and_named(spec: SignatureSpec) -> None:
    other = core.signature_spec(spec.corpus, cell="lstm", profile="smoke")
    Store().take_in(tables(other.preview(), 0.8), {})
    page = opened(corpus=spec.corpus.content, cell="lstm")
    assert "Recall by lag and symbol, linear preview" in said(page)
    assert charts(page) == 5


def test_an_odd_address_falls_back_to_the_defaults(spec: SignatureSpec) -> None:
    page = opened(corpus=spec.corpus.content, cell="transformer", layers="-3", lag="x", hidden="")
    assert not page.exception and not page.error
    assert page.selectbox(key="choice-cell").value == "gru"
    assert page.selectbox(key="choice-layers").value == 1


def test_an_unexpected_error_is_one_sentence(
    spec: SignatureSpec, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: str) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(core, "find_corpus", broken, raising=False)
    page = opened(corpus=spec.corpus.content)
    assert not page.exception
    assert len(page.error) == 1 and "secret" not in said(page)
    assert "secret detail" in caplog.text


@pytest.mark.parametrize("part", ["Runs", "Corpora", "Models", "Space"])
def test_library_shows_every_part(spec: SignatureSpec, part: str) -> None:
    page = opened().switch_page("pages/library.py")
    page.query_params["part"] = part
    page.run()
    assert not page.exception and not page.error
    assert len(page.dataframe) == 1


def test_library_lists_speech_with_what_was_left_out(spec: SignatureSpec) -> None:
    row = {"key": "s", "name": "words", "kind": "speech", "segment": "utterance", "hours": 1.5}
    left_out = {"skipped": ["u1: it holds no audio", "u2: it has no transcript"]}
    row["added"] = datetime.datetime(2100, 1, 1)  # the newest is previewed
    Store().take_in({"corpora": pl.DataFrame([row | left_out])})
    page = opened(part="Corpora").switch_page("pages/library.py").run()
    table = page.dataframe[0].value
    assert table[table["name"] == "words"]["hours"].item() == 1.5
    assert "\n".join(left_out["skipped"]) in [code.value for code in page.code]
    assert "words" not in page.switch_page("pages/signature.py").run().selectbox[0].options


def upload(page: AppTest, data: bytes, name: str) -> AppTest:
    page.file_uploader(key="upload-file").upload(name, data, "text/plain")
    next(button for button in page.button if button.label == "Add").click()
    return page.run()


def test_library_takes_a_text_and_refuses_a_bad_one(spec: SignatureSpec) -> None:
    page = opened(part="Corpora").switch_page("pages/library.py").run()
    upload(page, TEXT.replace("fox", "hen").encode(), "hens.txt")
    assert "hens" in core.query("SELECT name FROM corpora")["name"].to_list()
    before = core.query("SELECT * FROM corpora").height
    for bad in (b"", b"\xff\xfe\x00\x01binary", b"one line only"):
        upload(page, bad, "bad.txt")
        assert not page.exception and not page.error
        assert len(page.warning) == 1
    assert core.query("SELECT * FROM corpora").height == before
