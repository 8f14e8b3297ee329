"""Generated texts and sounds: each is taken, or refused in one sentence, by a reader that lives."""

from __future__ import annotations

import random

import pytest

from core.corpora import textfile
from core.corpora.speech import audio
from core.errors import BadInput
from tests.core.corpora import foreign

TRIES, SEED = 200, 0


def test_generated_texts() -> None:
    taken = 0
    for number in range(TRIES):
        try:
            corpus = textfile.from_text(foreign.text(random.Random(f"{SEED} {number}")), "a text")
        except BadInput as refusal:
            assert "\n" not in str(refusal) and len(str(refusal)) < 400
        else:
            taken += 1
            assert corpus.kept is not None and corpus.kept >= textfile.LEAST
    assert 20 < taken < TRIES - 20  # of both kinds there are some


@pytest.mark.slow
def test_generated_sounds_never_crash_the_decoder() -> None:
    taken = 0
    with audio.Reader() as reader:
        for number in range(TRIES):
            try:
                samples = reader.read(foreign.sound(random.Random(f"{SEED} {number}")), 30)
            except audio.Unreadable as refusal:
                assert "crashed" not in str(refusal) and "failed" not in str(refusal), number
            else:
                taken += 1
                assert samples.ndim == 1 and len(samples) <= 31 * audio.RATE
    assert 10 < taken < TRIES - 10
