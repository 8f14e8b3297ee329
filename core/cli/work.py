"""Jobs that the commands wait for, and how far they are."""

from __future__ import annotations

import sys
import time
from typing import Any

from core import jobs
from core.cli.output import clock
from core.errors import BadInput
from core.jobs import Job
from core.spec import Spec
from core.store import Store


def obtain(specs: list[Spec], again: bool = False) -> bool:
    """Has specs computed, with a progress bar; False if all of them have results already.

    All are requested at once, so that a cluster computes as many as it has room for.
    again: those with results are computed once more.
    """
    store, mine = Store(), "command line"
    missing = [spec for spec in specs if store.missing(spec, again)]
    if not missing:
        return False
    for spec in missing:
        jobs.request(spec, mine, store, again)
    runner = jobs.Runner(store).start()
    try:
        for number, spec in enumerate(missing, start=1):
            _wait(spec, store, f"{number} of {len(missing)}" if len(missing) > 1 else "")
    except BaseException:
        for spec in reversed(missing):  # the waiting first: else the next would start
            if (job := jobs.find(spec.key, store)) and job.who == mine:
                jobs.cancel(spec.key, mine, store)
        raise
    finally:
        runner.stop()
    return True


def _wait(spec: Spec, store: Store, which: str) -> None:
    """Waits for a job to end; raises BadInput if it ends without a result."""
    bar = Bar(which)
    try:
        while (job := jobs.find(spec.key, store)) and job.live:
            bar.show(job)
            time.sleep(0.1)
    finally:
        bar.close()
    if job is None or job.status != "done":
        reason = job.reason if job else "it was removed from the queue"
        raise BadInput(f"The job ended without a result: {reason}")


class StatusLine:
    """One line on a terminal's standard error, written over and over; nothing elsewhere."""

    def __init__(self) -> None:
        self.on = sys.stderr.isatty()

    def write(self, text: str) -> None:
        if self.on:
            print(f"\r\033[K{text[:140]}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leaves the line empty."""
        self.write("")


class Bar(StatusLine):
    """The progress of one job. which: its number among those that are waited for."""

    def __init__(self, which: str) -> None:
        super().__init__()
        self.which = which

    def show(self, job: Job) -> None:
        filled = round(20 * job.fraction)
        left = f", {job.eta:.0f} s left" if job.eta is not None else ""
        bar = f"[{'#' * filled}{'.' * (20 - filled)}]"
        doing = job.obstacle or f"{job.stage}: {job.message}"
        self.write(f"{self.which} {bar} {job.fraction:4.0%} {doing}{left}".strip())


class ProgressLine(StatusLine):
    """The progress of many jobs; where there is no terminal, a line for every result."""

    done = -1

    def show(self, state: Any) -> None:
        jobs = "; ".join(f"{job.fraction:.0%} {job.title}" for job in state.jobs)
        left = f"{clock(state.left)} left"
        line = f"{state.done} of {state.total}, {state.fraction:.0%}, {left} · {jobs}"
        self.write(line)
        if not self.on and state.done != self.done:
            self.done = state.done
            print(line, file=sys.stderr, flush=True)
