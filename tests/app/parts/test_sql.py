"""The SQL page, run by streamlit's own test driver on a prepared store."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from app.parts.sql import examples, schema
from app.parts.sql.history import LINK
from app.parts.sql.result import guess
from app.shell import queries
from app.shell.saving import flat
from core.signatures.spec import DetectorSpec, SignatureSpec
from core.store.sandbox import run_sql
from tests.app.parts.test_compare import opened, pins
from tests.app.prepared import computed, prepare
from tests.app.test_pages import charts, said

SQL = "pages/sql.py"


def typed(page: AppTest, sql: str) -> AppTest:
    """As the editor's Run does; test_browser.py types into the editor itself."""
    page.query_params["sql"] = sql
    return page.run()


def text(page: AppTest) -> str:
    """What the editor shows."""
    return page.session_state["sql.given"][1]


def test_a_query_is_run_shown_and_in_the_url(specs: list[SignatureSpec]) -> None:
    page = opened(SQL)
    assert not page.exception and not page.error and not page.dataframe
    for part in ("marginal_recall", "Hash of its segments", "similarity(a, b)", "10 seconds"):
        assert part in said(page)
    sql = "SELECT lag, accuracy FROM marginal_recall ORDER BY lag LIMIT 7"
    typed(page, sql)
    assert page.dataframe[0].value.shape == (7, 2)
    assert page.query_params["sql"] == sql
    assert "7 rows" in said(page)
    page.query_params.clear()
    page.switch_page("pages/library.py").run()
    page.query_params.clear()
    page.switch_page(SQL).run()
    assert text(page) == sql
    assert page.dataframe[0].value.shape == (7, 2)


def test_a_link_runs_its_query(specs: list[SignatureSpec]) -> None:
    page = opened(SQL, sql="SELECT 'from a link' AS said")
    assert page.dataframe[0].value["said"][0] == "from a link"


def test_a_long_query_runs_but_stays_out_of_the_url(specs: list[SignatureSpec]) -> None:
    page = typed(opened(SQL), f"SELECT 1 AS one -- {'x' * LINK}")
    page.run()
    assert page.dataframe[0].value.shape == (1, 1)
    assert "sql" not in page.query_params


@pytest.mark.parametrize(
    "sql", ["DROP TABLE models", "SELECT nothing FROM models", "SELECT 1; SELECT 2", "SELEC 1"]
)
def test_a_refusal_is_one_sentence(specs: list[SignatureSpec], sql: str) -> None:
    page = typed(opened(SQL), sql)
    assert not page.exception and not page.error and not page.dataframe
    assert len(page.warning) == 1 and page.warning[0].value.endswith(".")
    typed(page, "SELECT 1")
    assert not page.warning and page.dataframe


def test_a_cut_result_says_so(specs: list[SignatureSpec]) -> None:
    page = typed(opened(SQL), "SELECT * FROM range(10001)")
    assert page.dataframe[0].value.shape == (10_000, 1)
    assert "only the first 10,000 are shown" in said(page)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM signatures",
        "SELECT [1, 2] AS list, {'a': 1} AS struct, MAP {'k': 1} AS map, 'x'::BLOB AS blob",
        "SELECT 1 AS a, 2 AS a, NULL AS nothing, 1.5::DECIMAL(9, 2) AS decimal, true AS yes",
        "SELECT DATE '2026-01-02' AS day, TIME '01:02:03' AS time, now() AS at, "
        "INTERVAL 1 DAY AS span, uuid() AS id, 2::HUGEINT ** 100 AS huge, 'nan'::DOUBLE AS nan",
        "SELECT * FROM models WHERE false",
        "SELECT '<script>alert(1)</script>' AS \"<b>bold</b>\"",
        "EXPLAIN SELECT 1",
        "DESCRIBE models",
    ],
)
def test_any_result_can_be_shown(specs: list[SignatureSpec], sql: str) -> None:
    page = opened(SQL, sql=sql)
    for mark in ("table", "bars"):
        page.query_params["as"] = mark
        page.run()
        assert not page.exception and not page.error and not page.warning
        assert page.dataframe or charts(page) or "No row answers" in said(page)


def test_any_result_can_be_downloaded() -> None:
    nested = pl.DataFrame({"list": [[1, 2], None], "blob": [b"x", None], "n": [1, 2]})
    back = pl.read_csv(io.BytesIO(flat(nested).write_csv().encode()))
    assert back.shape == (2, 3) and back["list"][0] == "[1, 2]"
    for text in ("=1+1", "@SUM(A1)", "-A1", "+A1"):  # a spreadsheet would compute them
        assert flat(pl.DataFrame({"name": [text]}))["name"].to_list() == [f"'{text}"]
    for text in ("-1.5", "a=b", "-", ""):
        assert flat(pl.DataFrame({"name": [text]}))["name"].to_list() == [text]


def test_a_chart_of_chosen_columns(specs: list[SignatureSpec]) -> None:
    sql = "SELECT lag, title, accuracy FROM marginal_recall WHERE decoder = 'mlp'"
    page = opened(SQL, sql=sql, **{"as": "line"})
    assert charts(page) == 1 and not page.dataframe
    assert [page.selectbox(key=f"choice-{name}").value for name in ("x", "y", "by")] == [
        "lag",
        "accuracy",
        "title",
    ]
    page.selectbox(key="choice-by").select("").run()
    assert charts(page) == 1 and not page.exception


def test_a_first_chart_is_guessed() -> None:
    frame = pl.DataFrame({"n": [1, 2], "name": ["a", "b"], "share": [0.1, 0.2]})
    assert guess(frame) == ("n", "share", "name")
    assert guess(frame.select("share")) == ("share", "share", "")
    assert guess(frame.select("name", "share")) == ("name", "share", "")
    # Twelve networks at two lags: a line each, not one that runs through all of them.
    many = pl.DataFrame(
        {
            "lag": [1, 2] * 12,
            "state": ["h", "h", "c", "c"] * 6,
            "title": [f"network {n // 2}" for n in range(24)],
            "accuracy": [0.5] * 24,
        }
    )
    assert guess(many) == ("lag", "accuracy", "title")


def test_the_editor_completes_every_table_with_its_columns(specs: list[SignatureSpec]) -> None:
    words = schema.words()
    assert list(words["tables"])[:3] == ["recall", "signatures", "models"]
    assert {"lag", "symbol", "accuracy"} <= set(words["tables"]["recall"])
    assert "significant" in words["tables"]["difference"]  # a macro
    assert {"avg", "marginal_recall"} <= set(words["functions"]) | set(words["tables"])
    assert {"select", "group", "by"} <= set(words["keywords"])
    assert not {"lag", "symbol", "name"} & set(words["keywords"])


def test_a_mistake_is_shown_where_it_is(specs: list[SignatureSpec]) -> None:
    page = typed(opened(SQL), "SELECT lag\nFROM recal")
    assert page.warning[0].value.startswith("**Line 2, column 6:** Table with name recal")


# Those on speech are asked where there is speech, in test_las.py.
ADDED = [sql for _, sql in examples.EXAMPLES if "added_bits" in sql]
SEEN = [sql for _, sql in examples.EXAMPLES if "FROM hits" in sql]
ON_TEXT = [
    (question, sql)
    for question, sql in examples.EXAMPLES
    if "recognizer" not in question and sql not in (*ADDED, *SEEN)
]


@pytest.mark.parametrize(("question", "template"), ON_TEXT)
def test_every_example_answers(specs: list[SignatureSpec], question: str, template: str) -> None:
    gru, lstm, *_ = specs
    frame, truncated = run_sql(queries.fill(template, a=lstm.key, b=gru.key))
    assert frame.height and not truncated, question


def test_the_examples_on_added_bits_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path))
    computed(tmp_path, [prepare(tmp_path).added()])
    assert ADDED and all(run_sql(sql).frame.height for sql in ADDED)


def test_the_example_on_words_seen_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path))
    spec = prepare(tmp_path)
    computed(tmp_path, [spec, DetectorSpec.beside(spec)])
    assert SEEN and all(run_sql(sql).frame.height for sql in SEEN)


def test_examples_ask_about_the_pins(specs: list[SignatureSpec]) -> None:
    gru, lstm, *_ = specs
    page = opened(SQL, pins=pins(lstm, gru))
    assert "A is LSTM [1,80] on tiny (c); B is GRU [1,80] on tiny (h)" in said(page)
    page.button(key="example-1").click().run()
    assert not page.exception and not page.warning
    assert f"difference('{lstm.key}', '{gru.key}')" in text(page)
    assert page.dataframe[0].value["difference"].min() > 0


def test_an_empty_database_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path))
    page = opened(SQL)
    assert not page.exception and not page.error
    assert "empty until a signature is computed" in said(page)
    page.button(key="example-1").click().run()
    assert not page.exception and not page.error
    assert "No row answers" in said(page)
