"""Every study of the paper at one profile: what it needs, and computing what has no result yet."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType
from typing import Any

from core import jobs, machine
from core.corpora import source
from core.corpora.speech.spec import SpeechSpec
from core.jobs.estimate import START_SECONDS, step_seconds
from core.library import find_corpus
from core.listening import speech
from core.paper.studies import STUDIES, Choices, Study
from core.paper.studies.study import installed
from core.profiles import find
from core.signatures.spec import SignatureSpec
from core.spec import CorpusSpec, Spec
from core.store import Store

WHO = "reproduce"
NOTHING = "0" * 64  # the content of a corpus that nobody has read
UNKNOWN = 10_000  # utterances of speech that nobody has counted
LOOK_SECONDS = 0.2  # between two looks at the jobs


@dataclass(frozen=True)
class Part:
    """One result that a study needs with one seed."""

    study: str
    seed: int
    label: str
    spec: Spec


@dataclass(frozen=True)
class ReproduceState:
    """How far it is. done, total: parts; left: seconds; jobs: those that run or wait."""

    done: int
    total: int
    fraction: float
    left: float
    jobs: list[jobs.Job]


@dataclass(frozen=True)
class Outcome:
    """How many parts have results at the end, and why jobs failed, by their titles."""

    done: int
    total: int
    failed: dict[str, str]


def parts(
    profile: str,
    names: Iterable[str] | None = None,
    seeds: int | None = None,
    store: Store | None = None,
    longer: int = 0,
) -> list[Part]:
    """What the studies of these names (None: all) need, on the paper's corpora or stand-ins.

    seeds: networks of each study; None takes the study's own number. longer: rounds for which the
    decoders of language models are trained beyond the profile. A result that two studies
    need is listed once. Raises BadInput for an unknown profile.
    """
    find(profile)
    found: dict[str, Part] = {}
    for name in names or STUDIES:
        study = STUDIES[name]
        choices = Choices(profile, **corpora_of(study, profile, store=store))
        for seed, more in product(range(seeds or study.seeds), ({}, *study.more)):
            plan = study.plan(replace(choices, seeds=(seed,), **more))
            labels = {spec.key: label for label, spec in plan.labels}
            for spec in plan.specs:
                label = labels.get(spec.key, spec.title)
                spec = _continued(spec, longer)
                found.setdefault(spec.key, Part(name, seed, label, spec))
    return list(found.values())


def _continued(spec: Spec, rounds: int) -> Spec:
    """A signature whose decoders are trained for so many further rounds; others as they are."""
    for _ in range(rounds):
        later = spec.continued() if isinstance(spec, SignatureSpec) else None
        spec = later or spec
    return spec


def corpora_of(
    study: Study,
    profile: str,
    named: Mapping[str, str | None] = MappingProxyType({}),
    store: Store | None = None,
) -> dict[str, Any]:
    """The corpora of a study, by the choice that takes them.

    named: corpora by the name of the choice; where there is none, the paper's or its stand-in.
    """
    found: dict[str, Any] = {}
    for choice, paper in study.corpora.items():
        name = named.get(choice) or installed(paper)
        if choice == "speech":
            found[choice] = speech(name, profile, store)
        else:
            found[choice] = find_corpus(name, store=store)
    return found


def recorded(study: Study, profile: str, store: Store) -> dict[str, Any]:
    """The corpora of a study as the tables list them; no text or recording is read.

    A corpus that they do not list gets a content of zeros, which is enough for estimates.
    """
    found: dict[str, Any] = {}
    for choice, paper in study.corpora.items():
        name = installed(paper)
        rows = store.query(
            "SELECT key, segment, spec FROM corpora WHERE name = ? ORDER BY added DESC", [name]
        )
        if choice == "speech":
            train, dev, test = (n or UNKNOWN for n in find(profile).listening.utterances)
            specs = [SpeechSpec.model_validate_json(text) for text in rows["spec"].drop_nulls()]
            blank = SpeechSpec(
                name=name, source="synthetic", content=NOTHING, train=train, dev=dev, test=test
            )
            sized = (spec for spec in specs if spec.train == train or train == UNKNOWN)
            found[choice] = next(sized, blank)
        else:
            usual = source(name).segments[0]
            keys = rows.filter(segment=usual)["key"].to_list()
            found[choice] = CorpusSpec(name=name, content=next(iter(keys), NOTHING))
    return found


def left(specs: Sequence[Spec], store: Store) -> float:
    """Estimated seconds of all steps of these specs that have no result, each counted once."""
    missing = {spec.key: store.missing(spec) for spec in specs}
    steps = {step.key: step for found in missing.values() for step in found}
    starts = START_SECONDS * sum(bool(found) for found in missing.values())
    return starts + sum(step_seconds(step, store) for step in steps.values())


def compute(
    wanted: Sequence[Part],
    store: Store | None = None,
    seconds: float | None = None,
    report: Callable[[ReproduceState], None] = lambda state: None,
) -> Outcome:
    """Computes all parts; can be stopped at any moment and called again.

    There are as many jobs at a time as there are places for them, and never two that would
    compute the same step. seconds: stop after so long; unfinished jobs go on from their checkpoints
    the next time.
    """
    store = store or Store()
    deadline = None if seconds is None else time.monotonic() + seconds
    runner = jobs.Runner(store).start()
    course = _Course(store, [part.spec for part in wanted])
    try:
        while course.go_on():
            report(course.state())
            if deadline is not None and time.monotonic() > deadline:
                break
            time.sleep(LOOK_SECONDS)
    finally:
        course.stop()
        runner.stop()
    report(course.state())
    return Outcome(len(wanted) - len(course.open), len(wanted), course.failed)


class _Course:
    """The specs without a result, the jobs that compute some of them, and those that failed."""

    def __init__(self, store: Store, specs: Sequence[Spec]) -> None:
        self.store, self.total, self.failed = store, len(specs), dict[str, str]()
        self.open = {spec.key: spec for spec in specs if store.missing(spec)}
        self.asked: dict[str, list[Spec]] = {}  # the steps that each job will compute
        self.costs: dict[str, float] = {}  # their estimated seconds
        self.given_up: set[str] = set()
        # A cluster's queue itself knows how many fit.
        self.places = len(self.open) if os.environ.get("RAY_ADDRESS") else len(machine.slots())
        self.first = self.left = left([*self.open.values()], store)

    def go_on(self) -> bool:
        """Notes which jobs ended and starts the next; False when none is left."""
        for key in [*self.asked]:
            job = jobs.find(key, self.store)
            if job is None or not job.live:
                self._ended(key, job)
        for key in [*self.open]:
            if len(self.asked) >= self.places:
                break
            if key not in self.asked and key not in self.given_up:
                self._ask(key)
        return bool(self.asked)

    def _ask(self, key: str) -> None:
        steps = self.store.missing(self.open[key])
        if not steps:  # another job has computed it
            del self.open[key]
            return
        busy = {step.key for found in self.asked.values() for step in found}
        if not busy & {step.key for step in steps}:
            jobs.request(self.open[key], WHO, self.store)
            self.asked[key] = steps
            self.costs[key] = START_SECONDS + sum(step_seconds(s, self.store) for s in steps)

    def _ended(self, key: str, job: jobs.Job | None) -> None:
        del self.asked[key]
        if self.store.missing(self.open[key]):
            title = self.open[key].title
            self.failed[title] = (job.reason if job else None) or "it was removed from the queue"
            self.given_up.add(key)
        else:
            del self.open[key]
        rest = [spec for other, spec in self.open.items() if other not in self.given_up]
        self.left = left(rest, self.store)

    def state(self) -> ReproduceState:
        """How far it is now; of a running job its own estimate counts."""
        live = [job for key in self.asked if (job := jobs.find(key, self.store))]
        rest = self.left + sum(job.eta - self.costs[job.key] for job in live if job.eta is not None)
        rest = max(rest, 0.0)
        fraction = max(1 - rest / self.first, 0.0) if self.first else 1.0
        done = self.total - len(self.open)
        return ReproduceState(done, self.total, fraction, rest / max(self.places, 1), live)

    def stop(self) -> None:
        """Cancels the jobs that are still live."""
        for key in reversed(self.asked):
            job = jobs.find(key, self.store)
            if job and job.who == WHO:
                jobs.cancel(key, WHO, self.store)
