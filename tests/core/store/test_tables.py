"""Result tables: taken in whole or not at all, readable at any time, mended when broken."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from core.store import Store, tables
from core.store.database import copy_database, create, has_own_storage
from core.store.tables import GENERATIONS_KEPT


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
                "key": [key],
                "model": [model],
                "corpus": ["c"],
                "layer": [1],
                "state": ["h"],
                "untrained": ["floor"],
                "keeps": [[1.0, 0.8]],
                "created": [datetime(2026, 1, 1, 12, tzinfo=UTC)],
            }
        ),
        "recall": pl.DataFrame(
            {
                "signature": [key] * 6,
                "lag": lags,
                "symbol": [None, "a", "b"] * 2,
                "n": [40, 30, 10] * 2,
                "accuracy": accuracy,
                "low": [value - 0.05 for value in accuracy],
                "high": [value + 0.05 for value in accuracy],
            }
        ),
        "confusion": pl.DataFrame(
            {"signature": [key], "lag": [1], "truth": ["a"], "guess": ["b"], "n": [3]}
        ),
    }


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


def test_replacing_touches_only_what_comes_in(store: Store) -> None:
    store.take_in(result("x"), {"weights": b"old"})
    store.take_in(result("y"))
    made = datetime(2026, 1, 1)
    facts = {"command": "c", "machine": "m", "made": made, "packages": "{}"}
    store.take_in({"shipped": pl.DataFrame([{"key": key} | facts for key in ("x", "y")])})
    store.take_in(result("x", shift=0.1), {"weights": b"new"}, replace=True)
    assert counts(store) == (2, 12, 2)
    recall = store.query("FROM recall WHERE lag = 1 AND symbol IS NULL ORDER BY signature")
    assert recall["accuracy"].to_list() == [0.6, 0.5]
    assert store.artifacts.get("weights") == b"new"
    assert store.query("SELECT key FROM shipped")["key"].to_list() == ["y"]


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
                {
                    "key": ["m"],
                    "kind": ["char_lm"],
                    "cell": ["gru"],
                    "layers": [1],
                    "hidden": [80],
                    "corpus": ["c"],
                    "trained": [True],
                }
            ),
        }
    )
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


def test_unpublished_rows_appear_by_themselves(store: Store) -> None:
    store.query("SELECT 1")
    store.take_in(result("x"), publish=False)
    assert count(store, "signatures") == 0
    deadline = time.monotonic() + 60  # about three seconds where the machine is free
    while count(store, "signatures") == 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    store.take_in(result("z"), publish=False)
    store.tables.publish()
    assert count(store, "signatures") == 2


def test_unpublished_rows_are_there_before_they_are_published(store: Store) -> None:
    store.take_in(result("x"))
    newest = store.tables.newest()
    store.take_in(result("y"), publish=False)
    wanted = [("signatures", key) for key in "xyz"]
    assert store.tables.present(wanted) == {"x", "y"}
    assert store.tables.newest() == newest and count(store, "signatures") == 1


def test_a_writer_that_goes_on_does_not_put_off_publishing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark has the age of the oldest row that waits."""
    monkeypatch.setattr(tables, "CATCH_UP_SECONDS", 1e6)  # no reader publishes
    store.query("SELECT 1")
    store.take_in(result("x"), publish=False)
    mark = store.root / "live" / "unpublished"
    os.utime(mark, (time.time() - 500,) * 2)
    store.take_in(result("y"), publish=False)
    store.tables.publish_older(1000)
    assert count(store, "signatures") == 0
    store.tables.publish_older(300)
    assert count(store, "signatures") == 2 and not mark.exists()


def test_a_live_file_of_another_format_is_written_anew_once(store: Store) -> None:
    """What is published is a copy of it, which shells since DuckDB 1.2 can open."""
    store.take_in(result("x"))
    other = store.tables.live.with_name("foreign.duckdb")
    with duckdb.connect(str(other)) as database:
        copy_database(store.tables.live, database)
        assert not has_own_storage(database)
    other.replace(store.tables.live)
    store.take_in(result("y"))
    written = store.tables.live.stat().st_ino
    store.take_in(result("z"))
    assert counts(store) == (3, 18, 3) and store.tables.live.stat().st_ino == written
    for path in (store.tables.live, store.tables.newest(), store.tables.shared):
        with duckdb.connect(str(path), read_only=True) as database:
            assert has_own_storage(database)


def test_what_is_removed_takes_no_room(store: Store) -> None:
    store.take_in(result("x"))
    size = store.tables.live.stat().st_size
    guesses = [f"{number:x}" * 9 for number in range(200_000)]
    rows = pl.DataFrame({"guess": guesses}).with_columns(
        signature=pl.lit("y"), lag=pl.lit(1), truth=pl.lit("a"), n=pl.lit(1)
    )
    store.take_in(result("y") | {"confusion": rows})
    assert store.tables.live.stat().st_size > size + 1e6
    store.remove(["y"])
    assert counts(store) == (1, 6, 1)
    assert store.tables.live.stat().st_size == store.tables.newest().stat().st_size <= size


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


def test_distances_are_compared_replicate_by_replicate(store: Store) -> None:
    """Noise that two signatures share cancels; noise of their own widens the interval."""
    shared = [-0.2, -0.1, 0.0, 0.1, 0.2] * 8
    own = [0.3, -0.3] * 20

    def drawn(key: str, noise: list[float], shift: float) -> None:
        rows = result(key, shift=shift)
        recall = rows["recall"].select("signature", "lag", "symbol", "accuracy")
        cells = recall["accuracy"].to_list()
        accuracies = [[cell + draw for draw in noise] for cell in cells]
        rows["draws"] = recall.drop("accuracy").with_columns(accuracies=pl.Series(accuracies))
        store.take_in(rows)

    drawn("a", shared, 0.0)
    drawn("b", shared, 0.1)
    drawn("c", own, 0.1)
    sql = "SELECT distance, low, high, by_chance, cells FROM distance_interval('a', ?)"
    paired = store.query(sql, ["b"]).row(0, named=True)
    assert paired["cells"] == 2  # lag 0 and the row over all symbols are left out
    assert paired["distance"] == pytest.approx(0.1)
    assert paired["low"] == pytest.approx(0.1, abs=1e-6)
    assert paired["high"] == pytest.approx(0.1, abs=1e-6)
    assert paired["by_chance"] == pytest.approx(0.0, abs=1e-6)
    noisy = store.query(sql, ["c"]).row(0, named=True)
    assert noisy["distance"] == pytest.approx(0.1)
    assert noisy["low"] == 0.0 and noisy["high"] > 0.15
    assert noisy["by_chance"] == pytest.approx(0.3, abs=0.01)
    assert store.query(sql, ["nobody"])["distance"].to_list() == [None]


def test_copies_take_names_with_quotes(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "o'neill.duckdb")) as database:
        database.execute("CREATE TABLE t AS SELECT 1 AS a")
    with create(tmp_path / "copy.duckdb") as copy:
        copy_database(tmp_path / "o'neill.duckdb", copy)
        assert copy.execute("FROM t").fetchall() == [(1,)]


def test_differences_are_decided_draw_by_draw(store: Store) -> None:
    """Noise that two signatures share cancels, though the intervals of their recalls overlap."""
    shared, own = [-0.2, -0.1, 0.0, 0.1, 0.2] * 8, [0.3, -0.3] * 20
    for key, noise, shift in (("a", shared, 0.0), ("b", shared, 0.02), ("c", own, 0.02)):
        rows = result(key, shift=shift)
        recall = rows["recall"].filter(pl.col("lag") == 1)
        cells = recall["accuracy"].to_list()
        rows["recall"] = recall.with_columns(
            low=pl.col("accuracy") - 0.2, high=pl.col("accuracy") + 0.2
        )
        rows["draws"] = recall.select("signature", "lag", "symbol").with_columns(
            accuracies=pl.Series([[cell + draw for draw in noise] for cell in cells])
        )
        store.take_in(rows)
    sql = "SELECT difference, low, high, significant FROM difference(?, 'a')"
    paired, apart = (store.query(sql, [key]).rows() for key in ("b", "c"))
    assert len(paired) == len(apart) == 2
    for difference, low, high, significant in paired:
        assert (difference, low, high) == pytest.approx((0.02, 0.02, 0.02), abs=1e-6)
        assert significant
    for difference, low, high, significant in apart:
        assert difference == pytest.approx(0.02)
        assert low < 0 < high and not significant


@pytest.mark.parametrize(
    ("row", "guess"),
    [
        ({"low": 0.4, "majority": 0.3}, False),
        ({"low": 0.2, "majority": 0.3}, True),
        ({"low": 0.4, "current": 0.5}, True),
        ({"low": 0.4, "current": 0.5, "lag": 0}, False),  # at lag 0 that is the answer itself
        ({"low": None}, True),
        # The symbol that a guesser always names: a precision a hair above its share is not above.
        ({"majority": 1.0, "precision": 0.2 + 2e-9, "n": 20, "accuracy": 1.0}, True),
        ({"majority": 1.0, "precision": 0.4, "n": 200, "accuracy": 1.0}, False),
        ({"majority": 1.0, "precision": 0.3, "n": 5, "accuracy": 1.0}, True),
    ],
)
def test_what_no_better_than_a_guess_means(store: Store, row: dict, guess: bool) -> None:
    names = ("lag", "n", "accuracy", "low", "precision", "majority", "current")
    usual = {"lag": 1, "n": 100, "accuracy": 0.5, "precision": 0.5, "majority": 0.0, "current": 0.0}
    values = [(usual | row).get(name) for name in names]
    sql = "SELECT at_guess_level(?, ?, ?, ?, ?, ?, ?, 0.2) AS guess"
    assert store.query(sql, values).item() is guess


def test_the_recent_floor_is_of_a_text_and_counts_where_both_have_it(store: Store) -> None:
    """Recall 0.5 of each symbol at lag 1, by 0.4 to 0.6; the floor of `a` reaches it."""
    for key, seed, shift in (("x", 0, 0.0), ("y", 0, 0.01), ("other", 1, 0.02), ("z", 0, 0.0)):
        rows = result(key, shift=shift)
        facts = {"seed": seed, "decoder": "mlp", "profile": "smoke, 1 fewer"}
        facts |= {"target": "word" if key == "z" else "symbol"}
        rows["signatures"] = rows["signatures"].with_columns(
            *(pl.lit(value).alias(name) for name, value in facts.items())
        )
        store.take_in(rows)
    lower = dict(
        store.query(
            "SELECT symbol, low FROM recall WHERE signature = 'x' AND lag = 1 AND symbol = 'a'"
        ).rows()
    )
    counted = store.query("SELECT lag, symbol, n FROM recall WHERE signature = 'x'")
    floor = pl.when(symbol="a", lag=1).then(lower["a"] + 0.001).otherwise(0.0)
    measured = counted.with_columns(signature=pl.lit("m"), floor=floor)
    m = result("m")["signatures"].with_columns(
        decoder=pl.lit("added"), profile=pl.lit("smoke"), seed=pl.lit(0)
    )
    store.take_in({"signatures": m, "added": measured})
    cells = "SELECT symbol, guess, guess_from_current FROM signature_matrix('{}') WHERE lag = 1"
    assert store.query(cells.format("x")).rows() == [("a", True, False), ("b", False, False)]
    assert store.query("SELECT recent FROM signature_matrix('other')").null_count().item() == 4
    assert store.query("FROM recent_floors WHERE signature IN ('z', 'm')").is_empty()
    guess = "SELECT guess FROM difference('x', '{}') WHERE lag = 1 ORDER BY symbol"
    pair = {key: store.query(guess.format(key))["guess"].to_list() for key in ("x", "other")}
    assert pair == {"x": [True, False], "other": [False, False]}


def test_two_guesses_make_no_difference(store: Store) -> None:
    for key, shift in (("x", 0.0), ("y", 0.2)):
        rows = result(key, shift=shift)
        of_a = (pl.col("symbol") == "a") & (pl.col("lag") == 1)
        best = pl.when(of_a).then(0.9).otherwise(0.0)
        rows["recall"] = rows["recall"].with_columns(majority=best)
        store.take_in(rows)
    sql = "SELECT symbol, guess, significant FROM difference('y', 'x') WHERE lag = 1"
    cells = store.query(sql)
    assert cells.rows() == [("a", True, False), ("b", False, True)]
    # Of the symbol that a guesser always answers, more answers alone recall more.
    for key in ("x", "y"):
        rows["recall"] = rows["recall"].with_columns(
            signature=pl.lit(key),
            low=pl.lit(0.99),
            precision=pl.lit(0.9),
            majority=pl.when(of_a).then(1.0).otherwise(0.0),
        )
        rows["signatures"] = rows["signatures"].with_columns(key=pl.lit(key))
        store.take_in(rows, replace=True)
    assert store.query(sql).rows()[0] == ("a", True, False)
    assert store.query("FROM similarity('x', 'y')")["cells"].to_list() == [1]


def test_recall_of_symbols_is_not_mixed_with_that_of_other_targets(store: Store) -> None:
    store.take_in(result("x"))
    classes = result("y")
    classes["signatures"] = classes["signatures"].with_columns(target=pl.lit("class"))
    store.take_in(classes)
    of = "SELECT DISTINCT signature, target FROM {} ORDER BY signature"
    assert store.query(of.format("marginal_recall")).rows() == [("x", "symbol")]
    assert store.query(of.format("target_recall")).rows() == [("x", "symbol"), ("y", "class")]


def test_labels_of_one_spelling_are_not_compared_across_targets_and_alphabets(store: Store) -> None:
    """`the` is a trigram and a word, and `a` is a letter of more than one alphabet."""
    others = (("y", "word", "k"), ("z", "symbol", "own"), ("w", "symbol", "of words"))
    for key, target, corpus in (("x", "symbol", "k"), *others):
        rows = result(key, shift=0.1)
        rows["signatures"] = rows["signatures"].with_columns(
            target=pl.lit(target), corpus=pl.lit(corpus)
        )
        store.take_in(rows)
    text = {"key": "own", "kind": "text", "name": "own", "characters": "ab "}
    of_words = {"key": "of words", "kind": "text", "name": "words", "words": 9}
    store.take_in({"corpora": pl.concat(map(pl.DataFrame, (text, of_words)), how="diagonal")})
    for other in ("y", "z", "w"):
        assert store.query("FROM similarity('x', ?)", [other])["cells"].to_list() == [0]
        assert store.query("FROM difference('x', ?)", [other]).is_empty()
        assert store.query("FROM distance_interval('x', ?)", [other])["cells"].to_list() != [2]
    assert store.query("FROM similarity('x', 'x')")["cells"].to_list() == [2]


def test_distances_of_all_are_those_of_every_two(store: Store) -> None:
    for key, shift in (("x", 0.0), ("y", 0.2), ("z", 0.05)):
        store.take_in(result(key, shift=shift))
    table = store.query("FROM signature_distances WHERE a = 'x' ORDER BY b")
    assert table["distance"].to_list() == pytest.approx([0.0, 0.2, 0.05])
    pairs = [store.query("FROM similarity('x', ?)", [key]).row(0) for key in "xyz"]
    assert pairs == table.select("distance", "cells").rows()
    assert store.query("FROM similarity('x', 'nobody')").rows() == [(None, 0)]
