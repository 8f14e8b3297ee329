"""The queue: a folder with one folder per job."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import time
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
from core.store.files import exclusive

Status = Literal["queued", "running", "interrupted", "done", "failed", "cancelled"]
LOCK_SECONDS = 30.0
KEPT = 100  # ended jobs whose log stays readable


@dataclass(frozen=True)
class Job:
    """A look at one job.

    stage: what the current step computes; message: how it is doing; fraction: of the whole job,
    0 to 1; eta, estimate: seconds; obstacle: what keeps it from running, where that is more than
    its place in the queue; asked, started, ended: UTC.
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


def request(spec: Spec, who: str, store: Store | None = None) -> None:
    """Asks for a spec. A live job of the same key is joined; an ended one is asked for anew.

    Not one whose result is there: many ask at once, and some only when it has just been done.
    """
    store = store or Store()
    with exclusive(store.jobs / "queue.lock", LOCK_SECONDS):
        job = find(spec.key, store)
        if job and (job.live or (job.status == "done" and not store.missing(spec))):
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
                "estimate": estimate(spec, store),
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
        message=now.get("message", ""),
        fraction=1.0 if status == "done" else now.get("fraction", 0.0),
        eta=now.get("eta") if status == "running" else None,
        estimate=asked["estimate"],
        obstacle=now.get("obstacle", ""),
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


def cancel(key: str, who: str, store: Store | None = None) -> None:
    """Ends a live job within milliseconds. What it had finished stays."""
    store = store or Store()
    job = find(key, store)
    if not job or not job.live:
        return
    if not finish(store, job, "cancelled", f"cancelled by {who}"):
        return
    place = folder(store, key)
    deadline = time.monotonic() + 5
    while is_locked(place / "alive") and time.monotonic() < deadline:
        # The lock is held, so the pid in the file is the worker's and nobody else's.
        if pid := read(place / "progress.json").get("pid"):
            _kill(pid)
        time.sleep(0.01)


def finish(store: Store, job: Job, status: Status, reason: str | None = None) -> bool:
    """Writes how a job ended, once: False if somebody else has said so before."""
    outcome = folder(store, job.key) / "outcome.json"
    with exclusive(store.jobs / "queue.lock", LOCK_SECONDS):
        if outcome.exists():
            return False
        ended = time.time()
        # The row first: whoever sees the outcome finds the job in the table, too.
        record(store, job, status, reason, ended)
        write(outcome, {"status": status, "reason": reason, "ended": ended})
    return True


def record(store: Store, job: Job, outcome: str, reason: str | None, ended: float) -> None:
    """Puts an ended (or interrupted) attempt into the `jobs` table."""
    now = read(folder(store, job.key) / "progress.json")
    # By the clock that nobody sets. It starts anew with the machine; then nobody knows.
    seconds = max(0.0, time.monotonic() - now["began"]) if "began" in now else 0.0
    row = {
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
    missing: dict[str, Any] = {
        "started": pl.Datetime("us"),
        "reason": pl.String,
        "device": pl.String,
    }
    store.take_in({"jobs": pl.DataFrame([row], schema_overrides=missing)})


def note(key: str, title: str, who: str, outcome: str, store: Store | None = None) -> None:
    """Puts into the `jobs` table that somebody has added or deleted something himself."""
    store = store or Store()
    now = _utc(time.time())
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


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _last_attempt(store: Store, key: str) -> int:
    last = store.query("SELECT max(attempt) AS last FROM jobs WHERE key = ?", [key])["last"][0]
    return last or 0


def _prune(store: Store) -> None:
    """Removes the folders of all but the newest ended jobs; their rows in `jobs` stay."""
    ended = (store.jobs).glob("*/outcome.json")
    for path in sorted(ended, key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(path.parent, ignore_errors=True)
