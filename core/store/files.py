"""What artifacts and tables share on disk: the store's error, and a lock between processes."""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import BadInput

_FULL_NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DENIED_NUMBERS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
_DENIED_WORDS = ("Permission denied", "Read-only file", "readonly database", "unable to open")
_FULL_WORDS = ("disk is full", "No space left", "File too large", "Disk quota exceeded")


class StoreError(BadInput):
    """The store cannot do what was asked; the message is one sentence that says what to do."""


def is_full(error: BaseException) -> bool:
    """Whether an OSError, SQLite or DuckDB error means that the disk is full."""
    numbered = isinstance(error, OSError) and error.errno in _FULL_NUMBERS
    return numbered or any(words in str(error) for words in _FULL_WORDS)


def full() -> StoreError:
    return StoreError(
        "The disk that holds the cache folder is full: free some space there or move the cache "
        "with MEMSIG_CACHE, then try again."
    )


def no_room_for(size: int) -> StoreError:
    """What to say where stored rows cannot be published, which takes about so many bytes."""
    return StoreError(
        f"The disk that holds the cache folder is full: free about {max(1, size / 1e6):,.0f} MB "
        "there, and what has been stored is published by itself; until then what was published "
        "before is shown."
    )


def readable_os(error: Exception) -> Exception:
    """The error to raise for an error of files, SQLite or DuckDB: a StoreError where a person can
    put it right."""
    if is_full(error):
        return full()
    numbered = isinstance(error, OSError) and error.errno in _DENIED_NUMBERS
    if numbered or any(words in str(error) for words in _DENIED_WORDS):
        return StoreError(
            "The cache folder cannot be written to: give it another place with MEMSIG_CACHE, or "
            "the right to write to this one."
        )
    if isinstance(error, sqlite3.OperationalError) and "disk I/O" in str(error):
        return StoreError("The disk of the cache folder fails: look whether it is full or broken.")
    return error


@contextmanager
def readable_errors() -> Iterator[None]:
    """Replaces an OSError of its `with` block, or of the function it decorates, by one in words."""
    try:
        yield
    except OSError as error:
        raise readable_os(error) from error


def usable(root: Path) -> None:
    """Raises StoreError where nothing can be read from the cache folder `root`, with the reason."""
    if "?" in str(root):
        raise StoreError(
            f"The cache folder {root} has a question mark in its path, which DuckDB cannot open: "
            "give it another place with MEMSIG_CACHE."
        )
    rooms = [f"{root}/{name}" for name in ("live", "published", "artifacts", "jobs")]
    generations = glob.glob(f"{glob.escape(str(root))}/published/*.duckdb")
    for path in filter(os.path.exists, (str(root), *rooms, *generations)):
        wanted = os.R_OK | os.X_OK if os.path.isdir(path) else os.R_OK
        # Another process may have removed an old generation since.
        if not os.access(path, wanted) and os.path.exists(path):
            raise StoreError(
                f"{path} may not be read by this user: give the cache another place with "
                "MEMSIG_CACHE, or the right to read this one."
            )


def files_below(folder: Path) -> Iterator[Path]:
    """All files of a folder and of the folders in it.

    Files and folders may come and go meanwhile, where Path.rglob would raise an error.
    """
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names)


def size(files: Iterable[Path]) -> int:
    """Bytes of these files together; what is gone by now has none."""
    found = 0
    for path in files:
        with suppress(FileNotFoundError):
            found += path.stat().st_size
    return found


class Busy(Exception):
    """The lock was not free within the time given."""


@contextmanager
def exclusive(path: Path, seconds: float) -> Iterator[None]:
    """Hold the lock file `path` alone among all threads and processes of this machine.

    Each call opens the file anew, so two threads of one process exclude each other too, and
    the system frees the lock when its holder is killed. Raises Busy after `seconds`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    with open(path, "a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Busy(path.name) from None
                time.sleep(0.005)
        yield
