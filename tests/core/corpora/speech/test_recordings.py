"""Recordings: audio of every format, the layouts of folders, and what is wrong with some."""

from __future__ import annotations

import io
import json
import os
import wave
from pathlib import Path

import numpy as np
import pytest

import core
from core import corpora, registry
from core.child import Child
from core.corpora import wsj
from core.corpora.speech import audio, kaldi, librispeech, recordings
from core.corpora.speech.listing import Listing, hold_out, left_out
from core.corpora.speech.spec import SpeechSpec
from core.corpora.speech.utterances import RATE, Recordings, SpeechCorpus, wav
from core.errors import BadInput
from core.store import Store
from tests.core.corpora.speech import discs
from tests.core.corpora.speech.discs import Wsj, encoded, tone, write
from tests.core.corpora.speech.shorten import sphere

pytestmark = pytest.mark.slow

NOISY = (tone(0, 0.5) + np.random.default_rng(0).normal(size=RATE // 2) * 300).astype(np.int16)


def computed(spec: SpeechSpec, store: Store) -> tuple[SpeechCorpus, dict[str, object]]:
    """The corpus of a spec, computed here, and its row."""
    listing = store.artifacts.get(spec.content)
    assert listing is not None
    artifacts = {spec.content: listing}
    result = registry.run(spec, artifacts, lambda fraction, message: None)
    assert set(artifacts) > set(spec.parts)
    store.take_in(result.tables, artifacts)
    return SpeechCorpus(spec, artifacts), result.tables["corpora"].row(0, named=True)


# Audio


@pytest.mark.parametrize(
    "data",
    [wav(NOISY), encoded(NOISY, "flac"), sphere(NOISY), sphere(NOISY, compressed=False)],
    ids=["wav", "flac", "shorten", "sphere"],
)
def test_every_format_is_read_bit_by_bit_and_only_as_a_whole(data: bytes, tmp_path: Path) -> None:
    samples = audio.read_upload(data, "mine")
    assert samples.dtype == np.float32
    assert np.array_equal(audio.pcm(samples), NOISY)
    assert np.array_equal(audio.read(write(tmp_path / "file", data), 1), samples)
    for cut in (3, 20, 100, 1100, len(data) // 2, len(data) - 200):
        with pytest.raises(audio.Unreadable):
            audio.read(io.BytesIO(data[:cut]), 1)
    with pytest.raises(audio.Unreadable, match=r"longer than 0\.4 seconds"):
        audio.read(io.BytesIO(data), 0.4)


def test_shorten_keeps_loud_and_still_samples() -> None:
    rng = np.random.default_rng(1)
    loud = rng.integers(-32768, 32768, 1000).astype(np.int16)
    still = np.zeros(600, dtype=np.int16)
    samples = np.concatenate([loud, still, tone(3)])
    assert np.array_equal(audio.pcm(audio.read(io.BytesIO(sphere(samples)), 9)), samples)


def test_a_stereo_recording_at_another_rate_is_mixed_and_resampled() -> None:
    seconds = np.arange(44_100) / 44_100
    left = 16_000 * np.sin(2 * np.pi * 440 * seconds)
    both = np.stack([left, np.zeros_like(left)], 1).astype(np.int16)
    samples = audio.read_upload(encoded(both, "wav", 44_100, "stereo"), "stereo.wav")
    assert abs(len(samples) - RATE) <= 16
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert abs(spectrum.argmax() * RATE / len(samples) - 440) < 2
    assert 0.2 < np.abs(samples).max() < 0.3  # half of a channel at 16,000 of 32,768


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"ID3 this is an mp3", "not WAV, FLAC or SPHERE"),
        (b"RIFF" + b"x" * 1000, "WAV, FLAC or SPHERE"),
        (wav(NOISY)[:3000], "ends after 3,000 of"),
        (wav(np.zeros(RATE, dtype=np.int16)), "silent"),
        (wav(NOISY[:1000]), "shorter than"),
        (wav(np.zeros(0, dtype=np.int16)), "no audio"),
        (wav(np.tile(NOISY, 61)), "longer than 30 seconds"),
        (b"RIFF" + bytes(audio.MAX_BYTES), "MB and the limit"),
    ],
)
def test_an_upload_that_cannot_be_used_says_why(data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said) as refusal:
        audio.read_upload(data, "mine.wav")
    assert str(refusal.value).startswith("mine.wav ") and str(refusal.value).endswith(".")


# LibriSpeech and Kaldi


def test_librispeech_keeps_its_splits(tmp_path: Path, store: Store) -> None:
    parts = ("train-clean-100", "dev-clean", "test-clean", "other")
    place = discs.librispeech(tmp_path / "LibriSpeech", parts)
    spec = core.find_speech(str(place), store=store)
    assert (spec.source, spec.name, spec.train, spec.dev, spec.test) == (
        "librispeech",
        "LibriSpeech",
        4,
        4,
        4,
    )
    corpus, row = computed(spec, store)
    assert sorted(corpus.train.ids) == ["tr0-7-0000", "tr0-7-0001", "tr1-7-0000", "tr1-7-0001"]
    assert {corpus.dev.text(i) for i in range(4)} == {"said by dev"}
    assert row["hours"] == pytest.approx(12 * 0.2 / 3600, rel=0.1)
    assert core.find_speech("LibriSpeech", train=2, store=store).train == 2
    assert core.find_speech(spec.key, store=store) == spec


def test_an_unreadable_utterance_is_skipped_counted_and_listed(
    tmp_path: Path, store: Store
) -> None:
    place = discs.librispeech(tmp_path / "L", ("train-a", "dev-a", "test-a"), speakers=3)
    chapter = place / "train-a" / "tr0" / "7"
    whole = (chapter / "tr0-7-0000.flac").read_bytes()
    (chapter / "tr0-7-0000.flac").write_bytes(whole[: len(whole) // 2])
    (place / "test-a" / "te1" / "7" / "te1-7-0001.flac").unlink()
    write(place / "dev-a" / "de2" / "7" / "de2-7.trans.txt", "de2-7-0000 SAID\nde2-7-0001 ?!\n")
    spec = core.find_speech(str(place), store=store)
    assert (spec.train, spec.dev, spec.test) == (6, 5, 5)
    corpus, row = computed(spec, store)
    skipped = row["skipped"]
    assert isinstance(skipped, list) and len(skipped) == 3
    assert [said.split(":")[0] for said in sorted(skipped)] == [
        "de2-7-0001",
        "te1-7-0001",
        "tr0-7-0000",
    ]
    assert "missing" in str(skipped) and "nothing is said" in str(skipped)
    assert "tr0-7-0000" not in corpus.train.ids and len(corpus.train) == 5
    assert row["segments"] == 15
    heard = Recordings.from_bytes(store.artifacts.get(spec.audio("test")) or b"")
    assert len(heard) == len(corpus.test) == 5


def test_where_most_cannot_be_read_nothing_is_kept(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = discs.librispeech(tmp_path / "L", ("train-a", "dev-a", "test-a"))
    spec = core.find_speech(str(place), store=store)
    for file in place.glob("train-a/*/*/*.flac"):
        file.write_bytes(b"fLaC" + b"\0" * file.stat().st_size)
    with pytest.raises(BadInput, match=r"Most recordings of L cannot be read; 4 utterances"):
        computed(spec, store)
    with monkeypatch.context() as patch:  # parts of one utterance, each of which may be empty
        patch.setattr("core.corpora.speech.spec.SHARD", 1)
        patch.setattr("core.corpora.speech.step.SHARD", 1)
        corpus, row = computed(spec, store)
        assert list(corpus.shards()) == [] and row["segments"] == 8
    with pytest.raises(BadInput, match="is not there"):
        computed(spec.model_copy(update={"place": str(tmp_path / "gone")}), store)


def test_without_a_split_speakers_are_held_out(tmp_path: Path) -> None:
    place = discs.librispeech(tmp_path / "L", ("train-a",), speakers=12)
    listing = librispeech.read(place)
    speakers = {
        split: {Path(u.path).parts[1] for u in part} for split, part in listing.splits.items()
    }
    assert all(speakers.values()) and sum(map(len, speakers.values())) == 12
    assert "held out" in listing.layout
    assert hold_out(["a"]) == {"a": "train"}
    assert sorted(hold_out(["a", "b", "c", "a"]).values()) == ["dev", "test", "train"]


def test_a_listing_is_known_by_what_it_lists(tmp_path: Path) -> None:
    place = discs.librispeech(tmp_path / "L", ("train-a", "dev-a", "test-a"))
    listing = recordings.find(place)[1]
    assert Listing.from_bytes(listing.to_bytes()) == listing
    place.rename(tmp_path / "moved")
    assert recordings.find(tmp_path / "moved")[1].content == listing.content
    file = next((tmp_path / "moved").rglob("*.flac"))
    file.write_bytes(file.read_bytes() + b"\0")
    assert recordings.find(tmp_path / "moved")[1].content != listing.content
    for damaged in (b"", b"{}", b"[1, 2, 3]"):
        with pytest.raises(BadInput, match="damaged"):
            Listing.from_bytes(damaged)


def test_kaldi_directories(tmp_path: Path, store: Store) -> None:
    for split, speakers in (("train", 3), ("dev93", 1), ("test_eval92", 1)):
        discs.kaldi(tmp_path / "data" / split, speakers)
    spec = core.find_speech(str(tmp_path / "data"), store=store)
    assert (spec.source, spec.train, spec.dev, spec.test) == ("kaldi", 6, 2, 2)
    assert computed(spec, store)[0].test.text(0) == "said by s"

    alone = discs.kaldi(tmp_path / "alone", 10)
    listing = kaldi.read(alone)
    assert [len(listing.splits[split]) for split in ("train", "dev", "test")] == [16, 2, 2]
    text = (alone / "text").read_text().replace("s3-0 said by s\n", "")
    (alone / "text").write_text(text)
    assert kaldi.read(alone).skipped == ["s3-0: it has no transcript"]


def test_kaldi_that_runs_commands_is_refused(tmp_path: Path) -> None:
    place = discs.kaldi(tmp_path / "k", 10)
    lines = (place / "wav.scp").read_text()
    (place / "wav.scp").write_text(lines.replace("audio/s0-0.wav", "sph2pipe a.wv1 |"))
    with pytest.raises(BadInput, match="runs a command for s0-0"):
        kaldi.read(place)
    (place / "wav.scp").write_text(lines)
    write(place / "segments", "s0-0 rec 0 1\n")
    with pytest.raises(BadInput, match="segments"):
        kaldi.read(place)
    (place / "segments").unlink()
    (place / "text").unlink()
    with pytest.raises(BadInput, match="text is missing"):
        kaldi.read(place)


ROWS = [
    {"path": f"{n}.wav", "sentence": f"Take {n}, “please”", "client_id": f"s{n // 2}"}
    for n in range(20)
]


def as_table(rows: list[dict[str, str]], form: str) -> str:
    """Rows as a CSV, TSV or JSON-lines file."""
    if form == "jsonl":
        return "\n".join(map(json.dumps, rows))
    comma = {"csv": ",", "tsv": "\t"}[form]
    quote = '"' if form == "csv" else ""
    lines = [comma.join(rows[0])]
    return "\n".join(
        lines + [comma.join(f"{quote}{v}{quote}" for v in row.values()) for row in rows]
    )


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_a_folder_with_one_transcript_file(form: str, tmp_path: Path, store: Store) -> None:
    for number in range(20):
        write(tmp_path / "clips" / f"{number}.wav", encoded(tone(number), "wav"))
    file = write(tmp_path / f"all.{form}", as_table(ROWS, form))
    spec = core.find_speech(str(tmp_path), store=store)
    assert (spec.source, spec.train, spec.dev, spec.test) == ("transcripts", 16, 2, 2)
    corpus = computed(spec, store)[0]
    assert "please" in corpus.test.text(0)

    parts = ["train"] * 10 + ["validation"] * 4 + ["test"] * 6
    rows = [row | {"Split": part} for row, part in zip(ROWS, parts, strict=True)]
    file.write_text(as_table([*rows, rows[0] | {"path": "gone.wav"}], form))
    layout, listing = recordings.find(tmp_path)
    assert layout == "transcripts" and "its own splits" in listing.layout
    assert [len(listing.splits[split]) for split in ("train", "dev", "test")] == [10, 4, 6]
    assert len(listing.skipped) == 1 and "gone.wav" in listing.skipped[0]
    write(tmp_path / "more.csv", "path,text\n")
    with pytest.raises(BadInput, match="several transcript files"):
        recordings.find(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.csv", "clip,words\n1.wav,hello\n", "Row 1 of .* does not name a recording"),
        ("a.jsonl", '{"path": "1.wav", "text": "so"}\nnot JSON\n', "Row 2 .* no JSON object"),
        ("a.jsonl", "[1, 2]\n", "Row 1 .* no JSON object"),
        ("a.tsv", "", "is empty"),
    ],
)
def test_a_transcript_file_that_is_none(name: str, text: str, why: str, tmp_path: Path) -> None:
    write(tmp_path / name, text)
    with pytest.raises(BadInput, match=why):
        recordings.find(tmp_path)


def test_a_folder_of_something_else(tmp_path: Path, store: Store) -> None:
    with pytest.raises(BadInput, match="no layout that is known"):
        core.find_speech(str(tmp_path), store=store)
    with pytest.raises(BadInput, match="no speech corpus"):
        core.find_speech("wsj-speech", store=store)
    with pytest.raises(BadInput, match="no folder"):
        recordings.find(tmp_path / "x")
    with pytest.raises(BadInput, match="at least one"):
        core.find_speech("synthetic-speech", train=0, store=store)
    assert left_out([str(i) for i in range(30)], "file").endswith("18, 19, and 10 more")


# WSJ


@pytest.mark.parametrize(("flat", "upper"), [(False, False), (False, True), (True, False)])
def test_wsj_discs_in_every_layout(flat: bool, upper: bool, tmp_path: Path, store: Store) -> None:
    made = Wsj(tmp_path / "wsj", flat, upper)
    spec = core.find_speech(str(made.folder), store=store)
    assert (spec.name, spec.source) == ("wsj-speech", "wsj")
    assert (spec.train, spec.dev, spec.test) == (5, 2, 2)
    corpus, row = computed(spec, store)
    assert sorted(corpus.train.ids) == sorted([*Wsj.TRAIN0[:2], *Wsj.TRAIN1])  # without 401
    assert row["skipped"] == []
    said = {corpus.dev.ids[i]: corpus.dev.text(i) for i in range(2)}
    assert said == {"4k0c0301": "the cat sat, quietly.", "4k0c0302": "it rose percent point five"}
    heard = Recordings.from_bytes(store.artifacts.get(spec.audio("dev")) or b"")
    number = corpus.dev.ids.index("4k0c0302")
    assert np.array_equal(heard[number], tone(1))


def test_wsj_says_what_it_found_and_names_what_is_missing(tmp_path: Path) -> None:
    made = Wsj(tmp_path)
    made.path("13-1.1", "wsj1/si_tr_s/46n/46nc0202.wv1").unlink()
    made.path("11-4.1", "wsj0/transcrp/dots/440/440c0400.dot").write_text("Said (440c0402)\n")
    listing = wsj.read(tmp_path)
    assert "SI-284 has 5 of 37,416 utterances" in listing.layout
    assert "dev93 has 2 of 503" in listing.layout and "eval92 has 2 of 333" in listing.layout
    assert "11-13.1" in listing.layout and "13-34.1" in listing.layout
    assert sorted(listing.skipped) == [
        "440c0401: it has no transcript",
        "46nc0202: 13_1_1/wsj1/si_tr_s/46n/46nc0202.wv1 is missing",
    ]
    for disc, path in (entry for entries in wsj.INDEXES.values() for entry in entries):
        made.path(disc, path).unlink(missing_ok=True)
    with pytest.raises(BadInput, match="without") as refusal:
        wsj.read(tmp_path)
    for entries in wsj.INDEXES.values():
        for _, path in entries:
            assert path in str(refusal.value)
    with pytest.raises(BadInput, match="no WSJ discs"):
        wsj.Discs(tmp_path / "nothing").layout  # noqa: B018


def test_wsj_counts_are_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wsj, "EXPECTED", {"train": 5, "dev": 2, "test": 2})
    layout = wsj.read(Wsj(tmp_path).folder).layout
    assert "SI-284 has its 5 utterances, dev93 has its 2" in layout


@pytest.mark.parametrize(
    ("transcript", "vp", "said"),
    [
        ("Mr\\. Smith's *very* <short> no:te", "keep", "Mr. Smith's very short note"),
        ("well-known --DASH so", "keep", "well known dash so"),
        ("[<door_slam] one [phone_ring/] two [/phone_ring] . [cough] ~", "keep", "one two"),
        ("two .POINT five %PERCENT", "drop", "two point five percent"),
        ('yes ,COMMA "DOUBLE-QUOTE no .PERIOD', "keep", 'yes," no.'),
        ('yes ,COMMA "DOUBLE-QUOTE no .PERIOD', "word", "yes COMMA DOUBLE QUOTE no PERIOD"),
        ('yes ,COMMA "DOUBLE-QUOTE no .PERIOD', "drop", "yes no"),
        ("THE 'TIL 'SINGLE-QUOTE", "drop", "THE 'TIL"),
    ],
)
def test_wsj_transcripts(transcript: str, vp: wsj.Punctuation, said: str) -> None:
    assert wsj.spoken(transcript, vp) == said


def test_the_text_of_wsj_is_a_corpus_with_the_discs_own_splits(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Wsj(tmp_path / "discs")
    for file in made.folder.rglob("*.wv1"):
        file.unlink()  # the transcripts are enough
    monkeypatch.setenv(wsj.FOLDER, str(made.folder))
    monkeypatch.setattr(corpora, "NAMES", (*corpora.NAMES, "wsj"))
    spec = core.find_corpus("wsj", store=store)
    corpus = core.corpus(spec, store=store)
    assert [len(part) for part in corpus.splits.values()] == [5, 2, 2]
    assert corpora.source("wsj").segments == ("sentence",)
    assert "the cat sat, quietly." in corpus.sample()
    made.path("11-4.1", "wsj0/transcrp/dots/440/440c0400.dot").unlink()
    with pytest.raises(BadInput, match=r"2 utterances left out: 440c0401, 440c0402"):
        corpora.build("wsj")


# What strangers' recordings and folders are like


def pcm_wav(channels: int, samples: int = 2000) -> bytes:
    """A WAV file whose channels all hold the same tone."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(np.repeat(tone(0, samples / RATE), channels).tobytes())
    return file.getvalue()


@pytest.mark.parametrize("channels", [1, 2, 7, 8, 9, 16, 32])
def test_any_usual_number_of_channels_is_mixed(channels: int) -> None:
    samples = audio.read_upload(pcm_wav(channels), "array.wav")
    assert np.array_equal(audio.pcm(samples), tone(0, 2000 / RATE))


@pytest.mark.parametrize("channels", [33, 64, 65])
def test_too_many_channels_are_refused(channels: int) -> None:
    with pytest.raises(BadInput, match=rf"array.wav cannot be used, because it has {channels} "):
        audio.read_upload(pcm_wav(channels), "array.wav")


@pytest.mark.parametrize(
    ("whole", "data"), [(0x7FFFF024, 0x7FFFF000), (0xFFFFFFFF, 0xFFFFFFFF), (0, 0)]
)
def test_a_wav_from_a_pipe_does_not_say_how_long_it_is(whole: int, data: int) -> None:
    file = bytearray(wav(NOISY))
    file[4:8], file[40:44] = whole.to_bytes(4, "little"), data.to_bytes(4, "little")
    assert np.array_equal(audio.pcm(audio.read(io.BytesIO(file), 9)), NOISY)


def headed(data: bytes, **fields: str) -> bytes:
    """A SPHERE file with other lines for some fields of its header."""
    head = data[:1024].decode().split("end_head")[0]
    lines = [line for line in head.splitlines() if line.split()[0] not in fields]
    return "\n".join([*lines, *fields.values(), "end_head\n"]).encode().ljust(1024) + data[1024:]


@pytest.mark.parametrize(
    "coding",
    ["ulaw,embedded-shorten-v2.00", "pcm,embedded-wavpack", "pcm,embedded-shortpack-v0", "pculaw"],
)
def test_a_sphere_coding_that_is_not_read_is_named(coding: str) -> None:
    data = headed(sphere(NOISY), sample_coding=f"sample_coding -s{len(coding)} {coding}")
    with pytest.raises(BadInput, match=rf"SPHERE coding {coding} is not read.*sph2pipe.*w_decode"):
        audio.read_upload(data, "a.wv1")


def test_a_sphere_count_over_both_channels() -> None:
    twice = np.repeat(NOISY, 2)
    data = headed(
        sphere(twice, compressed=False),
        channel_count="channel_count -i 2",
        sample_count=f"sample_count -i {len(twice)}",
    )
    assert np.array_equal(audio.pcm(audio.read(io.BytesIO(data), 9)), NOISY)
    with pytest.raises(audio.Unreadable, match="ends after"):
        audio.read(io.BytesIO(data[:-4000]), 9)


def test_an_utterance_that_crashes_the_decoder_is_left_out_and_named(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = core.find_speech(
        str(discs.librispeech(tmp_path / "L", ("train-a", "dev-a", "test-a"), speakers=3)),
        store=store,
    )
    child = "tests.core.corpora.speech.crashing:decoded"
    monkeypatch.setattr(audio, "Child", lambda _, memory: Child(child, memory))
    corpus, row = computed(spec, store)
    assert row["skipped"] == ["tr1-7-0001: its reader crashed on it"]
    assert len(corpus.train) == 5 and len(corpus.dev) == len(corpus.test) == 6


@pytest.mark.parametrize("linked", ["11-4.1", "11-4.1/wsj0", "11-4.1/wsj0/transcrp"])
def test_wsj_behind_links(linked: str, tmp_path: Path) -> None:
    made = Wsj(tmp_path / "wsj")
    whole = wsj.read(made.folder).splits
    place = made.folder / linked
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    (made.folder / "11-4.1" / "loop").symlink_to(made.folder / "11-4.1")
    assert wsj.read(made.folder).splits == whole


def test_a_librispeech_that_has_been_on_other_machines(tmp_path: Path) -> None:
    place = discs.librispeech(tmp_path / "L", ("train-a", "dev-a", "test-a"), speakers=5)
    chapters = [place / "train-a" / f"tr{i}" / "7" for i in range(5)]
    write(chapters[0] / "._tr0-7.trans.txt", b"\0\5\x16\7Mac OS X" + bytes(99))
    write(chapters[1] / "tr1-7.trans.txt", b"")
    write(chapters[2] / "tr2-7.trans.txt", "tr2-7-0000 CAFÉ\ntr2-7-0001 SO\n".encode("latin-1"))
    write(chapters[3] / "tr3-7.trans.txt", "tr3-7-0000\tWITH A TAB\ntr3-7-0001 <unk> SO\n")
    for path in chapters[4].glob("*.flac"):
        path.rename(path.with_suffix(".wav"))
    listing = recordings.find(place)[1]
    texts = {utterance.id: utterance.text for utterance in listing.splits["train"]}
    assert texts == {
        "tr0-7-0000": "said by train",
        "tr0-7-0001": "said by train",
        "tr3-7-0000": "with a tab",
        "tr3-7-0001": "so",
        "tr4-7-0000": "said by train",
        "tr4-7-0001": "said by train",
    }
    assert [entry.split(":")[0] for entry in listing.skipped] == [
        f"tr{i}-7-000{j}" for i in (1, 2) for j in (0, 1)
    ]
    assert "is empty" in listing.skipped[0] and "not UTF-8 text (line 1)" in listing.skipped[2]


def test_the_folder_above_librispeech_and_one_part_of_it(tmp_path: Path) -> None:
    parts = ("train-a", "dev-a", "test-a")
    place = discs.librispeech(tmp_path / "corpora" / "L", parts, speakers=4)
    inside, above = (recordings.find(folder) for folder in (place, tmp_path / "corpora"))
    assert inside[0] == above[0] == "librispeech"
    assert [len(above[1].splits[split]) for split in ("train", "dev", "test")] == [8, 8, 8]
    one = recordings.find(place / "train-a")[1]
    assert (
        sum(map(len, one.splits.values())) == 8 and "LibriSpeech layout with train-a" in one.layout
    )


def test_kaldi_pipes_of_its_own_recipes_are_read_without_running_them(
    tmp_path: Path, store: Store
) -> None:
    place = discs.kaldi(tmp_path / "k", 10)
    write(place / "audio" / "s0-0.flac", encoded(tone(0), "flac"))
    write(place / "audio" / "s0-1.wv1", sphere(tone(1)))
    lines = (place / "wav.scp").read_text()
    lines = lines.replace("audio/s0-0.wav", "flac -c -d -s audio/s0-0.flac |")
    lines = lines.replace("audio/s0-1.wav", "/opt/sph2pipe -f wav audio/s0-1.wv1|")
    (place / "wav.scp").write_text(lines)
    listing = kaldi.read(place)
    assert {u.path for part in listing.splits.values() for u in part} >= {
        "audio/s0-0.flac",
        "audio/s0-1.wv1",
    }
    for command in ("flac -c -d -s $(id) x |", "sph2pipe -f wav x; id |", "flac -c -d -s x | id |"):
        (place / "wav.scp").write_text(lines.replace("audio/s1-0.wav", command))
        with pytest.raises(BadInput, match="runs a command for s1-0"):
            kaldi.read(place)
    (place / "wav.scp").write_text(lines)
    (place / "text").write_bytes("s0-0 café\n".encode("latin-1"))
    with pytest.raises(BadInput, match=r"s0-0: its transcript cannot be used: .*not UTF-8"):
        kaldi.read(place)


def test_what_the_system_refuses_and_names_that_are_no_text(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = discs.librispeech(tmp_path / "L", ("train-a", "dev-a", "test-a"))
    chapter = place / "train-a" / "tr0"
    os.rename(os.fsencode(chapter), os.fsencode(place / "train-a") + b"/\xff")
    listing = recordings.find(place)[1]
    assert len(listing.splits["train"]) == 2 and len(listing.skipped) == 2
    assert "the name of its file is not UTF-8 text" in listing.skipped[0]
    assert json.loads(listing.to_bytes()) and "\n".join(listing.skipped).encode()
    with pytest.raises(BadInput, match=r"The name .*udcff is not UTF-8"):
        core.find_speech(os.fsdecode(os.fsencode(place / "train-a") + b"/\xff"), store=store)
    with pytest.raises(BadInput, match=r"The name .*udcff\.txt is not UTF-8"):
        core.find_corpus("\udcff.txt", store=store)

    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(BadInput, match=r"L cannot be read: Permission denied\. Change that"):
        recordings.find(place)
