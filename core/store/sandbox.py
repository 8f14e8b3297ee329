"""SQL typed by a user: run in a child process that can be killed and can reach nothing.

The child opens the newest published file under a neutral path, read-only, with DuckDB's access
to files off and its settings locked, and runs exactly one query. The system bounds its address
space and time, because DuckDB's own limits do not hold for every expression. Its result comes
back as Arrow over a pipe.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

import polars as pl

from core.errors import BadInput
from core.store import Store
from core.store.database import plain

CHILD = Path(__file__).with_name("sandbox_child.py")

MAX_TEXT = 20_000  # characters of a query
MAX_BYTES = 64 * 2**20  # of a result
START_SECONDS = 2.0  # allowed to the child for its own start, beside the time of the query
AT_ONCE = 3  # children; more callers wait, so that many users cannot fill the memory

# Functions and views about the server. The child's neutral path keeps them from telling
# anything; naming them here gives a clear answer.
_SERVER = re.compile(
    r"\b(duckdb_databases|duckdb_settings|duckdb_extensions|duckdb_extension_repositories|"
    r"duckdb_secrets|which_secret|duckdb_logs|duckdb_log_contexts|duckdb_temporary_files|"
    r"duckdb_external_\w+|\w*database_list|pg_settings|current_setting|getenv|"
    # These two build a query out of text, in which a name would not be seen.
    r"json_execute_serialized_sql)\b|\bquery\"?(?:\s|--[^\n]*\n|/\*.*?\*/)*\(",
    re.IGNORECASE | re.DOTALL,
)
_PATH = re.compile(r"""(?<![\w)\]])(?:[A-Za-z]:)?[/\\][^\s"'`,;)]+""")

# Days since 1970 of the first and last date that Python has.
_DAYS = (-719_162, 2_932_896)

_slots = threading.BoundedSemaphore(AT_ONCE)


class SqlResult(NamedTuple):
    """Rows of a query; `truncated` when there were more than asked for."""

    frame: pl.DataFrame
    truncated: bool


def run_sql(
    sql: str,
    seconds: float = 10,
    rows: int = 10_000,
    memory_mb: int = 2048,
    store: Store | None = None,
) -> SqlResult:
    """Run one read-only query of the published tables: at most `rows` rows, `seconds`, memory.

    Raises BadInput with one sentence for anything but a query that ends within its bounds.
    """
    if not sql.strip():
        raise BadInput("Type a query first, such as: SELECT * FROM marginal_recall.")
    if len(sql) > MAX_TEXT:
        raise BadInput(f"The query is longer than {MAX_TEXT:,} characters; shorten it.")
    if "\0" in sql or not _encodable(sql):
        raise BadInput("The query contains characters that are not text; remove them.")
    if _SERVER.search(sql):
        raise BadInput("Questions about the server are not answered here; ask about the tables.")
    if not _slots.acquire(timeout=seconds):
        raise BadInput("Several other queries are running; try again in a moment.")
    try:
        data, code, stopped = _run_child(sql, seconds, rows, memory_mb, store or Store())
    finally:
        _slots.release()
    if stopped or code in (-signal.SIGALRM, -signal.SIGXCPU):
        raise BadInput(f"The query took longer than {seconds:g} s and was stopped; narrow it down.")
    header, newline, body = data.partition(b"\n")
    if code != 0 or not newline:
        raise BadInput(
            f"The query needed more than {memory_mb:,} MB or was too deeply nested, and was "
            "stopped; narrow it down."
        )
    answer = json.loads(header)
    if "error" in answer:
        raise BadInput(_sentence(answer["error"]))
    frame = plain(pl.read_ipc_stream(body))
    _check_dates(frame)
    return SqlResult(frame, answer["truncated"])


def _run_child(
    sql: str, seconds: float, rows: int, memory_mb: int, store: Store
) -> tuple[bytes, int, bool]:
    """The child's output, its exit code, and whether it ran out of time."""
    base = "/tmp" if os.access("/tmp", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="sql-", dir=base, ignore_cleanup_errors=True) as folder:
        request = {
            "folder": folder,
            "sql": sql,
            "rows": rows,
            "bytes": MAX_BYTES,
            "memory_mb": memory_mb,
            "seconds": seconds,
        }
        _place(store, Path(folder, "signatures.duckdb"))
        child = subprocess.Popen(
            [sys.executable, "-IB", str(CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        assert child.stdin is not None and child.stdout is not None
        stopped = threading.Event()

        def stop() -> None:
            stopped.set()
            child.kill()

        timer = threading.Timer(seconds + START_SECONDS, stop)
        timer.start()
        try:
            with child:
                try:
                    child.stdin.write(json.dumps(request).encode())
                    child.stdin.close()
                except BrokenPipeError:
                    pass
                # The child keeps to its bound by itself; reading no further is the second lock.
                data = child.stdout.read(MAX_BYTES * 2)
                child.kill() if len(data) == MAX_BYTES * 2 else child.wait()
        finally:
            timer.cancel()
            if child.poll() is None:
                child.kill()
                child.wait()
        return data, child.returncode, stopped.is_set()


def _check_dates(frame: pl.DataFrame) -> None:
    """DuckDB's calendar reaches further than Python's, which would fail only when shown."""
    for column in frame.select(pl.selectors.date(), pl.selectors.datetime()):
        days = column.dt.replace_time_zone(None) if column.dtype != pl.Date else column
        if not days.cast(pl.Date).to_physical().is_between(*_DAYS).all():
            raise BadInput("The result has dates outside years 1 to 9999; cast them to VARCHAR.")


def _place(store: Store, path: Path) -> None:
    """The newest generation under `path`; it may be removed by a publication meanwhile."""
    for _ in range(5):
        newest = store.tables.newest()
        try:
            os.link(newest, path)
            return
        except OSError:
            try:
                # Another file system, or one without links.
                shutil.copyfile(newest, path)
                return
            except FileNotFoundError:
                continue
    raise BadInput("The tables are being published right now; try again in a moment.")


def _sentence(message: str) -> str:
    """A DuckDB error as one sentence, without any path."""
    lines = [line.strip() for line in message.split("\n\nLINE")[0].split("\n") if line.strip()]
    first = re.sub(r"^(?:[A-Z][\w ]*? Error: )+", "", lines[0] if lines else "It cannot be run")
    hint = next((line for line in lines[1:] if line.startswith(("Did you", "Candidate"))), "")
    text = first.rstrip(".!") + (f" ({hint.rstrip('?.!')})" if hint else "")
    text = _PATH.sub("a file", " ".join(text.split()))
    return (text if len(text) <= 300 else text[:300] + " …") + "."


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
