"""Jobs that the commands wait for, and how far they are."""

from __future__ import annotations

import sys
import time
from typing import Any

from core.cli.output import clock
from core.errors import BadInput
from core.jobs import Job


def obtain(specs: list[Any]) -> bool:
    """Has specs computed, with a progress bar; False if everything was there already.

    All are asked for at once, so that a cluster computes as many as it has room for.
    """
    from core import jobs
    from core.store import Store

    store, mine = Store(), "command line"
    missing = [spec for spec in specs if store.missing(spec)]
    if not missing:
        return False
    for spec in missing:
        jobs.request(spec, mine, store)
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


def _wait(spec: Any, store: Any, which: str) -> None:
    """Waits for a job to end; raises BadInput if it ends without a result."""
    from core import jobs

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


class Bar:
    """One line of progress on a terminal's standard error; nothing where nobody looks."""

    def __init__(self, which: str) -> None:
        self.which, self.on = which, sys.stderr.isatty()

    def show(self, job: Job) -> None:
        if not self.on:
            return
        filled = round(20 * job.fraction)
        left = f", {job.eta:.0f} s left" if job.eta is not None else ""
        bar = f"[{'#' * filled}{'.' * (20 - filled)}]"
        doing = job.obstacle or f"{job.stage}: {job.message}"
        line = f"{self.which} {bar} {job.fraction:4.0%} {doing}{left}"
        print(f"\r\033[K{line.strip()[:140]}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.on:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


class ProgressLine:
    """The progress of many jobs: one line on a terminal, elsewhere a line for every result."""

    def __init__(self) -> None:
        self.on, self.done = sys.stderr.isatty(), -1

    def show(self, state: Any) -> None:
        now = "; ".join(f"{job.fraction:.0%} {job.title}" for job in state.jobs)
        said = f"{state.done} of {state.total}, {state.fraction:.0%}, {clock(state.left)} left"
        if self.on:
            print(f"\r\033[K{f'{said} · {now}'[:140]}", end="", file=sys.stderr, flush=True)
        elif state.done != self.done:
            self.done = state.done
            print(f"{said} · {now}", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.on:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
