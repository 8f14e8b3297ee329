"""SQL from users: queries answer, anything else ends soon, in one sentence that tells no path."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from core.errors import BadInput
from core.store import Store, sandbox_child
from core.store.sandbox import MAX_TEXT, run_sql

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
    "SELECT * FROM duckdb_databases()",
    "SELECT * FROM duckdb_databases",
    'SELECT path FROM "duckdb_databases"()',
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_extensions()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM which_secret('s3://a', 's3')",
    "SELECT * FROM duckdb_temporary_files()",
    "SELECT * FROM duckdb_logs()",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM pg_catalog.pg_settings",
    "SELECT current_setting('temp_directory')",
    "SELECT current_setting('secret_directory')",
    "SELECT getenv('HOME')",
    "FROM query('FROM duckdb_data' || 'bases()')",
    "FROM \"query\" /* */ ('SELECT 1')",
    "FROM query_table('/etc/passwd')",
    "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "CREATE SECRET s (TYPE s3)",
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
    "SELECT regexp_matches(repeat('a', 100000000), '(a*)*b')",
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


def test_afterwards_nothing_has_changed(
    refusals: dict[str, tuple[str, float]], store: Store
) -> None:
    assert run_sql("SELECT count(*) AS n FROM recall", store=store).frame["n"].to_list() == [4]
    assert not Path("/tmp/out.csv").exists() and not Path("/tmp/out.parquet").exists()


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


def test_long_results_are_cut_and_wide_ones_refused(store: Store) -> None:
    frame, truncated = run_sql("SELECT * FROM range(1000000000000)", rows=50, store=store)
    assert frame["range"].to_list() == list(range(50)) and truncated
    frame, truncated = run_sql("SELECT * FROM range(50)", rows=50, store=store)
    assert frame.height == 50 and not truncated
    with pytest.raises(BadInput, match="larger than 64 MB"):
        run_sql("SELECT repeat('x', 100000) FROM range(2000)", store=store)
    with pytest.raises(BadInput, match="more than 1,000 columns"):
        run_sql(f"SELECT {', '.join(['1'] * 1_001)}", store=store)


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


def test_missing_values_of_an_enum_may_have_any_key() -> None:
    keys = np.array([1, 32_570, 0], dtype=np.int32)
    valid = pa.py_buffer(np.array([0b101], dtype=np.uint8))
    indices = pa.Array.from_buffers(pa.int32(), 3, [valid, pa.py_buffer(keys)])
    enum = pa.DictionaryArray.from_arrays(indices, pa.array(["a", "b"]), safe=False)
    assert sandbox_child.decoded(enum).to_pylist() == ["b", None, "a"]
    assert sandbox_child.decoded(indices) is indices


def test_an_enum_is_answered_as_text(store: Store) -> None:
    sql = "SELECT unnest(['a', NULL, 'b'])::ENUM('a', 'b') AS e"
    assert run_sql(sql, store=store).frame["e"].to_list() == ["a", None, "b"]
