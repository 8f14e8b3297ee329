"""The actor that owns the queue of a Ray cluster; core.jobs.task is what it has computed.

The actor knows nothing of specs or stores. A step is a key, the JSON of a spec and the keys of the
bytes it needs; a job is a list of steps. Steps that several jobs need are computed once. Results
stay with the actor until every bridge that asked for them has taken them.

All that crosses the network is JSON, numbers and bytes. The bridge (core.jobs.bridge) is the other
end.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayError, RayTaskError, RuntimeEnvSetupError

from core.jobs.task import compute

NAMESPACE, NAME = "memsig", "queue"
DEATHS = 25  # of a step's workers before it counts as failed
TEND_SECONDS = 1.0
PATIENCE = 10.0  # seconds until a step that was sent but does not begin says what it waits for
KEPT_SECONDS = 600.0  # bytes that no job needs (yet)
LOG_CHARACTERS = 20_000
GONE = "Something this needs is gone from the cache; ask for it again."
NO_WORKER = "The cluster has no worker: start one with `ray start --address=...` on a machine."


@dataclass(eq=False)
class Step:
    """One result to compute.

    spec: JSON; needs: keys of bytes; token: the number of the attempt, so that messages of a worker
    that was lost are ignored; began: when the worker of this attempt started, None before;
    saved: how many checkpoints have come; parts: keys of the parts of its result that are stored.
    """

    key: str
    spec: str
    needs: list[str]
    checkpoint: bytes | None
    token: int = 0
    task: Any = None
    share: dict[str, int] = field(default_factory=dict)
    sent: float = 0.0
    began: float | None = None
    fraction: float = 0.0
    message: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    saved: int = 0
    parts: set[str] = field(default_factory=set)
    deaths: int = 0
    result: Any = None
    reason: str | None = None
    log: list[str] = field(default_factory=list)

    def note(self, line: str) -> None:
        self.log.append(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}")


@dataclass(eq=False)
class Order:
    """A job of one bridge. asked: by the clock of its machine; began: by the actor's clock."""

    asked: float
    steps: list[str]
    began: float | None = None


class Queue:
    """The queue of a cluster: a detached actor, so that jobs outlive whoever asked for them.

    code: the hash of the program that its tasks run. Methods are called by the bridges of any
    number of apps, each under an `asker` of its own, and by the tasks. They all run in one event
    loop, so nothing needs a lock.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        self.orders: dict[tuple[str, str], Order] = {}
        self.steps: dict[str, Step] = {}
        self.inputs: dict[str, tuple[Any, float]] = {}
        self.problem, self.room = "", "worker"
        self._tokens = itertools.count(1)
        self._waiting: set[asyncio.Task[None]] = set()
        self._tending: asyncio.Task[None] | None = None

    # For bridges

    async def hello(self) -> dict[str, Any]:
        """The hash of the program that runs here, and whether it has jobs."""
        return {"code": self.code, "busy": bool(self.orders)}

    async def lacking(self, keys: list[str]) -> list[str]:
        """Those of the keys whose bytes are not here; the others stay for some minutes."""
        now = time.monotonic()
        here = [key for key in keys if key in self.inputs]
        self.inputs |= {key: (self.inputs[key][0], now) for key in here}
        return [key for key in keys if key not in here]

    async def give(self, key: str, data: bytes) -> None:
        """Bytes that a step will need."""
        self.inputs[key] = (ray.put(data), time.monotonic())

    async def submit(self, asker: str, key: str, asked: float, steps: list[dict[str, Any]]) -> None:
        """Asks for the job `key`. steps: key, spec, needs, checkpoint of each, in their order."""
        for facts in steps:
            known = self.steps.get(facts["key"])
            if known is None or known.reason:
                self.steps[facts["key"]] = Step(**facts)
        keys = [facts["key"] for facts in steps]
        shared = any(self.steps[step].began is not None for step in keys)
        self.orders[asker, key] = Order(asked, keys, time.monotonic() if shared else None)
        self._advance()
        if self._tending is None:
            self._tending = asyncio.create_task(self._tend())

    async def look(self, asker: str) -> dict[str, dict[str, Any]]:
        """How every job of the asker is, by key, and what computes: `workers` and `gpus`."""
        mine = {key: order for (who, key), order in self.orders.items() if who == asker}
        gpus, cpus = resources(ray.nodes())
        return {
            "jobs": {key: self._state(order) for key, order in mine.items()},
            "machines": {"workers": len(gpus or cpus), "gpus": sum(gpu for gpu, _ in gpus)},
        }

    async def result(self, key: str) -> dict[str, Any]:
        """The tables (Parquet by name), artifacts (bytes by key) and parts (keys) of a step."""
        step = self.steps[key]
        value: dict[str, Any] = await step.result
        return value | {"parts": sorted(step.parts)}

    async def part(self, key: str) -> bytes:
        """One of the parts that a step has stored."""
        data: bytes = await self.inputs[key][0]
        return data

    async def checkpoint(self, key: str) -> bytes | None:
        """The newest checkpoint of a step."""
        return self.steps[key].checkpoint

    async def drop(self, asker: str, key: str) -> None:
        """Forgets a job of the asker; steps that no other job needs are stopped at once."""
        self.orders.pop((asker, key), None)
        self._tidy()
        self._advance()

    # For tasks

    async def begin(self, key: str, token: int, facts: dict[str, str]) -> None:
        """A worker has started on a step, or knows more about itself."""
        if step := self._current(key, token):
            if step.began is None:
                step.began = time.monotonic()
                step.note(f"started on {facts.get('worker')}")
                for order in self.orders.values():
                    if key in order.steps and order.began is None:
                        order.began = step.began
            step.facts |= facts

    async def report(self, key: str, token: int, fraction: float, message: str) -> None:
        if step := self._current(key, token):
            step.fraction, step.message = fraction, message

    async def save(self, key: str, token: int, data: bytes) -> None:
        """A checkpoint, for another worker to go on from if this one is lost."""
        if step := self._current(key, token):
            step.checkpoint, step.saved = data, step.saved + 1

    async def lay_down(self, key: str, token: int, part: str, data: bytes) -> None:
        """A part of a step's result, which is kept if the worker is lost."""
        if step := self._current(key, token):
            self.inputs[part] = (ray.put(data), time.monotonic())
            step.parts.add(part)

    def _current(self, key: str, token: int) -> Step | None:
        step = self.steps.get(key)
        return step if step and step.token == token and step.task is not None else None

    # Its own

    def _state(self, order: Order) -> dict[str, Any]:
        steps = [self.steps[key] for key in order.steps]
        left = [step for step in steps if step.result is None]
        now = left[0] if left else steps[-1]
        begun = now.began is not None or len(left) < len(steps)
        if not left or now.reason:
            status = "failed" if left else "done"
        elif begun and now.task is not None and not (now.deaths and now.began is None):
            status = "running"  # or between two steps, which is no interruption
        else:
            status = "interrupted" if begun or now.deaths else "queued"
        return {
            "asked": order.asked,
            "status": status,
            "steps": order.steps,
            "done": [step.key for step in steps if step.result is not None],
            "current": steps.index(now),
            "fraction": now.fraction,
            "message": now.message,
            "obstacle": self._obstacle(now),
            "seconds": time.monotonic() - now.began if now.began else 0.0,
            "age": time.monotonic() - order.began if order.began else None,
            "facts": now.facts,
            "lost": sum(step.deaths for step in steps),
            "saved": now.saved,
            "reason": now.reason,
            "log": "\n".join(line for step in steps for line in step.log)[-LOG_CHARACTERS:],
        }

    def _obstacle(self, step: Step) -> str:
        if step.task is not None and step.began is None and time.monotonic() - step.sent > PATIENCE:
            return f"waiting for the cluster to give it a {self.room}"
        return self.problem

    async def _tend(self) -> None:
        """Looks at the cluster now and then: machines come and go without notice to the actor."""
        while True:
            await asyncio.sleep(TEND_SECONDS)
            try:
                self._tidy()
                self._advance()
            except Exception:
                logging.getLogger(__name__).exception("The queue stumbled and goes on.")

    def _advance(self) -> None:
        """Sends as many steps as there is room for, those of the oldest job first."""
        share, slots = room(ray.nodes())
        self.problem = "" if slots else NO_WORKER
        self.room = "GPU" if "num_gpus" in share else "worker"
        for step in self.steps.values():
            if step.task is not None and step.began is None and step.share != share:
                self._recall(step)  # perhaps no machine is left that has what it was sent with
        busy = sum(step.task is not None for step in self.steps.values())
        for order in sorted(self.orders.values(), key=lambda order: order.asked):
            left = [self.steps[key] for key in order.steps if self.steps[key].result is None]
            if not left or left[0].task is not None or left[0].reason or busy >= slots:
                continue
            step = left[0]
            if all(key in self.inputs for key in step.needs):
                self._send(step, share)
                busy += 1
            else:
                step.reason = GONE

    def _send(self, step: Step, share: dict[str, int]) -> None:
        step.token, step.share, step.sent = next(self._tokens), share, time.monotonic()
        # A process per task where there are GPUs: their memory is free when it ends.
        task = ray.remote(max_calls=share.get("num_gpus", 0), max_retries=0, **share)(compute)
        step.task = task.remote(
            ray.get_runtime_context().current_actor,
            step.key,
            step.token,
            step.spec,
            {key: self.inputs[key][0] for key in {*step.needs, *step.parts}},
            step.checkpoint,
            max(share["num_cpus"], 1),
        )
        waiting = asyncio.create_task(self._wait(step, step.token))
        self._waiting.add(waiting)
        waiting.add_done_callback(self._waiting.discard)

    async def _wait(self, step: Step, token: int) -> None:
        """Waits for a task to end and notes how it did."""
        outcome: dict[str, Any] | None = None
        problem: RayError | None = None
        try:
            outcome = await step.task
        except RayError as error:
            problem = error
        if self._current(step.key, token) is not step:
            return  # it was recalled or cancelled
        if problem:
            self._lost(step, problem)
        if outcome:
            step.log += outcome["log"]
            step.reason = outcome["reason"]
            if step.reason is None:
                step.note("done")
                for key, data in outcome["artifacts"].items():
                    self.inputs[key] = (ray.put(data), time.monotonic())
                kept = {part: outcome[part] for part in ("tables", "artifacts")}
                step.result, step.checkpoint = ray.put(kept), None
        step.task, step.began = None, None
        self._advance()

    def _lost(self, step: Step, error: RayError) -> None:
        first = str(error).strip().splitlines()[0]
        step.note(f"{type(error).__name__}: {error}")
        if isinstance(error, OutOfMemoryError):
            step.reason = "There was not enough memory on the cluster; choose a smaller size."
        elif isinstance(error, (RayTaskError, RuntimeEnvSetupError)):
            step.reason = f"The cluster's workers cannot run this program ({first}); see the log."
        else:
            step.deaths += 1
            if step.deaths > DEATHS:
                step.reason = f"Its worker was lost {step.deaths} times; see the log."

    def _recall(self, step: Step) -> None:
        ray.cancel(step.task, force=True)
        step.task, step.began = None, None

    def _tidy(self) -> None:
        """Stops and forgets what no job needs any more."""
        wanted = {key for order in self.orders.values() for key in order.steps}
        for key in self.steps.keys() - wanted:
            step = self.steps.pop(key)
            if step.task is not None:
                self._recall(step)
        needed = {key for step in self.steps.values() for key in {*step.needs, *step.parts}}
        old = time.monotonic() - KEPT_SECONDS
        for key in [k for k, (_, since) in self.inputs.items() if k not in needed and since < old]:
            del self.inputs[key]


def resources(nodes: list[dict[str, Any]]) -> tuple[list[tuple[int, int]], list[int]]:
    """(GPUs, CPUs) of every node with a GPU that is alive, and CPUs of every one with a CPU."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    gpus = [(int(has["GPU"]), int(has.get("CPU", 0))) for has in alive if has.get("GPU", 0) >= 1]
    return gpus, [int(has["CPU"]) for has in alive if has.get("CPU", 0) >= 1]


def room(nodes: list[dict[str, Any]]) -> tuple[dict[str, int], int]:
    """What a step asks of the cluster, and how many it has room for.

    One GPU where there is any, with its part of the CPUs. Else all CPUs of a worker, because two
    heavy processes slow each other down; of the smallest, so that every worker can serve.
    """
    gpus, cpus = resources(nodes)
    if gpus:
        part = min(cpu // gpu for gpu, cpu in gpus)
        return {"num_gpus": 1, "num_cpus": part}, sum(gpu for gpu, _ in gpus)
    part = min(cpus, default=1)
    return {"num_cpus": part}, sum(cpu // part for cpu in cpus)
