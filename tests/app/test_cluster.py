"""A study of the real app on a real cluster, through the loss of a machine and a restart."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from core import jobs
from core.jobs import queue
from core.library import add_corpus
from core.paper.studies import STUDIES, Choices
from core.spec import Spec
from core.store import Store
from tests.app.prepared import TEXT
from tests.app.server import looking, start
from tests.cluster import Cluster
from tests.core.waiting import until

pytestmark = pytest.mark.slow

# The columns that say where and when a row was computed, and nothing of what.
WHERE = ("machine", "device", "threads", "created", "seconds")


def test_a_study_survives_a_lost_machine_and_a_restarted_app(
    cluster: Cluster, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    corpus = add_corpus(TEXT.encode(), "tiny", "line", store=store)
    specs = STUDIES["size"].plan(Choices("smoke", corpus, cells=("gru",), sizes=(16, 24))).specs

    with monkeypatch.context() as patch:
        for name, value in cluster.env.items():
            patch.setenv(name, value)
        first, url = start(tmp_path / "first.txt")
        try:
            with looking() as page:
                page.goto(f"{url}/sweeps?corpus={corpus.content}&cells=gru&sizes=16 24")
                until(lambda: all(_host(spec, store) for spec in specs))
            cluster.kill(_host(specs[0], store))
            until(lambda: _status(specs[0], store) != "running")
        finally:
            first.kill()
            first.wait()
            cluster.worker()
        second, _ = start(tmp_path / "second.txt")
        try:
            until(lambda: all(_status(spec, store) == "done" for spec in specs))
        finally:
            second.terminate()
            second.wait(20)

    ended = store.query("SELECT outcome FROM jobs WHERE key = ? ORDER BY attempt", [specs[0].key])
    assert ended["outcome"].to_list() == ["interrupted", "done"]
    embedded = Store(tmp_path / "embedded")
    add_corpus(TEXT.encode(), "tiny", "line", store=embedded)
    runner = jobs.Runner(embedded).start()
    for spec in specs:
        jobs.request(spec, "ada", embedded)
    until(lambda: all(_status(spec, embedded) == "done" for spec in specs))
    runner.stop()
    for table in ("models", "training_curve", "predictions", "signatures", "recall", "confusion"):
        assert_frame_equal(_rows(table, store), _rows(table, embedded), check_exact=True)


def _status(spec: Spec, store: Store) -> str:
    job = jobs.find(spec.key, store)
    return job.status if job else "not asked for"


def _host(spec: Spec, store: Store) -> str:
    """The machine that computes a job; empty before one does."""
    progress = queue.read(queue.folder(store, spec.key) / "progress.json")
    return str(progress.get("worker", "")).split(":")[0]


def _rows(table: str, store: Store) -> pl.DataFrame:
    found = store.query(f"SELECT * FROM {table}")
    return found.drop(*WHERE, strict=False).sort(pl.exclude(pl.List(pl.Float64)))
