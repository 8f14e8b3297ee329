"""The runner: a thread that keeps the queue moving, on this machine or on a Ray cluster.

Embedded, it starts one worker process per job, when there is room. With RAY_ADDRESS it keeps one
bridge process alive instead, which hands the jobs to the cluster of that address.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core import forks, machine
from core.jobs import queue
from core.jobs.estimate import calibrated
from core.places import ROOT
from core.store import Store
from core.store.files import StoreError, readable_os
from core.store.tables import PUBLISH_SECONDS

Process = subprocess.Popen[bytes] | forks.Forked

WORKER = "core.jobs.worker"
INTERVAL = 0.25
BRIDGE_SECONDS = 3.0  # from the start of one bridge to that of the next, should it end
DEATHS = 8  # of a job's process, one after the other without a step done, before it has failed
LONGEST_PAUSE = 300.0  # seconds before a process that died is started again
LITTLE = 1 << 20  # bytes free on a disk that is called full
logger = logging.getLogger(__name__)


@dataclass
class Deaths:
    """How often in a row a job's process has died here, at which step, and its next start."""

    step: int = 0
    count: int = 0
    after: float = 0.0


class Runner:
    """Keeps the queue moving while the program runs; any number of runners share one queue.

    Workers are sessions of their own: they outlive the app, and another runner (or this one after
    a restart) finds them running. A bridge ends with its runner; the cluster goes on.
    """

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="job-runner", daemon=True)
        self._workers: list[tuple[str, Process]] = []  # with the job's key
        self._forks: forks.Forks | None = None
        self._deaths: dict[str, Deaths] = {}
        self._identity = identity(self.store.root)
        self._bridge: subprocess.Popen[bytes] | None = None
        self._bridged = 0.0

    def start(self) -> Runner:
        self._thread.start()
        return self

    def calibrate(self) -> None:
        """Measures the machine's speed if it never was, so that the first estimates are right."""
        if not os.environ.get("RAY_ADDRESS") and not calibrated(self.store):
            try:
                self._workers.append(("", spawn(self.store)))
            except OSError as error:
                logger.warning("this machine's speed is not measured: %s", readable_os(error))

    def stop(self) -> None:
        """Stops starting workers; one that runs goes on by itself."""
        self._stop.set()
        self._thread.join()
        if self._bridge:
            self._bridge.kill()
            self._bridge.wait()
        if self._forks:
            self._forks.close()

    def _loop(self) -> None:
        while not self._stop.wait(INTERVAL):
            if self._identity and _written(self.store.root) != self._identity:
                self._lost()
                return
            try:
                self._tick()
            except (StoreError, OSError) as error:
                logger.warning("the jobs wait: %s", readable_os(error))
                time.sleep(5)
            except Exception:
                logger.exception("The job runner stumbled and goes on.")
                time.sleep(5)

    def _tick(self) -> None:
        self.store.tables.publish_older(PUBLISH_SECONDS)
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
        for key, worker in self._workers:
            if (code := worker.poll()) is not None and key:
                self._note_end(key, code)
        self._workers = [(key, worker) for key, worker in self._workers if worker.poll() is None]
        live = [job for job in queue.listing(self.store) if job.live]
        waiting = [job for job in live if job.status != "running"]
        ready = [job for job in waiting if self._may_start(job.key)]
        # A worker just started may not hold its lock yet, so ours are counted, too.
        busy = max(len(live) - len(waiting), len(self._workers))
        if ready and busy < len(machine.slots()):
            key = ready[0].key
            self._workers.append((key, self._worker(key)))

    def _worker(self, key: str) -> Process:
        """Starts the process of a job: forked from one that has torch loaded, where that is safe.

        That one is started with the first job, and again if it has died.
        """
        if not forks.safe():
            return spawn(self.store, key)
        if self._forks is None or not self._forks.alive():
            self._forks = forks.Forks(self.store.jobs / "forks.log")
        place = queue.folder(self.store, key)
        return self._forks.start(WORKER, [key], place / "log.txt", _environment(self.store))

    def _may_start(self, key: str) -> bool:
        return key not in self._deaths or self._deaths[key].after <= time.monotonic()

    def _note_end(self, key: str, code: int) -> None:
        """Counts the death of a job's process; each next start waits twice as long as the last.

        Here and not in the job's folder: the disk may be full, which ends a worker at once.
        """
        place, job = queue.folder(self.store, key), queue.find(key, self.store)
        if job is None or not job.live:
            self._deaths.pop(key, None)
            queue.obstacles.pop(place, None)
            return
        deaths = self._deaths.setdefault(key, Deaths())
        if job.step > deaths.step:
            deaths.step, deaths.count = job.step, 0
        deaths.count += 1
        why = f"its process {_how(code, self.store.root)}"
        if deaths.count >= DEATHS:
            reason = f"Given up after {deaths.count} tries: {why}; see the log."
            queue.finish(self.store, job, "failed", reason)
            return
        if deaths.count > 1:
            deaths.after = time.monotonic() + min(2.0**deaths.count, LONGEST_PAUSE)
            queue.obstacles[place] = (f"{why}, {deaths.count} times in a row", deaths.after)

    def _lost(self) -> None:
        """Stops the program: its cache folder has gone, and an empty one must not replace it."""
        logger.critical(
            "The cache folder %s is gone or is another one now, so this program stops: bring it "
            "back (is its disk mounted?) and start again.",
            self.store.root,
        )
        os.kill(os.getpid(), signal.SIGTERM)


IDENTITY = "identity"  # the file that tells a cache folder from an empty one in its place


def identity(root: Path) -> str:
    """What tells this cache folder from another; written when it is first used.

    Empty where it cannot be written: then nothing else can, either.
    """
    draft = root / f"{IDENTITY}.{os.getpid()}.new"
    try:
        if not (root / IDENTITY).exists():
            root.mkdir(parents=True, exist_ok=True)
            draft.write_text(uuid.uuid4().hex)
            with suppress(FileExistsError):  # somebody else was first
                os.link(draft, root / IDENTITY)
    except OSError as error:
        logger.warning("the cache folder can only be read: %s", readable_os(error))
    finally:
        with suppress(OSError):
            draft.unlink()
    return _written(root)


def _written(root: Path) -> str:
    """What the file of a cache folder's identity says; empty where there is none."""
    with suppress(OSError):
        return (root / IDENTITY).read_text()
    return ""


def _how(code: int, root: Path) -> str:
    """How a process ended, for a person."""
    if shutil.disk_usage(root).free < LITTLE:
        return "ended because the disk is full"
    if code == -signal.SIGKILL:
        return "was killed, perhaps because memory ran out"
    if code < 0:
        return f"was ended by signal {-code}"
    return "ended without a result"


def spawn(store: Store, key: str | None = None) -> subprocess.Popen[bytes]:
    """Starts a new process for a job, or the one that calibrates, in a group of its own."""
    folder = store.jobs if key is None else queue.folder(store, key)
    module = [WORKER, *([key] if key else [])]
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
            env=_environment(store),
            stdin=stdin,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _environment(store: Store) -> dict[str, str]:
    return os.environ | {"MEMSIG_CACHE": str(store.root)}
