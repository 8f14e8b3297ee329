"""Artifacts: bytes come back as they went in, or not at all; nothing is ever unpickled."""

from __future__ import annotations

import errno
import os
import pickle
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import BadInput
from core.store.artifacts import Artifacts, BytesDisk, Damaged

BIG = bytes(range(256)) * 400  # above the size kept inside the index
SMALL = b"small"


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "artifacts")


def value_file(artifacts: Artifacts) -> Path:
    (path,) = artifacts.root.glob("??/??/*.val")
    return path


class Trap:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("value", [SMALL, BIG, b""])
def test_bytes_come_back(artifacts: Artifacts, value: bytes) -> None:
    assert artifacts.get("key") is None
    artifacts.put("key", value)
    assert artifacts.get("key") == value
    assert Artifacts(artifacts.root).get("key") == value
    assert artifacts.has("key") and artifacts.keys() == ["key"] and artifacts.size() > 0
    artifacts.drop("key")
    assert artifacts.get("key") is None and not artifacts.has("key")


def test_a_key_is_written_once(artifacts: Artifacts) -> None:
    artifacts.put("key", BIG)
    before = value_file(artifacts)
    artifacts.put("key", BIG[::-1])
    assert artifacts.get("key") == BIG
    assert value_file(artifacts) == before


@pytest.mark.parametrize("value", ["text", 1, 1.5, None, {"a": 1}, bytearray(b"x")])
def test_only_bytes_are_stored(artifacts: Artifacts, value: Any) -> None:
    with pytest.raises(TypeError):
        artifacts.put("key", value)
    assert not artifacts.has("key")


@pytest.mark.parametrize("key", [b"bytes", 1, ("a",), "", None])
def test_only_strings_are_keys(artifacts: Artifacts, key: Any) -> None:
    with pytest.raises(TypeError):
        artifacts.put(key, SMALL)


def flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("harm", [flip, lambda data: data[:-7], lambda data: b"", lambda d: b"x"])
def test_a_damaged_file_counts_as_missing(
    artifacts: Artifacts, harm: Any, caplog: pytest.LogCaptureFixture
) -> None:
    artifacts.put("key", BIG)
    path = value_file(artifacts)
    path.write_bytes(harm(path.read_bytes()))
    assert artifacts.get("key") is None
    assert "key is dropped" in caplog.text
    assert not artifacts.has("key") and not path.exists()
    artifacts.put("key", BIG)
    assert artifacts.get("key") == BIG


def test_putting_mends_a_damaged_entry(artifacts: Artifacts) -> None:
    artifacts.put("key", BIG)
    value_file(artifacts).unlink()
    assert artifacts.has("key")
    artifacts.put("key", BIG)
    assert artifacts.get("key") == BIG


def plant(artifacts: Artifacts, key: Any, raw: int, mode: int, filename: Any, value: Any) -> None:
    with sqlite3.connect(artifacts.root / "cache.db") as index:
        index.execute(
            "INSERT INTO Cache(key, raw, store_time, access_time, size, mode, filename, value) "
            "VALUES (?, ?, 0, 0, 0, ?, ?, ?)",
            (key, raw, mode, filename, value),
        )


@pytest.mark.parametrize("mode", [0, 1, 2, 3, 4, 5])
def test_planted_rows_are_never_unpickled(artifacts: Artifacts, mode: int, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    plant(artifacts, "key", 1, mode, None, pickle.dumps(Trap(touched)))
    assert artifacts.get("key") is None
    assert not touched.exists() and not artifacts.has("key")


@pytest.mark.parametrize("mode", [2, 3, 4])
def test_planted_files_are_never_unpickled(artifacts: Artifacts, mode: int, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    name = f"ab/cd/{'0' * 28}.val"
    path = artifacts.root / name
    path.parent.mkdir(parents=True)
    path.write_bytes(pickle.dumps(Trap(touched)))
    plant(artifacts, "key", 1, mode, name, None)
    assert artifacts.get("key") is None
    assert not touched.exists() and not path.exists()


def test_planted_keys_are_never_unpickled(artifacts: Artifacts, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    artifacts.put("good", SMALL)
    plant(artifacts, sqlite3.Binary(pickle.dumps(Trap(touched))), 0, 1, None, b"x")
    assert artifacts.keys() == ["good"]
    with pytest.raises(Damaged):
        BytesDisk(str(artifacts.root)).get(pickle.dumps(Trap(touched)), False)
    assert not touched.exists()


def test_a_planted_path_reaches_no_other_file(artifacts: Artifacts, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("mine")
    plant(artifacts, "key", 1, 2, "../other.txt", None)
    assert artifacts.get("key") is None
    assert other.read_text() == "mine"


def test_old_orphans_are_swept_and_young_ones_kept(artifacts: Artifacts) -> None:
    artifacts.put("key", BIG)
    old, young = (artifacts.root / "ab" / "cd" / f"{digit * 28}.val" for digit in "12")
    old.parent.mkdir(parents=True)
    for path in (old, young):
        path.write_bytes(b"unfinished")
    hour_ago = time.time() - 3600
    os.utime(old, (hour_ago, hour_ago))
    os.utime(value_file_of(artifacts, besides=(old, young)), (hour_ago, hour_ago))
    again = Artifacts(artifacts.root)
    assert not old.exists() and young.exists()
    assert again.get("key") == BIG


def value_file_of(artifacts: Artifacts, besides: tuple[Path, ...]) -> Path:
    (path,) = set(artifacts.root.glob("??/??/*.val")) - set(besides)
    return path


def test_a_full_disk_is_one_sentence(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(BytesDisk, "_write", no_room)
    with pytest.raises(BadInput, match=r"disk .* is full"):
        artifacts.put("key", BIG)
    monkeypatch.undo()
    assert artifacts.get("key") is None


def test_a_full_index_is_one_sentence(artifacts: Artifacts) -> None:
    artifacts._cache._sql("PRAGMA max_page_count = 1")
    with pytest.raises(BadInput, match=r"disk .* is full"):
        for number in range(50):
            artifacts.put(f"key{number}", b"x" * 30_000)


def test_a_broken_index_starts_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = Artifacts(tmp_path)
    first.put("key", SMALL)
    first.close()
    for path in tmp_path.glob("cache.db*"):
        path.write_bytes(b"no database at all " * 300)
    again = Artifacts(tmp_path)
    assert "starts anew" in caplog.text
    assert again.get("key") is None
    again.put("key", SMALL)
    assert again.get("key") == SMALL


WRITER = """
import sys
from pathlib import Path
from core.store.artifacts import Artifacts
artifacts = Artifacts(Path(sys.argv[1]))
for number in range(25):
    artifacts.put(f"key{number}", f"{number} ".encode() * 20_000)
    assert artifacts.get(f"key{number}") == f"{number} ".encode() * 20_000
"""


@pytest.mark.slow
def test_many_processes_write_the_same_keys(artifacts: Artifacts) -> None:
    command = [sys.executable, "-c", WRITER, str(artifacts.root)]
    repository = Path(__file__).parents[3]
    writers = [subprocess.Popen(command, cwd=repository) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert len(artifacts.keys()) == 25
    assert len(list(artifacts.root.glob("??/??/*.val"))) == 25
