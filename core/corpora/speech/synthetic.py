"""Synthetic speech: phrases of `sotu` over its frequent words, to be spoken by eSpeak NG.

The phrases, voices, rates and pitches are drawn from a seed; no phrase is in two splits.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from importlib import metadata

from core import corpora
from core.corpora import sotu
from core.corpora.corpus import SPLITS
from core.corpora.speech.espeak import VOICES, Sentence
from core.corpora.speech.spec import SpeechSpec
from core.errors import BadInput
from core.spec import VERSIONS
from core.text import decode

NAME = "synthetic-speech"
WORDS = 700  # of the vocabulary: the most frequent ones
LENGTHS = (2, 3, 4, 5)  # words of a phrase
RATES = (130, 185)  # words a minute, from and to
PITCHES = (30, 70)  # of eSpeak's 0 to 99

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")


def spec(
    train: int = 3000, dev: int = 300, test: int = 1000, voices: int = 1, seed: int = 0
) -> SpeechSpec:
    """The spec of so many phrases in each split, by so many voices; BadInput if there are not."""
    if not 1 <= voices <= len(VOICES):
        raise BadInput(f"Synthetic speech has 1 to {len(VOICES)} voices: choose among them.")
    if min(train, dev, test) < 1:
        raise BadInput("Each split of synthetic speech needs at least one phrase.")
    engine = f"espeakng-loader {metadata.version('espeakng-loader')}"
    recipe = f"{sotu.REQUIREMENT} {VERSIONS['corpus']} {engine} {WORDS} {LENGTHS} {RATES} {PITCHES}"
    return SpeechSpec(
        name=NAME,
        source="synthetic",
        content=hashlib.sha256(recipe.encode()).hexdigest(),
        train=train,
        dev=dev,
        test=test,
        voices=voices,
        seed=seed,
    )


def sentences(spec: SpeechSpec) -> dict[str, list[Sentence]]:
    """The phrases of each split; BadInput if the addresses do not hold so many."""
    draw = random.Random(spec.seed)
    wanted = {"train": spec.train, "dev": spec.dev, "test": spec.test}
    phrases = list(dict.fromkeys(phrase for run in _runs() for phrase in _cut(run, draw)))
    if len(phrases) < sum(wanted.values()):
        raise BadInput(f"Synthetic speech has at most {len(phrases):,} phrases: ask for fewer.")
    draw.shuffle(phrases)
    splits, rest = {}, iter(phrases)
    for split in SPLITS:
        splits[split] = [
            Sentence(
                text=next(rest),
                voice=draw.choice(VOICES[: spec.voices]),
                rate=draw.randint(*RATES),
                pitch=draw.randint(*PITCHES),
            )
            for _ in range(wanted[split])
        ]
    return splits


@lru_cache
def _runs() -> list[list[str]]:
    """The addresses cut into runs of frequent words; all others and all marks are cuts."""
    corpus = corpora.build("sotu")
    texts = [decode(segment) for part in corpus.splits.values() for segment in part]
    counts = Counter(word for text in texts for word in _WORD.findall(text))
    # In the order of the alphabet where counts are equal, so that the vocabulary is one.
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    vocabulary = set([word for word in ranked if len(word) > 1 or word in "ai"][:WORDS])
    runs: list[list[str]] = [[]]
    for text in texts:
        for clause in re.split(r"[.,#]", text):
            for word in clause.split():
                if word in vocabulary:
                    runs[-1].append(word)
                elif runs[-1]:
                    runs.append([])
            if runs[-1]:
                runs.append([])
    return runs


def _cut(run: list[str], draw: random.Random) -> Iterator[str]:
    """The run of words in pieces of a drawn length; what is left over is dropped."""
    while len(run) >= LENGTHS[0]:
        length = draw.choice(LENGTHS)
        if length <= len(run):
            yield " ".join(run[:length])
        run = run[length:]
