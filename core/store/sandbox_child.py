"""The child process of core.store.sandbox: one query in, Arrow out. Run as a script, alone.

It imports nothing of this project, so that it starts fast and holds nothing worth reaching.
In: a JSON object on stdin. Out: one line of JSON, {"error": …, "place": …} or {"truncated": …},
then the rows as an Arrow stream.
"""

from __future__ import annotations

import io
import json
import os
import re
import resource
import runpy
import signal
import sys
from contextlib import suppress
from typing import Any

import duckdb

MAX_COLUMNS = 1_000
BATCH = 1_024

READ_ONLY = "Only one SELECT, EXPLAIN, DESCRIBE or SHOW can be run here; rewrite it as a query."
NO_FILES = "Files and settings of the server cannot be reached here; ask about the tables."
UNSHOWN = "The result cannot be shown as a table; cast its columns to VARCHAR."
PIVOT = "PIVOT has to name its values here: PIVOT … ON column IN (value, …)."
# Types, and those inside nested ones, that polars takes from Arrow as they are, with every value
# they have. Any other is sent as text.
_SIMPLE = {
    *("boolean", "tinyint", "smallint", "integer", "bigint"),
    *("utinyint", "usmallint", "uinteger", "ubigint", "float", "double", "varchar"),
}
_TOP = _SIMPLE | {
    *("decimal", "hugeint", "blob", "date", '"null"', "timestamp with time zone"),
    *("timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"),
}


class Refused(Exception):
    """The query is not run; the message says why."""


def limit(seconds: float) -> None:
    """Bound the time and the files of this process from here on, and offer it to the kernel."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as first:
        first.write("900")  # the first to end when memory runs out (Linux)
    for kind, most in (
        (resource.RLIMIT_CPU, int(seconds * 2) + 3),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(kind, (most, most))
    # The alarm kills; it needs no help from an interpreter that waits inside the engine.
    signal.setitimer(signal.ITIMER_REAL, seconds)


def limit_memory(memory_mb: int) -> None:
    """Bound the address space to what is in use now and `memory_mb` more."""
    if sys.platform == "linux":
        with open("/proc/self/statm") as statm:
            now = int(statm.read().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (now + memory_mb * 2**20, hard))


def connect(folder: str, memory_mb: int) -> duckdb.DuckDBPyConnection:
    """The database in `folder`; the folder is gone once it is open."""
    path = os.path.join(folder, "signatures.duckdb")
    connection = duckdb.connect(path, read_only=True, config={"threads": "2"})
    # In this order: the last two forbid what comes before them.
    for name, value in (
        ("memory_limit", f"'{memory_mb * 6 // 10}MB'"),
        ("temp_directory", "''"),
        ("secret_directory", "''"),
        ("allow_persistent_secrets", "false"),
        ("autoinstall_known_extensions", "false"),
        ("autoload_known_extensions", "false"),
        ("python_enable_replacements", "false"),
        ("errors_as_json", "true"),  # with the place of what is wrong
        ("enable_external_access", "false"),
        ("lock_configuration", "true"),
    ):
        connection.execute(f"SET {name} = {value}")
    os.unlink(path)
    os.rmdir(folder)
    return connection


def one_query(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    """The only statement of `sql`, if it is one that reads."""
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise Refused(READ_ONLY if not statements else "Run one statement at a time.")
    kind = kind_of(statements[0])
    if kind == duckdb.StatementType.EXPLAIN:
        kind = explained(connection, statements[0].query)
    if kind == duckdb.StatementType.MULTI:
        raise Refused(PIVOT)
    if kind != duckdb.StatementType.SELECT:
        raise Refused(READ_ONLY)
    return statements[0]


def kind_of(statement: duckdb.Statement) -> duckdb.StatementType | None:
    """What a statement does; None for kinds that the Python package has no name for."""
    try:
        return statement.type
    except ValueError:
        return None


def explained(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.StatementType | None:
    """What an EXPLAIN explains, as EXPLAIN ANALYZE runs it too; None if that cannot be seen."""
    inner = re.sub(r"(?i)^\s*explain\s+(analyze\s+)?", "", sql)
    # A bracket that comes first holds either options or the query itself.
    for text in (inner, inner.partition(")")[2]):
        try:
            statements = connection.extract_statements(text)
        except duckdb.Error:
            continue
        if len(statements) == 1:
            return kind_of(statements[0])
    return None


def readable(connection: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> Any:
    """The statement's relation, and its column names, with types that polars can take."""
    try:
        relation = connection.sql(statement)
    except duckdb.Error:
        connection.execute(statement)  # fails likewise, and says where
        raise
    names = unique(relation.columns)
    if len(names) > MAX_COLUMNS:
        raise Refused(f"The result has more than {MAX_COLUMNS:,} columns; select fewer.")
    as_text = [not shown(kind) for kind in relation.types]
    if any(as_text):
        inner = statement.query.strip().rstrip(";")
        places = [f"c{i}" for i in range(len(names))]
        picked = (f"{c}::VARCHAR" if text else c for c, text in zip(places, as_text, strict=True))
        relation = connection.sql(
            f"SELECT {', '.join(picked)} FROM (\n{inner}\n) AS q({', '.join(places)})"
        )
    return relation, names


def shown(kind: Any, types: set[str] = _TOP) -> bool:
    """Whether polars takes a column of that DuckDB type as it is."""
    if kind.id in ("list", "array", "struct"):
        inner = [child for _, child in kind.children if not isinstance(child, int)]
        return bool(inner) and all(shown(child, _SIMPLE) for child in inner)
    return kind.id in types


def unique(names: list[str]) -> list[str]:
    """Column names with a number added to repeats, as a data frame needs them."""
    seen: dict[str, None] = {}
    for name in names:
        new, count = name, 1
        while new in seen:
            count += 1
            new = f"{name}_{count}"
        seen[new] = None
    return list(seen)


def rows_of(relation: Any, names: list[str], rows: int, most: int) -> tuple[bytes, bool]:
    """At most `rows` rows as an Arrow stream, and whether there were more."""
    import pyarrow as pa
    import pyarrow.ipc

    sink = io.BytesIO()
    reader = relation.to_arrow_reader(min(BATCH, rows + 1))
    fields = zip(names, reader.schema.types, strict=True)
    schema = pa.schema([pa.field(name, kind) for name, kind in fields])
    left, size, truncated = rows, 0, False
    with pyarrow.ipc.new_stream(sink, schema) as stream:
        for batch in reader:
            truncated = batch.num_rows > left
            batch = batch.slice(0, left)
            left -= batch.num_rows
            size += batch.nbytes
            if size > most:
                raise Refused(
                    f"The result is larger than {most // 2**20} MB; select fewer rows or columns."
                )
            stream.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
            if truncated:
                break
    return sink.getvalue(), truncated


def read_error(message: str) -> tuple[str, list[int] | None]:
    """An error's message, and where in the query: its first byte and how many, if DuckDB knows."""
    kind, opening, rest = message.partition(": {")
    try:
        facts = json.loads("{" + rest) if opening else {}
        return f"{kind}: {facts['exception_message']}", json.loads(facts.get("location", "null"))
    except (ValueError, KeyError):
        return message, None


def plain(message: str, too_much: str) -> str:
    """The message, or a clearer one where DuckDB speaks of its own inner matters."""
    if "bad_alloc" in message or message.startswith("Out of Memory"):
        return too_much
    if "read-only mode" in message:
        return READ_ONLY
    if "configuration" in message:
        return NO_FILES
    if "expression depth" in message:
        return "The query is nested too deeply; simplify it."
    return message


def main() -> None:
    # Whatever a library prints must not mix with the answer.
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    request = json.load(sys.stdin)
    memory_mb = request["memory_mb"]
    too_much = f"The query needed more than {memory_mb:,} MB and was stopped; narrow it down."
    header: dict[str, Any]
    body = b""
    try:
        connection = connect(request["folder"], memory_mb)
        import pyarrow.ipc  # noqa: F401  (nothing can be loaded behind the wall)

        limit(request["seconds"])
        limit_memory(memory_mb)
        runpy.run_path(os.path.join(os.path.dirname(__file__), "seccomp.py"))["wall"]()
        statement = one_query(connection, request["sql"])
        relation, names = readable(connection, statement)
        body, truncated = rows_of(relation, names, request["rows"], request["bytes"])
        header = {"truncated": truncated}
    except (duckdb.OutOfMemoryException, MemoryError):
        header = {"error": too_much}
    except duckdb.PermissionException:
        header = {"error": NO_FILES}
    except (Refused, duckdb.Error, OSError, ValueError) as error:
        # What goes wrong while rows arrive comes from Arrow's reader, in DuckDB's words.
        message, place = read_error(str(error))
        header = {"error": plain(message, too_much), "place": place}
    except Exception:
        header = {"error": UNSHOWN}
    answer.write(json.dumps(header).encode() + b"\n" + body)
    answer.flush()
    # Threads that still work on the query must not hold up the end.
    os._exit(0)


if __name__ == "__main__":
    main()
