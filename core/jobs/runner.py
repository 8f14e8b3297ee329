"""The embedded back end: a thread that starts one worker process per job, when there is room."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from core import machine
from core.jobs import queue
from core.jobs.estimate import calibrated
from core.store import Store

ROOT = Path(__file__).parents[2]
INTERVAL = 0.25
logger = logging.getLogger(__name__)


class Runner:
    """Keeps the queue moving for as long as it lives; any number of them share one queue.

    Workers are sessions of their own: they outlive the app, and another runner (or this one after
    a restart) finds them running.
    """

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="job-runner", daemon=True)
        self._workers: list[subprocess.Popen[bytes]] = []

    def start(self) -> Runner:
        self._thread.start()
        return self

    def calibrate(self) -> None:
        """Have the machine's speed measured if it never was: the first estimates are its own."""
        if not calibrated(self.store):
            self._workers.append(spawn(self.store))

    def stop(self) -> None:
        """Stops starting workers; one that runs goes on by itself."""
        self._stop.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stop.wait(INTERVAL):
            try:
                self._tick()
            except Exception:
                logger.exception("The job runner stumbled and goes on.")
                time.sleep(5)

    def _tick(self) -> None:
        self._workers = [worker for worker in self._workers if worker.poll() is None]
        live = [job for job in queue.listing(self.store) if job.live]
        waiting = [job for job in live if job.status != "running"]
        # A worker just started may not hold its lock yet, so ours are counted, too.
        busy = max(len(live) - len(waiting), len(self._workers))
        if waiting and busy < len(machine.slots()):
            self._workers.append(spawn(self.store, waiting[0].key))


def spawn(store: Store, key: str | None = None) -> subprocess.Popen[bytes]:
    """Starts the worker process of a job, or the one that calibrates, in a group of its own."""
    folder = store.jobs if key is None else queue.folder(store, key)
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "core.worker", *([key] if key else [])],
            cwd=ROOT,
            env=os.environ | {"MEMSIG_CACHE": str(store.root)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
