"""What the benchmark of pages measures on, and what it makes of its measurements."""

from __future__ import annotations

import pytest

from core.bench import pages
from core.store import Store
from tests.app.prepared import prepare


def test_copies_have_keys_of_their_own_and_all_recall(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(store.root)
    before = store.query("SELECT count(*) AS n FROM recall")["n"][0]
    monkeypatch.setattr(pages, "BATCH", 6)  # two seeds at once
    pages._fill(store, 5 * before - 3)
    counts = "SELECT count(*) AS n, count(DISTINCT {}) AS keys FROM {}"
    assert store.query(counts.format("signature", "recall")).row(0) == (5 * before, 15)
    assert store.query(counts.format("key", "signatures")).row(0) == (15, 15)
    names = store.query("SELECT DISTINCT seed FROM signatures ORDER BY seed")["seed"].to_list()
    assert names == [0, 1, 2, 3, 4]


def test_the_first_use_of_a_page_is_apart() -> None:
    rounds = [[("SQL", 9.0, 5.0)], [("SQL", 1.0, 0.2)], [("SQL", 3.0, 0.4)]]
    [row] = pages._summary(rounds)
    assert row["first_s"] == 9.0 and row["uses"] == 2
    assert row["p50_s"] == 2.0 and row["p95_s"] == pytest.approx(2.9)
    assert row["cpu_s"] == pytest.approx(0.3)
