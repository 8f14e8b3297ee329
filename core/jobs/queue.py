"""The queue: a folder with one folder per job."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import polars as pl

from core import machine
from core.jobs.estimate import estimate
from core.registry import known
from core.spec import Spec
from core.store import Store
from core.store.files import StoreError, exclusive, readable_errors

Status = Literal["queued", "running", "interrupted", "done", "failed", "cancelled"]
LOCK_SECONDS = 30.0
ENDED_JOBS = 100  # whose folders, with their logs, are kept
SILENT_SECONDS = 300.0  # without news of a running job before it is called silent
logger = logging.getLogger(__name__)

# What keeps a job from running, by its folder, as the runner of this process knows it: (why, when
# it is tried again by `time.monotonic`). In memory, because the disk may be full.
obstacles: dict[Path, tuple[str, float]] = {}


@dataclass(frozen=True)
class Job:
    """The state of one job at one moment.

    stage: what the current step computes; message: how it is doing; fraction: of the whole job,
    0 to 1; eta, estimate: seconds; obstacle: what keeps it from running, where that is more than
    its place in the queue; again: whether it computes once more what has a result; asked,
    started, ended: UTC.
    """

    key: str
    spec: Spec
    title: str
    who: str
    status: Status
    attempt: int
    step: int
    steps: int
    stage: str
    message: str
    fraction: float
    eta: float | None
    estimate: float
    obstacle: str
    again: bool
    asked: datetime
    started: datetime | None
    ended: datetime | None
    reason: str | None

    @property
    def live(self) -> bool:
        """Whether it runs or will run by itself."""
        return self.status in ("queued", "running", "interrupted")


def folder(store: Store, key: str) -> Path:
    return store.jobs / key


@readable_errors()
def request(spec: Spec, who: str, store: Store | None = None, again: bool = False) -> None:
    """Asks for a spec: joins a live job of the same key, or starts one that has ended anew.

    A job that is done and whose result is still stored is not repeated: of several people who ask
    for it, some may come just after it has ended.
    again: computes this result once more, but none of the steps before it that have results; the
    old rows stay until the new ones replace them.
    """
    store = store or Store()
    with exclusive(store.jobs / "queue.lock", LOCK_SECONDS):
        job = find(spec.key, store)
        done = job is not None and job.status == "done" and not store.missing(spec)
        if job and (job.live or (done and not again)):
            return
        place = folder(store, spec.key)
        place.mkdir(parents=True, exist_ok=True)
        attempt = 1 + _last_attempt(store, spec.key)
        (place / "outcome.json").unlink(missing_ok=True)
        (place / "progress.json").unlink(missing_ok=True)
        write(
            place / "request.json",
            {
                "spec": spec.model_dump(mode="json"),
                "who": who,
                "asked": time.time(),
                "attempt": attempt,
                "estimate": estimate(spec, store, again),
                "again": again,
            },
        )
        _prune(store)


def find(key: str, store: Store | None = None) -> Job | None:
    """The job of that key; None if nobody ever asked, or another version of the product did."""
    store = store or Store()
    place = folder(store, key)
    asked = read(place / "request.json")
    spec = known(json.dumps(asked.get("spec")))
    if spec is None:
        return None
    outcome, now = read(place / "outcome.json"), read(place / "progress.json")
    status: Status = outcome.get("status") or (
        "running" if is_locked(place / "alive") else "interrupted" if "started" in now else "queued"
    )
    message = now.get("message", "")
    if status == "running" and (minutes := _silence(place)):
        message = f"no news for {minutes} min"
    return Job(
        key=key,
        spec=spec,
        title=spec.title,
        who=asked["who"],
        status=status,
        attempt=asked["attempt"] + now.get("resumed", 0),
        step=now.get("step", 0),
        steps=now.get("steps", len(spec.steps())),
        stage=now.get("stage", ""),
        message=message,
        fraction=1.0 if status == "done" else now.get("fraction", 0.0),
        eta=now.get("eta") if status == "running" else None,
        estimate=asked["estimate"],
        obstacle=_obstacle(place) or now.get("obstacle", ""),
        again=asked.get("again", False),
        asked=_utc(asked["asked"]),
        started=_time(now.get("started")),
        ended=_time(outcome.get("ended")),
        reason=outcome.get("reason"),
    )


def listing(store: Store | None = None) -> list[Job]:
    """All jobs the queue knows: the live in the order they run, then the ended, newest first."""
    store = store or Store()
    places = (store.jobs).glob("*/request.json")
    jobs = [job for place in places if (job := find(place.parent.name, store))]
    live = [job for job in jobs if job.live]
    live.sort(key=lambda job: (job.status != "running", job.asked))
    ended = [job for job in jobs if not job.live]
    return live + sorted(ended, key=lambda job: job.asked, reverse=True)


@readable_errors()
def cancel(keys: str | Iterable[str], who: str, store: Store | None = None) -> None:
    """Ends live jobs, of one key or of many, within milliseconds. What they had finished stays."""
    store = store or Store()
    jobs = [find(key, store) for key in ([keys] if isinstance(keys, str) else keys)]
    live = [job for job in jobs if job and job.live]
    for job in _end(store, live, "cancelled", f"cancelled by {who}"):
        alive = folder(store, job.key) / "alive"
        deadline = time.monotonic() + 5
        while is_locked(alive) and time.monotonic() < deadline:
            _kill_worker(alive, job.key)
            time.sleep(0.01)


def finish(store: Store, job: Job, status: Status, reason: str | None = None) -> bool:
    """Writes how a job ended; False if another process has already written that."""
    return bool(_end(store, [job], status, reason))


def _end(store: Store, jobs: list[Job], status: Status, reason: str | None) -> list[Job]:
    """Writes how jobs ended; returns those for which no process had written it before."""
    if not jobs:
        return []
    with exclusive(store.jobs / "queue.lock", LOCK_SECONDS):
        live = [job for job in jobs if not (folder(store, job.key) / "outcome.json").exists()]
        ended = time.time()
        try:
            # The rows first: whoever sees an outcome finds the job in the table, too. This also
            # publishes what the job has computed.
            record(store, live, status, reason, ended)
        except StoreError as error:
            # A job must end where its row cannot be written, too, or it would be started for ever.
            logger.warning("the ends of %d jobs are not in the table: %s", len(live), error)
            if status == "done":
                status, reason = "failed", str(error)
        for job in live:
            outcome = {"status": status, "reason": reason, "ended": ended}
            write(folder(store, job.key) / "outcome.json", outcome)
            obstacles.pop(folder(store, job.key), None)
    return live


def record(
    store: Store, jobs: Iterable[Job], outcome: str, reason: str | None, ended: float
) -> None:
    """Puts ended (or interrupted) attempts into the `jobs` table, in one transaction."""
    rows = [_row(store, job, outcome, reason, ended) for job in jobs]
    missing: dict[str, Any] = {
        "started": pl.Datetime("us"),
        "reason": pl.String,
        "device": pl.String,
    }
    if rows:
        store.take_in({"jobs": pl.DataFrame(rows, schema_overrides=missing)})


def _row(store: Store, job: Job, outcome: str, reason: str | None, ended: float) -> dict[str, Any]:
    now = read(folder(store, job.key) / "progress.json")
    # By the monotonic clock, which starts anew with the machine: then the time is not known.
    seconds = max(0.0, time.monotonic() - now["began"]) if "began" in now else 0.0
    return {
        "key": job.key,
        "attempt": job.attempt,
        "title": job.title,
        "who": job.who,
        "asked": job.asked,
        "started": job.started,
        "ended": _utc(ended),
        "seconds": seconds,
        "outcome": outcome,
        "reason": reason,
        "device": now.get("device"),
    }


@readable_errors()
def note(key: str, title: str, who: str, outcome: str) -> None:
    """Puts into the `jobs` table that somebody has added or deleted something himself."""
    store, now = Store(), _utc(time.time())
    with exclusive(store.jobs / "queue.lock", LOCK_SECONDS):
        row = {
            "key": key,
            "attempt": 1 + _last_attempt(store, key),
            "title": title,
            "who": who,
            "asked": now,
            "ended": now,
            "seconds": 0.0,
            "outcome": outcome,
        }
        store.take_in({"jobs": pl.DataFrame([row])})


def log(key: str, store: Store | None = None) -> str:
    """What the job's process printed, at most the last 20,000 characters."""
    path = folder(store or Store(), key) / "log.txt"
    return path.read_text(errors="replace")[-20_000:] if path.exists() else ""


def place(store: Store | None = None) -> str:
    """Where jobs are computed, for a person: this machine, or the cluster of RAY_ADDRESS."""
    address = os.environ.get("RAY_ADDRESS")
    if not address:
        return machine.name()
    there = read((store or Store()).jobs / "cluster.json")
    if not there:
        return f"Ray cluster {address}, not connected"
    what = "gpus" if there["gpus"] else "workers"
    count, unit = there[what], {"gpus": "GPU", "workers": "worker"}[what]
    return f"Ray cluster {address}, {count} {unit}{'' if count == 1 else 's'}"


def is_locked(path: Path) -> bool:
    """Whether a living process holds the lock of that file."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def write(path: Path, value: dict[str, Any]) -> None:
    """Replaces a JSON file in one step, so that a reader sees the old or the new, never half."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.write_text(json.dumps(value))
    draft.replace(path)


def read(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where there is no (readable) one."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else _utc(seconds)


def _kill_worker(alive: Path, key: str) -> None:
    """Kills the worker that holds the lock file `alive`, with all that it has started.

    The pid in the file is the holder's but for the instant between its lock and its pid, when it
    may be that of a worker long dead. So the process must also be the one of this job.
    """
    with suppress(OSError, ValueError):
        pid = int(alive.read_text())
        if any(word in _names(pid) for word in (key, key[: machine.NAME_BYTES])):
            os.killpg(pid, signal.SIGKILL)


def _names(pid: int) -> list[str]:
    """The words of the command line of a process, and its name; none if there is no process."""
    place = Path(f"/proc/{pid}")
    if place.exists():
        command = (place / "cmdline").read_bytes().decode(errors="replace").split("\0")
        return [*command, (place / "comm").read_text().strip()]
    done = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True)
    return done.stdout.split()


def _silence(place: Path) -> int:
    """Whole minutes without news of a running job; 0 where there has been some."""
    with suppress(OSError):
        seconds = time.time() - (place / "progress.json").stat().st_mtime
        return int(seconds // 60) if seconds > SILENT_SECONDS else 0
    return 0


def _obstacle(place: Path) -> str:
    why, until = obstacles.get(place, ("", 0.0))
    return f"{why}; next try in {max(0.0, until - time.monotonic()):.0f} s" if why else ""


def _last_attempt(store: Store, key: str) -> int:
    last = store.query("SELECT max(attempt) AS last FROM jobs WHERE key = ?", [key])["last"][0]
    return last or 0


def _prune(store: Store) -> None:
    """Removes the folders of all but the newest ended jobs; their rows in `jobs` stay."""
    ended = []
    for path in store.jobs.glob("*/outcome.json"):
        with suppress(FileNotFoundError):  # removed meanwhile by another process
            ended.append((path.stat().st_mtime, path))
    for _, path in sorted(ended)[:-ENDED_JOBS]:
        shutil.rmtree(path.parent, ignore_errors=True)
