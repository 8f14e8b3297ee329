"""The store: results on disk, below one cache folder.

- artifacts/: bytes under keys, such as weights and corpora (core.store.artifacts)
- live/ and published/: the result tables, as written and as read (core.store.tables)
- signatures.duckdb: a copy of the newest tables, for SQL shells and notebooks
- jobs/: one folder a job (core.jobs)
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import places
from core.store.files import files_below, size, usable

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from core.spec import Spec
    from core.store.artifacts import Artifacts
    from core.store.tables import Tables


class Store:
    """Everything on disk under one folder. Safe for many threads and processes.

    Parts open on first use, so that making a Store and importing this module cost nothing. A user
    who may only read the folder reads the tables. Raises StoreError where not even that is allowed.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or places.cache()).absolute()
        usable(self.root)
        self._artifacts: Artifacts | None = None
        self._guard = threading.Lock()

    @property
    def artifacts(self) -> Artifacts:
        """Bytes under keys."""
        with self._guard:
            if self._artifacts is None:
                from core.store.artifacts import Artifacts

                self._artifacts = Artifacts(self.root / "artifacts")
            return self._artifacts

    @property
    def tables(self) -> Tables:
        """The result tables."""
        return _tables(self.root)

    @property
    def jobs(self) -> Path:
        """The folder of job states, logs and checkpoints; made where it can be."""
        folder = self.root / "jobs"
        with suppress(OSError):  # who only reads finds no jobs there, and a writer will see why
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def take_in(
        self,
        tables: dict[str, pl.DataFrame],
        artifacts: dict[str, bytes] | None = None,
        publish: bool = True,
        replace: bool = False,
    ) -> None:
        """Store one result: its artifacts first, then all its rows in one transaction.

        Taking the same result in twice changes nothing, so a caller that was killed repeats it.
        replace: the new rows and bytes replace those under the same keys.
        """
        for key, value in (artifacts or {}).items():
            if replace:
                self.artifacts.drop(key)
            self.artifacts.put(key, value)
        self.tables.take_in(tables, publish, replace)

    def remove(self, keys: Sequence[str]) -> None:
        """Deletes results: their rows first, so that no row is ever without its artifact."""
        self.tables.remove(keys)
        for key in keys:
            self.artifacts.drop(key)

    def query(self, sql: str, params: Sequence[Any] | dict[str, Any] | None = None) -> pl.DataFrame:
        """Rows of one SQL query on the newest published tables."""
        return self.tables.query(sql, params)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A new read-only DuckDB connection to the newest published tables."""
        return self.tables.connect()

    def has_result(self, spec: Spec) -> bool:
        """Whether the result of a spec is in the tables."""
        return self.tables.has(spec.table, spec.key)

    def missing(self, spec: Spec, again: bool = False) -> list[Spec]:
        """The steps of a spec that a job for it has to compute, in their order.

        again: the spec itself is to be computed even if it has a result.

        They are those without rows, and those with rows but without bytes (as of shipped results)
        if another missing step is computed from these bytes. A model itself always needs its bytes.
        """
        steps = spec.steps()
        wanted = {step.key for step in steps}
        wanted -= self.tables.present((step.table, step.key) for step in steps)
        wanted |= {spec.key} if again else set()
        if spec.table == "models" and not self.artifacts.has(spec.key):
            wanted.add(spec.key)
        for step in reversed(steps):
            if step.key in wanted:
                gone = [key for key in step.needs() if not self.artifacts.has(key)]
                owners = {key.partition("/")[0] for key in gone}
                wanted |= owners & {other.key for other in steps}
        return [step for step in steps if step.key in wanted]

    def rows(self, keys: Sequence[str]) -> dict[str, pl.DataFrame]:
        """All rows that belong to these results, by table; tables without any are left out."""
        from core.store.rows import KEYED, OWNED, owner

        names = [name for name in (*KEYED, *OWNED) if name != "shipped"]
        sql = "FROM {} WHERE {} IN (SELECT unnest(?))"
        found = {name: self.query(sql.format(name, owner(name)), [[*keys]]) for name in names}
        return {name: frame for name, frame in found.items() if frame.height}

    def status(self) -> dict[str, Any]:
        """`place` (path), `bytes` by part, and counts of `corpora`, `models`, `signatures`."""
        counts = self.query(
            "SELECT (SELECT count(*) FROM corpora) AS corpora, "
            "(SELECT count(*) FROM models WHERE trained) AS models, "
            "(SELECT count(*) FROM signatures) AS signatures"
        ).row(0, named=True)
        sizes = {
            "artifacts": size(files_below(self.root / "artifacts")),
            "tables": self.tables.size(),
            "jobs": size(files_below(self.jobs)),
        }
        return {"place": str(self.root), "bytes": sizes, **counts}


@lru_cache(8)
def _tables(root: Path) -> Tables:
    """The tables of a folder, one for all of this process: opening the database takes longer than
    most queries."""
    from core.store.tables import Tables

    return Tables(root)
