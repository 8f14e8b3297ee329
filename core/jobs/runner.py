"""The runner: a thread that keeps the queue moving, on this machine or on a Ray cluster.

Embedded, it starts one worker process per job, when there is room. With RAY_ADDRESS it keeps one
bridge process alive instead, which hands the jobs to the cluster of that address.
"""

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
BRIDGE_SECONDS = 3.0  # from the start of one bridge to that of the next, should it end
logger = logging.getLogger(__name__)


class Runner:
    """Keeps the queue moving for as long as it lives; any number of them share one queue.

    Workers are sessions of their own: they outlive the app, and another runner (or this one after
    a restart) finds them running. A bridge ends with its runner; the cluster goes on.
    """

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="job-runner", daemon=True)
        self._workers: list[subprocess.Popen[bytes]] = []
        self._bridge: subprocess.Popen[bytes] | None = None
        self._bridged = 0.0

    def start(self) -> Runner:
        self._thread.start()
        return self

    def calibrate(self) -> None:
        """Have the machine's speed measured if it never was: the first estimates are its own."""
        if not os.environ.get("RAY_ADDRESS") and not calibrated(self.store):
            self._workers.append(spawn(self.store))

    def stop(self) -> None:
        """Stops starting workers; one that runs goes on by itself."""
        self._stop.set()
        self._thread.join()
        if self._bridge:
            self._bridge.kill()
            self._bridge.wait()

    def _loop(self) -> None:
        while not self._stop.wait(INTERVAL):
            try:
                self._tick()
            except Exception:
                logger.exception("The job runner stumbled and goes on.")
                time.sleep(5)

    def _tick(self) -> None:
        if os.environ.get("RAY_ADDRESS"):
            self._keep_bridge()
        else:
            self._start_workers()

    def _keep_bridge(self) -> None:
        ended = self._bridge is None or self._bridge.poll() is not None
        if ended and time.monotonic() - self._bridged > BRIDGE_SECONDS:
            self._bridged = time.monotonic()
            self._bridge = bridge(self.store)

    def _start_workers(self) -> None:
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
    module = ["core.jobs.worker", *([key] if key else [])]
    return _process(store, folder / "log.txt", "ab", subprocess.DEVNULL, *module)


def bridge(store: Store) -> subprocess.Popen[bytes]:
    """Starts the bridge to the Ray cluster; it ends when this process does."""
    return _process(store, store.jobs / "bridge.log", "wb", subprocess.PIPE, "core.jobs.bridge")


def _process(
    store: Store, log: Path, mode: str, stdin: int, *module: str
) -> subprocess.Popen[bytes]:
    with log.open(mode) as output:
        return subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=ROOT,
            env=os.environ | {"MEMSIG_CACHE": str(store.root)},
            stdin=stdin,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
