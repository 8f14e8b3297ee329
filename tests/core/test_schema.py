"""The schema: each description written once, in the database and in docs/tables.md the same."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import polars as pl
import pytest

from core.schema import COMMENTS, SCHEMA, Comment, comments
from core.store import Store
from core.store.database import upgrade

REPOSITORY = Path(__file__).parents[2]
OLDEST = "1.2.2"  # docs/tables.md and README.md promise 1.2


def test_descriptions_are_read_where_they_stand() -> None:
    sql = """
        -- A remark.
        --- What t is: of this and that.
        CREATE TABLE IF NOT EXISTS t (
            key VARCHAR PRIMARY KEY, --- Key; what's it for.
            "current" DOUBLE, -- a remark
            n BIGINT --- Number.
        );
        --- What v is.
        --- key: Key: of t.
        CREATE OR REPLACE VIEW v AS SELECT key FROM t;
        --- What w is.
        --- *: v
        CREATE OR REPLACE VIEW w AS FROM v;
        --- m(a): what m is.
        --- n: Number.
        CREATE OR REPLACE MACRO m(a) AS TABLE SELECT n FROM t;
    """
    assert [*comments(textwrap.dedent(sql))] == [
        Comment("TABLE", "t", None, "What t is: of this and that."),
        Comment("TABLE", "t", "key", "Key; what's it for."),
        Comment("TABLE", "t", "n", "Number."),
        Comment("VIEW", "v", None, "What v is."),
        Comment("VIEW", "v", "key", "Key: of t."),
        Comment("VIEW", "w", None, "What w is."),
        Comment("VIEW", "w", "key", "Key: of t."),
        Comment("MACRO", "m", None, "m(a): what m is."),
        Comment("MACRO", "m", "n", "Number."),
    ]


def test_the_database_has_every_description() -> None:
    with duckdb.connect(":memory:") as database:
        upgrade(database)
        rows = database.execute(
            "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal "
            "UNION ALL SELECT table_name, NULL, comment FROM duckdb_tables() "
            "UNION ALL SELECT view_name, NULL, comment FROM duckdb_views() WHERE NOT internal "
            "UNION ALL SELECT function_name, NULL, comment FROM duckdb_functions() "
            "WHERE function_type = 'table_macro' AND NOT internal"
        ).fetchall()
    stored = {(name, column): text for name, column, text in rows}
    written = {(c.name, c.column): c.text for c in COMMENTS if c.kind != "MACRO" or not c.column}
    assert all(text and len(text) > 3 for text in stored.values())
    assert {k: v for k, v in stored.items() if k[0] != "schema_version"} == written
    assert len(written) > 300


def test_the_documentation_is_what_the_script_writes() -> None:
    written = runpy.run_path(str(REPOSITORY / "scripts" / "tables.py"))
    assert written["DOCUMENT"].read_text(encoding="utf-8") == written["document"]()


def test_a_live_database_of_an_earlier_schema_still_opens(tmp_path: Path) -> None:
    live = tmp_path / "live" / "live.duckdb"
    live.parent.mkdir()
    with duckdb.connect(str(live)) as database:
        database.execute("CREATE TABLE corpora (key VARCHAR PRIMARY KEY, name VARCHAR NOT NULL)")
        database.execute("COMMENT ON COLUMN corpora.name IS 'An older text.'")
        database.execute("INSERT INTO corpora VALUES ('k', 'old')")
        database.execute("CREATE VIEW schema_version AS SELECT '0' AS version")
    store = Store(tmp_path)
    store.take_in({"corpora": pl.DataFrame({"key": ["l"], "name": ["new"], "segments": [2]})})
    rows = store.query("SELECT key, name, kind, segments FROM corpora ORDER BY key").rows()
    assert rows == [("k", "old", "text", None), ("l", "new", None, 2)]
    comment = "SELECT comment FROM duckdb_columns() WHERE table_name = 'corpora'"
    assert "An older text." not in store.query(comment)["comment"].to_list()


def test_the_facts_of_cells_and_profiles_are_filled_in() -> None:
    assert "{" not in SCHEMA.replace("{'", "").split("COMMENT ON")[0]
    with duckdb.connect(":memory:") as database:
        upgrade(database)
        assert database.execute("SELECT * FROM profile_shapes").fetchall()[-1] == (
            *("paper", 4, [80, 160, 320, 640], 4, 320, 160, 160),
        )


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the oldest DuckDB that may open the published files."""
    folder = tmp_path_factory.mktemp("oldest")
    options = ["--quiet", "--no-deps", "--no-compile", "--target"]
    command = [sys.executable, "-m", "pip", "install", *options]
    done = subprocess.run([*command, str(folder), f"duckdb=={OLDEST}"], capture_output=True)
    if done.returncode:
        pytest.skip(f"NOT TESTED: DuckDB {OLDEST} cannot be installed here: {done.stderr!r}")
    return folder


@pytest.mark.slow
def test_the_oldest_promised_duckdb_reads_everything(tmp_path: Path, oldest: Path) -> None:
    store = Store(tmp_path)
    store.take_in(
        {
            "models": pl.DataFrame({"key": ["m"], "kind": ["char_lm"], "cell": ["gru"]}),
            "signatures": pl.DataFrame({"key": ["s"], "model": ["m"]}),
            "recall": pl.DataFrame(
                {"signature": ["s", "s"], "lag": [1, 1], "symbol": [None, "a"], "n": [9, 9]}
            ),
        }
    )
    code = """
import sys, duckdb
assert duckdb.__version__ == sys.argv[2]
database = duckdb.connect(sys.argv[1], read_only=True)
# The same plan in a second: this optimizer of the old version takes two minutes over the claims.
database.execute("SET disabled_optimizers = 'statistics_propagation'")
rows = database.execute(
    "SELECT view_name, NULL FROM duckdb_views() WHERE NOT internal UNION ALL "
    "SELECT table_name, NULL FROM duckdb_tables() UNION ALL "
    "SELECT function_name, len(parameters) FROM duckdb_functions() "
    "WHERE function_type = 'table_macro' AND NOT internal"
).fetchall()
for name, parameters in rows:
    given = "" if parameters is None else "(" + ", ".join(["'s'"] * parameters) + ")"
    found = database.execute(f"SELECT * FROM {name}{given}").fetchall()
    assert found or name not in ("marginal_recall", "signature_matrix", "claims"), name
print(len(rows))
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(store.root / "signatures.duckdb"), OLDEST],
        env={**os.environ, "PYTHONPATH": str(oldest)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split()[-1]) > 30  # behind a progress bar
