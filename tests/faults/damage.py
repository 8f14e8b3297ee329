"""Bytes that change on disk: what is read afterwards is right or missing, never wrong."""

from __future__ import annotations

import logging
import pickle
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.store import Store
from core.store.artifacts import Artifacts
from tests.core.test_tables import result
from tests.faults.tally import Tally

SMALL, BIG = b"weights " * 100, bytes(range(256)) * 129  # inside the index; in a file of its own
TABLES = ("signatures", "recall", "confusion")


def entries(folder: Path, tries: int, seed: int) -> Tally:
    """Flips a bit of each byte of an entry's file in turn, then cuts it at each length."""
    logging.getLogger("core.store").setLevel(logging.ERROR)
    tally = Tally(note=f"an entry of {len(BIG):,} bytes and its header")
    artifacts = Artifacts(folder)
    artifacts.put("big", BIG)
    (good,) = (path.read_bytes() for path in folder.glob("??/??/*.val"))
    for what, harmed in harms(good, tries, seed):
        (path,) = folder.glob("??/??/*.val")
        path.write_bytes(harmed)
        if artifacts.get("big") not in (None, BIG):
            tally.lost.append(f"{what}: other bytes were read")
        artifacts.put("big", BIG)
        if artifacts.get("big") != BIG:
            tally.lost.append(f"{what}: the entry could not be written again")
        tally.tried += 1
    return tally


def index(folder: Path, tries: int, seed: int) -> Tally:
    """The same of the index, which holds the names and the small entries."""
    logging.getLogger("core.store").setLevel(logging.ERROR)
    tally, good = Tally(), folder / "good"
    artifacts = Artifacts(good)
    artifacts.put("small", SMALL)
    artifacts.put("big", BIG)
    artifacts.close()
    database = (good / "cache.db").read_bytes()
    for what, harmed in harms(database, tries, seed):
        place = folder / "harmed"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(good, place)
        (place / "cache.db").write_bytes(harmed)
        try:
            again = Artifacts(place)
            for key, value in (("small", SMALL), ("big", BIG)):
                if again.get(key) not in (None, value):
                    tally.lost.append(f"{what}: other bytes were read")
                again.put(key, value)
                if again.get(key) != value:
                    tally.lost.append(f"{what}: the entry could not be written again")
            again.close()
        except Exception as error:
            tally.lost.append(f"{what}: {type(error).__name__}: {error}")
        tally.tried += 1
    return tally


def published(folder: Path, tries: int, seed: int) -> Tally:
    """The same of the tables that are read: every row is still what was written."""
    logging.getLogger("core.store").setLevel(logging.ERROR)
    tally, good = Tally(), folder / "good"
    store = Store(good)
    store.take_in(result("x"))
    truth = rows(store)
    name = store.tables.newest().name
    del store
    data = (good / "published" / name).read_bytes()
    tally.note = f"a database of {len(data):,} bytes"
    for what, harmed in harms(data, tries, seed):
        place = folder / f"harmed{tally.tried}"  # a path of its own: what is open is not read again
        shutil.copytree(good, place)
        (place / "published" / name).write_bytes(harmed)
        try:
            if rows(Store(place)) != truth:
                tally.lost.append(f"{what}: other rows were read")
        except Exception as error:
            tally.lost.append(f"{what}: {type(error).__name__}: {error}")
        shutil.rmtree(place)
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


class Trap:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


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
            with sqlite3.connect(place / "cache.db") as planted:
                planted.execute(
                    "INSERT INTO Cache(key, raw, store_time, access_time, size, mode, filename,"
                    " value) VALUES (?, ?, 0, 0, 0, ?, ?, ?)",
                    row,
                )
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
