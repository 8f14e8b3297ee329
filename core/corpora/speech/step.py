"""Speech corpora: audio, recorded or synthesized, becomes log-mel frames in parts of bounded size.

Each part is stored as soon as it is finished, so that a long corpus is never in memory as a whole
and an interrupted run goes on with the first missing part.
"""

from __future__ import annotations

import datetime
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from core import machine
from core.corpora.corpus import SPLITS
from core.corpora.speech import audio, espeak, synthetic
from core.corpora.speech.listing import Listing, left_out
from core.corpora.speech.logmel import log_mel
from core.corpora.speech.spec import SHARD, SpeechSpec
from core.corpora.speech.utterances import Recordings, Utterances
from core.errors import BadInput
from core.step import Inputs, Progress, Result
from core.text import encode
from core.training.checkpoints import Checkpoint

LONGEST = 40.0  # seconds of a recording; a longer one is skipped, for it would fill a minibatch
AUDIBLE = 200  # recordings of dev and of test that are stored to be listened to
SAMPLE = 5  # utterances shown to people
FEW = 10  # unreadable recordings that a part of the train split may have, however small it is


@dataclass
class RawUtterance:
    """One utterance before its frames are computed.

    samples: float32 [samples] at 16 kHz, or why there are none. words: int32 [words, 2], of each
    word whose time is known its first symbol and its onset in milliseconds.
    """

    id: str
    text: str
    samples: np.ndarray | audio.Unreadable
    words: np.ndarray


# The utterances of a split from one number up to another.
Read = Callable[[str, int, int], Iterator[RawUtterance]]


def read_speech(
    spec: SpeechSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """Computes the parts of a speech corpus that are missing, and counts what is in all of them."""
    machine.settle(most=1)  # a frame is too little work to share, and eSpeak wants a core
    started = time.monotonic()
    read, missing = _synthetic(spec) if spec.source == "synthetic" else _recorded(spec, inputs)
    total, done, counts = spec.train + spec.dev + spec.test, 0, _Counts(missing)
    for key, split, first, last in _parts(spec):
        if key not in inputs:
            utterances = _reporting(read(split, first, last), done, total, progress)
            for name, data in _part(spec, key, split, utterances).items():
                inputs[name] = data
        counts.add(split, Utterances.from_bytes(inputs[key]))
        done += last - first
    row = {
        "key": spec.key,
        "name": spec.name,
        "kind": spec.kind,
        "segment": "utterance",
        "segments": counts.segments,
        "symbols": sum(counts.symbols.values()),
        **{f"{split}_symbols": counts.symbols[split] for split in SPLITS},
        "sample": "\n".join(counts.sample),
        "added": datetime.datetime.now(datetime.UTC).replace(tzinfo=None),
        "hours": counts.hours,
        "skipped": counts.skipped,
        "seconds": time.monotonic() - started,
        "machine": machine.name(),
        "spec": spec.model_dump_json(),
    }
    return Result(
        {"corpora": pl.DataFrame([row], schema_overrides={"skipped": pl.List(pl.String)})}
    )


class _Counts:
    """The counts in the row of a corpus, over its parts, which are not in memory together."""

    def __init__(self, missing: list[str]) -> None:
        self.segments, self.hours = 0, 0.0
        self.symbols = dict.fromkeys(SPLITS, 0)
        self.sample: list[str] = []
        self.skipped = list(missing)

    def add(self, split: str, part: Utterances) -> None:
        self.segments += len(part)
        self.hours += part.hours
        self.symbols[split] += len(part.symbols)
        self.sample += [part.text(i) for i in range(min(SAMPLE - len(self.sample), len(part)))]
        self.skipped += part.skipped


def _parts(spec: SpeechSpec) -> Iterator[tuple[str, str, int, int]]:
    """Artifact key, split, and the numbers of its first utterance and of the one after its last."""
    for number, key in enumerate(spec.shards):
        yield key, "train", number * SHARD, min((number + 1) * SHARD, spec.train)
    yield spec.part("dev"), "dev", 0, spec.dev
    yield spec.part("test"), "test", 0, spec.test


def _reporting(
    utterances: Iterator[RawUtterance], done: int, total: int, progress: Progress
) -> Iterator[RawUtterance]:
    """The same utterances; reports how far they are among those of the whole corpus."""
    for number, utterance in enumerate(utterances, done):
        progress(number / total, f"utterance {number + 1:,} of {total:,}")
        yield utterance


def _part(
    spec: SpeechSpec, key: str, split: str, utterances: Iterator[RawUtterance]
) -> dict[str, bytes]:
    """The artifacts of one part: of dev and test its recordings first, then its utterances.

    Raises BadInput if most of it cannot be read: such a part is not worth keeping.
    """
    usable, skipped = list[RawUtterance](), list[str]()
    frames, recordings = list[np.ndarray](), list[np.ndarray]()
    for utterance in utterances:
        if isinstance(utterance.samples, audio.Unreadable):
            skipped.append(f"{utterance.id}: {utterance.samples}")
            continue
        frames.append(log_mel(utterance.samples, spec.mels))
        if split != "train" and len(recordings) < AUDIBLE:
            recordings.append(audio.pcm(utterance.samples))
        utterance.samples = utterance.samples[:0]
        usable.append(utterance)
    whole = split != "train" or len(spec.shards) == 1
    if len(skipped) > len(usable) and (whole or len(skipped) > FEW):
        raise BadInput(
            f"Most recordings of {spec.name} cannot be read; {left_out(skipped, 'utterance')}: put "
            "the folder right and ask again."
        )
    stored = Utterances.of(
        frames,
        [encode(utterance.text) for utterance in usable],
        [utterance.words for utterance in usable],
        [utterance.id for utterance in usable],
        spec.mels,
        skipped,
    )
    own = {key: stored.to_bytes()}
    if split == "train":
        return own
    return {f"{spec.key}/audio/{split}": Recordings.of(recordings).to_bytes()} | own


def _synthetic(spec: SpeechSpec) -> tuple[Read, list[str]]:
    """Synthetic speech, each part spoken by a process of its own; nothing is missing."""
    phrases = synthetic.sentences(spec)

    def read(split: str, first: int, last: int) -> Iterator[RawUtterance]:
        sentences = phrases[split][first:last]
        spoken = zip(sentences, espeak.speak(sentences), strict=True)
        for number, (sentence, answer) in enumerate(spoken, first):
            samples = audio.resample(answer.samples, espeak.RATE)
            words = np.array(answer.words, dtype=np.int32).reshape(-1, 2)
            yield RawUtterance(f"{split}-{number:05}", sentence.text, samples, words)

    return read, []


def _recorded(spec: SpeechSpec, inputs: Inputs) -> tuple[Read, list[str]]:
    """Recordings in an order shuffled by the spec's seed, and what the listing says is missing."""
    listed, place = Listing.from_bytes(inputs[spec.content]), Path(spec.place)
    if not place.is_dir():
        raise BadInput(f"The folder {place} of {spec.name} is not there: bring it back.")
    for utterances in listed.splits.values():
        random.Random(spec.seed).shuffle(utterances)

    def read(split: str, first: int, last: int) -> Iterator[RawUtterance]:
        untimed = np.zeros((0, 2), dtype=np.int32)
        with audio.Reader() as reader:
            for utterance in listed.splits[split][first:last]:
                samples: np.ndarray | audio.Unreadable
                try:
                    samples = reader.read(place / utterance.path, LONGEST)
                except audio.Unreadable as problem:
                    samples = problem
                yield RawUtterance(utterance.id, utterance.text, samples, untimed)

    return read, listed.skipped
