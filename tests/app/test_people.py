"""Roles and limits on the pages: what a viewer may not, and how much a member may."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import core
from app import access
from core import jobs
from core.signatures.spec import SignatureSpec
from tests.app.prepared import TEXT, prepare
from tests.app.test_pages import MAIN, said, upload

ACCESS = access.Access(members=["ada@lab.org"], viewers=["@lab.org"], queued=2, providers=("lab",))
LIBRARY, SWEEPS = "pages/library.py", "pages/sweeps.py"


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignatureSpec:
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path))
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    monkeypatch.setattr(access, "settings", lambda: ACCESS)
    return prepare(tmp_path)


def opened(email: str, page: str = "pages/signature.py", **address: str) -> AppTest:
    """A page of the app as somebody who has logged in sees it."""
    app = AppTest.from_file(str(MAIN), default_timeout=60).switch_page(page)
    app.user = {"email": email, "is_logged_in": True, "email_verified": True}
    app.query_params.update(address)
    return app.run()


def test_a_stranger_would_see_nothing_behind_the_guard_either(spec: SignatureSpec) -> None:
    for user in ({}, {"email": "ada@lab.org"}, {"email": "eve@a.org", "is_logged_in": True}):
        app = AppTest.from_file(str(MAIN), default_timeout=60)
        app.user = user
        app.run()
        assert said(app).endswith("Log in first.") and not app.sidebar.button
        assert not app.selectbox and not app.get("plotly_chart")


def test_a_viewer_sees_results_and_starts_cancels_and_adds_nothing(spec: SignatureSpec) -> None:
    shown = opened("vi@lab.org", corpus=spec.corpus.content)
    assert len(shown.get("plotly_chart")) == 5 and "vi@lab.org, viewer" in said(shown)
    missing = opened("vi@lab.org", corpus=spec.corpus.content, cell="lstm")
    assert missing.button(key="begin").disabled and jobs.listing() == []
    study = opened("vi@lab.org", SWEEPS, corpus=spec.corpus.content)
    assert not study.exception and not study.error and jobs.listing() == []

    asked = core.signature_spec(spec.corpus, cell="lstm", profile="smoke")
    jobs.request(asked, "ada@lab.org")
    waiting = opened("vi@lab.org", corpus=spec.corpus.content, cell="lstm")
    assert waiting.button(key=f"strip-cancel-{asked.key}").disabled
    library = opened("vi@lab.org", LIBRARY, part="Corpora")
    assert "Adding is for members" in said(library) and not library.get("file_uploader")


def test_a_button_that_is_pressed_all_the_same_does_nothing(spec: SignatureSpec) -> None:
    def script(key: str, text: str) -> None:
        import streamlit as st

        from app.shell import people
        from core.errors import BadInput
        from core.registry import SPECS

        for act in (lambda: people.start(SPECS.validate_json(text)), lambda: people.cancel(key)):
            try:
                act()
            except BadInput as refusal:
                st.warning(str(refusal))

    jobs.request(spec.preview(), "ada@lab.org")
    text = core.signature_spec(spec.corpus, cell="lstm", profile="smoke").model_dump_json()
    app = AppTest.from_function(script, kwargs={"key": spec.preview().key, "text": text})
    app.user = {"email": "vi@lab.org", "is_logged_in": True, "email_verified": True}
    refusals = [warning.value for warning in app.run().warning]
    assert refusals == [
        "Starting jobs is for members; ask whoever runs this app.",
        "Cancelling jobs is for members; ask whoever runs this app.",
    ]
    assert [job.key for job in jobs.listing() if job.live] == [spec.preview().key]


def test_a_member_may_have_so_many_jobs(
    spec: SignatureSpec, caplog: pytest.LogCaptureFixture
) -> None:
    for hidden in ("16", "17"):
        page = opened("ada@lab.org", corpus=spec.corpus.content, hidden=hidden)
        page.button(key="begin").click().run()
    assert [job.who for job in jobs.listing()] == ["ada@lab.org"] * 2
    full = opened("ada@lab.org", corpus=spec.corpus.content, hidden="18")
    assert len(jobs.listing()) == 2 and "Not computed yet" in said(full)
    full.button(key="begin").click().run()
    # On the page the server's own handler says it (app/main.py), which is not there here.
    assert "You have 2 jobs waiting or running" in caplog.text
    jobs.cancel(jobs.listing()[0].key, "ada@lab.org")
    full.run().button(key="begin").click().run()
    assert len([job for job in jobs.listing() if job.live]) == 2


def test_a_study_asks_for_as_much_as_there_is_room_for(spec: SignatureSpec) -> None:
    study = opened("ada@lab.org", SWEEPS, corpus=spec.corpus.content)
    study.button(key="begin").click().run()
    assert not study.exception and not study.error
    assert len(jobs.listing()) == 2 and "not asked for" in said(study)


def test_the_jobs_table_says_who_did_what(spec: SignatureSpec) -> None:
    page = opened("ada@lab.org", LIBRARY, part="Corpora")
    upload(page, TEXT.replace("fox", "hen").encode(), "hens.txt")
    asked = core.signature_spec(spec.corpus, cell="lstm", profile="smoke")
    jobs.request(asked, "bob@lab.org")
    waiting = opened("ada@lab.org", corpus=spec.corpus.content, cell="lstm")
    waiting.button(key=f"strip-cancel-{asked.key}").click().run()
    rows = core.query("SELECT who, title, outcome, reason FROM jobs ORDER BY asked").rows()
    assert rows == [
        ("ada@lab.org", "text hens", "added", None),
        ("bob@lab.org", asked.title, "cancelled", "cancelled by ada@lab.org"),
    ]


def test_settings_say_who_reaches_the_app(
    spec: SignatureSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened("ada@lab.org", LIBRARY)
    assert "ada@lab.org, member" in said(page)
    monkeypatch.setattr(access, "settings", access.Access)
    monkeypatch.setattr(access, "on_loopback", lambda: True)
    page = opened("", LIBRARY)
    assert "only this machine reaches the app" in said(page) and "this machine only" in said(page)
    monkeypatch.setattr(access, "on_loopback", lambda: False)
    page = opened("", LIBRARY)
    assert "whoever reaches this server may do everything" in said(page)
