"""The process that computes one job: `python -m core.jobs.worker KEY`, or a fork of a process that
has loaded torch (core.forks). The runner starts one for each job.

Without a key it only measures the speed of the machine, for the estimates.

It computes the steps of the job that are missing, each from its last checkpoint, and takes every
finished step into the store at once, so that a kill loses at most the step it hits.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from core import machine
from core.errors import BadInput
from core.jobs import queue
from core.jobs.estimate import calibrate, step_seconds
from core.jobs.outcome import reason
from core.library import artifact
from core.registry import run
from core.spec import Spec
from core.store import Store
from core.store.files import Busy, exclusive

log = logging.getLogger("worker")

RESUMES = 25  # deaths in a row without a finished step before a job has failed
REPORT_SECONDS = 0.2


class FileCheckpoint:
    """A checkpoint in the job's folder. The old one stays until the new one is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> bytes | None:
        return self.path.read_bytes() if self.path.exists() else None

    def save(self, data: bytes) -> None:
        draft = self.path.with_suffix(".new")
        draft.write_bytes(data)
        draft.replace(self.path)


def checkpoint(store: Store, job: str, step: Spec) -> FileCheckpoint:
    """The checkpoint of one step of a job. job: its key."""
    return FileCheckpoint(queue.folder(store, job) / f"{step.key}.checkpoint")


class StoredInputs:
    """The artifacts of the store as the inputs of a step."""

    def __init__(self, store: Store) -> None:
        self.store, self.artifacts = store, store.artifacts

    def __getitem__(self, key: str) -> bytes:
        return artifact(key, self.store)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.artifacts.get(key) is not None

    def __setitem__(self, key: str, value: bytes) -> None:
        self.artifacts.put(key, value)


class Reporter:
    """Turns a step's progress into the job's: fraction and remaining seconds over all steps."""

    def __init__(
        self, path: Path, steps: list[Spec], seconds: list[float], facts: dict[str, Any]
    ) -> None:
        self.path, self.steps, self.seconds, self.facts = path, steps, seconds, facts
        self.step, self.began, self.written = 0, time.monotonic(), -REPORT_SECONDS

    def begin(self, step: int) -> None:
        self.step, self.began, self.written = step, time.monotonic(), -REPORT_SECONDS
        self(0.0, "starting")

    def __call__(self, fraction: float, message: str) -> None:
        now = time.monotonic()  # the other clock may be set back while this runs
        if now - self.written < REPORT_SECONDS:
            return
        self.written = now
        expected, taken = self.seconds[self.step], now - self.began
        # The longer a step runs, the more its own pace counts and the less the estimate.
        paced = taken * (1 - fraction) / max(fraction, 1e-3)
        left = fraction * paced + (1 - fraction) * max(expected - taken, 0.05 * expected)
        later = sum(self.seconds[self.step + 1 :])
        done = sum(self.seconds[: self.step]) + expected * fraction
        queue.write(
            self.path,
            self.facts
            | {
                "step": self.step + 1,
                "steps": len(self.steps),
                "stage": self.steps[self.step].title,
                "message": message,
                "fraction": done / max(sum(self.seconds), 1e-9),
                "eta": left + later,
            },
        )


def work(key: str, store: Store) -> None:
    """Runs the job with this key and records how it ended: done, or failed and why."""
    place = queue.folder(store, key)
    job = queue.find(key, store)
    if job is None or not job.live:
        return
    before = queue.read(place / "progress.json")
    begun = "started" in before
    resumed = before.get("resumed", 0) + begun
    deaths = before.get("deaths", 0) + begun
    if begun:
        queue.record(store, [job], "interrupted", "its process ended without a word", time.time())
    now = {"started": time.time(), "began": time.monotonic()}
    facts = {**now, "resumed": resumed, "deaths": deaths, "finished": before.get("finished", [])}
    queue.write(place / "progress.json", facts)
    job = queue.find(key, store) or job
    if deaths > RESUMES:
        queue.finish(store, job, "failed", f"Its process died {deaths} times; see the log.")
        return
    try:
        _run(job, store, place, facts)
        queue.finish(store, job, "done")
    except Exception as error:
        if not isinstance(error, BadInput):
            log.exception("The job failed.")
        queue.finish(store, job, "failed", reason(error))


def _run(job: queue.Job, store: Store, place: Path, facts: dict[str, Any]) -> None:
    device = machine.settle()
    facts["device"] = machine.device_name(device)
    calibrate(store, device)
    steps = store.missing(job.spec, job.again)
    steps = [step for step in steps if step.key not in facts["finished"]]
    report = Reporter(
        place / "progress.json", steps, [step_seconds(step, store) for step in steps], facts
    )
    for number, step in enumerate(steps):
        report.begin(number)
        log.info("%s", step.title)
        saved = checkpoint(store, job.key, step)
        result = run(step, StoredInputs(store), report, saved)
        # Published with the job's end, or earlier by a runner or a reader.
        store.take_in(result.tables, result.artifacts, publish=False, replace=job.again)
        facts["finished"].append(step.key)
        saved.path.unlink(missing_ok=True)
        facts["deaths"] = 0


def main() -> None:
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    machine.offer_to_end(500)
    store, key = Store(), next(iter(sys.argv[1:]), None)
    machine.name_process(key or "calibration")  # by its key it is known to whoever cancels it
    with ExitStack() as locks:
        try:
            if key:
                alive = queue.folder(store, key) / "alive"
                locks.enter_context(exclusive(alive, 2))
                alive.write_text(str(os.getpid()))  # for whoever cancels the job
        except Busy:
            log.info("Another worker computes it.")
            return
        for slot, gpu in enumerate(machine.slots()):
            with suppress(Busy):
                locks.enter_context(exclusive(store.jobs / f"slot-{slot}.lock", 1))
                os.environ["CUDA_VISIBLE_DEVICES"] = gpu
                if key:
                    work(key, store)
                else:
                    calibrate(store, machine.settle())
                return


if __name__ == "__main__":
    main()
