"""Speech corpora: synthesis, log-mel frames, and how their parts are made, kept and resumed."""

from __future__ import annotations

import numpy as np
import pytest

import core
from core import jobs, registry
from core.corpora.speech import espeak, synthetic
from core.corpora.speech.logmel import FLOOR, centers, log_mel
from core.corpora.speech.spec import SpeechSpec
from core.corpora.speech.utterances import HOP_MS, RATE, Recordings, SpeechCorpus, Utterances, wav
from core.errors import BadInput
from core.jobs.estimate import estimate
from core.jobs.worker import StoredInputs, work
from core.registry import SPECS
from core.store import Store

pytestmark = pytest.mark.slow

SMALL = synthetic.spec(train=12, dev=3, test=4, voices=3)


def quiet(fraction: float, message: str) -> None:
    assert 0 <= fraction <= 1 and message


@pytest.fixture(scope="module")
def artifacts() -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    row = registry.run(SMALL, made, quiet).tables["corpora"].row(0, named=True)
    assert (row["key"], row["kind"], row["segments"], row["skipped"]) == (
        SMALL.key,
        "speech",
        19,
        [],
    )
    assert row["symbols"] == row["train_symbols"] + row["dev_symbols"] + row["test_symbols"]
    assert SPECS.validate_json(row["spec"]) == SMALL
    return made


@pytest.fixture(scope="module")
def corpus(artifacts: dict[str, bytes]) -> SpeechCorpus:
    return SpeechCorpus(SMALL, artifacts)


def test_the_same_spec_gives_the_same_bytes(artifacts: dict[str, bytes]) -> None:
    again: dict[str, bytes] = {}
    registry.run(SMALL, again, quiet)
    assert again == artifacts
    assert set(SMALL.parts) < set(again)


def test_voices_that_breathe_are_reproducible_too() -> None:
    said = [espeak.Sentence("we can do this", voice, 150, 50) for voice in espeak.VOICES]
    first, second = (list(espeak.speak(said)) for _ in range(2))
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(first, second, strict=True))
    assert len({a.samples.tobytes() for a in first}) == len(espeak.VOICES)


def test_splits_share_no_phrase_and_phrases_are_short_and_frequent() -> None:
    spec = synthetic.spec(train=3000, dev=300, test=1000)
    said = {split: [s.text for s in part] for split, part in synthetic.sentences(spec).items()}
    assert [len(part) for part in said.values()] == [3000, 300, 1000]
    every = [text for part in said.values() for text in part]
    assert len(set(every)) == len(every)
    assert {len(text.split()) for text in every} == {2, 3, 4, 5}
    assert 500 < len({word for text in every for word in text.split()}) <= synthetic.WORDS
    assert all(set(text) <= set("abcdefghijklmnopqrstuvwxyz' ") for text in every)


def test_a_spec_is_its_recipe_and_not_its_name() -> None:
    renamed = SMALL.model_copy(update={"name": "other", "place": "/elsewhere"})
    assert renamed.key == SMALL.key
    assert SMALL.model_copy(update={"seed": 1}).key != SMALL.key
    assert synthetic.spec(train=13, dev=3, test=4, voices=3).key != SMALL.key
    with pytest.raises(BadInput, match="voices"):
        synthetic.spec(voices=99)
    with pytest.raises(BadInput, match="at most"):
        synthetic.sentences(synthetic.spec(train=10_000_000))


def test_utterances_are_what_was_said(corpus: SpeechCorpus, artifacts: dict[str, bytes]) -> None:
    said = synthetic.sentences(SMALL)
    for split, part in {"train": corpus.train, "dev": corpus.dev, "test": corpus.test}.items():
        assert [part.text(i) for i in range(len(part))] == [s.text for s in said[split]]
        assert part.mels == 40 and part.features(0).dtype == np.float32
    recordings = Recordings.from_bytes(artifacts[SMALL.audio("test")])
    assert len(recordings) == len(corpus.test)
    for i in range(len(recordings)):
        heard = log_mel(recordings[i].astype(np.float32) / 32768, 40).astype(np.float32)
        # The frames come from samples before they were rounded to 16 bits.
        assert np.abs(heard - corpus.test.features(i)).mean() < 0.05
    assert recordings.wav(0) == wav(recordings[0])


def test_words_begin_one_after_another_within_the_audio(corpus: SpeechCorpus) -> None:
    for i in range(len(corpus.train)):
        text, onsets = corpus.train.text(i), corpus.train.onsets(i)
        length = corpus.train.lengths[i] * HOP_MS
        assert (np.diff(onsets, axis=0) > 0).all()
        assert onsets[0, 1] >= 0 and onsets[-1, 1] < length
        starts = [at for at in range(len(text)) if at == 0 or text[at - 1] == " "]
        assert set(onsets[:, 0].tolist()) <= set(starts)
        assert len(onsets) >= len(starts) - 2  # eSpeak says some pairs, such as "of the", as one


def test_an_interrupted_run_goes_on_and_shards_are_the_train_split(
    corpus: SpeechCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = corpus.train
    for module in ("core.corpora.speech.spec", "core.corpora.speech.step"):
        monkeypatch.setattr(f"{module}.SHARD", 5)
    made: dict[str, bytes] = {}

    def stop(fraction: float, message: str) -> None:
        if fraction > 0.5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        registry.run(SMALL, made, stop)
    assert list(made) == SMALL.shards[:2]
    kept = dict(made)
    result = registry.run(SMALL, made, quiet)
    assert result.tables["corpora"]["segments"].item() == 19
    assert kept.items() <= made.items()
    corpus = SpeechCorpus(SMALL, made)
    assert [len(part) for part in corpus.shards()] == [5, 5, 2]
    assert corpus.train.ids == [f"train-{i:05}" for i in range(12)]
    shuffled = [name for part in corpus.shards(seed=1) for name in part.ids]
    assert sorted(shuffled) == corpus.train.ids
    assert np.array_equal(corpus.train.symbols, whole.symbols)
    assert corpus.train.words[:, 0].max() == 11


def test_taking_and_keeping_utterances(corpus: SpeechCorpus) -> None:
    some = corpus.train.take([7, 2])
    assert [some.text(i) for i in (0, 1)] == [corpus.train.text(7), corpus.train.text(2)]
    assert np.array_equal(some.features(1), corpus.train.features(2))
    assert np.array_equal(some.onsets(0), corpus.train.onsets(7))
    assert len(corpus.train.take([])) == 0
    again = Utterances.from_bytes(some.to_bytes())
    assert again.ids == some.ids and np.array_equal(again.words, some.words)
    for damaged in (b"", some.to_bytes()[:-1], Recordings.of([]).to_bytes()):
        with pytest.raises(BadInput, match="compute it again"):
            Utterances.from_bytes(damaged)
    with pytest.raises(BadInput, match="compute them again"):
        Recordings.from_bytes(some.to_bytes())


@pytest.mark.parametrize("hertz", [200, 440, 1000, 3000, 6000])
def test_a_pure_tone_lands_in_its_band(hertz: float) -> None:
    seconds = np.arange(RATE) / RATE
    frames = log_mel((0.5 * np.sin(2 * np.pi * hertz * seconds)).astype(np.float32), 40)
    assert frames.shape == (101, 40) and frames.dtype == np.float16
    nearest = np.abs(centers(40) - hertz).argmin()
    assert abs(int(frames[50].argmax()) - int(nearest)) <= 1
    assert frames[50].argmax() == frames[20].argmax()


def test_silence_is_the_floor_and_frames_are_in_time() -> None:
    samples = np.zeros(RATE, dtype=np.float32)
    assert np.allclose(log_mel(samples, 40), np.log(FLOOR), atol=0.01)
    samples[RATE // 2] = 0.9  # a click at 500 ms
    assert log_mel(samples, 40).sum(1).argmax() == 500 // HOP_MS


def test_a_job_makes_it_with_an_estimate_and_a_row_of_its_own_kind(store: Store) -> None:
    assert 0 < estimate(SMALL, store) < 60
    jobs.request(SMALL, "me", store)
    work(SMALL.key, store)
    job = jobs.find(SMALL.key, store)
    assert job and job.status == "done", job
    assert estimate(SMALL, store) == 0
    assert len(SpeechCorpus(SMALL, StoredInputs(store)).test) == 4
    assert core.find_speech("synthetic-speech", 12, 3, 4, voices=3, store=store) == SMALL
    with pytest.raises(BadInput, match="no corpus or text file"):
        core.find_corpus(SMALL.key, store=store)


def test_parts_of_any_number() -> None:
    spec = SpeechSpec(
        name="n", source="kaldi", content="0" * 64, train=2001, dev=1, test=1, place="/p"
    )
    assert [key[-5:] for key in spec.shards] == ["00000", "00001", "00002"]
    assert spec.parts == [*spec.shards, spec.part("dev"), spec.part("test")]
    assert spec.needs() == ["0" * 64] and SMALL.needs() == []
