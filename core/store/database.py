"""What holds for any DuckDB file of signatures: its schema, its errors, copies of it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl

from core.schema import SCHEMA, VERSION
from core.store.files import StoreError, is_full, readable_os

# All files keep to a storage format that DuckDB shells since 1.2 can open: what is published is a
# copy of the live file.
STORAGE = "v1.2.0"

HELD = (
    "Another program holds the live signature database open: close it there and open "
    "signatures.duckdb instead."
)

_DAMAGE = (
    "Corrupt database",
    "checksum",
    "not a valid DuckDB",
    "replaying WAL",
    "read enough bytes",
    "does not match database",
    "Failed to deserialize",
)


def is_damage(error: duckdb.Error) -> bool:
    """Whether an error says that a database file is broken, not that a statement is wrong."""
    if is_full(error) or "version number" in str(error):
        return False
    broken = (duckdb.InternalException, duckdb.FatalException, duckdb.SerializationException)
    return isinstance(error, broken) or any(words in str(error) for words in _DAMAGE)


def readable(error: duckdb.Error) -> Exception:
    """The error to raise for `error`: a StoreError where a person can put it right."""
    if "Could not set lock" in str(error):
        return StoreError(HELD)
    if "version number" in str(error):
        return StoreError(
            "The signature database was written by a newer DuckDB: install the version that "
            "requirements.txt names."
        )
    return readable_os(error)


def create(path: Path) -> duckdb.DuckDBPyConnection:
    """A new, empty database in STORAGE's format, in place of what `path` held."""
    for suffix in ("", ".wal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return duckdb.connect(str(path), config={"storage_compatibility_version": STORAGE})


def has_own_storage(database: duckdb.DuckDBPyConnection) -> bool:
    """Whether the file of a database has STORAGE's format."""
    tag = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE NOT internal"
    return bool(database.execute(tag).fetchall() == [(f"{STORAGE}+",)])


def copy_database(source: Path, database: duckdb.DuckDBPyConnection) -> None:
    """Copy all that the file `source` holds, row by row, into an empty database."""
    own = database.execute("SELECT current_database()").fetchall()[0][0]
    name = str(source).replace("'", "''")
    database.execute(f"ATTACH '{name}' AS other (READ_ONLY)")
    try:
        database.execute(f'COPY FROM DATABASE other TO "{own}"')
    finally:
        database.execute("DETACH other")


def read_through(path: Path) -> None:
    """Read every value in a file, which checks the checksum of every block that holds rows.

    Raises duckdb.Error for a damaged one.
    """
    with duckdb.connect(str(path), read_only=True) as database:
        tables = "SELECT table_name FROM duckdb_tables() WHERE NOT internal"
        for (table,) in database.execute(tables).fetchall():
            database.execute(f'SELECT max(hash(COLUMNS(*))) FROM "{table}"').fetchall()


def version(database: duckdb.DuckDBPyConnection) -> str | None:
    """The hash of the schema that the database was last brought to."""
    try:
        return str(database.execute("SELECT version FROM schema_version").fetchall()[0][0])
    except duckdb.CatalogException:
        return None


def _columns(database: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    return {
        (table, column): kind
        for table, column, kind in database.execute(
            "SELECT table_name, column_name, "
            "data_type || coalesce(' DEFAULT ' || column_default, '') FROM duckdb_columns() JOIN "
            "duckdb_tables() USING (database_name, schema_name, table_name) "
            "WHERE database_name = current_database()"
        ).fetchall()
    }


def upgrade(database: duckdb.DuckDBPyConnection) -> None:
    """Bring a database to this schema: new tables and columns are added, rows are kept."""
    with duckdb.connect(":memory:") as wanted:
        wanted.execute(SCHEMA)
        columns = _columns(wanted)
    here = _columns(database)
    tables = {table for table, _ in here}
    database.begin()
    for (table, column), kind in columns.items():
        if table in tables and (table, column) not in here:
            database.execute(f'ALTER TABLE {table} ADD COLUMN "{column}" {kind}')
    database.execute(SCHEMA)
    database.execute(f"CREATE OR REPLACE VIEW schema_version AS SELECT '{VERSION}' AS version")
    database.execute("COMMENT ON VIEW schema_version IS 'Which schema the file has.'")
    database.execute("COMMENT ON COLUMN schema_version.version IS 'Hash of the schema.'")
    database.commit()


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with whole numbers as Int64: DuckDB's sums of integers arrive as decimals."""
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Decimal) and kind.scale == 0:
            whole = frame[name].cast(pl.Int64, strict=False)
            if whole.null_count() == frame[name].null_count():
                frame = frame.with_columns(whole)
    return frame
