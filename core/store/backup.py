"""A backup of the cache folder while it is in use, and its restore.

The tables come first, as the newest published generation, which nobody writes to again; then the
artifacts, which are stored before the rows that name them; then the jobs. So every row of a backup
has its artifact, and a job that was running goes on from its checkpoint where it is restored.
"""

from __future__ import annotations

import io
import logging
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import IO

import duckdb

from core.errors import BadInput
from core.store import Store
from core.store.database import version
from core.store.files import StoreError, files_below, readable_os

log = logging.getLogger(__name__)

ROOMS = ("published", "artifacts", "jobs")
_UNUSED = (".lock", ".new", "alive")  # of jobs: they mean something only where they are


def save(store: Store, out: IO[bytes]) -> int:
    """Writes a tar archive of the whole cache to `out`; returns how many files it has.

    Of a cache that cannot be written to, because its disk is full or read-only, too.
    """
    try:
        store.tables.publish()
    except StoreError as problem:
        if not store.tables.any():
            raise
        log.warning("the backup holds what was published before: %s", problem)
    with tarfile.open(fileobj=out, mode="w|") as archive, tempfile.TemporaryDirectory() as folder:
        names = []

        def add(path: Path, name: str) -> None:
            with suppress(FileNotFoundError):  # dropped meanwhile
                archive.add(path, name, recursive=False)
                names.append(name)

        generation = store.tables.newest()
        add(generation, f"published/{generation.name}")
        index = Path(folder) / "cache.db"
        with store.artifacts.reading() as source, closing(sqlite3.connect(index)) as copy:
            source.backup(copy)
            files = copy.execute("SELECT filename FROM Cache WHERE filename IS NOT NULL").fetchall()
        add(index, "artifacts/cache.db")
        for (file,) in files:
            add(store.root / "artifacts" / file, f"artifacts/{file}")
        for path in sorted(files_below(store.jobs)):
            if not path.name.endswith(_UNUSED):
                # Read whole: a file that grows while it is read would break the archive.
                with suppress(FileNotFoundError):
                    data = path.read_bytes()
                    entry = tarfile.TarInfo(f"jobs/{path.relative_to(store.jobs).as_posix()}")
                    entry.size, entry.mtime = len(data), path.stat().st_mtime
                    archive.addfile(entry, io.BytesIO(data))
                    names.append(entry.name)
        return len(names)


def load(store: Store, source: IO[bytes]) -> None:
    """Unpacks a backup into the store's folder, which must not hold results yet.

    Raises BadInput with one sentence if it does, or if this is no such backup.
    """
    if any((store.root / room).exists() for room in (*ROOMS, "live")):
        raise BadInput(
            f"The cache folder {store.root} is not empty: name an empty one with MEMSIG_CACHE."
        )
    new = store.root / "restore.part"
    try:
        new.mkdir(parents=True)
        _unpack(source, new)
        _check(new)
        for room in sorted(path.name for path in new.iterdir()):
            (new / room).rename(store.root / room)
    except (tarfile.TarError, EOFError) as error:
        raise BadInput("The archive is damaged or is no backup: give another.") from error
    except OSError as error:
        raise readable_os(error) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    store.tables.publish()


def _unpack(source: IO[bytes], folder: Path) -> None:
    """The files of an archive into an empty folder; BadInput for what no backup holds."""
    with tarfile.open(fileobj=source, mode="r|") as archive:
        for entry in archive:
            parts = Path(entry.name).parts
            content = archive.extractfile(entry) if entry.isfile() else None
            path = folder.joinpath(*parts)
            if (
                content is None
                or parts[:1] not in [(room,) for room in ROOMS]
                or ".." in parts
                or path.exists()
            ):
                raise BadInput(f"This is no backup of a cache folder: it holds {entry.name!r}.")
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                shutil.copyfileobj(content, file)


def _check(folder: Path) -> None:
    """Raises BadInput unless the tables and the index of artifacts of an unpacked backup open."""
    generations = sorted(folder.glob("published/*.duckdb"))
    index = folder / "artifacts" / "cache.db"
    try:
        with duckdb.connect(str(generations[-1]), read_only=True) as database:
            has_tables = version(database) is not None
        with closing(sqlite3.connect(index)) as artifacts:
            artifacts.execute("SELECT count(*) FROM Cache").fetchone()
    except (IndexError, duckdb.Error, sqlite3.Error) as error:
        raise BadInput("The archive holds no tables of signatures that can be opened.") from error
    if not has_tables:
        raise BadInput("The archive holds a database, but not one of signatures.")
