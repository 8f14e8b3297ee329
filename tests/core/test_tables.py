"""Result tables: taken in whole or not at all, readable by anyone at any time, mended when broken."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from core.errors import BadInput
from core.store import Store
from core.store.database import STORAGE, copy_database
from core.store.tables import GENERATIONS_KEPT

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def result(key: str, model: str = "m", shift: float = 0.0) -> dict[str, pl.DataFrame]:
    """The rows of a signature of two lags and two symbols, in which `shift` moves every recall."""
    lags = [0, 0, 0, 1, 1, 1]
    accuracy = [1.0, 1.0, 1.0, 0.5 + shift, 0.6 + shift, 0.4 + shift]
    return {
        "signatures": pl.DataFrame(
            {
                "key": [key], "model": [model], "corpus": ["c"], "layer": [1], "state": ["h"],
                "untrained": ["floor"], "keeps": [[1.0, 0.8]],
                "created": [datetime(2026, 1, 1, 12, tzinfo=UTC)],
            }
        ),
        "recall": pl.DataFrame(
            {
                "signature": [key] * 6, "lag": lags, "symbol": [None, "a", "b"] * 2,
                "n": [40, 30, 10] * 2, "accuracy": accuracy,
                "low": [value - 0.05 for value in accuracy],
                "high": [value + 0.05 for value in accuracy],
            }
        ),
        "confusion": pl.DataFrame(
            {"signature": [key], "lag": [1], "truth": ["a"], "guess": ["b"], "n": [3]}
        ),
    }  # fmt: skip


def count(store: Store, table: str) -> int:
    return int(store.query(f"SELECT count(*) AS n FROM {table}")["n"][0])


def counts(store: Store) -> tuple[int, ...]:
    return tuple(count(store, table) for table in ("signatures", "recall", "confusion"))


def test_an_empty_store_answers(store: Store) -> None:
    assert counts(store) == (0, 0, 0)
    assert not store.tables.has("signatures", "x")
    status = store.status()
    assert status["models"] == status["signatures"] == 0 and status["place"] == str(store.root)
    assert (store.root / "signatures.duckdb").exists()


def test_taking_in_twice_changes_nothing(store: Store) -> None:
    for shift in (0.0, 0.1):
        store.take_in(result("x", shift=shift), {"weights": b"w"})
    assert counts(store) == (1, 6, 1)
    recall = store.query("FROM recall WHERE lag = 1 AND symbol IS NULL")
    assert recall["accuracy"].to_list() == [0.5]
    assert store.artifacts.get("weights") == b"w"
    assert store.tables.has("signatures", "x") and not store.tables.has("signatures", "y")
    row = store.query("SELECT keeps, created, spec FROM signatures").row(0)
    assert row == ([1.0, 0.8], datetime(2026, 1, 1, 12), None)


def test_an_error_takes_in_nothing(store: Store) -> None:
    store.take_in(result("x"))
    broken = result("y") | {"jobs": pl.DataFrame({"key": ["j"], "attempt": ["not a number"]})}
    with pytest.raises(duckdb.ConversionException):
        store.take_in(broken)
    with pytest.raises(ValueError, match="no such table"):
        store.take_in({"nonsense": pl.DataFrame()})
    assert counts(store) == (1, 6, 1)


def test_a_job_is_updated_by_key_and_attempt(store: Store) -> None:
    for outcome in ("running", "done"):
        row = {"key": ["j", "j"], "attempt": [1, 2], "outcome": ["failed", outcome]}
        store.take_in({"jobs": pl.DataFrame(row)})
    assert store.query("SELECT attempt, outcome FROM jobs ORDER BY ALL").rows() == [
        (1, "failed"),
        (2, "done"),
    ]


def test_views_and_macros(store: Store) -> None:
    store.take_in(
        {
            "corpora": pl.DataFrame({"key": ["c"], "name": ["verse"]}),
            "models": pl.DataFrame(
                {"key": ["m"], "kind": ["char_lm"], "cell": ["gru"], "layers": [1],
                 "hidden": [80], "corpus": ["c"], "trained": [True]}
            ),
        }
    )  # fmt: skip
    for key, shift in (("floor", -0.3), ("x", 0.0), ("y", 0.2), ("z", 0.05)):
        store.take_in(result(key, shift=shift))
    marginal = store.query("FROM marginal_recall WHERE signature = 'x' AND lag = 1")
    row = marginal.row(0, named=True)
    assert (row["name"], row["corpus"], row["model_corpus"]) == ("GRU [1,80]", "verse", "verse")
    assert row["accuracy"] == 0.5 and row["untrained"] == pytest.approx(0.2)
    matrix = store.query("SELECT lag, symbol, accuracy, untrained FROM signature_matrix('x')")
    assert matrix["symbol"].to_list() == ["a", "b"] * 2
    assert matrix["untrained"].to_list() == pytest.approx([1.0, 1.0, 0.3, 0.1])
    difference = store.query("FROM difference(?, ?) WHERE lag = 1", ["y", "x"])
    assert difference["difference"].to_list() == pytest.approx([0.2, 0.2])
    assert difference["significant"].to_list() == [True, True]
    assert store.query("FROM difference('x', 'z')")["significant"].to_list() == [False] * 4
    distance, cells = store.query("FROM similarity('x', 'y')").row(0)
    assert distance == pytest.approx(0.2) and cells == 2


def test_sums_of_integers_are_integers(store: Store) -> None:
    store.take_in(result("x"))
    assert store.query("SELECT sum(n) AS n FROM recall").schema == {"n": pl.Int64}


def test_few_generations_are_kept_and_readers_of_old_ones_go_on(store: Store) -> None:
    connection = store.connect()
    for number in range(GENERATIONS_KEPT + 2):
        store.take_in(result(f"x{number}"))
    assert len(list((store.root / "published").iterdir())) == GENERATIONS_KEPT
    assert connection.sql("FROM signatures").fetchall() == []
    assert len(store.connect().sql("FROM signatures").fetchall()) == GENERATIONS_KEPT + 2


def test_connections_read_only_and_see_data_frames(store: Store) -> None:
    connection = store.connect()
    mine = pl.DataFrame({"a": [1]})
    assert connection.sql("FROM mine").fetchall() == mine.rows()
    for statement in ("DELETE FROM recall", "CREATE TABLE t (a INT)", "DROP VIEW marginal_recall"):
        with pytest.raises(duckdb.Error, match="read-only"):
            connection.execute(statement)


def test_unpublished_rows_appear_within_about_a_second(store: Store) -> None:
    store.query("SELECT 1")
    store.take_in(result("x"), publish=False)
    assert count(store, "signatures") == 0
    deadline = time.monotonic() + 2
    while count(store, "signatures") == 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    store.take_in(result("y"), publish=False)
    assert store.tables.has("signatures", "y")
    store.take_in(result("z"), publish=False)
    store.tables.publish()
    assert count(store, "signatures") == 3


def test_threads_and_stores_share_the_folder(store: Store) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            own = Store(store.root)
            own.take_in(result(f"x{number}"))
            assert own.tables.has("signatures", f"x{number}")
            for _ in range(20):
                assert store.query("SELECT count(*) AS n FROM recall")["n"][0] % 6 == 0
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and counts(store) == (6, 36, 6)


# Breakage


def flip(path: Path, share: float) -> None:
    """Turn bits of the last block of a file that no process has open."""
    data = bytearray(path.read_bytes())
    place = int(len(data) * share)
    for i in range(place, min(place + 64, len(data))):
        data[i] ^= 0xFF
    path.write_bytes(bytes(data))


def newest_file(store: Store) -> Path:
    """The newest generation, without opening it: what is open is not read again."""
    return max((store.root / "published").glob("*.duckdb"))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
def test_a_damaged_live_database_is_rebuilt(store: Store, share: float) -> None:
    store.take_in(result("x"))
    flip(store.tables.live, share)
    again = Store(store.root)
    again.take_in(result("y"))
    assert counts(again) == (2, 12, 2)
    again.take_in(result("z"))
    assert counts(again) == (3, 18, 3)


def test_a_truncated_live_database_is_rebuilt(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.take_in(result("x"))
    os.truncate(store.tables.live, 20_000)
    again = Store(store.root)
    again.take_in(result("y"))
    assert counts(again) == (2, 12, 2)
    assert "damaged and is rebuilt" in caplog.text
    assert (store.root / "live" / "damaged.duckdb").exists()


def test_a_broken_log_of_the_live_database_is_set_aside(store: Store) -> None:
    store.take_in(result("x"))
    Path(f"{store.tables.live}.wal").write_bytes(os.urandom(5_000))
    again = Store(store.root)
    again.take_in(result("y"))
    assert counts(again) == (2, 12, 2)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
def test_a_damaged_generation_is_published_again(store: Store, share: float) -> None:
    store.take_in(result("x"))
    path = newest_file(store)
    flip(path, share)
    again = Store(store.root)
    assert counts(again) == (1, 6, 1)
    assert again.query("SELECT sum(accuracy) AS a FROM recall")["a"][0] == pytest.approx(4.5)
    # Only what was read can be found damaged; the header always is.
    assert again.tables.newest() != path or share > 0


def test_all_is_rebuilt_when_live_and_newest_are_damaged(store: Store) -> None:
    store.take_in(result("x"))
    store.take_in(result("y"))
    flip(newest_file(store), 0.0)
    flip(store.tables.live, 0.0)
    again = Store(store.root)
    assert counts(again) == (1, 6, 1)
    again.take_in(result("y"))
    assert counts(again) == (2, 12, 2)


def test_a_lost_live_database_comes_from_the_newest_generation(store: Store) -> None:
    store.take_in(result("x"))
    store.tables.live.unlink()
    again = Store(store.root)
    again.take_in(result("y"))
    assert counts(again) == (2, 12, 2)


def test_a_lost_shared_copy_is_made_again(store: Store) -> None:
    store.take_in(result("x"))
    store.tables.shared.unlink()
    store.query("SELECT 1")
    with duckdb.connect(str(store.tables.shared), read_only=True) as connection:
        assert len(connection.sql("FROM signatures").fetchall()) == 1


def test_an_older_schema_gains_what_is_new_and_keeps_its_rows(store: Store) -> None:
    store.take_in(result("x"))
    with duckdb.connect(str(store.tables.live)) as live:
        live.execute("DROP VIEW marginal_recall")
        live.execute("DROP TABLE confusion")
        live.execute("ALTER TABLE recall DROP COLUMN precision")
        live.execute("ALTER TABLE signatures DROP COLUMN machine")
        live.execute("CREATE OR REPLACE VIEW schema_version AS SELECT 'old' AS version")
    again = Store(store.root)
    again.take_in(result("y"))
    assert counts(again) == (2, 12, 1)
    assert store.query("SELECT precision, untrained FROM signature_matrix('x')").height == 4
    assert store.query("SELECT machine FROM signatures")["machine"].to_list() == [None, None]


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, "tests/core")
from core.store import Store
from test_tables import result
store = Store(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(10_000):
    store.take_in(result(f"{sys.argv[2]}-{number}"), {f"{sys.argv[2]}-{number}": b"w" * 50_000})
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_nothing_half(store: Store) -> None:
    done = 0
    for kill in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(store.root), str(kill)],
            cwd=REPOSITORY, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
        time.sleep(0.1 + 0.07 * kill)
        writer.send_signal(signal.SIGKILL)
        reported = len(writer.stdout.read().split())
        writer.wait()
        done += reported
        again = Store(store.root)
        again.take_in(result(f"after-{kill}"))
        done += 1
        signatures, recalls, confusions = counts(again)
        assert recalls == 6 * signatures and confusions == signatures
        assert signatures >= done
        assert not list(store.root.rglob("*.part*"))
        done = signatures
        for key in again.query("SELECT key FROM signatures WHERE key NOT LIKE 'after%'")["key"]:
            assert again.artifacts.get(key) is not None


def test_a_full_disk_is_one_sentence_and_loses_nothing(store: Store) -> None:
    store.take_in(result("x"))
    script = """
import resource, signal, sys
from pathlib import Path
import polars as pl
from core.store import Store
from core.errors import BadInput
store = Store(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))
keys = [str(hash(str(i))) * 9 for i in range(100_000)]
big = pl.DataFrame({"signature": keys, "lag": [0] * 100_000, "truth": keys, "guess": keys,
                    "n": [1] * 100_000})
try:
    store.take_in({"confusion": big})
except BadInput as error:
    print(error)
"""
    command = [sys.executable, "-c", script, str(store.root)]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert "is full: free some space" in run.stdout, run.stderr
    again = Store(store.root)
    again.take_in(result("y"))
    assert counts(again)[:2] == (2, 12)


# Others at the shared file

READER = """
import sys, time
import duckdb
path, seconds, hold = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
end, seen, slowest = time.monotonic() + seconds, 0, 0.0
print("ready", flush=True)
while time.monotonic() < end:
    start = time.monotonic()
    connection = duckdb.connect(path, read_only=True)
    rows = connection.execute("SELECT count(*) FROM signatures").fetchall()[0][0]
    slowest = max(slowest, time.monotonic() - start)
    time.sleep(hold)
    assert connection.execute("SELECT count(*) FROM signatures").fetchall()[0][0] == rows
    assert connection.execute("SELECT count(*) FROM recall").fetchall()[0][0] == 6 * rows
    connection.close()
    assert rows >= seen
    seen = rows
print(seen, slowest, flush=True)
"""

HOLDER = """
import sys, time
import duckdb
connection = duckdb.connect(sys.argv[1])
print(connection.execute("SELECT count(*) FROM signatures").fetchall()[0][0], flush=True)
connection.execute("CREATE OR REPLACE TABLE mine AS SELECT * FROM signatures")
print("wrote", flush=True)
sys.stdin.readline()
connection.execute("INSERT INTO mine SELECT * FROM mine")
connection.close()
print("closed", flush=True)
"""


@contextmanager
def process(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def test_outside_readers_never_wait_and_see_what_is_new(store: Store) -> None:
    store.take_in(result("first"))
    shared = str(store.tables.shared)
    with (
        process(READER, shared, "2", "0") as quick,
        process(READER, shared, "2", "0.2") as slow,
        process(READER, shared, "2", "1.5") as holder,
    ):
        readers = [quick, slow, holder]
        for reader in readers:
            assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
        end, taken, slowest = time.monotonic() + 1.3, 1, 0.0
        while time.monotonic() < end:
            start = time.monotonic()
            store.take_in(result(f"x{taken}"))
            slowest = max(slowest, time.monotonic() - start)
            taken += 1
            assert counts(store)[0] == taken
        for reader in readers:
            seen, waited = (reader.communicate()[0] or "0 0").split()
            assert reader.returncode == 0
            assert int(seen) == taken and float(waited) < 2
    assert taken > 3 and slowest < 2


def test_a_shell_that_writes_to_the_shared_copy_disturbs_nobody(store: Store) -> None:
    store.take_in(result("first"))
    with process(HOLDER, str(store.tables.shared)) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        assert holder.stdout.readline() == "1\n"
        assert holder.stdout.readline() == "wrote\n"
        store.take_in(result("second"))
        assert counts(store) == (2, 12, 2)
        with duckdb.connect(str(store.tables.shared), read_only=True) as connection:
            assert connection.execute("SELECT count(*) FROM signatures").fetchall() == [(2,)]
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "closed\n"
    store.take_in(result("third"))
    with duckdb.connect(str(store.tables.shared), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM signatures").fetchall() == [(3,)]


def test_one_who_looks_at_the_live_file_is_waited_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.take_in(result("x"))
    with process(HOLDER, str(store.tables.live)) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        assert holder.stdout.readline() == "1\n"
        assert holder.stdout.readline() == "wrote\n"
        timer = threading.Timer(0.3, lambda: holder.communicate("\n"))
        timer.start()
        store.take_in(result("y"))
        timer.join()
    assert counts(store) == (2, 12, 2)
    monkeypatch.setattr("core.store.tables.LOCK_SECONDS", 0.1)
    with process(HOLDER, str(store.tables.live)) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "2\n"
        with pytest.raises(BadInput, match="Another program holds"):
            store.take_in(result("z"))
        assert counts(store) == (2, 12, 2)


# Documentation


def documented() -> dict[str, dict[str, tuple[str, str]]]:
    """Columns by table in docs/tables.md, each with its type and meaning."""
    tables: dict[str, dict[str, tuple[str, str]]] = {}
    text = (REPOSITORY / "docs" / "tables.md").read_text()
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        name, *lines = section.split("\n")
        rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][1:]
        tables[name] = {column: (kind, meaning) for column, kind, meaning in rows}
        assert all(len(meaning) > 3 for _, meaning in tables[name].values()), name
    return tables


def test_the_documentation_and_the_database_agree(store: Store) -> None:
    in_database: dict[str, dict[str, tuple[str, str]]] = {}
    for table, column, kind, comment in store.query(
        "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() "
        "WHERE NOT internal ORDER BY table_name, column_index"
    ).rows():
        in_database.setdefault(table, {})[column] = (kind, comment)
    macros = store.query(
        "SELECT function_name, len(parameters) AS n FROM duckdb_functions() "
        "WHERE function_type = 'table_macro' AND NOT internal"
    ).rows()
    documents = documented()
    assert set(documents) == set(in_database) | {name for name, _ in macros}
    for table, columns in in_database.items():
        assert list(documents[table].items()) == list(columns.items()), table
    for name, parameters in macros:
        arguments = ", ".join(["''"] * parameters)
        described = store.query(f"DESCRIBE FROM {name}({arguments})")
        kinds = [(column, kind) for column, (kind, _) in documents[name].items()]
        assert kinds == described.select("column_name", "column_type").rows(), name


def test_tables_and_macros_explain_themselves(store: Store) -> None:
    text = (REPOSITORY / "docs" / "tables.md").read_text()
    comments = store.query(
        "SELECT comment FROM duckdb_tables() UNION ALL "
        "SELECT comment FROM duckdb_views() WHERE NOT internal UNION ALL "
        "SELECT comment FROM duckdb_functions() "
        "WHERE function_type = 'table_macro' AND NOT internal"
    )["comment"].to_list()
    assert len(comments) == 13
    assert all(comment and comment in text for comment in comments)


def test_copies_take_names_with_quotes(tmp_path: Path) -> None:
    with duckdb.connect(":memory:") as database:
        database.execute("CREATE TABLE t AS SELECT 1 AS a")
        copy_database(database, tmp_path / "o'neill.duckdb", f"STORAGE_VERSION '{STORAGE}'", True)
    with duckdb.connect(str(tmp_path / "o'neill.duckdb"), read_only=True) as copy:
        assert copy.execute("FROM t").fetchall() == [(1,)]
