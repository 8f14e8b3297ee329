"""Speech synthesized by eSpeak NG, in a process of its own that runs this file.

The same sentences give the same bytes only in a fresh process and in the same order, because the
library carries state from one sentence to the next. So each list is spoken by one child that reads
it as JSON and writes, for every sentence, a line of JSON and then the samples. The library is
GPL-3 and comes with the package espeakng-loader; it is loaded at run time.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

RATE = 22_050  # of eSpeak's own samples

# English voices, the default first; a variant after the plus changes the speaker.
VOICES = (
    "en-us",
    "en-us+f2",
    "en-us+m3",
    "en-us+f4",
    "en-us+m7",
    "en",
    "en+f3",
    "en+m2",
    "en-gb-scotland",
    "en-gb-x-rp+f5",
    "en-us-nyc",
    "en-029+m4",
)


class Sentence(NamedTuple):
    """A text and how it is spoken; rate in words a minute, pitch from 0 to 99."""

    text: str
    voice: str
    rate: int
    pitch: int


class Spoken(NamedTuple):
    """samples: int16 at `RATE`. words: of each word its first character and onset in ms."""

    samples: np.ndarray
    words: list[tuple[int, int]]


def speak(sentences: Sequence[Sentence]) -> Iterator[Spoken]:
    """The sentences one by one, spoken by a fresh process."""
    # The file alone, isolated: the package around it takes longer to load than eSpeak to speak.
    child = subprocess.Popen(
        [sys.executable, "-I", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin and child.stdout
    try:
        with child.stdin as pipe:
            pipe.write(json.dumps(sentences).encode())
        for _ in sentences:
            head = child.stdout.readline()
            if not head:
                raise RuntimeError("eSpeak NG ended before it had said everything")
            answer = json.loads(head)
            samples = np.frombuffer(child.stdout.read(2 * answer["samples"]), dtype="<i2")
            yield Spoken(samples, [(first, onset) for first, onset in answer["words"]])
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


# The child. Names and numbers are those of espeak_ng/speak_lib.h.

_SYNCHRONOUS, _DONT_EXIT = 2, 0x8000
_RATE, _PITCH = 1, 3
_CHARS_UTF8 = 1
_WORD = 1


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class _Engine:
    """The library, ready to speak."""

    def __init__(self) -> None:
        import espeakng_loader

        self.library: Any = espeakng_loader.load_library()
        self.library.espeak_SetVoiceByName.argtypes = (ctypes.c_char_p,)
        data = Path(espeakng_loader.get_data_path())
        os.chdir(data.parent)  # the library cuts long paths short
        if self.library.espeak_Initialize(_SYNCHRONOUS, 0, b".", _DONT_EXIT) != RATE:
            raise RuntimeError("eSpeak NG does not start, or at another rate")
        self.library.espeak_ng_SetRandSeed(ctypes.c_long(0))  # of breath; it starts from the clock
        self.samples, self.words = bytearray(), list[tuple[int, int]]()
        self.callback = _Callback(self._receive)  # kept: the library holds only its address
        self.library.espeak_SetSynthCallback(self.callback)

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self.samples += ctypes.string_at(samples, 2 * count)
        number = 0
        while events[number].type:
            event = events[number]
            if event.type == _WORD:
                self.words.append((event.text_position - 1, event.audio_position))
            number += 1
        return 0

    def say(self, sentence: Sentence) -> tuple[bytes, list[tuple[int, int]]]:
        """Little-endian int16 samples, and the words of `Spoken`."""
        self.samples, self.words = bytearray(), []
        if self.library.espeak_SetVoiceByName(sentence.voice.encode()):
            raise RuntimeError(f"eSpeak NG has no voice {sentence.voice}")
        self.library.espeak_SetParameter(_RATE, sentence.rate, 0)
        self.library.espeak_SetParameter(_PITCH, sentence.pitch, 0)
        text = sentence.text.encode()
        size = ctypes.c_size_t(len(text) + 1)
        self.library.espeak_Synth(text, size, 0, 1, 0, _CHARS_UTF8, None, None)
        return bytes(self.samples), self.words


def _serve(asked: BinaryIO, answers: BinaryIO) -> None:
    engine = _Engine()
    for fields in json.load(asked):
        samples, words = engine.say(Sentence(*fields))
        head = {"samples": len(samples) // 2, "words": words}
        answers.write(json.dumps(head).encode() + b"\n" + samples)
    answers.flush()


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
