"""Artifacts (weights, corpora, checkpoints): bytes under a string key, checked when read.

diskcache unpickles what it finds (CVE-2025-69872), so it runs with a Disk that writes and reads
framed bytes under string keys and refuses every other storage mode. A damaged entry counts as
missing: it is reported, dropped, and whoever asked computes it again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import diskcache
from diskcache.core import MODE_BINARY, MODE_RAW, UNKNOWN

from core.store.files import StoreError, readable_os

log = logging.getLogger(__name__)

T = TypeVar("T")

INDEX = "cache.db"
MAGIC = b"MSA1"
DIGEST_BYTES = 32
# A file without a row is swept only when it is older than any write in progress could be.
ORPHAN_SECONDS = 15 * 60

_FILENAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}\.val")


class Damaged(Exception):
    """A stored entry is not what was written, or not of a kind that this store writes."""


class BytesDisk(diskcache.Disk):  # type: ignore[misc]
    """String keys; values are bytes behind a BLAKE2b checksum; nothing is ever unpickled."""

    def put(self, key: Any) -> tuple[str, bool]:
        if type(key) is not str or not key:
            raise TypeError("keys of artifacts are non-empty strings")
        return key, True

    def get(self, key: Any, raw: bool) -> str:
        if not raw or type(key) is not str:
            raise Damaged("its key is not a string")
        return key

    def store(
        self, value: Any, read: bool, key: Any = UNKNOWN
    ) -> tuple[int, int, str | None, memoryview | None]:
        if read or not isinstance(value, bytes):
            raise TypeError("artifacts are bytes")
        frame = MAGIC + hashlib.blake2b(value, digest_size=DIGEST_BYTES).digest()
        if len(value) < self.min_file_size:
            return 0, MODE_RAW, None, memoryview(frame + value)
        filename, path = self.filename(key, value)
        try:
            self._write(path, iter((frame, value)), "xb")
        except OSError:
            self.remove(filename)
            raise
        return len(value), MODE_BINARY, filename, None

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes:
        if mode == MODE_RAW and filename is None and isinstance(value, bytes):
            return _unframe(value)
        if mode == MODE_BINARY and filename is not None and value is None:
            path = Path(self._directory, self._checked(filename))
            try:
                return _unframe(path.read_bytes())
            except FileNotFoundError:
                raise Damaged("its file is missing") from None
        raise Damaged(f"it is stored in the refused mode {mode!r}")

    def remove(self, file_path: str) -> None:
        # A row may name any path, and only files of this cache may go.
        with suppress(Damaged):
            super().remove(self._checked(file_path))

    @staticmethod
    def _checked(filename: Any) -> str:
        if not isinstance(filename, str) or not _FILENAME.fullmatch(filename):
            raise Damaged("its file has a name that this store does not give")
        return filename


def _unframe(data: bytes) -> bytes:
    start = len(MAGIC) + DIGEST_BYTES
    if data[: len(MAGIC)] != MAGIC:
        raise Damaged("its header is wrong")
    value = data[start:]
    if hashlib.blake2b(value, digest_size=DIGEST_BYTES).digest() != data[len(MAGIC) : start]:
        raise Damaged("its checksum is wrong")
    return value


class Artifacts:
    """Bytes under keys in the folder `root`. Safe for many threads and processes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._cache: diskcache.Cache | None = None
        try:
            self.sweep()
        except StoreError as problem:
            # Readers do not need the right, or the room, to write.
            if not (root / INDEX).exists():
                raise
            log.info("the artifacts can only be read: %s", problem)

    def put(self, key: str, value: bytes) -> None:
        """Store `value` under `key`; an undamaged entry under that key stays as it is.

        Raises StoreError when the disk is full.
        """

        def work(cache: diskcache.Cache) -> None:
            if self._get(cache, key) is None:
                cache.add(key, value, retry=True)

        self._attempt(work)

    def get(self, key: str) -> bytes | None:
        """The bytes under `key`, or None when there are none or they are damaged."""
        try:
            return self._attempt(lambda cache: self._get(cache, key))
        except StoreError:
            row = self._row(key)
            with suppress(Damaged, OSError):
                disk = BytesDisk(str(self.root))
                return disk.fetch(*row, False) if row else None
        return None

    def has(self, key: str) -> bool:
        """Whether `key` has an entry; whether it is healthy shows when it is read."""
        try:
            return self._attempt(lambda cache: key in cache)
        except StoreError:
            return self._row(key) is not None

    def drop(self, key: str) -> None:
        """Remove the entry of `key` if there is one."""
        self._attempt(lambda cache: cache.delete(key, retry=True))

    def keys(self) -> list[str]:
        """All keys, oldest first."""
        return self._attempt(lambda cache: _rows(cache, "SELECT key FROM Cache ORDER BY rowid"))

    def size(self) -> int:
        """Bytes on disk, the index included."""
        return self._attempt(lambda cache: int(cache.volume()))

    def close(self) -> None:
        """Close this thread's connection to the index."""
        if self._cache is not None:
            self._cache.close()

    def sweep(self, older_than: float = ORPHAN_SECONDS) -> int:
        """Remove files that no entry names, left by killed writers; returns how many."""
        return self._attempt(lambda cache: self._sweep(cache, time.time() - older_than))

    def _sweep(self, cache: diskcache.Cache, limit: float) -> int:
        # Files first: one that gets its row in between is then among the named.
        found = [path for path in self.root.glob("??/??/*.val") if _modified(path) < limit]
        named = set(_rows(cache, "SELECT filename FROM Cache")) if found else set()
        orphans = [path for path in found if str(path.relative_to(self.root)) not in named]
        for path in orphans:
            cache.disk.remove(path.relative_to(self.root).as_posix())
        if orphans:
            log.info("removed %d unfinished artifact files", len(orphans))
        return len(orphans)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to the index that writes nothing, not even beside it.

        As others write it meanwhile where they can; as it lies there where nobody can.
        """
        index = quote(str(self.root / INDEX))
        for how in ("mode=ro", "immutable=1"):
            with closing(sqlite3.connect(f"file:{index}?{how}", uri=True)) as connection:
                try:
                    connection.execute("SELECT count(*) FROM Settings")
                except sqlite3.Error as error:
                    if how == "immutable=1":
                        raise readable_os(error) from error
                    continue
                yield connection
                return

    def _row(self, key: str) -> tuple[int, str | None, Any] | None:
        """What the index says of a key where it cannot be written to."""
        with self.reading() as index:
            query = "SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1"
            row: tuple[int, str | None, Any] | None = index.execute(query, [key]).fetchone()
        return row

    def _open(self) -> diskcache.Cache:
        for again in (True, False):
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                return diskcache.Cache(str(self.root), disk=BytesDisk, eviction_policy="none")
            except Exception as error:  # it reads its own settings from the index, unchecked
                self._put_right(error, again)
        raise AssertionError("unreachable")

    def _attempt(self, work: Callable[[diskcache.Cache], T]) -> T:
        """The result of `work`, once more with an empty index if the index is broken."""
        for again in (True, False):
            try:
                if self._cache is None:
                    self._cache = self._open()
                return work(self._cache)
            except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
                self._put_right(error, again)
                self._cache = None
        raise AssertionError("unreachable")

    def _put_right(self, error: Exception, again: bool) -> None:
        """Move a broken index aside so that work can be tried again; raise anything else."""
        understood = readable_os(error)
        if isinstance(error, OSError) or understood is not error:
            raise understood from error
        broken = not isinstance(error, sqlite3.Error) or any(
            words in str(error) for words in ("malformed", "not a database", "no such", "no column")
        )
        if not (broken and again):
            raise error
        log.warning("the index of the artifacts is damaged and starts anew: %s", error)
        self.close()
        for suffix in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                os.replace(self.root / f"{INDEX}{suffix}", self.root / f"damaged.db{suffix}")

    @staticmethod
    def _get(cache: diskcache.Cache, key: str) -> bytes | None:
        """The bytes under a key; a damaged entry is dropped, unless it has been replaced."""
        with suppress(Damaged):
            return cache.get(key)
        with cache.transact(retry=True):
            try:
                return cache.get(key)
            except Damaged as error:
                log.warning("artifact %s is dropped, to be computed again: %s", key, error)
                cache.delete(key, retry=True)
        return None


def _rows(cache: diskcache.Cache, sql: str) -> list[Any]:
    # diskcache has no public way to see rows without decoding them; 5.6.3 is pinned.
    return [row[0] for row in cache._sql(sql).fetchall() if isinstance(row[0], str)]


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
