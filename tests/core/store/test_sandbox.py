"""SQL from users: queries answer, anything else ends soon, in one sentence that tells no path."""

from __future__ import annotations

import errno
import os
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.errors import BadInput
from core.store import Store, sandbox_child
from core.store.sandbox import MAX_TEXT, BadSql, run_sql

pytestmark = pytest.mark.slow

SECONDS = 0.6
MEMORY_MB = 1024

FILES = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_csv_auto('/etc/passwd', header = false)",
    "SELECT content FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/proc/self/environ')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM glob('*')",
    "SELECT * FROM read_parquet('x.parquet')",
    "SELECT * FROM parquet_metadata('x.parquet')",
    "SELECT * FROM read_json('/etc/hosts')",
    "SELECT * FROM read_json_objects('/etc/hosts')",
    "SELECT * FROM read_duckdb('signatures.duckdb')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM 'file.csv'",
    "SELECT * FROM 'file.parquet'",
    "SELECT * FROM 'https://example.org/file.csv'",
    "SELECT * FROM read_csv('https://example.org/file.csv')",
    "SELECT * FROM read_text(['/etc/passwd', '/etc/hosts'])",
    "SELECT (SELECT content FROM read_text('/etc/' || 'passwd'))",
    "WITH t AS (FROM read_text('/etc/passwd')) SELECT length(content) FROM t",
    "COPY recall TO '/tmp/out.csv'",
    "COPY (SELECT 1) TO '/tmp/out.parquet' (FORMAT parquet)",
    "COPY recall FROM '/etc/passwd'",
    "EXPORT DATABASE '/tmp/out'",
    "IMPORT DATABASE '/tmp/out'",
    "ATTACH '/tmp/other.duckdb'",
    "ATTACH ':memory:' AS other",
    "DETACH signatures",
    "INSTALL httpfs",
    "INSTALL spatial FROM community",
    "LOAD '/tmp/evil.duckdb_extension'",
    "LOAD httpfs",
]
SETTINGS = [
    "USE memory",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET memory_limit = '100GB'",
    "SET GLOBAL threads = 64",
    "RESET memory_limit",
    "RESET lock_configuration",
    "SET VARIABLE a = 1",
    "PRAGMA database_list",
    "PRAGMA database_size",
    "PRAGMA enable_profiling",
    "PRAGMA memory_limit = '100GB'",
    "SELECT * FROM duckdb_extensions()",
    "SELECT getenv('HOME')",
    "FROM query_table('/etc/passwd')",
    "CREATE SECRET s (TYPE s3)",
]
# What DuckDB tells of itself, by its name or behind one put together: nothing of the server.
ABOUT = [
    "SELECT * FROM duckdb_databases()",
    "SELECT * FROM duckdb_databases",
    'SELECT path FROM "duckdb_databases"()',
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM which_secret('s3://a', 's3')",
    "SELECT * FROM duckdb_temporary_files()",
    "SELECT * FROM duckdb_logs()",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM pg_catalog.pg_settings",
    "SELECT current_setting('temp_directory')",
    "SELECT current_setting('secret_directory')",
    "FROM query('FROM duckdb_data' || 'bases()')",
    "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "FROM \"query\" /* */ ('SELECT 1')",
    "FROM query -- a\r('FROM duckdb_set'||'tings()')",
    "FROM query_table('duckdb_data'||'bases')",
    "FROM query_table('pg_catalog.pg_set'||'tings')",
    "FROM histogram_values('duckdb_data'||'bases', path)",
]
WRITES = [
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE recall",
    "CREATE TABLE t (a INT)",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE VIEW v AS SELECT 1",
    "CREATE MACRO m(a) AS a + 1",
    "CREATE FUNCTION f(a) AS a + 1",
    "INSERT INTO recall(signature, lag) VALUES ('a', 1)",
    "UPDATE recall SET n = 0",
    "DELETE FROM recall",
    "TRUNCATE recall",
    "MERGE INTO recall USING recall AS r ON true WHEN MATCHED THEN DELETE",
    "WITH gone AS (DELETE FROM recall RETURNING *) FROM gone",
    "DROP TABLE recall",
    "DROP SCHEMA main CASCADE",
    "ALTER TABLE recall ADD COLUMN a INT",
    "COMMENT ON TABLE recall IS 'x'",
    "CHECKPOINT",
    "FORCE CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "CALL pragma_version()",
    "CALL force_checkpoint()",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "DEALLOCATE p",
    "BEGIN TRANSACTION",
    "COMMIT",
    "EXPLAIN ANALYZE INSERT INTO recall(signature, lag) VALUES ('a', 1)",
    "EXPLAIN ANALYZE DELETE FROM recall",
    "EXPLAIN /* */ ANALYZE /* */ COPY recall TO '/tmp/out.csv'",
    "EXPLAIN (ANALYZE) CREATE TABLE t AS SELECT 1",
    "EXPLAIN PRAGMA database_list",
    "PIVOT recall ON lag",
    "UPDATE EXTENSIONS",
]
TEXTS = [
    "",
    " \n\t ",
    ";",
    "-- nothing",
    "nonsense",
    "SELECT '",
    "SELECT \0",
    "SELECT '\ud800'",
    "SEL\u0435CT 1",
    "SELECT \u202e1\u202c FROM",
    "SELECT \U0001f986",
    "SELECT * FROM nosuch",
    "SELECT nosuch FROM recall",
    "SELECT error('/etc/passwd and C:\\secret')",
    "SELECT 1 -- " + "x" * MAX_TEXT,
    "SELECT " + "(" * 4_000 + "1" + ")" * 4_000,
    "SELECT " + "[" * 4_000 + "]" * 4_000,
    "SELECT " + "1+" * 9_000 + "1",
    "SELECT " + "NOT " * 4_500 + "true",
    "SELECT " + ", ".join(["r.*"] * 1_500) + " FROM recall r",
    "SELECT DATE '290000-01-01'",
    "FROM test_all_types()",
]
GREEDY = [
    "SELECT count(*) FROM range(1000000000000)",
    "SELECT sum(hash(range)) FROM range(1000000000000)",
    "SELECT count(*) FROM recall a, recall b, range(1000000000) c, range(1000000000) d",
    "SELECT * FROM range(1000000000) a, range(1000000000) b ORDER BY hash(a.range + b.range)",
    "SELECT range(10000000000)",
    "SELECT list_sort(list_transform(range(1000000000), lambda x: hash(x)))",
    "SELECT array_agg(range) FROM range(10000000000)",
    "SELECT string_agg(range::VARCHAR, ',') FROM range(10000000000)",
    "SELECT repeat('x', 10000000000)",
    "SELECT repeat('x', 4000000000)",
    "SELECT repeat('x', 50000000) FROM range(1000)",
    "SELECT lpad('x', 2000000000, 'y')",
    "WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM t) SELECT max(a) FROM t",
    "WITH RECURSIVE t AS (SELECT 'x' AS a UNION ALL SELECT a || a FROM t) SELECT max(a) FROM t",
    # Each in time linear in its length, so there are many.
    "SELECT count(*) FROM range(10000000) WHERE regexp_matches(repeat('a', range), '(a*)*b')",
    "SELECT DISTINCT hash(range) FROM range(10000000000)",
]
HOSTILE = [*FILES, *SETTINGS, *WRITES, *TEXTS, *GREEDY]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("cache"))
    rows = {
        "signature": ["x"] * 4,
        "lag": [0, 0, 1, 1],
        "symbol": ["a", "b"] * 2,
        "n": [9, 8, 7, 6],
    }
    store.take_in({"recall": pl.DataFrame(rows)})
    return store


def refusal(store: Store, sql: str) -> tuple[str, float]:
    """The sentence that `sql` ends in (none if it was answered), and the seconds until then."""
    start = time.monotonic()
    try:
        run_sql(sql, seconds=SECONDS, memory_mb=MEMORY_MB, store=store)
        sentence = ""
    except BadInput as error:
        sentence = str(error)
    return sentence, time.monotonic() - start


@pytest.fixture(scope="module")
def refusals(store: Store) -> Iterator[dict[str, tuple[str, float]]]:
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with ThreadPoolExecutor(2) as pool:
        ended = dict(zip(HOSTILE, pool.map(lambda sql: refusal(store, sql), HOSTILE), strict=True))
    yield ended
    # Kilobytes: the bytes of the longest result are all that may come over.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
    most = max(children, (MEMORY_MB + 300) * 1024)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= most


def test_the_list_is_long_enough() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 60


@pytest.mark.parametrize("sql", HOSTILE, ids=lambda sql: ascii(sql[:40]))
def test_a_hostile_statement_ends_in_one_sentence(
    refusals: dict[str, tuple[str, float]], store: Store, sql: str
) -> None:
    sentence, seconds = refusals[sql]
    assert sentence and "\n" not in sentence and len(sentence) < 400
    assert sentence[0].isprintable() and sentence.endswith(".")
    assert "Traceback" not in sentence and "Error:" not in sentence
    assert not re.search(r"(^|[\s'\"(])/\w|[A-Z]:\\", sentence), sentence
    assert str(store.root) not in sentence and "duckdb.org" not in sentence
    # Starting a child on a busy machine takes a while too.
    assert seconds < 20


@pytest.mark.parametrize("sql", ABOUT, ids=lambda sql: ascii(sql[:40]))
def test_nothing_of_the_server_is_told(store: Store, sql: str) -> None:
    try:
        told = str(run_sql(sql, store=store).frame.to_dicts())
    except BadInput as error:
        told = str(error)
    paths = set(re.findall(r"(?<!\w)/[\w.-]+/[\w./-]+", told))
    assert all(re.match(r"/tmp/sql-\w+/signatures\.duckdb", path) for path in paths)
    for secret in (str(store.root), str(Path.home()), os.environ.get("PATH", "/usr/bin")):
        assert secret not in told


def test_no_text_stops_the_clock_of_this_process(store: Store) -> None:
    """Comments between `query` and its bracket doubled the time of a search, each of them."""
    for between in ("/**/", "--\n", "/**/ --\n"):
        sql = "SELECT 1 AS query" + between * ((MAX_TEXT - 20) // len(between))
        before = time.process_time()
        assert run_sql(sql, store=store).frame["query"].to_list() == [1]
        assert time.process_time() - before < 2


def test_behind_the_wall_nothing_can_be_opened_or_started() -> None:
    """The kernel's own refusal, in a process with threads that ran before the wall was put up."""
    code = """
import os, runpy, socket, subprocess, sys, threading
ready, answers = threading.Event(), []
def attempt():
    for work in (lambda: open(os.devnull), socket.socket, os.fork, lambda: os.mkdir("x"),
                 lambda: subprocess.run([sys.executable]), lambda: os.kill(1, 0)):
        try:
            answers.append(work())
        except OSError as error:
            answers.append(error.errno)
older = threading.Thread(target=lambda: (ready.wait(), attempt()))
older.start()
print(runpy.run_path(sys.argv[1])["wall"]())
ready.set(); older.join()
newer = threading.Thread(target=attempt)
newer.start(); newer.join()
print(*answers)
"""
    file = Path(sandbox_child.__file__).with_name("seccomp.py")
    run = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True
    )
    worked, _, answers = run.stdout.partition("\n")
    if sys.platform != "linux" or worked == "False":
        pytest.skip("this system has no seccomp")
    assert answers.split() == [str(errno.EPERM)] * 12


def test_afterwards_nothing_has_changed(
    refusals: dict[str, tuple[str, float]], store: Store
) -> None:
    assert run_sql("SELECT count(*) AS n FROM recall", store=store).frame["n"].to_list() == [4]
    assert not Path("/tmp/out.csv").exists() and not Path("/tmp/out.parquet").exists()


@pytest.mark.parametrize(
    ("sql", "wrong"),
    [
        ("SELEC 1", "SELEC"),
        ("-- é\nSELECT 'é',\n  lagg FROM recall", "lagg"),
        ("SELECT lag FROM recal", "recal"),
        ("SELECT upper(1, 2)", "upper(1, 2)"),
        ("EXPLAIN SELECT lagg FROM recall;", "lagg"),
        ("SELECT MAP {'a': 1}, nothing FROM recall", "nothing"),
        ("SELECT error('x')", None),
        ("DROP TABLE recall", None),
    ],
)
def test_a_mistake_has_its_place(store: Store, sql: str, wrong: str | None) -> None:
    with pytest.raises(BadSql) as refused:
        run_sql(sql, store=store)
    place = refused.value.place
    assert (place and sql[slice(*place)]) == wrong


def test_reading_statements_answer(store: Store) -> None:
    for sql, height in (
        ("SELECT * FROM recall", 4),
        ("FROM recall WHERE lag = 1;", 2),
        ("SELECT lag, sum(n) AS n FROM recall GROUP BY ALL ORDER BY ALL -- by lag", 2),
        ("WITH t AS (FROM recall) SELECT max(n) FROM t", 1),
        ("VALUES (1), (2)", 2),
        ("SHOW TABLES", store.query("SHOW TABLES").height),
        ("DESCRIBE recall", store.query("FROM recall").width),
        ("SUMMARIZE recall", store.query("FROM recall").width),
        ("EXPLAIN SELECT * FROM recall", 1),
        ("EXPLAIN ANALYZE SELECT * FROM recall", 1),
        ("EXPLAIN ANALYZE (SELECT 1)", 1),
        ("EXPLAIN (ANALYZE) SELECT 1", 1),
        ("PIVOT recall ON lag IN (0, 1) USING sum(n) GROUP BY symbol", 2),
        ("FROM signature_matrix('x')", 0),
        ("SELECT 'a/b', 1 / 2, '/etc is only a text'", 1),
    ):
        frame, truncated = run_sql(sql, store=store)
        assert frame.height == height and not truncated, sql


def test_every_type_arrives(store: Store) -> None:
    frame = run_sql(
        "SELECT sum(n) AS total, 1 AS same, 2 AS same, INTERVAL 1 DAY AS i, uuid() AS u, "
        "MAP {'a': 1} AS m, [1, 2] AS l, {'a': 1} AS s, DATE '2026-01-02' AS d, now() AS t, "
        "[DATE '2026-01-02'] AS ds, 1.5::DECIMAL(4, 1) AS e, NULL AS z FROM recall",
        store=store,
    ).frame
    row = frame.row(0, named=True)
    assert (row["total"], row["same"], row["same_2"]) == (30, 1, 2)
    assert (row["i"], row["m"], row["ds"]) == ("1 day", "{a=1}", "[2026-01-02]")
    assert row["l"] == [1, 2] and row["s"] == {"a": 1} and row["d"] == date(2026, 1, 2)
    assert frame.schema["total"] == pl.Int64


REFUSED = None
HUGE = 2**127 - 1
VALUES = [
    ("true", True),
    ("(-128)::TINYINT", -128),
    ("9223372036854775807", 2**63 - 1),
    ("18446744073709551615::UBIGINT", 2**64 - 1),
    ("99999999999999999999999999999999999999::HUGEINT", Decimal(10**38 - 1)),
    (f"{HUGE}::HUGEINT", REFUSED),
    (f"({-HUGE - 1})::HUGEINT", REFUSED),
    (f"{2**127}::UHUGEINT", str(2**127)),
    (f"{2**128 - 1}::UHUGEINT", str(2**128 - 1)),
    ("(SELECT sum(9223372036854775807) FROM range(2))", Decimal(2**64 - 2)),
    ("99999999999999999999999999999999999999::DECIMAL(38, 0)", Decimal(10**38 - 1)),
    ("[1.5::DECIMAL(4, 1)]", "[1.5]"),
    ("10::BIGNUM", "10"),
    ("'nan'::DOUBLE", "nan"),
    ("'-infinity'::FLOAT", float("-inf")),
    ("chr(0) || 'a'", "\0a"),
    ("'\\xFF\\x00'::BLOB", b"\xff\0"),
    ("[{'a': '\\xAA'::BLOB}]", r"[{'a': '\\xAA'}]"),
    ("'101'::BIT", "101"),
    ("'123e4567-e89b-12d3-a456-426614174000'::UUID", "123e4567-e89b-12d3-a456-426614174000"),
    ("'a'::ENUM ('a')", "a"),
    ("INTERVAL '1 month'", "1 month"),
    ("DATE '0001-01-01'", date(1, 1, 1)),
    ("DATE '9999-12-31'", date(9999, 12, 31)),
    ("DATE '10000-01-01'", REFUSED),
    ("DATE 'infinity'", REFUSED),
    ("DATE '5877642-06-25 (BC)'", REFUSED),
    ("TIMESTAMP '9999-12-31 23:59:59.999999'", datetime(9999, 12, 31, 23, 59, 59, 999_999)),
    ("TIMESTAMP '294247-01-10 04:00:54.775806'", REFUSED),
    ("TIMESTAMP '-infinity'", REFUSED),
    ("TIMESTAMP_S '290000-12-31 23:59:59'", REFUSED),
    ("TIMESTAMP_MS '290000-12-31 23:59:59'", REFUSED),
    ("TIMESTAMP_NS 'infinity'", REFUSED),
    ("TIMESTAMPTZ '2026-01-02 03:04:05+00'", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ("TIMESTAMPTZ '294247-01-10 04:00:54.775806+00'", REFUSED),
    ("[TIMESTAMPTZ 'infinity']", "[infinity]"),
    ("TIME '24:00:00'", "24:00:00"),
    ("TIMETZ '24:00:00-15:59:59'", "24:00:00-15:59:59"),
    ("MAP {'a': 1}", "{a=1}"),
    ("union_value(a := 1)", "1"),
    ("[[1, 2], NULL]", [[1, 2], None]),
    ("[1, 2]::INTEGER[2]", [1, 2]),
    ("{'a': {'b': [1]}}", {"a": {"b": [1]}}),
    ("row(1, 2)", "(1, 2)"),
    ("'POINT(1 2)'::GEOMETRY", "POINT (1 2)"),
    ("1::VARIANT", "1"),
]


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=lambda part: ascii(part)[:50])
def test_a_value_of_any_type_is_shown_or_refused(store: Store, value: str, expected: Any) -> None:
    if expected is REFUSED:
        with pytest.raises(BadInput, match=r"cast them to VARCHAR\."):
            run_sql(f"SELECT {value} AS v", store=store)
        expected = run_sql(f"SELECT (v)::VARCHAR FROM (SELECT {value} AS v)", store=store)
        assert expected.frame.height == 1
        return
    frame = run_sql(f"SELECT {value} AS v", store=store).frame
    assert str(frame)
    [shown] = frame["v"].to_list()
    assert (str(shown) if expected == "nan" else shown) == expected


def test_all_types_of_duckdb_at_once(store: Store) -> None:
    """Their least, their largest and a missing value, without the dates that no calendar has."""
    kinds = run_sql("DESCRIBE FROM test_all_types()", store=store).frame
    dates = kinds.filter(pl.col("column_type").str.contains("^(DATE|TIMESTAMP.*|HUGEINT)$"))
    names = ", ".join(f'"{name}"' for name in dates["column_name"])
    frame = run_sql(f"SELECT * EXCLUDE ({names}) FROM test_all_types()", store=store).frame
    assert frame.height == 3 and frame.width == kinds.height - dates.height
    assert frame.rows()[2] == (None,) * frame.width and str(frame)


def test_long_results_are_cut_and_wide_ones_refused(store: Store) -> None:
    frame, truncated = run_sql("SELECT * FROM range(1000000000000)", rows=50, store=store)
    assert frame["range"].to_list() == list(range(50)) and truncated
    frame, truncated = run_sql("SELECT * FROM range(50)", rows=50, store=store)
    assert frame.height == 50 and not truncated
    with pytest.raises(BadInput, match="larger than 16 MB"):
        run_sql("SELECT repeat('x', 100000) FROM range(2000)", store=store)
    with pytest.raises(BadInput, match="more than 1,000 columns"):
        run_sql(f"SELECT {', '.join(['1'] * 1_001)}", store=store)


def test_a_folder_for_queries_that_cannot_be_used_is_named(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("core.store.sandbox._temporary", lambda: tmp_path / "file")
    with pytest.raises(BadInput, match="which queries need, cannot be used"):
        run_sql("SELECT 1", store=store)


def test_a_slow_query_is_stopped_in_time(store: Store) -> None:
    start = time.monotonic()
    with pytest.raises(BadInput, match=r"took longer than 0\.5 s and was stopped"):
        run_sql("SELECT count(*) FROM range(1000000000000)", seconds=0.5, store=store)
    assert time.monotonic() - start < 5


def test_new_results_are_seen(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in (1, 2):
        store.take_in({"corpora": pl.DataFrame({"key": [str(number)], "name": ["c"]})})
        assert run_sql("FROM corpora", store=store).frame.height == number


def test_many_callers_take_turns(store: Store) -> None:
    answers: list[int] = []

    def ask() -> None:
        answers.append(run_sql("SELECT 1 AS a", seconds=30, store=store).frame["a"][0])

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [1] * 5


def test_nothing_is_left_behind(store: Store) -> None:
    before = set(Path("/tmp").glob("sql-*"))
    run_sql("SELECT 1", store=store)
    with pytest.raises(BadInput):
        run_sql("SELECT count(*) FROM range(1000000000000)", seconds=0.3, store=store)
    assert set(Path("/tmp").glob("sql-*")) <= before


def test_the_child_has_neither_environment_nor_project(store: Store) -> None:
    child = Path(__file__).parents[3] / "core" / "store" / "sandbox_child.py"
    loads = "import runpy, sys; runpy.run_path(sys.argv[1]); print(*sorted(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-I", "-c", loads, str(child)],
        capture_output=True,
        text=True,
        env={"PATH": os.defpath},
        check=True,
    )
    loaded = set(run.stdout.split())
    assert not loaded & {"core", "torch", "streamlit", "polars"}


def test_an_enum_is_answered_as_text(store: Store) -> None:
    sql = "SELECT unnest(['a', NULL, 'b'])::ENUM('a', 'b') AS e"
    assert run_sql(sql, store=store).frame["e"].to_list() == ["a", None, "b"]
