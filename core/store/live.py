"""The live database file: opened for one writer at a time, built, rewritten, copied.

Whoever calls holds the lock between the processes of this product (core.store.tables). A program of
somebody else's may hold the file all the same: DuckDB's own lock on it says so.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import duckdb

from core.schema import VERSION
from core.store.database import (
    HELD,
    copy_database,
    create,
    has_own_storage,
    is_damage,
    upgrade,
    version,
)
from core.store.files import StoreError

log = logging.getLogger(__name__)

LOCK_SECONDS = 10.0  # for another program that looks at the live file
GAP_SECONDS = 1.0  # for one that opened it between two steps of a writer


class LiveFile:
    """The file at `path`; generations: the published files, oldest first, to rebuild it from."""

    def __init__(self, path: Path, generations: Callable[[], list[Path]]) -> None:
        self.path, self._generations = path, generations

    def open(self, patience: float | None = None) -> duckdb.DuckDBPyConnection:
        """A connection to the file, which is brought to today's schema and storage format.

        patience: seconds to wait for a foreign program (None: LOCK_SECONDS).
        """
        if not self.path.exists():
            self._build()
        live = self._connect(patience)
        try:
            if not has_own_storage(live):
                live = self.rewrite(live)
            if version(live) != VERSION:
                upgrade(live)
        except BaseException:
            live.close()
            raise
        return live

    def _connect(self, patience: float | None) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + (LOCK_SECONDS if patience is None else patience)
        while True:
            try:
                return duckdb.connect(str(self.path))
            except duckdb.IOException as error:
                # Somebody looks at the live file with a program of their own.
                if "Could not set lock" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _build(self) -> None:
        """Make the live file: from the newest healthy generation, else empty."""
        new, old = self.path.with_name("new.duckdb.part"), self.path.with_name("old.duckdb.part")
        for generation in [*reversed(self._generations()), None]:
            database = create(new)
            try:
                if generation is not None:
                    # A copy, because this process may hold the generation open for reading.
                    shutil.copyfile(generation, old)
                    copy_database(old, database)
                upgrade(database)
                database.close()
                os.replace(new, self.path)
                break
            except (duckdb.Error, FileNotFoundError) as error:
                database.close()
                if generation is None or not (
                    isinstance(error, FileNotFoundError) or is_damage(error)
                ):
                    raise
                log.warning("published generation %s is damaged: %s", generation.name, error)
                generation.unlink(missing_ok=True)
            finally:
                old.unlink(missing_ok=True)

    def rewrite(self, live: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """Write the file anew, row by row, which leaves no gaps and builds its indexes anew.

        live: the open connection to it, which is closed; returns one to the new file.
        """
        _close(live)
        new = self.path.with_name("new.duckdb.part")
        database = create(new)
        try:
            copy_database(self.path, database)
        finally:
            database.close()
        os.replace(new, self.path)
        return self._connect(GAP_SECONDS)

    def copy(self, live: duckdb.DuckDBPyConnection, to: Path) -> None:
        """Copy the file byte by byte. live: the open connection to it, which is closed.

        Raises StoreError where a foreign program has opened it meanwhile.
        """
        _close(live)
        # DuckDB's lock, a POSIX one, keeps others out of the file. It goes as soon as this process
        # closes any handle of the file, which `copyfile` does only when it has read it all.
        with self.path.open("r+b") as file:
            deadline = time.monotonic() + GAP_SECONDS
            while True:
                with suppress(OSError):
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                if time.monotonic() > deadline:
                    raise StoreError(HELD)
                time.sleep(0.02)
            if self.path.with_name(self.path.name + ".wal").exists():
                raise StoreError(HELD)
            shutil.copyfile(self.path, to)

    def set_aside(self, error: duckdb.Error) -> None:
        """Move a damaged file out of the way, its log first: a log needs its database."""
        log.warning("the live database is damaged and is rebuilt: %s", str(error).split("\n")[0])
        for suffix in (".wal", ""):
            path = self.path.with_name(self.path.name + suffix)
            if path.exists():
                os.replace(path, path.with_name("damaged.duckdb" + suffix))


def _close(live: duckdb.DuckDBPyConnection) -> None:
    """Close a database so that its file holds all of it; closing alone hides a full disk."""
    try:
        live.execute("CHECKPOINT")
    finally:
        live.close()
