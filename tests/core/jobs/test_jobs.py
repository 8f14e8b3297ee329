"""Jobs as a person meets them: asked twice, cancelled, killed, failed. On both back ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import forks, jobs
from core.cells import CELLS
from core.jobs import queue
from core.jobs.estimate import estimate
from core.jobs.runner import ROOT
from core.library import add_corpus, signature_spec
from core.signatures.spec import SignatureSpec
from core.store import Store
from tests.core.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture(params=["embedded", "ray"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the jobs of a test run."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if request.param == "ray":
        for name, value in request.getfixturevalue("cluster").env.items():
            monkeypatch.setenv(name, value)
    return request.param


@pytest.fixture
def spec(store: Store, text: bytes) -> SignatureSpec:
    corpus = add_corpus(text, "words", store=store)
    return signature_spec(corpus, hidden=16, profile="smoke", store=store)


@pytest.fixture
def runner(store: Store, backend: str) -> Iterator[jobs.Runner]:
    running = jobs.Runner(store).start()
    yield running
    for job in jobs.listing(store):
        jobs.cancel(job.key, "the test", store)
    running.stop()


def long(spec: SignatureSpec) -> SignatureSpec:
    """The same signature of a model that trains for many minutes."""
    budget = spec.model.budget.model_copy(update={"epochs": 5000, "patience": 5000})
    return spec.model_copy(update={"model": spec.model.model_copy(update={"budget": budget})})


def status(spec: SignatureSpec, store: Store) -> str:
    job = jobs.find(spec.key, store)
    assert job
    return job.status


def pid(spec: SignatureSpec, store: Store) -> int | None:
    """Of the process that computes: here, or on the cluster as host:pid."""
    place = queue.folder(store, spec.key)
    if worker := queue.read(place / "progress.json").get("worker"):
        return int(worker.split(":")[1])
    begun = (place / "progress.json").exists() and (place / "alive").exists()
    return int((place / "alive").read_text() or 0) or None if begun else None


def parent(child: int) -> int:
    """The process that started another."""
    return int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])


def start_app() -> subprocess.Popen[bytes]:
    """A process that runs a runner, as the app does."""
    code = "import time; from core import jobs; jobs.Runner().start(); time.sleep(99)"
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)


def test_a_job_computes_what_is_missing_and_says_how_it_went(
    spec: SignatureSpec, store: Store, runner: jobs.Runner
) -> None:
    assert jobs.estimate(spec, store) > 0
    for _ in range(3):  # asked three times, computed once
        jobs.request(spec, "ada", store)
    assert len(jobs.listing(store)) == 1
    fractions = []
    until(
        lambda: (
            fractions.append(jobs.find(spec.key, store).fraction) or status(spec, store) == "done"
        )
    )
    assert fractions == sorted(fractions) and len(set(fractions)) > 3
    for step in spec.steps():
        assert store.has_result(step)
    assert jobs.estimate(spec, store) == 0
    jobs.request(spec, "bob", store)  # too late: it is there
    assert status(spec, store) == "done"
    (row,) = store.query("SELECT * FROM jobs").to_dicts()
    assert (row["key"], row["who"], row["outcome"]) == (spec.key, "ada", "done")
    assert 0 < row["seconds"] < 60 and row["started"] <= row["ended"]
    jobs.request(spec.floor, "ada", store)
    until(lambda: status(spec.floor, store) == "done")
    marginal = store.query(
        "SELECT lag, accuracy, untrained FROM marginal_recall WHERE signature = ? ORDER BY lag",
        [spec.key],
    )
    assert marginal["lag"].to_list() == list(range(spec.max_lag + 1))
    assert marginal["untrained"].null_count() == 0


def test_cancel_is_quick_and_the_job_can_be_asked_for_again(
    spec: SignatureSpec, store: Store, runner: jobs.Runner
) -> None:
    spec = long(spec)
    jobs.request(spec, "ada", store)
    until(lambda: jobs.find(spec.key, store).fraction > 0)
    jobs.cancel(spec.key, "bob", store)
    assert status(spec, store) == "cancelled"
    assert not queue.is_locked(queue.folder(store, spec.key) / "alive")
    (row,) = store.query("SELECT * FROM jobs").to_dicts()
    assert row["outcome"] == "cancelled" and "bob" in row["reason"]
    jobs.request(spec, "ada", store)
    until(lambda: status(spec, store) == "running")


def test_a_queued_job_is_cancelled_before_it_starts(spec: SignatureSpec, store: Store) -> None:
    jobs.request(spec, "ada", store)
    assert status(spec, store) == "queued"
    jobs.cancel(spec.key, "ada", store)
    assert status(spec, store) == "cancelled"


def test_killed_workers_resume_by_themselves(
    spec: SignatureSpec, store: Store, runner: jobs.Runner
) -> None:
    """kill -9 at several moments: the job ends all the same, and every row is there once."""
    jobs.request(spec, "ada", store)
    for moment in (0.0, 0.5, 1.5, 2.0):
        before = pid(spec, store)
        until(lambda before=before: pid(spec, store) != before or status(spec, store) == "done")
        time.sleep(moment)
        if status(spec, store) == "done":
            break
        os.kill(pid(spec, store), signal.SIGKILL)
    until(lambda: status(spec, store) == "done")
    for table, key in (
        ("models", "key"),
        ("signatures", "key"),
        ("recall", "signature, lag, symbol"),
    ):
        (doubled,) = store.query(f"SELECT count(*) - count(DISTINCT ({key})) AS n FROM {table}")[
            "n"
        ]
        assert doubled == 0
    outcomes = store.query("SELECT outcome FROM jobs ORDER BY attempt")["outcome"].to_list()
    assert outcomes[-1] == "done" and outcomes[:-1] and set(outcomes[:-1]) == {"interrupted"}


def test_the_worker_outlives_the_app_that_started_it(
    spec: SignatureSpec, store: Store, backend: str
) -> None:
    """A process that runs a runner is killed; its worker goes on to the end."""
    app = start_app()
    jobs.request(spec, "ada", store)
    until(lambda: status(spec, store) == "running")
    app.kill()
    app.wait()
    # On a cluster the result waits until an app is back.
    back = jobs.Runner(store).start() if backend == "ray" else None
    until(lambda: status(spec, store) == "done")
    if back:
        back.stop()
    assert store.query("SELECT outcome FROM jobs")["outcome"].to_list() == ["done"]


def test_after_app_and_worker_are_killed_a_new_runner_goes_on(
    spec: SignatureSpec, store: Store, backend: str
) -> None:
    app = start_app()
    jobs.request(spec, "ada", store)
    until(lambda: pid(spec, store))
    app.kill()
    os.kill(pid(spec, store), signal.SIGKILL)
    app.wait()
    until(lambda: status(spec, store) == "interrupted")
    runner = jobs.Runner(store).start()
    until(lambda: status(spec, store) == "done")
    runner.stop()
    outcomes = store.query("SELECT outcome FROM jobs ORDER BY attempt")["outcome"].to_list()
    assert outcomes == ["interrupted", "done"]


def test_two_runners_start_each_job_once(
    spec: SignatureSpec, store: Store, runner: jobs.Runner, backend: str
) -> None:
    other = jobs.Runner(store).start()
    wanted = [spec.model_copy(update={"seed": seed}) for seed in range(3)]
    for one in wanted:
        jobs.request(one, "ada", store)
    running: list[int] = []
    until(
        lambda: (
            running.append(sum(job.status == "running" for job in jobs.listing(store)))
            or all(status(one, store) == "done" for one in wanted)
        )
    )
    other.stop()
    if backend == "embedded":
        assert max(running) == 1  # one heavy job at a time
    rows = store.query("SELECT key, count(*) AS n FROM jobs GROUP BY key")
    assert rows["n"].to_list() == [1, 1, 1]


@pytest.mark.parametrize("backend", ["embedded"], indirect=True)
def test_jobs_are_forked_and_survive_the_process_that_forks(
    spec: SignatureSpec, store: Store, runner: jobs.Runner
) -> None:
    if not forks.safe():
        pytest.skip("nothing forks here")
    first, second = long(spec), spec
    jobs.request(first, "ada", store)
    until(lambda: pid(first, store))
    forking = runner._forks
    assert forking and parent(pid(first, store)) == forking.pid
    os.kill(forking.pid, signal.SIGKILL)
    until(lambda: not forking.alive())
    time.sleep(1)  # several looks of the runner
    assert status(first, store) == "running" and jobs.find(first.key, store).attempt == 1
    jobs.cancel(first.key, "ada", store)
    assert not queue.is_locked(queue.folder(store, first.key) / "alive")
    jobs.request(second, "ada", store)
    until(lambda: status(second, store) == "done")
    assert runner._forks is not forking
    rows = store.query("SELECT outcome FROM jobs ORDER BY ended")["outcome"]
    assert rows.to_list() == ["cancelled", "done"]


def test_a_failure_gives_its_reason_and_a_retry(
    store: Store, text: bytes, runner: jobs.Runner
) -> None:
    # A text of its own: a cluster holds the bytes it was given for some minutes.
    corpus = add_corpus(text + b"\nthe end", "other words", store=store)
    spec = signature_spec(corpus, hidden=16, profile="smoke", store=store)
    data = store.artifacts.get(spec.corpus.content)
    store.artifacts.drop(spec.corpus.content)
    jobs.request(spec, "ada", store)
    until(lambda: status(spec, store) == "failed")
    assert "gone from the cache" in jobs.find(spec.key, store).reason
    store.artifacts.put(spec.corpus.content, data)
    jobs.request(spec, "ada", store)
    until(lambda: status(spec, store) == "done")
    assert jobs.find(spec.key, store).attempt == 2


def test_what_another_version_asked_for_is_passed_over(spec: SignatureSpec, store: Store) -> None:
    """A cache is shared by versions: a newer one's specs must not take the queue down."""
    jobs.request(spec, "ada", store)
    strange = queue.folder(store, "0" * 64)
    strange.mkdir()
    queue.write(strange / "request.json", {"spec": {"kind": "of the future"}, "who": "bob"})
    assert [job.key for job in jobs.listing(store)] == [spec.key]
    assert jobs.find("0" * 64, store) is None
    jobs.cancel(spec.key, "ada", store)


def test_estimates_know_the_kernel_of_every_cell(spec: SignatureSpec, store: Store) -> None:
    wide = {"hidden": 640, "layers": 4}
    models = {cell: spec.model.model_copy(update=wide | {"cell": cell}) for cell in CELLS}
    seconds = {cell: estimate(model, store) for cell, model in models.items()}
    assert sorted(CELLS, key=lambda cell: CELLS[cell].kernel(640)) == sorted(CELLS, key=seconds.get)
