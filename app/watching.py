"""The strip above the panes: what is computed of one spec or many, what is missing, how far it is.

Nothing starts here by itself but the one job that a person's choice has just asked for.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal

import streamlit as st

from app import pace
from app.shell import captions, people, queries, tray, words
from app.shell.errors import explained
from core import jobs
from core.jobs.estimate import START_SECONDS, step_seconds
from core.library import beside
from core.paper import shipped
from core.paper.studies import Plan
from core.signatures.spec import SignatureSpec
from core.spec import Spec
from core.store import Store

# How long a result may take from the end of its job to the published tables.
TAKING_IN = timedelta(seconds=15)
COMING = "First the network is trained, then come the linear preview and the trained decoders."
State = Literal["done", "running", "waiting", "arriving", "missing", "failed", "cancelled"]


@dataclass(frozen=True)
class Watched:
    """What a strip is about.

    specs: whose results it awaits; name: of the strip, "" for the page's own; also: what else the
    page draws as soon as it is computed; label: of the button that starts the work; head: the
    strip's first words on one result; about: a text before what is missing; facts: a text on how
    all of it was computed.
    """

    specs: Sequence[Spec]
    name: str = ""
    also: Sequence[Spec] = ()
    label: str = ""
    head: str = ""
    about: str = ""
    facts: Callable[[], str] = str

    def key(self, button: str) -> str:
        """The key of a button."""
        return f"{button}-{self.name}" if self.name else button


@dataclass(frozen=True)
class Status:
    """How far it is now.

    computed: keys of results; missing: specs without one; unrequested: those of them that no job
    computes or has tried to; live, arriving, ended: jobs that run or wait, that are done but for
    the tables, and that failed or were cancelled; failed_again: jobs that failed to compute a
    result once more, which is as it was.
    """

    computed: frozenset[str]
    missing: list[Spec]
    unrequested: list[Spec]
    live: list[jobs.Job]
    arriving: list[jobs.Job]
    ended: list[jobs.Job]
    failed_again: list[jobs.Job]

    @property
    def state(self) -> State:
        if self.live:
            running = any(job.status == "running" for job in self.live)
            return "running" if running else "waiting"
        if not self.missing:
            return "done"
        if self.arriving:
            return "arriving"
        if self.unrequested:
            return "missing"
        return "failed" if any(job.status == "failed" for job in self.ended) else "cancelled"

    @property
    def share(self) -> float:
        """How much of the missing is computed, 0 to 1."""
        awaited = {spec.key for spec in self.missing} | {job.key for job in self.live}
        parts = [job.fraction for job in [*self.live, *self.arriving]]
        return sum(parts) / max(1, len(awaited))


def status_of(watched: Watched) -> Status:
    """How far all of it is now."""
    computed = computed_keys([*watched.specs, *watched.also])
    keys = {spec.key for spec in watched.specs}
    job_of = {job.key: job for job in people.listing() if job.key in keys}
    missing = [spec for spec in watched.specs if spec.key not in computed]
    of_missing = {spec.key: job_of[spec.key] for spec in missing if spec.key in job_of}
    return Status(
        computed,
        missing,
        [s for s in missing if s.key not in of_missing or lost(of_missing[s.key])],
        [job for job in job_of.values() if job.live],
        [job for job in of_missing.values() if job.status == "done" and not lost(job)],
        [job for job in of_missing.values() if job.status in ("failed", "cancelled")],
        [j for j in job_of.values() if j.again and j.status == "failed" and j.key in computed],
    )


def computed_keys(specs: Iterable[Spec]) -> frozenset[str]:
    """The keys of those of them whose results are in the tables."""
    keys = sorted({spec.key for spec in specs})
    return frozenset(queries.table(queries.fill(queries.THERE, keys=keys or [""]))["key"])


def lost(job: jobs.Job) -> bool:
    """A job that ended well, but whose result is not in the tables (any more)."""
    now = datetime.now(UTC).replace(tzinfo=None)
    ended = job.status == "done" and job.ended is not None
    return ended and now - job.ended > TAKING_IN  # type: ignore[operator]


def watch_signature(spec: SignatureSpec, changed: bool = False) -> frozenset[str]:
    """The strip of one signature; the keys of what is computed of it and of what it is shown with.

    changed: a person's choice has just asked for it: it starts where it takes no longer than the
    limit of the settings.
    """
    others = beside(spec)
    computed = computed_keys([spec, *others])
    shown = (spec, spec.preview(), *others)
    if spec.key not in computed:
        watched = Watched([spec], also=shown)
    elif missing := [other for other in others if other.key not in computed]:
        watched = Watched(
            missing,
            "beside",
            shown,
            label="Compute untrained",
            head="Signature",
            about=captions.of_signature(spec.key),
        )
    else:
        watched = Watched([spec], also=shown, facts=partial(captions.of_signature, spec.key))
    wanted = changed and spec.key not in computed and status_of(watched).state == "missing"
    if wanted and jobs.estimate(spec) <= people.ask_first() and people.room():
        people.start(spec)
    with st.container(key="strip"):
        return watch(watched)


def watch_plan(plan: Plan) -> frozenset[str]:
    """The strip of a study; the keys that are computed."""
    with st.container(key="strip"):
        return watch(Watched(plan.specs, facts=partial(captions.of_all, plan.specs)))


def offer(name: str, specs: Sequence[Spec], label: str) -> frozenset[str]:
    """The same for something else on a study's page, computed by a button `label`."""
    with st.container(key=f"strip-{name}"):
        return watch(Watched(specs, name, label=label, facts=partial(captions.of_all, specs)))


def watch(watched: Watched) -> frozenset[str]:
    """Draw the strip; the keys of the results that are computed."""
    now = status_of(watched)
    if now.state == "done":
        _done(watched, now.failed_again)
    else:
        st.fragment(_progress, run_every=pace.every(1))(watched, now, _costs(now.missing))
    return now.computed


def _progress(watched: Watched, before: Status, costs: dict[str, float]) -> None:
    """The strip while something is missing; the page is run again only when a result arrived."""
    with explained():
        now = status_of(watched)
        if now.computed != before.computed or (now.state == "done") != (before.state == "done"):
            st.rerun(scope="app")
        text, buttons = st.columns([5, 2], vertical_alignment="center", wrap=False)
        with text:
            _line(watched, now, costs)
        with buttons.container(
            horizontal=True, horizontal_alignment="right", gap="xxsmall", wrap=False
        ):
            _buttons(watched, now)


def _line(watched: Watched, now: Status, costs: dict[str, float]) -> None:
    """The strip's text: a head, what happens, how long it takes."""
    count = len(watched.specs)
    head = f"{count - len(now.missing)} of {count}" if count > 1 else _head(watched, now)
    left = f"about {words.seconds(_left(now, costs))}"
    number = f"not computed yet: {len(now.unrequested)} · " if count > 1 else ""
    text = {
        "running": lambda: f"{_doing(now)} · {left} left",
        "waiting": lambda: f"{_why_waiting(now)} · {left}",
        "arriving": lambda: "saving the result",
        "missing": lambda: f"{number}{left} on this machine",
    }.get(now.state, lambda: "")()
    more = f"{len(now.unrequested)} not asked for" if now.unrequested else ""
    parts = [watched.about, text, "" if now.state == "missing" else more, _endings(now.ended)]
    share = (count - len(now.missing) + now.share * len(now.missing)) / count
    if not now.missing:  # computed once more
        share = now.share
    bar = share if count > 1 or now.live or now.arriving else None
    write_line(head, " · ".join(part for part in parts if part), bar, now.state == "failed")


def _head(watched: Watched, now: Status) -> str:
    """The first word on one result."""
    if watched.head:
        return watched.head
    preview = any(spec.key in now.computed for spec in watched.also)
    if now.state == "running" and now.missing and preview:
        return "Linear preview shown, decoders training"
    return {
        "running": "Computing" if now.missing else "Computing again",
        "waiting": "Waiting",
        "arriving": "Done",
        "missing": "Not computed yet",
    }.get(now.state, now.state.capitalize())


def _doing(now: Status) -> str:
    """What the running job does."""
    job = next(job for job in now.live if job.status == "running")
    if not job.stage:
        return f"starting {job.title}"
    return f"step {job.step} of {job.steps} · {job.stage}: {job.message} · {job.fraction:.0%}"


def _why_waiting(now: Status) -> str:
    """Why none of the live jobs runs."""
    if obstacle := next((job.obstacle for job in now.live if job.obstacle), ""):
        return obstacle
    if any(job.status == "interrupted" for job in now.live):
        return "interrupted, goes on by itself where it was"
    mine = {job.key for job in now.live}
    order = [job.key in mine for job in people.listing() if job.live]
    ahead = order.index(True) if True in order else 0
    return f"after {ahead} other job{'s' * (ahead > 1)}" if ahead else "starting"


def _endings(ended: list[jobs.Job]) -> str:
    """How many failed or were cancelled, and why the first of each did."""
    by_status = [[job for job in ended if job.status == s] for s in ("failed", "cancelled")]
    return " · ".join(f"{len(some)} {people.outcome(some[0])}" for some in by_status if some)


def _buttons(watched: Watched, now: Status) -> None:
    """The log of what runs or failed, an end for what is live, a start for what is not."""
    logged = next((job for job in [*now.live, *now.ended] if job.status != "queued"), None)
    if logged:
        tray.log(logged, watched.key("strip"))
    if len(now.live) == 1:
        tray.cancel(now.live[0], watched.key("strip"))
    elif now.live:
        st.button(
            "Cancel all",
            key=watched.key("cancel-all"),
            on_click=people.cancel,
            args=[job.key for job in now.live],
            disabled=not people.member(),
            help="End every job that this figure waits for; what is computed stays",
        )
    wanted = now.unrequested or [job.spec for job in now.ended]
    if wanted and not now.arriving:
        compute = watched.label or (f"Compute {len(wanted)}" if len(watched.specs) > 1 else "")
        st.button(
            (compute or "Compute") if now.unrequested else "Try again",
            key=watched.key("begin"),
            type="primary",
            shortcut=None if watched.name else "Shift+S",
            on_click=people.start,
            args=wanted,
            disabled=not people.member(),
        )


def _done(watched: Watched, failed: list[jobs.Job]) -> None:
    """All is computed, which jobs that `failed` tried again; what is shipped can be, too."""
    count, from_release = len(watched.specs), shipped.among(spec.key for spec in watched.specs)
    one = "Shipped signature" if from_release else "Signature"
    head = one if count == 1 else f"{count} of {count}"
    text, button = st.columns([6, 1], vertical_alignment="center", wrap=False)
    with text:
        endings = f"computing again: {_endings(failed)} · " if failed else ""
        write_line(head, endings + watched.facts(), bad=bool(failed))
    if from_release:
        with button.container(horizontal=True, horizontal_alignment="right"):
            specs = [spec for spec in watched.specs if spec.key in from_release]
            recompute(specs, watched.key("recompute"))


def recompute(
    specs: Sequence[Spec],
    key: str = "recompute",
    label: str = "Recompute",
    help: str = "Computes on this machine what came with the program",
) -> None:
    """A button that computes results once more, after a dialog on what that costs."""
    if st.button(label, key=key, disabled=not people.member(), help=help):
        _ask(specs, key)


@st.dialog("Compute again?")
def _ask(specs: Sequence[Spec], key: str) -> None:
    """What computing again costs and leaves; it starts on a second click."""
    store = Store()
    steps = {step.key: step for spec in specs for step in store.missing(spec, again=True)}
    cost = START_SECONDS * len(specs) + sum(step_seconds(step, store) for step in steps.values())
    results = "1 result" if len(specs) == 1 else f"{len(specs)} results"
    st.markdown(
        f"{results}, about {words.seconds(cost)} on this machine. What is there stays until the "
        "new numbers are complete and take its place, for everybody who uses this database."
    )
    room = people.room()
    if room < len(specs):
        st.caption(f"You may ask for {room} more now.")
    if st.button(
        "Compute again",
        key=f"{key}-surely",
        type="primary",
        on_click=people.start,
        args=specs,
        kwargs={"again": True},
        disabled=not room,
    ):
        st.rerun()


def _costs(specs: Sequence[Spec]) -> dict[str, float]:
    """Seconds of every step that is missing; one that several jobs need counts once."""
    return _costs_of([spec.key for spec in specs], str(Store().tables.newest()), specs)


@st.cache_resource(max_entries=100, show_spinner=False)
def _costs_of(keys: Sequence[str], generation: str, _specs: Sequence[Spec]) -> dict[str, float]:
    """Looked up once for every state of the tables."""
    store = Store()
    steps = {step.key: step for spec in _specs for step in store.missing(spec)}
    return {key: step_seconds(step, store) for key, step in steps.items()}


def _left(now: Status, costs: dict[str, float]) -> float:
    """Seconds for all that is missing: what the running job says of itself, estimates else."""
    again = [job for job in now.live if job.again]
    jobs_ = [job for job in now.live if not job.again]
    wanted = [*now.unrequested, *(job.spec for job in jobs_)]
    steps = {step.key for spec in wanted for step in spec.steps()} & costs.keys()
    left = START_SECONDS * len(wanted)
    left += sum(job.estimate if job.eta is None else job.eta for job in again)
    running = next((job for job in jobs_ if job.status == "running"), None)
    if running and running.eta is not None:
        steps -= {step.key for step in running.spec.steps()}
        left += running.eta - START_SECONDS
    # A shipped row says nothing of the weights that are wanted.
    sql = queries.fill(queries.THERE, keys=sorted(steps) or [""])
    done = frozenset(queries.table(sql)["key"]) - shipped.among(steps)
    return max(0.0, left + sum(costs[key] for key in steps - done))


def write_line(head: str, text: str, fraction: float | None = None, bad: bool = False) -> None:
    """The strip's line of text, with a bar where there is a fraction."""
    bar = "" if fraction is None else f"<i><u style='width:{100 * fraction:.1f}%'></u></i>"
    tone = " failed" if bad else ""
    escaped = html.escape(text)
    line = f"<span title='{escaped}'><b>{html.escape(head)}</b> {escaped}</span>"
    st.html(f"<div class='job strip{tone}'>{line}{bar}</div>")
