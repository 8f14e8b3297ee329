"""Toy speech: every letter sounds like itself, so that a recognizer of seconds can know it."""

from __future__ import annotations

import numpy as np

from core.corpora.speech.spec import SpeechSpec
from core.corpora.speech.utterances import HOP_MS, SpeechCorpus, Utterances
from core.models.las.builders import las_spec
from core.models.las.spec import LasSpec

LETTERS, MELS = 6, 16


def utterances(count: int, seed: int) -> Utterances:
    """3 to 7 letters, no letter twice in a row, 50 to 90 ms each, a word every two letters."""
    sounds = np.random.default_rng(99).normal(-5, 2, (LETTERS, MELS))
    generator = np.random.default_rng(seed)
    frames, symbols, words = [], [], []
    for _ in range(count):
        steps = generator.integers(1, LETTERS, generator.integers(3, 8))
        said = steps.cumsum() % LETTERS
        lengths = generator.integers(5, 10, len(said))
        clean = np.repeat(sounds[said], lengths, 0)
        frames.append(clean + generator.normal(0, 0.5, clean.shape))
        symbols.append(said)
        first = np.arange(0, len(said), 2)
        words.append(np.stack([first, (lengths.cumsum() - lengths)[first] * HOP_MS], 1))
    return Utterances.of(frames, symbols, words, [str(i) for i in range(count)], MELS)


def corpus(train: int = 400, held_out: int = 40) -> SpeechCorpus:
    spec = SpeechSpec(
        name="toy",
        source="synthetic",
        content="0" * 64,
        train=train,
        dev=held_out,
        test=held_out,
        mels=MELS,
    )
    sizes = (train, held_out, held_out)
    keys = (spec.shards[0], spec.part("dev"), spec.part("test"))
    parts = {
        key: utterances(size, seed).to_bytes()
        for seed, (key, size) in enumerate(zip(keys, sizes, strict=True))
    }
    return SpeechCorpus(spec, parts)


def model(corpus: SpeechCorpus, **budget: object) -> LasSpec:
    """A small recognizer of it; budget: changes to smoke's."""
    spec = las_spec(corpus.spec, "smoke")
    changed = {"epochs": 12, "batch": 200, "learning_rate": 1e-2, "patience": 12, **budget}
    sizes = {"units": 24, "attention": 24, "speller": 48}
    return spec.model_copy(update={"budget": spec.budget.model_copy(update=changed), **sizes})
