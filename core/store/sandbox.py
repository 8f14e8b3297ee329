"""SQL typed by a user: run in a child process that can be killed and can reach nothing.

The child opens the newest published file under a neutral path, read-only, with DuckDB's access
to files off and its settings locked, and runs exactly one query. The system bounds its address
space and time, because DuckDB's own limits do not hold for every expression. On Linux the kernel
lets it open no file, reach no network and start no program from before the query is run
(core.store.seccomp). Its result comes back as Arrow over a pipe.

The text of a query is not searched for forbidden words, which would protect nothing. What DuckDB
tells about itself in the child holds neither a path nor a setting of the server.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from core.child import killed_after
from core.errors import BadInput
from core.store import Store
from core.store.database import plain
from core.store.files import Busy, exclusive
from core.store.sandbox_child import UNSHOWN

CHILD = Path(__file__).with_name("sandbox_child.py")

MAX_TEXT = 20_000  # characters of a query
MAX_BYTES = 16 * 2**20  # of a result, which a page that has been closed keeps for two minutes
START_SECONDS = 10.0  # for the child's own start on a busy machine; its alarm ends the query
AT_ONCE = 3  # children of all processes; more callers wait, so that they cannot fill the memory

_HINTS = ("Did you", "Candidate")
_PATH = re.compile(r"""(?<![\w)\]])(?:[A-Za-z]:)?[/\\][^\s"'`,;)]+""")

# Days since 1970 of the first and last date that Python has.
_DAYS = (-719_162, 2_932_896)
_INFINITE = 2**63 - 1  # DuckDB's mark of an infinite timestamp, at either sign
_WHOLE = 10**38 - 1  # the largest number of a decimal column
_PER_DAY = {"ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}


class BadSql(BadInput):
    """A query that DuckDB refuses. `place`: the first character of what it does not take, and the
    one behind its last; None where it does not say."""

    def __init__(self, message: str, place: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.place = place


class SqlResult(NamedTuple):
    """Rows of a query; truncated: whether there were more than the limit."""

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
    store = store or Store()
    try:
        with _slot(seconds):
            data, code, stopped = _run_child(sql, seconds, rows, memory_mb, store)
    except OSError as error:
        raise BadInput(
            f"The folder {_temporary()}, which queries need, cannot be used ({error.strerror}): "
            "free some space there, or give this user the right to write to it."
        ) from error
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
        raise BadSql(_sentence(answer["error"]), _place(sql, answer.get("place")))
    try:
        frame = pl.read_ipc_stream(body)
        _check_values(frame)
        return SqlResult(plain(frame), answer["truncated"])
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise BadInput(UNSHOWN) from error


def _temporary() -> Path:
    return Path("/tmp" if os.access("/tmp", os.W_OK) else tempfile.gettempdir())


@contextmanager
def _slot(seconds: float) -> Iterator[None]:
    """One of the places that this user's processes have for a child; BadInput if none gets free."""
    folder = _temporary() / f"memsig-sql-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise BadInput(f"{folder} belongs to somebody else; remove it.")
    deadline = time.monotonic() + seconds
    with ExitStack() as taken:
        for number in itertools.cycle(range(AT_ONCE)):
            try:
                taken.enter_context(exclusive(folder / str(number), 0.0))
                break
            except Busy:
                if time.monotonic() > deadline:
                    raise BadInput(
                        "Several other queries are running; try again in a moment."
                    ) from None
                time.sleep(0.01)
        yield


def _run_child(
    sql: str, seconds: float, rows: int, memory_mb: int, store: Store
) -> tuple[bytes, int, bool]:
    """The child's output, its exit code, and whether it ran out of time."""
    with tempfile.TemporaryDirectory(
        prefix="sql-", dir=_temporary(), ignore_cleanup_errors=True
    ) as folder:
        request = {
            "folder": folder,
            "sql": sql,
            "rows": rows,
            "bytes": MAX_BYTES,
            "memory_mb": memory_mb,
            "seconds": seconds,
        }
        _lay(store, Path(folder, "signatures.duckdb"))
        child = _started()
        try:
            with killed_after(child, seconds + START_SECONDS) as late, child:
                data = _answer(child, request)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        return data, child.returncode, late.is_set()


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-IB", str(CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )


def _answer(child: subprocess.Popen[bytes], request: dict[str, Any]) -> bytes:
    """What the child writes in reply to a request, until it has ended."""
    assert child.stdin is not None and child.stdout is not None
    with suppress(BrokenPipeError):
        child.stdin.write(json.dumps(request).encode())
        child.stdin.close()
    # The child keeps to its bound by itself; reading no further is the second lock.
    data = child.stdout.read(MAX_BYTES * 2)
    child.kill() if len(data) == MAX_BYTES * 2 else child.wait()
    return data


def _check_values(frame: pl.DataFrame) -> None:
    """Refuses values that DuckDB has and Python has not: they would be shown wrong, or not at all.

    The whole numbers behind the values are compared, as polars panics when it has to make a date
    of some of them.
    """
    for column in frame.select(pl.selectors.date(), pl.selectors.datetime()):
        unit = getattr(column.dtype, "time_unit", None)
        numbers = column.to_physical()
        days = numbers // (_PER_DAY[unit] if unit else 1)
        if not days.is_between(*_DAYS).all() or numbers.is_in([-_INFINITE, _INFINITE]).any():
            raise BadInput("The result has dates outside years 1 to 9999; cast them to VARCHAR.")
    for column in frame.select(pl.selectors.decimal()):
        if not column.to_physical().is_between(-_WHOLE, _WHOLE).all():
            raise BadInput("The result has numbers of more than 38 digits; cast them to VARCHAR.")


def _place(sql: str, place: list[int] | None) -> tuple[int, int] | None:
    """A place in characters, from its first byte and how many bytes."""
    if place is None:
        return None
    before, upto = (sql.encode()[:end] for end in (place[0], sum(place)))
    return len(before.decode(errors="ignore")), len(upto.decode(errors="ignore"))


def _lay(store: Store, path: Path) -> None:
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
    lines = [line.strip() for line in message.split("\n") if line.strip()]
    first = re.sub(r"^(?:[A-Z][\w ]*? Error: )+", "", lines[0] if lines else "It cannot be run")
    hint = next(
        (line for line in lines[1:] if line.startswith(_HINTS) and not line.endswith(":")), ""
    )
    text = first.rstrip(".!") + (f" ({hint.rstrip('?.!')})" if hint else "")
    text = _PATH.sub("a file", " ".join(text.split()))
    return (text if len(text) <= 300 else text[:300] + " …") + "."


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
