"""Uploads that something has changed: each is taken, or refused in one sentence."""

from __future__ import annotations

import faulthandler
import io
import json
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from core.errors import BadInput
from tests.faults.tally import Tally

ROOT = Path(__file__).parents[2]
MEMORY, SECONDS = 6 << 30, 20  # what one upload may take
LONGEST = 600  # characters of the sentence that refuses one

TEXT = "\n\n".join(f"{n} green bottles\nhanging on the wall, and {n + 1} more." for n in range(60))


def mutated(folder: Path, tries: int, seed: int) -> Tally:
    """Good uploads of every kind with some bytes changed."""
    return _read("mutated", tries, seed)


def generated(folder: Path, tries: int, seed: int) -> Tally:
    """Texts and sounds in turn, drawn with whatever a stranger's may hold."""
    return _read("generated", tries, seed)


def _read(source: str, tries: int, seed: int) -> Tally:
    """Each upload is read in another process, so that one that kills the reader is found, too."""
    tally, taken, start = Tally(), 0, 0
    while start < tries:
        numbers = map(str, (seed, start, tries))
        command = [sys.executable, "-m", "tests.faults.uploads", source, *numbers]
        reader = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert reader.stdout is not None
        for line in reader.stdout:
            number, outcome = json.loads(line)
            start = number + 1
            taken += outcome == "taken"
            if outcome not in ("taken", "refused"):
                tally.lost.append(f"upload {number} of seed {seed}: {outcome}")
        if reader.wait():
            code = reader.returncode
            tally.lost.append(f"upload {start} of seed {seed}: the reader died ({code})")
            start += 1
    tally.tried = tries
    tally.note = f"seed {seed}; {taken:,} were still good and taken"
    return tally


def mutate(data: bytes, chance: random.Random) -> bytes:
    """One to eight changes: bytes set, cut out, doubled, zeroed, swapped in number or cut off."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        if not changed:
            break
        # Half of the changes hit the beginning, where the headers are.
        place = chance.randrange(min(len(changed), chance.choice((200, len(changed)))))
        length = chance.choice((1, 1, 2, 4, 8, 100))
        match chance.randrange(7):
            case 0:
                changed[place] = chance.randrange(256)
            case 1:
                changed[place] ^= 1 << chance.randrange(8)
            case 2:
                del changed[place : place + length]
            case 3:
                changed[place:place] = changed[place : place + length]
            case 4:
                changed[place : place + length] = chance.choice((b"\0", b"\xff")) * length
            case 5:
                changed[place : place + 1] = chance.choice(
                    (b"-1", b"9" * 20, b"1e309", b"NaN", b'"', b"{", b"]", b"\xef\xbb\xbf")
                )
            case 6:
                del changed[chance.randrange(len(changed)) :]
    return bytes(changed)


@cache
def readers() -> list[tuple[bytes, Callable[[bytes], Any]]]:
    """A good upload of every kind, and what reads it."""
    from core.corpora.speech.utterances import wav
    from core.models.imported import reader
    from tests.core.corpora.speech.discs import encoded, tone
    from tests.core.corpora.speech.shorten import sphere
    from tests.core.elsewhere import Theirs, files

    weights, description = files(Theirs(hidden=8, embedding=4))
    said = tone(1, 0.5)
    return [
        (TEXT.encode(), _text),
        (weights, lambda data: reader.read(data, description, "a model")),
        (description, lambda data: reader.read(weights, data, "a model")),
        (wav(said), _sound),
        (sphere(said), _sound),
        (encoded(said, "flac"), _sound),
    ]


def _text(data: bytes) -> None:
    from core.corpora import textfile

    textfile.from_text(data, "a text")


def _sound(data: bytes) -> None:
    """Decoded in this process: what crashes the decoder is a fault, though the app would live."""
    from core.corpora.speech import audio

    try:
        audio.read(io.BytesIO(data), audio.LONGEST)
    except audio.Unreadable as problem:
        raise BadInput(str(problem)) from problem


def upload(source: str, number: int, seed: int) -> tuple[bytes, Callable[[bytes], Any]]:
    """One upload, and what reads it."""
    chance = random.Random(f"{seed} {number}")
    if source == "mutated":
        kinds = readers()
        data, read = kinds[number % len(kinds)]
        return mutate(data, chance), read
    from tests.core.corpora import foreign

    return (foreign.sound(chance), _sound) if number % 2 else (foreign.text(chance), _text)


def outcome(read: Callable[[bytes], Any], data: bytes) -> str:
    """taken, refused, or what went wrong."""
    signal.alarm(SECONDS)
    try:
        read(data)
    except BadInput as refusal:
        sentence = str(refusal)
        plain = 0 < len(sentence) <= LONGEST and "Traceback" not in sentence
        return "refused" if plain else f"refused with {sentence[:LONGEST]!r}"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:LONGEST]
    finally:
        signal.alarm(0)
    return "taken"


def main(source: str, seed: int, start: int, end: int) -> None:
    def late(*_: Any) -> None:
        raise TimeoutError(f"not read within {SECONDS} s")

    faulthandler.enable()
    signal.signal(signal.SIGALRM, late)
    upload(source, 0, seed)  # loads what reading takes
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for number in range(start, end):
        data, read = upload(source, number, seed)
        print(json.dumps([number, outcome(read, data)]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
