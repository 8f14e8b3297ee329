"""Bytes that change on disk: what is read afterwards is right or missing, never wrong."""

from __future__ import annotations

import logging
import pickle
import random
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from core.store import Store
from core.store.artifacts import Artifacts
from tests.core.store.test_artifacts import Trap, plant
from tests.core.store.test_tables import result
from tests.faults.tally import Tally

SMALL, BIG = b"weights " * 100, bytes(range(256)) * 129  # inside the index; in a file of its own
TABLES = ("signatures", "recall", "confusion")


def entries(folder: Path, tries: int, seed: int) -> Tally:
    """Flips a bit of each byte of an entry's file in turn, then cuts it at each length."""
    artifacts = Artifacts(folder)
    artifacts.put("big", BIG)
    (good,) = (path.read_bytes() for path in folder.glob("??/??/*.val"))

    def check(harmed: bytes) -> Iterator[str]:
        (path,) = folder.glob("??/??/*.val")
        path.write_bytes(harmed)
        yield from _mended(artifacts, {"big": BIG})

    tally = _harm(good, tries, seed, check)
    tally.note = f"an entry of {len(BIG):,} bytes and its header"
    return tally


def index(folder: Path, tries: int, seed: int) -> Tally:
    """The same of the index, which holds the names and the small entries."""
    good, place = folder / "good", folder / "harmed"
    artifacts, values = Artifacts(good), {"small": SMALL, "big": BIG}
    for key, value in values.items():
        artifacts.put(key, value)
    artifacts.close()

    def check(harmed: bytes) -> Iterator[str]:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(good, place)
        (place / "cache.db").write_bytes(harmed)
        again = Artifacts(place)
        yield from _mended(again, values)
        again.close()

    return _harm((good / "cache.db").read_bytes(), tries, seed, check)


def published(folder: Path, tries: int, seed: int) -> Tally:
    """The same of the tables that are read: every row is still what was written."""
    good, places = folder / "good", count()
    store = Store(good)
    store.take_in(result("x"))
    truth = rows(store)
    name = store.tables.newest().name
    del store
    data = (good / "published" / name).read_bytes()

    def check(harmed: bytes) -> Iterator[str]:
        place = folder / str(next(places))  # a path of its own: what is open is not read again
        shutil.copytree(good, place)
        (place / "published" / name).write_bytes(harmed)
        if rows(Store(place)) != truth:
            yield "other rows were read"
        shutil.rmtree(place)

    tally = _harm(data, tries, seed, check)
    tally.note = f"a database of {len(data):,} bytes"
    return tally


def _mended(artifacts: Artifacts, values: dict[str, bytes]) -> Iterator[str]:
    """What is wrong with entries that may be gone, and can be put in again."""
    for key, value in values.items():
        if artifacts.get(key) not in (None, value):
            yield "other bytes were read"
        artifacts.put(key, value)
        if artifacts.get(key) != value:
            yield "the entry could not be written again"


def _harm(data: bytes, tries: int, seed: int, check: Callable[[bytes], Iterator[str]]) -> Tally:
    """Checks `data` harmed in every way; an exception is a loss like any other."""
    logging.getLogger("core.store").setLevel(logging.ERROR)
    tally = Tally()
    for what, harmed in harms(data, tries, seed):
        try:
            tally.lost += [f"{what}: {wrong}" for wrong in check(harmed)]
        except Exception as error:
            tally.lost.append(f"{what}: {type(error).__name__}: {error}")
        tally.tried += 1
    return tally


def rows(store: Store) -> dict[str, list[Any]]:
    return {table: store.query(f"FROM {table} ORDER BY ALL").rows() for table in TABLES}


def harms(data: bytes, tries: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Flips of one bit and truncations, half and half: everywhere, or at places drawn evenly."""
    chance = random.Random(seed)
    half = min(tries // 2, len(data))
    for what in ("flip", "cut"):
        for place in sorted(chance.sample(range(len(data)), half)):
            if what == "flip":
                changed = bytes([data[place] ^ 1 << chance.randrange(8)])
                yield f"flip at {place}", data[:place] + changed + data[place + 1 :]
            else:
                yield f"cut at {place}", data[:place]


def pickles(folder: Path, tries: int, seed: int) -> Tally:
    """Rows of the index in each of the library's five storage modes, as value, file and key."""
    logging.getLogger("core.store").setLevel(logging.ERROR)
    tally = Tally()
    trap = folder / "sprung"
    bomb = pickle.dumps(Trap(trap))
    for mode in range(5):
        for where in ("value", "file", "key"):
            place = folder / f"{tally.tried}"
            artifacts = Artifacts(place)
            artifacts.put("good", BIG)
            name = f"ab/cd/{tally.tried:028x}.val"
            (place / name).parent.mkdir(parents=True)
            (place / name).write_bytes(bomb)
            row = {
                "value": ("key", 1, mode, None, bomb),
                "file": ("key", 1, mode, name, None),
                "key": (bomb, 0, mode, None, b"x"),
            }[where]
            plant(artifacts, *row)
            again = Artifacts(place)
            if again.get("key") is not None or again.get("good") != BIG:
                tally.lost.append(f"{where} in mode {mode}: wrong bytes were read")
            again.keys()
            again.size()
            if trap.exists():
                tally.lost.append(f"{where} in mode {mode}: it was unpickled")
                trap.unlink()
            tally.tried += 1
    return tally
