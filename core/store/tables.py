"""The result tables: one live DuckDB file that is written, published snapshots that are read.

DuckDB lets one process write, and even a reader in another process stands in its way. So the
live file is opened only for one short transaction at a time, under a lock between processes,
and what has changed is published as a new file that nobody ever writes to again:

    live/live.duckdb            written here, closed at once
    live/unpublished            exists while the live file holds rows that are not published
    published/<number>.duckdb   one path per generation, for readers of this product
    signatures.duckdb           a copy of the newest, for SQL shells and notebooks

A path is never used for two generations, because a process that still holds a replaced file
gets the old rows when it connects to that path again. Every step ends in a rename, so a kill
at any moment leaves the old state or the new one.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from core.schema import VERSION
from core.store.database import is_damage, plain, read_through, readable, version
from core.store.files import (
    Busy,
    StoreError,
    exclusive,
    files_below,
    is_full,
    no_room_for,
    readable_os,
    size,
)
from core.store.live import LiveFile
from core.store.rows import KEYED, OWNED, REPLACED, WHOLE, insert, owner
from core.store.rows import replace as replace_rows

log = logging.getLogger(__name__)

GENERATIONS_KEPT = 3
PUBLISH_SECONDS = 2.0  # from a written row to its publication, where more is to come
CATCH_UP_SECONDS = 3.0  # rows unpublished for longer have no runner that publishes them
AGAIN_SECONDS = 10.0  # after a reader failed to publish or read what others have written
WAIT_SECONDS = 60.0  # for other writers of this product


class Tables:
    """The result tables under the folder `root`. Safe for many threads and processes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.live = root / "live" / "live.duckdb"
        self.published = root / "published"
        self.shared = root / "signatures.duckdb"
        self._unpublished = root / "live" / "unpublished"
        self._lock = root / "live" / "lock"
        self._file = LiveFile(self.live, self._generations)
        self._guard = threading.Lock()
        self._reader: tuple[Path, duckdb.DuckDBPyConnection] | None = None
        self._try_after = 0.0  # by `time.monotonic`: when a reader may use the live file again

    # Writing

    def take_in(
        self, tables: dict[str, pl.DataFrame], publish: bool = True, replace: bool = False
    ) -> None:
        """Add rows, all tables in one transaction; on any error nothing is added.

        Columns are matched by name; missing ones become NULL. Rows whose key (or owner, for
        rows without a key) the table has already are left out; `jobs` rows replace older ones,
        those of `earlier` all that were there. With `replace` these replace older rows of the same
        keys and owners, and count as computed here if the older ones were shipped.
        With `publish=False` readers see the rows after the next `publish()`, or within about
        three seconds.
        """
        unknown = set(tables) - {*KEYED, *OWNED, *REPLACED, *WHOLE}
        if unknown:
            raise ValueError(f"no such table: {', '.join(sorted(unknown))}")

        def work(live: duckdb.DuckDBPyConnection) -> None:
            self._mark()
            live.begin()
            for table, frame in tables.items():
                live.register("incoming", frame.to_arrow())
                live.execute(replace_rows(table) if replace else insert(table))
                live.unregister("incoming")
            live.commit()
            if publish:
                self._publish(live)

        self._write(work, WAIT_SECONDS)

    def remove(self, keys: Sequence[str]) -> None:
        """Delete the rows with these keys, and all rows that belong to them."""

        def work(live: duckdb.DuckDBPyConnection) -> None:
            self._mark()
            live.begin()
            for table in (*KEYED, *OWNED):
                belongs = f"{owner(table)} IN (SELECT unnest(?))"
                live.execute(f"DELETE FROM {table} WHERE {belongs}", [[*keys]])
            live.commit()
            self._publish_rewritten(live)  # else the file would stay as large as it was

        self._write(work, WAIT_SECONDS)

    def publish(self, wait: bool = True, patience: float | None = None) -> None:
        """Publish what is not published yet; with `wait=False` only if nobody is writing now."""

        def work(live: duckdb.DuckDBPyConnection) -> None:
            # Whoever held the lock before may have published these rows too.
            if self._unpublished.exists() or self._newest() is None or not self.shared.exists():
                self._publish(live)

        self._write(work, WAIT_SECONDS if wait else 0.0, patience)

    def _write(
        self,
        work: Callable[[duckdb.DuckDBPyConnection], None],
        seconds: float,
        patience: float | None = None,
    ) -> None:
        """Run `work` on the live database alone, once more on a rebuilt one if it is damaged.

        seconds: to wait for other writers; patience: for a foreign program at the live file
        (None: as long as `LiveFile.open` does).
        """
        try:
            with exclusive(self._lock, seconds):
                self._sweep()
                for again in (True, False):
                    try:
                        live = self._file.open(patience)
                        try:
                            work(live)
                        finally:
                            live.close()
                        return
                    except duckdb.Error as error:
                        if not (again and is_damage(error)):
                            raise readable(error) from error
                        self._file.set_aside(error)
                        self._mark()
        except Busy:
            if seconds:
                raise StoreError(
                    "The signature database has been busy for a minute: try again, and if that "
                    "does not help, end the process that is writing to the cache folder."
                ) from None
        except OSError as error:
            raise readable_os(error) from error

    def _publish(self, live: duckdb.DuckDBPyConnection) -> None:
        """Write a new generation and the shared copy of it, and close `live`.

        Bytes are copied, which takes a tenth of the time of copying rows; then the copy is read
        once, so that no damage spreads. The caller holds the lock. Raises StoreError where there
        is no room for both; what was published stays as it is.
        """
        self.published.mkdir(exist_ok=True)
        newest = self._newest()
        number = time.time_ns() // 1000
        if newest is not None:
            number = max(number, int(newest.stem) + 1)
        new = self.published / f"{number}.duckdb.part"
        copy = self.root / "signatures.duckdb.part"
        try:
            self._file.copy(live, new)
            read_through(new)
            # Not a link: a shell may write to the shared copy.
            shutil.copyfile(new, copy)
        except (duckdb.Error, OSError) as error:
            self._sweep()
            if is_full(error):
                raise no_room_for(2 * self.live.stat().st_size) from error
            raise
        os.replace(new, self.published / f"{number:020d}.duckdb")
        # A shell that wrote to the old copy left its log, which would not fit the new one.
        Path(f"{self.shared}.wal").unlink(missing_ok=True)
        os.replace(copy, self.shared)
        self._unpublished.unlink(missing_ok=True)
        for old in self._generations()[:-GENERATIONS_KEPT]:
            old.unlink(missing_ok=True)

    def _publish_rewritten(self, live: duckdb.DuckDBPyConnection) -> None:
        """Publish a live file that is written anew first, and close `live`."""
        self._publish(self._file.rewrite(live))

    def _mark(self) -> None:
        """Note that there are rows to publish. The age of the mark is that of the oldest."""
        if not self._unpublished.exists():
            self._unpublished.touch()

    def _sweep(self) -> None:
        """Remove what a killed writer left; nobody else writes while the lock is held."""
        for folder in (self.root, self.live.parent, self.published):
            for left in folder.glob("*.part*"):
                left.unlink(missing_ok=True)

    # Reading

    def query(self, sql: str, params: Sequence[Any] | dict[str, Any] | None = None) -> pl.DataFrame:
        """Rows of one SQL query on the newest published generation.

        The statement is the caller's own: text typed by a user goes through `core.store.sandbox`.
        Raises duckdb.Error for a wrong statement.
        """
        self._catch_up()
        for again in (True, False):
            path, cursor = self._cursor()
            try:
                relation = cursor.sql(sql, params=params)
                if relation is None:
                    raise StoreError("That statement returns no rows: ask with SELECT.")
                return plain(relation.pl())
            except duckdb.Error as error:
                if not (again and is_damage(error)):
                    raise
                self._replace_generation(path, error)
            finally:
                cursor.close()
        raise AssertionError("unreachable")

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A new read-only connection to the newest published generation.

        It keeps seeing that generation until it is closed; connect again for newer results.
        """
        self._catch_up()
        return self._cursor()[1]

    def has(self, table: str, key: str) -> bool:
        """Whether `table`, one whose rows have keys, has the row `key`, published or not."""
        return key in self.present([(table, key)])

    def present(self, wanted: Iterable[tuple[str, str]]) -> set[str]:
        """The keys of those rows, by (table, key), that are there, published or not."""
        keys: dict[str, list[str]] = {}
        for table, key in wanted:
            if table not in KEYED:
                raise ValueError(f"no such keyed table: {table}")
            keys.setdefault(table, []).append(key)
        if not keys:
            return set()
        each = [f"SELECT key FROM {table} WHERE key IN (SELECT unnest(${table}))" for table in keys]
        sql, rows = " UNION ALL ".join(each), list[tuple[str]]()

        def look(live: duckdb.DuckDBPyConnection) -> None:
            rows.extend(live.execute(sql, keys).fetchall())

        unpublished = self._unpublished.exists()
        if unpublished and self._tried(lambda: self._write(look, WAIT_SECONDS, patience=0.0)):
            return {key for (key,) in rows}
        return set(self.query(sql, keys)["key"])

    def any(self) -> bool:
        """Whether anything is published that can be read."""
        return self._newest() is not None

    def newest(self) -> Path:
        """The file of the newest published generation; it is never written to again."""
        self._catch_up()
        path, cursor = self._cursor()
        cursor.close()
        return path

    def size(self) -> int:
        """Bytes of the database files."""
        return size([self.shared, *files_below(self.live.parent), *files_below(self.published)])

    def _catch_up(self) -> None:
        """Publish what a killed process, or one that writes with `publish=False`, has left.

        A reader never fails because publishing does (a full disk, a program that holds the live
        file): the failure is logged, publishing is tried again later, and older rows are read.
        """
        if self._newest() is None:
            self.publish()
        elif not self.shared.exists():
            self._publish_if_possible()
        else:
            self.publish_older(CATCH_UP_SECONDS)

    def publish_older(self, seconds: float) -> None:
        """Publish if there are rows that have waited for so long, unless that is not possible."""
        try:
            age = time.time() - self._unpublished.stat().st_mtime
        except (FileNotFoundError, NotADirectoryError):
            return
        if abs(age) > seconds:  # below zero where the clock was set back
            self._publish_if_possible()

    def _publish_if_possible(self) -> None:
        self._tried(lambda: self.publish(wait=False, patience=0.0))

    def _tried(self, work: Callable[[], None]) -> bool:
        """Whether a reader's work on the live file went well; if not, it is for a while not tried
        again, and the failure is logged."""
        if time.monotonic() < self._try_after:
            return False
        try:
            work()
        except (StoreError, duckdb.Error) as error:
            self._try_after = time.monotonic() + AGAIN_SECONDS
            log.warning("the newest results cannot be read yet: %s", error)
            return False
        return True

    def _generations(self) -> list[Path]:
        """The published files, oldest first; their names are numbers of equal length."""
        return sorted(self.published.glob("*.duckdb"))

    def _newest(self) -> Path | None:
        return max(self.published.glob("*.duckdb"), default=None)

    def _cursor(self) -> tuple[Path, duckdb.DuckDBPyConnection]:
        """The newest generation, and a new cursor of this process's one connection to it.

        A generation that an earlier version of the program has published is published anew.
        """
        for _ in range(10):
            path = self._newest()
            if path is None:
                self.publish()
                continue
            with self._guard:
                if self._reader is not None and self._reader[0] == path:
                    return path, self._reader[1].cursor()
                problem: duckdb.Error | None = None
                connection = None
                try:
                    connection = _opened(path)
                except duckdb.Error as error:
                    problem = error
                if connection is not None:
                    # Cursors still in use keep the generation before open by themselves.
                    old, self._reader = self._reader, (path, connection)
                    if old is not None:
                        old[1].close()
                    return path, connection.cursor()
            if problem is None:
                self._write(self._publish, WAIT_SECONDS)
            elif path.exists():
                if not is_damage(problem):
                    raise readable(problem) from problem
                self._replace_generation(path, problem)
        raise StoreError("The published database cannot be opened: look at the cache folder.")

    def _replace_generation(self, path: Path, error: duckdb.Error) -> None:
        """Drop a damaged published file and publish anew from the live database."""
        first = str(error).split("\n")[0]
        log.warning("published generation %s is damaged and is replaced: %s", path.name, first)
        with self._guard:
            if self._reader is not None and self._reader[0] == path:
                self._reader[1].close()
                self._reader = None
        path.unlink(missing_ok=True)
        self._mark()
        self._write(self._publish_rewritten, WAIT_SECONDS)


def _opened(path: Path) -> duckdb.DuckDBPyConnection | None:
    """A connection to a published file; None where another version's schema is in it."""
    connection = duckdb.connect(str(path), read_only=True)
    try:
        current = version(connection) == VERSION
    except duckdb.Error:
        connection.close()
        raise
    if not current:
        connection.close()
    return connection if current else None
