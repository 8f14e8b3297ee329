"""A sentence on the Overview and on the Signature page, also on a fresh clone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import places, reading
from core.paper import shipped
from core.store import Store
from tests.app.prepared import prepare
from tests.app.test_pages import said

MAIN = Path(__file__).parents[3] / "app" / "main.py"


@pytest.fixture
def fresh(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store that has what comes with the program, and nothing else."""
    monkeypatch.setenv("MEMSIG_REFERENCE", str(places.reference()))
    assert shipped.update(store)
    return store


def opened(page: str, **address: str) -> AppTest:
    app = AppTest.from_file(str(MAIN), default_timeout=120).switch_page(f"pages/{page}.py")
    app.query_params.update(address)
    return app.run()


def picture(app: AppTest) -> dict:
    """The picture of the sentence, as it goes to the browser."""
    (chart,) = [c for c in app.get("plotly_chart") if "sentence" in c.proto.id]
    return json.loads(chart.proto.spec)


def test_a_fresh_clone_opens_with_a_sentence(fresh: Store) -> None:
    assert all(reading.ready(spec) for spec in shipped.networks())
    app = opened("overview")
    assert not app.exception and not app.error
    drawn = picture(app)
    titles = [note["text"] for note in drawn["layout"]["annotations"]]
    assert titles == ["<b>GRU [1,80] on shakespeare</b>", "<b>LSTM [1,80] on shakespeare</b>"]
    maps = [trace for trace in drawn["data"] if trace["type"] == "heatmap"]
    assert len(maps) == 2
    assert "Under each letter" in said(app)


def test_typed_text_is_read_and_travels_in_the_url(fresh: Store) -> None:
    app = opened("overview", text="Ab1")
    assert "Every digit is read as #." in said(app)
    app.button(key="sentence-Pangram").click().run()
    assert app.query_params["text"] == "The quick brown fox jumps over the lazy dog."
    app.text_input(key="choice-text").set_value("what is in a name").run()
    assert app.query_params["text"] == "what is in a name" and not app.exception


def test_text_without_letters_is_refused_in_a_sentence(fresh: Store) -> None:
    app = opened("overview", text="\x00\x1b[ Быть 漢字")
    assert not app.exception and not app.error
    assert "type Latin letters" in said(app)
    # The rest of the page is drawn.
    assert "What a network still remembers" in [each.value for each in app.subheader]


def test_a_signature_without_stored_decoders_offers_to_compute_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path))
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    spec = prepare(tmp_path)
    app = opened("signature", corpus=spec.corpus.content)
    assert not app.exception and "are not stored" in said(app)
    app.button(key="decoders").click().run()
    assert "on this machine" in said(app)


def test_a_shipped_signature_reads_on_its_page(fresh: Store) -> None:
    (gru, _) = shipped.networks()
    app = opened("signature", signature=gru.key, text="to be")
    assert not app.exception and not app.error
    assert len([t for t in picture(app)["data"] if t["type"] == "heatmap"]) == 1
