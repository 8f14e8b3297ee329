"""The runner and the queue where things go wrong: deaths, full disks, stale pids, lost folders."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from core import jobs, machine
from core.jobs import queue, runner
from core.library import add_corpus, signature_spec
from core.signatures.spec import SignatureSpec
from core.store import Store
from core.store.files import StoreError, exclusive
from core.store.tables import PUBLISH_SECONDS


@pytest.fixture
def spec(store: Store, text: bytes) -> SignatureSpec:
    corpus = add_corpus(text, "words", store=store)
    return signature_spec(corpus, hidden=16, profile="smoke", store=store)


def dying(*_: object) -> subprocess.Popen[bytes]:
    """A worker that the kernel kills at once."""
    process = subprocess.Popen(["sh", "-c", "kill -9 $$"])
    process.wait()
    return process


def test_a_worker_that_dies_is_started_ever_more_seldom_and_then_given_up(
    spec: SignatureSpec, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, started = [0.0], []
    monkeypatch.setattr(runner.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(jobs.Runner, "_worker", lambda *_: started.append(now[0]) or dying())
    jobs.request(spec, "ada", store)
    running = jobs.Runner(store)
    while (job := jobs.find(spec.key, store)) and job.live and now[0] < 1e4:
        running._start_workers()
        now[0] += 0.5
        if started and job.obstacle:
            assert "killed, perhaps because memory ran out" in job.obstacle
    pauses = [b - a for a, b in itertools.pairwise(started)]
    assert len(started) == runner.DEATHS
    assert pauses == sorted(pauses) and pauses[-1] >= 2.0 ** (runner.DEATHS - 1)
    assert job and job.status == "failed" and "Given up after 8 tries" in str(job.reason)
    assert queue.folder(store, spec.key) not in queue.obstacles


def test_a_step_done_between_two_deaths_starts_the_count_anew(
    spec: SignatureSpec, store: Store
) -> None:
    jobs.request(spec, "ada", store)
    running, place = jobs.Runner(store), queue.folder(store, spec.key)
    for _ in range(3):
        running._note_end(spec.key, 1)
    assert running._deaths[spec.key].count == 3
    queue.write(place / "progress.json", {"step": 2, "started": 0.0})
    running._note_end(spec.key, 1)
    assert running._deaths[spec.key].count == 1
    queue.obstacles.clear()


def test_a_job_ends_where_its_row_cannot_be_written(
    spec: SignatureSpec, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.request(spec, "ada", store)
    job = jobs.find(spec.key, store)

    def full(*_: object, **__: object) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(store, "take_in", full)
    assert job and queue.finish(store, job, "done")
    ended = jobs.find(spec.key, store)
    # What is done is published: readers count on that.
    assert (ended.status, ended.reason) == ("failed", "The disk is full.")


def test_the_runner_publishes_what_a_running_job_has_written(store: Store) -> None:
    store.query("SELECT 1")
    store.take_in({"corpora": pl.DataFrame({"key": ["c"], "name": ["c"]})}, publish=False)
    running, mark = jobs.Runner(store), store.root / "live" / "unpublished"
    os.utime(mark)  # just written, however slow the machine
    running._tick()
    assert store.query("FROM corpora").is_empty()  # more may come
    os.utime(mark, (time.time() - PUBLISH_SECONDS - 0.1,) * 2)
    running._tick()
    assert store.query("FROM corpora").height == 1


def test_cancel_kills_the_jobs_worker_and_no_other_process(
    spec: SignatureSpec, store: Store
) -> None:
    """A pid in the file may be of a worker long dead, whose number somebody else has now."""
    jobs.request(spec, "ada", store)
    alive = queue.folder(store, spec.key) / "alive"
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    command = [sys.executable, "-c", "import time; time.sleep(60)", spec.key]
    worker = subprocess.Popen(command, start_new_session=True)
    try:
        alive.write_text(str(stranger.pid))
        queue._kill_worker(alive, spec.key)
        time.sleep(0.2)
        assert stranger.poll() is None
        alive.write_text(str(worker.pid))
        queue._kill_worker(alive, spec.key)
        assert worker.wait(10) == -signal.SIGKILL
        for text in ("", "nonsense", "99999999"):
            alive.write_text(text)
            queue._kill_worker(alive, spec.key)
    finally:
        stranger.kill()
        worker.kill()


def test_many_are_cancelled_in_one_transaction(
    store: Store, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = add_corpus(text, "words", store=store)
    specs = [signature_spec(corpus, hidden=16, profile="smoke", seed=n) for n in range(20)]
    for each in specs:
        jobs.request(each, "ada", store)
    calls, take_in = [], store.take_in
    monkeypatch.setattr(store, "take_in", lambda *a, **k: calls.append(1) or take_in(*a, **k))
    jobs.cancel([each.key for each in specs], "ada", store)
    assert len(calls) == 1 and not any(job.live for job in jobs.listing(store))
    rows = store.query("SELECT outcome, reason, count(*) AS n FROM jobs GROUP BY ALL").to_dicts()
    assert rows == [{"outcome": "cancelled", "reason": "cancelled by ada", "n": 20}]


def test_a_silent_worker_is_said_to_be_silent(spec: SignatureSpec, store: Store) -> None:
    jobs.request(spec, "ada", store)
    place = queue.folder(store, spec.key)
    queue.write(place / "progress.json", {"step": 1, "started": 0.0, "message": "training"})
    with exclusive(place / "alive", 1):
        assert jobs.find(spec.key, store).message == "training"
        before = time.time() - 12 * 60
        os.utime(place / "progress.json", (before, before))
        assert jobs.find(spec.key, store).message == "no news for 12 min"


def test_a_program_stops_where_its_cache_folder_vanishes(
    store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(runner.os, "kill", lambda pid, number: ended.append(number))
    running = jobs.Runner(store).start()
    time.sleep(0.6)
    assert not ended
    shutil.rmtree(store.root)
    store.root.mkdir()
    running._thread.join(10)
    assert ended == [signal.SIGTERM] and "bring it back" in caplog.text
    assert list(store.root.iterdir()) == []


@pytest.mark.slow
def test_computing_again_keeps_what_is_there_until_it_is_replaced(
    spec: SignatureSpec, store: Store
) -> None:
    def rows() -> list[dict[str, object]]:
        return store.query("SELECT key, created FROM signatures ORDER BY key").to_dicts()

    def run(again: bool) -> None:
        jobs.request(spec, "ada", store, again=again)
        environment = os.environ | {"MEMSIG_CACHE": str(store.root)}
        command = [sys.executable, "-m", "core.jobs.worker", spec.key]
        subprocess.run(command, env=environment, cwd=runner.ROOT, check=True, capture_output=True)
        assert jobs.find(spec.key, store).status == "done"

    run(again=False)
    first, models = rows(), store.query("SELECT created FROM models")["created"].to_list()
    assert jobs.estimate(spec, store) == 0 < jobs.estimate(spec, store, again=True)
    assert [step.key for step in store.missing(spec, again=True)] == [spec.key]
    jobs.request(spec, "ada", store, again=True)
    assert rows() == first  # still there
    jobs.cancel(spec.key, "ada", store)
    assert rows() == first
    run(again=True)
    changed = {row["key"] for row, old in zip(rows(), first, strict=True) if row != old}
    assert changed == {spec.key}  # neither the preview nor the model
    assert store.query("SELECT created FROM models")["created"].to_list() == models
    count = "SELECT count(*) AS n FROM recall WHERE signature = ? AND symbol IS NULL"
    assert store.query(count, [spec.key])["n"][0] == spec.max_lag + 1  # no row twice


def test_threads_where_the_system_cannot_say_which_cores_are_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """macOS has no os.sched_getaffinity."""
    monkeypatch.delenv("MEMSIG_THREADS")
    monkeypatch.delattr(os, "sched_getaffinity")
    assert machine.threads() == os.cpu_count()
    machine.offer_to_end(0)


def test_requests_of_an_older_version_are_read(spec: SignatureSpec, store: Store) -> None:
    jobs.request(spec, "ada", store)
    path: Path = queue.folder(store, spec.key) / "request.json"
    asked = json.loads(path.read_text())
    del asked["again"]
    path.write_text(json.dumps(asked))
    job = jobs.find(spec.key, store)
    assert job and job.again is False
