"""The bridge to a Ray cluster: `python -m core.jobs.bridge`, started by the runner.

People see the folder of the queue, as without a cluster. The bridge hands the jobs in it to the
actor that owns the cluster's queue, copies their state back, and takes their results into the
store. All it does is to compare the two sides again and again, so it may be killed at any moment:
jobs go on in the cluster, and the next bridge finds them there.

It is a process of its own because Ray ends a process that has lost its cluster.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import socket
import sys
import threading
import time
import uuid
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from core.errors import BadInput
from core.jobs import queue
from core.jobs.estimate import step_seconds
from core.jobs.outcome import rows
from core.jobs.worker import Reporter, checkpoint
from core.library import artifact
from core.places import ROOT
from core.spec import Spec
from core.store import Store
from core.store.files import Busy, exclusive

log = logging.getLogger("bridge")

INTERVAL = 0.2
ANSWER_SECONDS = 60.0
MIRROR_SECONDS = 15.0  # between two copies of a checkpoint into the job's folder
OUTDATED = (
    "The cluster still computes for another version of this program; this starts when it is done."
)
OLDER = "It was asked for by an older version of this program; ask for it again."


@dataclass(eq=False)
class Followed:
    """A job of this store in the cluster. lock: holds the job's `alive` while it runs there."""

    steps: list[Spec]
    report: Reporter
    lock: ExitStack = field(default_factory=ExitStack)
    running: bool = False
    taken: set[str] = field(default_factory=set)
    current: int = -1
    mirrored: tuple[int, float] = (0, 0.0)
    log: str = ""


class Bridge:
    """Keeps the queue's folder and the cluster's queue the same."""

    def __init__(self, store: Store, address: str) -> None:
        self.store, self.address = store, address
        self.followed: dict[str, Followed] = {}
        self.asker = _name(store)
        self.code = code()
        self.actor: Any = None
        self.machines: dict[str, int] = {}
        self.outdated = False

    def connect(self) -> None:
        """Finds the cluster's queue, or starts it. Raises BadInput where that cannot be."""
        import ray

        from core.jobs.cluster import NAME, NAMESPACE, Queue

        try:
            ray.init(
                self.address,
                namespace=NAMESPACE,
                runtime_env={"py_modules": [str(ROOT / "core")]},
                log_to_driver=False,
            )
        except Exception as error:
            log.exception("No connection.")
            raise BadInput(why(self.address, error)) from error
        self._actor = ray.remote(Queue).options(
            name=NAME,
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            max_restarts=-1,
            num_cpus=0,
            resources={"node:__internal_head__": 0.001},
        )
        self._find()

    def _find(self) -> bool:
        """Finds or starts the queue; whether that of another version may be replaced."""
        self.actor = self._actor.remote(self.code)
        hello = self.call("hello")
        self.outdated = hello["code"] != self.code
        return self.outdated and not hello["busy"]

    def _up_to_date(self) -> bool:
        """Whether the queue runs this program; one of another version is replaced once idle."""
        import ray

        if self.outdated and self._find():
            ray.kill(self.actor)
            self._find()
        return not self.outdated

    def call(self, method: str, *arguments: Any) -> Any:
        """What a method of the queue returns."""
        import ray

        return ray.get(getattr(self.actor, method).remote(*arguments), timeout=ANSWER_SECONDS)

    def tick(self) -> None:
        """One comparison of the two sides."""
        live = {job.key: job for job in queue.listing(self.store) if job.live}
        seen = self.call("look", self.asker)
        in_cluster = seen["jobs"]
        if seen["machines"] != self.machines:
            self.machines = seen["machines"]
            queue.write(self.store.jobs / "cluster.json", self.machines)
        for key, state in list(in_cluster.items()):
            # Cancelled; or taken in just before a kill, and perhaps asked for anew.
            if key not in live or state["asked"] != _asked(live[key]):
                self._leave(key)
                del in_cluster[key]
        for key in self.followed.keys() - in_cluster.keys():  # the cluster's queue started anew
            self.followed.pop(key).lock.close()
        for key, job in live.items():
            if job.spec.key != key:
                queue.finish(self.store, job, "failed", OLDER)
            elif key in in_cluster:
                self._follow(job, in_cluster[key])
            elif job.status != "running":  # else a worker process of this machine computes it
                self._submit(job)

    def _submit(self, job: queue.Job) -> None:
        if not self._up_to_date():
            show_obstacle(self.store, job.key, OUTDATED)
            return
        steps = self.store.missing(job.spec)
        if not steps:
            queue.finish(self.store, job, "done")
            return
        made = {step.key for step in steps}
        needs = dict.fromkeys(key for step in steps for key in step.needs())
        given = [key for key in needs if key.partition("/")[0] not in made]
        for key in self.call("lacking", given):
            try:
                self.call("give", key, artifact(key, self.store))
            except BadInput as error:
                queue.finish(self.store, job, "failed", str(error))
                return
        facts = [
            {
                "key": step.key,
                "spec": step.model_dump_json(),
                "needs": step.needs(),
                "checkpoint": checkpoint(self.store, job.key, step).load(),
            }
            for step in steps
        ]
        self.call("submit", self.asker, job.key, _asked(job), facts)
        log.info("submitted %s", job.title)

    def _follow(self, job: queue.Job, state: dict[str, Any]) -> None:
        ours = self.followed.get(job.key) or self._start_following(job, state)
        if ours is None:
            return
        if state["log"] != ours.log:
            ours.log = state["log"]
            (queue.folder(self.store, job.key) / "log.txt").write_text(ours.log)
        self._copy_progress(job, ours, state)
        for key in state["done"]:
            if key not in ours.taken:
                self._take_in(job, ours, key)
        if state["status"] in ("done", "failed"):
            job = queue.find(job.key, self.store) or job
            queue.finish(self.store, job, state["status"], state["reason"])
            self._leave(job.key)

    def _start_following(self, job: queue.Job, state: dict[str, Any]) -> Followed | None:
        """Starts to copy the state of a job; None while a process of this machine computes it."""
        if job.status == "running":
            return None
        known = {step.key: step for step in job.spec.steps()}
        steps = [known[key] for key in state["steps"]]
        place = queue.folder(self.store, job.key)
        before = queue.read(place / "progress.json")
        facts = {"lost": before.get("lost", 0), "resumed": before.get("resumed", 0)}
        facts |= {name: before[name] for name in ("started", "began") if name in before}
        seconds = [step_seconds(step, self.store) for step in steps]
        report = Reporter(place / "progress.json", steps, seconds, facts)
        self.followed[job.key] = Followed(steps, report)
        return self.followed[job.key]

    def _copy_progress(self, job: queue.Job, ours: Followed, state: dict[str, Any]) -> None:
        facts = ours.report.facts
        if state["lost"] > facts["lost"]:
            queue.record(self.store, [job], "interrupted", "its worker was lost", time.time())
            facts |= {"lost": state["lost"], "resumed": facts["resumed"] + 1}
        if state["age"] is not None:
            facts.setdefault("started", time.time() - state["age"])
            facts.setdefault("began", time.monotonic() - state["age"])
        facts |= state["facts"]
        if state["status"] in ("queued", "interrupted"):
            show_obstacle(self.store, job.key, state["obstacle"])
            self._release(ours)
        if state["status"] in ("done", "failed"):  # perhaps while no app was there to see it run
            queue.write(ours.report.path, queue.read(ours.report.path) | facts)
        if state["status"] != "running":
            return
        if ours.current != state["current"]:
            ours.current, ours.mirrored = state["current"], (0, time.monotonic())
            ours.report.begin(ours.current)
            ours.report.began = time.monotonic() - state["seconds"]
        if not ours.running:
            with suppress(Busy):
                alive = queue.folder(self.store, job.key) / "alive"
                ours.lock.enter_context(exclusive(alive, 1))
                alive.write_text("")  # no worker of this machine has this job
                ours.running = True
        if state["message"]:
            ours.report(state["fraction"], state["message"])
        serial, since = ours.mirrored
        if state["saved"] > serial and time.monotonic() - since > MIRROR_SECONDS:
            step = ours.steps[ours.current]
            if data := self.call("checkpoint", step.key):
                checkpoint(self.store, job.key, step).save(data)
            ours.mirrored = state["saved"], time.monotonic()

    def _take_in(self, job: queue.Job, ours: Followed, key: str) -> None:
        step = next(step for step in ours.steps if step.key == key)
        if step in self.store.missing(job.spec):
            result = self.call("result", key)
            for part in result["parts"]:  # one at a time: they may not fit into memory together
                self.store.artifacts.put(part, self.call("part", part))
            tables = {name: rows(data) for name, data in result["tables"].items()}
            self.store.take_in(tables, result["artifacts"], publish=False)
        checkpoint(self.store, job.key, step).path.unlink(missing_ok=True)
        ours.taken.add(key)

    def _leave(self, key: str) -> None:
        """Drops a job in the cluster, then frees its lock: whoever cancelled it waits for that."""
        self.call("drop", self.asker, key)
        if ours := self.followed.pop(key, None):
            self._release(ours)

    def _release(self, ours: Followed) -> None:
        ours.lock.close()
        ours.running, ours.current = False, -1


def _asked(job: queue.Job) -> float:
    return job.asked.replace(tzinfo=UTC).timestamp()


def show_obstacle(store: Store, key: str, obstacle: str) -> None:
    """Shows people what keeps a job from running, until its next progress is written."""
    path = queue.folder(store, key) / "progress.json"
    before = queue.read(path)
    if before.get("obstacle", "") != obstacle:
        queue.write(path, before | {"obstacle": obstacle})


def code() -> str:
    """A hash of the program's source: what tells one version of it from another."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "core").rglob("*.py")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def reach(address: str) -> None:
    """Raises BadInput, with what to do, for an address at which nothing listens."""
    found = re.fullmatch(r"\[?([^\[\]/]+?)\]?:(\d{1,5})", address)
    if not found or found[1] in ("local", "auto"):
        raise BadInput(
            f"RAY_ADDRESS is {address!r}: give the head of the cluster as host:port, such as "
            "10.0.0.7:6379."
        )
    try:
        socket.create_connection((found[1], int(found[2])), 5).close()
    except (OSError, OverflowError) as error:
        raise BadInput(
            f"The Ray cluster at {address} does not answer ({error}); this goes on when it does."
        ) from error


def why(address: str, error: Exception) -> str:
    """Why Ray would not connect although something listens, in one sentence."""
    message = " ".join(str(error).split())
    if "Version mismatch" in message:
        return f"The Ray cluster at {address} runs another version of Ray or Python: {message}"
    if "authentication token" in message:
        return "The cluster's token is missing: set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH."
    return (
        f"The Ray cluster at {address} answers, but lets nobody in: check that RAY_AUTH_TOKEN is "
        "the cluster's and that this machine is a node of it (ray start --address=... "
        f"--num-cpus=0). Ray says: {message[:200]}"
    )


def _name(store: Store) -> str:
    """The name under which the cluster has this store's jobs, among those of others."""
    path = store.jobs / "asker"
    if not path.exists():
        queue.write(path, {"asker": uuid.uuid4().hex})
    return str(queue.read(path)["asker"])


def _show_on_waiting_jobs(store: Store, obstacle: str) -> None:
    """Shows with every waiting job why there is no cluster."""
    (store.jobs / "cluster.json").unlink(missing_ok=True)
    for job in queue.listing(store):
        if job.live and job.status != "running":
            show_obstacle(store, job.key, obstacle)


def _end_with_the_runner() -> None:
    """The runner holds the other end of standard input; it is closed even when that is killed."""
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    threading.Thread(target=_end_with_the_runner, daemon=True).start()
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    store = Store()
    with ExitStack() as alone:
        while True:  # of app and command line one bridge is enough
            try:
                alone.enter_context(exclusive(store.jobs / "bridge.lock", 0))
                break
            except Busy:
                time.sleep(INTERVAL)
        try:
            address = os.environ["RAY_ADDRESS"]
            reach(address)
            bridge = Bridge(store, address)
            bridge.connect()
            while True:
                bridge.tick()
                time.sleep(INTERVAL)
        except BadInput as error:
            _show_on_waiting_jobs(store, str(error))
        except Exception as error:
            log.exception("The bridge is down.")
            _show_on_waiting_jobs(
                store, f"The Ray cluster was lost ({type(error).__name__}); trying again."
            )
        sys.exit(1)


if __name__ == "__main__":
    main()
