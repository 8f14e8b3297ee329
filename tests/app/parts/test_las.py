"""The LAS page, run by streamlit's own test driver on invented rows; no job runner is there."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import core
from app.parts.las import utterance
from app.parts.las.sounds import LOST, WAITING
from app.parts.sql import examples
from core import jobs, listening
from core.child import Child
from core.corpora.speech.logmel import log_mel
from core.corpora.speech.utterances import RATE
from core.errors import BadInput
from core.models.las import builders
from core.models.las.heard import Edit
from core.models.las.inspection import inspect
from core.models.las.network import load
from core.paper import heard
from core.paper.studies import Plan
from core.probes.mlp import Decoders
from core.store import Store
from tests.app.prepared import RATES, computed
from tests.app.spoken import SAID, plan, spoken
from tests.app.test_pages import MAIN, charts, said, shown

CORPUS = listening.speech("synthetic-speech", "smoke")
UTTERANCE = {"las": "Utterance"}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the whole study, for tests that only read."""
    root = tmp_path_factory.mktemp("las")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMSIG_CACHE", str(root))
        spoken(root, plan(CORPUS))
    return root


@pytest.fixture
def done(full: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setenv("MEMSIG_CACHE", str(full))
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    return plan(CORPUS)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path))
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    return tmp_path


def opened(page: str = "pages/las.py", **address: object) -> AppTest:
    app = AppTest.from_file(str(MAIN), default_timeout=300).switch_page(page)
    app.query_params.update({name: str(value) for name, value in address.items()})
    app.run()
    assert not app.exception and not app.error
    return app


def drawn(app: AppTest, number: int) -> str:
    """The figure of a chart as JSON."""
    return str(app.get("plotly_chart")[number].proto.spec)


def asked() -> set[str]:
    return {job.key for job in jobs.listing()}


def test_a_finished_study_is_drawn_and_shows_sql_that_runs(done: Plan) -> None:
    app = opened()
    assert "28 of 28" in said(app) and not asked()
    assert charts(app) == 6 and len(app.dataframe) == 1
    for part in (
        "synthetic speech",
        "character error rate <b>2.3%",
        "word error rate <b>6.1%",
        "<b>99.1%</b> of its moves",
        "near-trivial",
        "heard the future",
        "the spelling of English alone names many",
    ):
        assert part in said(app)
    shown = [code.value for code in app.code]
    assert len(shown) == 3 + 1 + 1 + 1 + 1 + 1 + 1
    for sql in shown:
        assert core.query(sql).height
    assert set(core.query(shown[0])["lag"]) == set(range(-2, 6))


def test_another_alignment_and_another_pair_are_in_the_url(done: Plan) -> None:
    app = opened(alignment="ctc", first="context", second="encoder 2, forward half")
    assert "placed by CTC" in said(app)
    assert "Difference A − B: context − encoder 2, forward half" in said(app)
    shown = [code.value for code in app.code]
    for sql, label in zip(shown, ("encoder 1, by CTC", "encoder 3, by CTC", "query"), strict=False):
        assert done.signatures[label].key in sql
    app = opened(alignment="sideways", first="encoder 77")
    assert "placed by attention" in said(app) and "encoder 3 − encoder 1" in said(app)


def test_units_of_sound_are_a_choice_of_what_is_recalled(empty: Path) -> None:
    found = plan(CORPUS, units=100)
    spoken(empty, found)
    app = opened(units=100)
    assert "12 of 12" in said(app) and not asked()
    assert charts(app) == 4 and len(app.dataframe) == 2  # the numbers, and the units
    for part in ("the quietest of 100 first, synthetic speech", "explain 75% of the variance"):
        assert part in said(app)
    columns = json.loads(app.dataframe[0].proto.columns)
    assert {name: column["label"] for name, column in columns.items() if "label" in column} == {
        "unit": "unit",
        "share": "of all frames",
        "ms": "ms on the mean",
        "level": "level (log energy)",
        "hertz": "loudest at Hz",
        "n": "frames",
    }
    forms = {name: columns[name]["type_config"]["format"] for name in ("share", "n")}
    assert forms == {"share": "percent", "n": "localized"}
    shown = [code.value for code in app.code]
    for sql, layer in zip(shown, ("encoder 1", "encoder 3", "log-mel"), strict=False):
        assert found.signatures[layer].key in sql
        assert core.query(sql)["lag"].unique().sort().to_list() == list(range(-8, 24, 4))
    assert all(core.query(sql).height for sql in shown)
    assert not [box for box in app.selectbox if box.label == "Grapheme heard at"]
    app.selectbox(key="choice-units").set_value(0).run()  # back to graphemes, of which none is here
    assert "28" in said(app) and "placed by attention" in said(app)
    assert [box for box in opened(**UTTERANCE).selectbox if box.label == "Recall of"] == []


def test_units_need_no_attention_that_follows(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RATES, "monotone", 0.11)
    spoken(empty, plan(CORPUS, units=50))
    app = opened(units=50)
    assert "in only 11% of its moves" not in said(app) and charts(app) == 4


def test_the_other_state_is_asked_for_only_when_chosen(done: Plan, empty: Path) -> None:
    spoken(empty, done)
    assert opened() and not asked()
    app = opened(**{"las-state": "h"})
    assert not asked()
    app.button(key="begin").click().run()
    wanted = {spec.key for spec in plan(CORPUS, state="h").specs}
    assert asked() == wanted - {spec.key for spec in done.specs}


def test_previews_come_first_and_say_so(empty: Path) -> None:
    found = plan(CORPUS)
    computed(empty, found.previews)
    app = opened()
    assert "3 of 28" in said(app)
    figure = drawn(app, 0)
    assert "encoder 1, linear preview" in figure and "query, linear preview" in figure
    assert "encoder 3, linear preview" in drawn(app, 1)
    assert not asked()


def test_attention_that_jumps_is_refused_not_drawn(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RATES, "monotone", 0.11)
    spoken(empty, plan(CORPUS))
    app = opened()
    assert "in only 11% of its moves" in said(app) and charts(app) == 0
    app = opened(**UTTERANCE)
    assert "in only 11% of its moves" in said(app) and charts(app) == 1


def test_an_empty_cache_says_what_is_missing_and_asks_for_it(empty: Path) -> None:
    app = opened()
    assert charts(app) == 0 and "not trained yet" in said(app)
    assert not asked()
    app.button(key="begin").click().run()
    assert asked() == {spec.key for spec in plan(CORPUS).specs}
    assert WAITING in said(opened(**UTTERANCE))


def test_numbers_without_weights_are_drawn_but_cannot_listen(empty: Path) -> None:
    computed(empty, plan(CORPUS).specs)
    assert charts(opened()) == 6
    app = opened(**UTTERANCE)
    assert LOST in said(app) and not asked()
    app.button(key="recompute-recognizer").click().run()
    assert not asked() and "What is there stays" in said(app)
    app.button(key="recompute-recognizer-surely").click().run()
    (model,) = {spec.model.key for spec in plan(CORPUS).previews}
    assert model in asked()


def test_shipped_utterances_are_heard_and_seen_without_weights(
    done: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = next(iter(done.signatures.values())).model
    monkeypatch.setattr(heard, "recorded", lambda *_: {"speech": CORPUS})
    (tmp_path / "smoke").mkdir()
    heard.write("smoke", tmp_path / "smoke")
    monkeypatch.setenv("MEMSIG_REFERENCE", str(tmp_path))
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("MEMSIG_CACHE", str(tmp_path / "cache"))
        assert not Store().artifacts.has(model.key)
        computed(tmp_path / "cache", done.specs)
        app = opened(**UTTERANCE, utterance=1)
    assert charts(app) == 2 and len(app.get("audio")) == 1 and not asked()
    assert f"Of {len(SAID[1])} graphemes" in said(app) and "came with the program" in said(app)
    assert app.button(key="recompute-recognizer")
    listened = heard.read(model)
    assert [each.text for each in listened] == list(SAID)
    again = listening.listen(model, listened[1].frames, SAID[1])
    assert again.recalled.equals(listened[1].inspection.recalled)
    (tmp_path / "smoke" / heard.NAME).write_bytes(b"not a table")
    assert heard.read(model) == []


def test_it_listens_in_a_process_of_its_own_with_the_same_result(done: Plan) -> None:
    model, artifacts = next(iter(done.signatures.values())).model, Store().artifacts
    samples = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    frames = listening.frames_of(samples, model.corpus.mels)
    assert np.array_equal(frames, log_mel(samples, model.corpus.mels).astype(np.float32))
    specs = [builders.las_signature(model, layer) for layer in builders.layers(model)]
    decoders = {s: Decoders.from_bytes(d) for s in specs if (d := artifacts.get(s.key))}
    here = inspect(load(model, artifacts.get(model.key)), frames, "and so on", decoders)
    there = listening.listen(model, frames, "and so on")
    assert decoders and there.edits and there.recalled.equals(here.recalled)
    for name in ("attention", "moments"):
        assert np.array_equal(getattr(there, name), getattr(here, name))
    for name in ("hypothesis", "reference", "score", "edits", "step_ms"):
        assert getattr(there, name) == getattr(here, name)


def test_the_process_that_asks_does_not_load_torch(done: Plan) -> None:
    code = (
        "import sys, numpy; from core import listening; from core.models.las.spec import LasSpec; "
        "model = LasSpec.model_validate_json(sys.argv[1]); noise = numpy.ones(16000, 'float32'); "
        "listening.listen(model, listening.frames_of(noise, model.corpus.mels)); "
        "import app.parts.las.utterance; sys.exit('torch' in sys.modules)"
    )
    model = next(iter(done.signatures.values())).model.model_dump_json()
    asked = subprocess.run([sys.executable, "-c", code, model], cwd=MAIN.parents[1])
    assert asked.returncode == 0


def test_a_listener_that_ends_is_a_sentence(done: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    with Child("tests.core.test_child:answer", memory_mb=500) as broken:
        monkeypatch.setattr(listening, "_listener", broken)
        with pytest.raises(BadInput, match=r"^This cannot be listened to, because .*\.$"):
            listening.frames_of(np.zeros(9), 40)


def test_an_utterance_is_heard_seen_and_compared(done: Plan) -> None:
    app = opened(**UTTERANCE, utterance=1)
    assert charts(app) == 2 and len(app.get("audio")) == 1
    assert app.selectbox(key="choice-utterance").value == 1
    assert "Said, and under it what was heard" in said(app)
    assert f"Of {len(SAID[1])} graphemes" in said(app)
    assert "grapheme 9 of" in said(app)
    app.button(key="grapheme-right").click().run()
    assert "grapheme 10 of" in said(app) and app.query_params["grapheme"] == "9"
    for layer in ("encoder 1", "encoder 2", "encoder 3", "context", "query"):
        assert layer in drawn(app, 1)
    assert not asked()


def recording(seconds: float, rate: int = 44_100, channels: int = 2) -> bytes:
    """A tone as a WAV file."""
    tone = 9000 * np.sin(np.arange(int(seconds * rate)) / 20)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(np.repeat(tone.astype("<i2"), channels).tobytes())
    return file.getvalue()


def test_a_recording_of_ones_own_is_inspected_alike(done: Plan) -> None:
    app = opened(**UTTERANCE, sound="own")
    assert charts(app) == 0
    app.text_input(key="own-text").input("We MUST act!")
    app.file_uploader(key="own-file").upload("a.wav", recording(0.5), "audio/wav").run()
    assert not app.exception and not app.warning
    assert charts(app) == 2 and len(app.get("audio")) == 1
    assert "Of 11 graphemes" in said(app)  # we must act


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"RIFF and then nothing", "cannot be used"),
        (b"an mp3, or so", "not WAV, FLAC or SPHERE"),
        (recording(0.5)[:9000], "it ends after"),
        (recording(31, 8000, 1), "longer than 30 seconds"),
        (recording(0.02), "shorter than"),
    ],
)
def test_a_recording_that_cannot_be_used_gets_one_sentence(
    done: Plan, data: bytes, why: str
) -> None:
    app = opened(**UTTERANCE, sound="own")
    app.file_uploader(key="own-file").upload("a.wav", data, "audio/wav").run()
    assert not app.exception and not app.error
    [warning] = app.warning
    assert why in shown(warning.value) and "a.wav" in shown(warning.value) and charts(app) == 0


def test_other_pages_take_the_signatures_of_layers(done: Plan) -> None:
    labels = ("encoder 1, forward half", "query", "encoder 3, by CTC")
    pins = "-".join(done.signatures[label].key[:12] for label in labels)
    app = opened("pages/compare.py", pins=pins)
    for part in ("encoder 1 forward half (c)", "query (c)", "aligned by CTC"):
        assert part in said(app)
    assert "LAS [3,16] on synthetic-speech" in said(opened("pages/library.py", part="Models"))


def test_examples_on_speech_answer(done: Plan) -> None:
    [sql] = [sql for question, sql in examples.EXAMPLES if "recognizer" in question]
    found = core.query(sql)
    assert set(found["part"]) == {
        "encoder 1",
        "encoder 2",
        "encoder 3",
        "context",
        "query",
        "log-mel",
    }
    assert found["learned"].drop_nulls().max() > 0


def test_every_kind_of_error_is_marked_in_columns_of_both_texts() -> None:
    marked = utterance._marked
    assert marked(Edit("equal", "ab", "ab")).count("<span><i>") == 2
    assert marked(Edit("delete", " ", "")) == (
        "<span class='delete' title='missed'><i>␣</i><b>·</b></span>"
    )
    assert "<i>·</i><b>&lt;</b>" in marked(Edit("insert", "", "<"))
