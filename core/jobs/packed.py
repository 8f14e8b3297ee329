"""An unfinished job packed into one file, so that another machine can go on with it.

The first line is JSON: the spec, and the name, size and SHA-256 of every file of the job. Their
bytes follow, one after the other:

    artifacts/KEY         what its missing steps are computed from: texts, weights, parts of speech
    tables/NAME.parquet   the rows of its finished steps and of its texts
    checkpoints/KEY       of the steps that are half way

A name says which result the bytes belong to. A name that the job does not need is refused, and no
name is ever used as a path.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

import duckdb
import polars as pl
from pydantic import Field, ValidationError

from core.child import Child, Died
from core.errors import BadInput
from core.jobs import queue
from core.jobs.outcome import parquet, rows
from core.jobs.worker import checkpoint
from core.library import artifact
from core.registry import known
from core.spec import Frozen, Spec
from core.store import Store
from core.store.files import Busy, exclusive, readable_errors
from core.store.rows import KEYED, OWNED, owner

MOST_BYTES = 2 << 30  # of one file: it is held in memory
MOST_IN_ALL = 64 << 30
MOST_LINE = 16 << 20
TABLE_SECONDS, TABLE_MEMORY_MB = 120.0, 4096  # for reading the rows of one table
DAMAGED = "The file is damaged or is no packed job: pack the job again."

Read = Callable[[], bytes]


class File(Frozen):
    """One file of a packed job."""

    size: int = Field(ge=0, le=MOST_BYTES)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(Frozen):
    """The first line of a packed job.

    key: of the spec, as the program that packed the job computed it. again: whether the job
    computes anew what has a result. files: by name, in the order in which their bytes follow.
    """

    key: str
    spec: dict[str, Any]
    again: bool
    files: dict[str, File]


@dataclass(frozen=True)
class Packed:
    """A job as it is to be packed: its first line, and what reads each of its files."""

    manifest: Manifest
    files: dict[str, Read]

    def write(self, out: IO[bytes]) -> None:
        """Writes the file, reading one of the job's at a time."""
        out.write(self.manifest.model_dump_json().encode() + b"\n")
        for read in self.files.values():
            out.write(read())


@contextmanager
def packing(store: Store, key: str) -> Iterator[Packed]:
    """Gives the job that is to be packed; no worker can start it before the `with` block ends.

    key: of the job, or its first eight or more digits. Raises BadInput for a job that does not
    exist, that runs, or that has nothing left to compute.
    """
    job = _find(store, key)
    with _alone(store, job.key):
        store.tables.publish()  # what a killed worker has written last
        files = _files(store, job)
        facts = {name: _facts(read()) for name, read in files.items()}
        spec = job.spec.model_dump(mode="json")
        yield Packed(Manifest(key=job.key, spec=spec, again=job.again, files=facts), files)


@readable_errors()
def load(store: Store, source: IO[bytes]) -> tuple[Spec, bool]:
    """Takes a packed job into the store. Returns its spec, and whether it computes that anew.

    Artifacts and rows that are there stay as they are; a checkpoint is replaced. Raises BadInput
    for what another version of the program has packed, and for what is no packed job.
    """
    try:
        manifest = Manifest.model_validate_json(source.readline(MOST_LINE))
    except ValidationError as error:
        raise BadInput(DAMAGED) from error
    spec = _spec(manifest)
    with _alone(store, spec.key):
        _take_in(store, spec, _checked(source, manifest))
    return spec, manifest.again


@contextmanager
def _alone(store: Store, key: str) -> Iterator[None]:
    """Keeps all workers from the job until the `with` block ends; BadInput if one computes it."""
    try:
        with exclusive(queue.folder(store, key) / "alive", 0):
            yield
    except Busy:
        raise BadInput("That job is running here: cancel it first; its checkpoint stays.") from None


def _among(keys: Iterable[str], steps: list[Spec]) -> list[str]:
    """Those of the artifacts that the steps need, or have stored as parts of their results."""
    needed = {key for step in steps for key in step.needs()}
    parts = tuple(f"{step.key}/" for step in steps)
    return [key for key in keys if key in needed or key.startswith(parts)]


# Packing


def _find(store: Store, key: str) -> queue.Job:
    if len(key) < 8:
        raise BadInput("Give at least the first eight digits of the job's key.")
    found = [job for job in queue.listing(store) if job.key.startswith(key)]
    if len(found) > 1:
        raise BadInput(f"Several jobs begin with {key!r}: give more digits.")
    if not found:
        raise BadInput(
            f'There is no job {key!r}: `memsig sql "SELECT key, title, outcome FROM jobs"` lists '
            "those that have ended, `memsig status --json` the others."
        )
    return found[0]


def _files(store: Store, job: queue.Job) -> dict[str, Read]:
    """What reads each file of a job."""
    missing = store.missing(job.spec, job.again)
    if job.status == "done" or not missing:
        raise BadInput("Nothing of that job is left to compute: `memsig backup` takes its results.")
    held = _among(store.artifacts.keys(), missing)
    files: dict[str, Read] = {f"artifacts/{key}": partial(artifact, key, store) for key in held}
    finished = [step.key for step in job.spec.steps() if step not in missing]
    for name, frame in store.rows([*finished, *held]).items():
        files[f"tables/{name}.parquet"] = partial(parquet, frame)
    for step in missing:
        saved = checkpoint(store, job.key, step)
        if saved.path.exists():
            files[f"checkpoints/{step.key}"] = saved.path.read_bytes
    return files


def _facts(data: bytes) -> File:
    if len(data) > MOST_BYTES:
        raise BadInput(
            f"One of the job's files has more than {MOST_BYTES >> 30} GB: take a backup of the "
            "whole cache to the other machine instead."
        )
    return File(size=len(data), sha256=hashlib.sha256(data).hexdigest())


# Unpacking


def _spec(manifest: Manifest) -> Spec:
    """What the job computes; BadInput unless this program can go on with all that was packed."""
    spec = known(json.dumps(manifest.spec))
    if spec is None or spec.key != manifest.key:
        raise BadInput(
            "That job was packed by another version of the program, which computes one of its "
            "steps otherwise: go on with it there, or ask for it anew here."
        )
    artifacts = [name.removeprefix("artifacts/") for name in manifest.files]
    fits = {f"artifacts/{key}" for key in _among(artifacts, spec.steps())}
    fits |= {f"checkpoints/{step.key}" for step in spec.steps()}
    fits |= {f"tables/{name}.parquet" for name in (*KEYED, *OWNED) if name != "shipped"}
    for name in manifest.files.keys() - fits:
        raise BadInput(
            f"That packed job holds {name[:100]!r}, which it does not need: pack it anew."
        )
    if sum(file.size for file in manifest.files.values()) > MOST_IN_ALL:
        raise BadInput(f"That job is larger than {MOST_IN_ALL >> 30} GB: move the cache instead.")
    return spec


def _checked(source: IO[bytes], manifest: Manifest) -> Iterator[tuple[str, bytes]]:
    """The name and bytes of every file; BadInput where they are not those of the first line."""
    for name, file in manifest.files.items():
        data = source.read(file.size)
        if _facts(data) != file:
            raise BadInput(DAMAGED)
        yield name, data
    if source.read(1):
        raise BadInput(DAMAGED)


def _take_in(store: Store, spec: Spec, files: Iterator[tuple[str, bytes]]) -> None:
    """Stores artifacts and checkpoints one by one, and then the rows of all tables together."""
    steps = {step.key: step for step in spec.steps()}
    keys = {*steps, *(key for step in steps.values() for key in step.needs())}
    tables: dict[str, pl.DataFrame] = {}
    for path, data in files:
        room, _, name = path.partition("/")
        if room == "artifacts":
            store.artifacts.put(name, data)
        elif room == "checkpoints":
            checkpoint(store, spec.key, steps[name]).save(data)
        else:
            tables[name.removesuffix(".parquet")] = _rows_apart(data)
    try:
        belonging = {
            name: frame.filter(pl.col(owner(name)).is_in(keys)) for name, frame in tables.items()
        }
        store.take_in(belonging)
    except (pl.exceptions.PolarsError, duckdb.Error) as error:
        raise BadInput(
            "The rows of that packed job do not fit the tables: pack it anew."
        ) from error


def _rows_apart(data: bytes) -> pl.DataFrame:
    """The rows of a Parquet file, read in a process of its own."""
    try:
        with Child("core.jobs.packed:plain", TABLE_MEMORY_MB) as child:
            return pl.read_ipc(child.ask(data, seconds=TABLE_SECONDS))
    except Died as problem:
        raise BadInput(f"The rows of that job cannot be read: {problem}.") from problem


def plain(data: bytes) -> bytes:
    """The rows of a Parquet file as an Arrow file that is not compressed."""
    try:
        frame = rows(data)
    except pl.exceptions.PolarsError as error:
        raise BadInput(DAMAGED) from error
    file = io.BytesIO()
    frame.write_ipc(file, compression="uncompressed")
    return file.getvalue()
