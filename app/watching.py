"""From a spec to its results: start what is missing, show how far it is, say when it is there."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import streamlit as st

from app import pace
from app.shell import people, queries, tray, words
from app.shell.errors import explained
from app.shell.people import ask_first
from core import jobs
from core.cells import label
from core.library import beside
from core.paper import shipped
from core.signatures.spec import SignatureSpec
from core.spec import Spec

# How long a result may take from the end of its job to the published tables.
TAKING_IN = timedelta(seconds=15)


@dataclass(frozen=True)
class Results:
    """What of a spec is in the tables; missing: what it is shown with and is not there yet."""

    preview: bool
    trained: bool
    missing: tuple[str, ...]


def results(spec: SignatureSpec) -> Results:
    """What is there now."""
    preview, trained, others = spec.preview().key, spec.key, [other.key for other in beside(spec)]
    sql = queries.fill(queries.THERE, keys=[preview, trained, *others])
    present = set(queries.table(sql)["key"])
    missing = tuple(key for key in others if key not in present)
    return Results(preview in present, trained in present, missing)


def watch(spec: SignatureSpec) -> Results:
    """Start the job where it is missing and allowed; draw its progress; give what is there."""
    before = results(spec)
    if before.trained and not before.missing:
        _there(spec)
    else:
        st.fragment(_progress, run_every=pace.every(1))(spec, before)
    return before


def _progress(spec: SignatureSpec, before: Results) -> None:
    """The strip while something is missing; the page is run again only when a result arrived."""
    with explained():
        if results(spec) != before:
            st.rerun(scope="app")
        if before.trained:
            _beside(spec, before)
            return
        job = jobs.find(spec.key)
        if job is None or (job.status == "done" and lost(job)):
            _begin(spec)
        elif job.live or job.status == "done":
            _going(job, before)
        else:
            _ended(job)


def _there(spec: SignatureSpec) -> None:
    """All is there; what came with the program can be computed here."""
    if not shipped.among([spec.key]):
        caption(spec.key)
        return
    told, button = st.columns([6, 1], vertical_alignment="center", wrap=False)
    with told:
        caption(spec.key)
    with button.container(horizontal=True, horizontal_alignment="right"):
        recompute([spec])


def recompute(specs: Sequence[Spec], key: str = "recompute") -> None:
    """A button that computes shipped results here."""
    st.button(
        "Recompute",
        key=key,
        on_click=_anew,
        args=(specs,),
        disabled=not people.member(),
        help="Computes on this machine, from the start, what came with the program",
    )


def _anew(specs: Sequence[Spec]) -> None:
    if people.room():  # else what is shown stays, and the refusal is said
        shipped.forget(specs)
    people.start(*specs)


def _begin(spec: SignatureSpec) -> None:
    estimate = sum(map(jobs.estimate, [spec, *beside(spec)]))
    if estimate <= ask_first() and people.room():
        people.start(spec)
        say("Asked for", f"about {words.seconds(estimate)}")
        return
    told, button = st.columns([5, 2], vertical_alignment="center")
    with told:
        say("Not computed yet", f"about {words.seconds(estimate)} on this machine")
    with button.container(horizontal=True, horizontal_alignment="right"):
        st.button(
            "Compute",
            key="begin",
            type="primary",
            shortcut="Shift+S",
            on_click=people.start,
            args=(spec,),
            disabled=not people.member(),
        )


def _going(job: jobs.Job, before: Results) -> None:
    told, buttons = st.columns([6, 1], vertical_alignment="center", wrap=False)
    with told:
        if job.status == "queued":
            ahead = [other.key for other in jobs.listing() if other.live].index(job.key)
            usual = f"{ahead} ahead · about {words.seconds(job.estimate)}"
            say("Waiting", job.obstacle or usual, 0.0)
        elif job.status == "interrupted":
            say("Interrupted", job.obstacle or "it goes on by itself where it was", job.fraction)
        elif job.status == "done":
            say("Taking the result in", "", 1.0)
        else:
            left = "" if job.eta is None else f" · {words.seconds(job.eta)} left"
            shown = "Linear preview shown, decoders training" if before.preview else "Computing"
            step = f"step {job.step} of {job.steps} · {job.stage}: {job.message}"
            say(shown, f"{step} · {job.fraction:.0%}{left}", job.fraction)
    with buttons.container(horizontal=True, horizontal_alignment="right", gap=None):
        tray.log(job, "strip")
        if job.live:
            tray.cancel(job, "strip")


def _beside(spec: SignatureSpec, before: Results) -> None:
    """The signature is there and drawn; what it is shown with is still missing in part."""
    other = next(other for other in beside(spec) if other.key in before.missing)
    what = "untrained floor" if isinstance(other, SignatureSpec) else "perplexity"
    job = jobs.find(other.key)
    if job is None and jobs.estimate(other) <= ask_first() and people.room():
        people.start(other)
        job = jobs.find(other.key)
    if job is None:
        caption(spec.key, f"{what}: not asked for")
        return
    told, buttons = st.columns([6, 1], vertical_alignment="center", wrap=False)
    with told:
        percent = f"{job.fraction:.0%}" if job.live else job.status
        caption(spec.key, f"{what}: {percent}")
    with buttons.container(horizontal=True, horizontal_alignment="right", gap=None):
        tray.log(job, "strip")
        (tray.cancel if job.live else tray.again)(job, "strip")


def _ended(job: jobs.Job) -> None:
    told, buttons = st.columns([5, 2], vertical_alignment="center")
    with told:
        say(job.status.capitalize(), job.reason or "", bad=job.status == "failed")
    with buttons.container(horizontal=True, horizontal_alignment="right"):
        tray.log(job, "strip")
        st.button(
            "Try again",
            key="again",
            type="primary",
            shortcut="Shift+S",
            on_click=people.start,
            args=(job.spec,),
            disabled=not people.member(),
        )


def lost(job: jobs.Job) -> bool:
    """A job that ended well, but whose result is not in the tables (any more)."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return job.ended is not None and now - job.ended > TAKING_IN


def caption(key: str, more: str = "") -> None:
    """One line that says what the pictures show and how they were made."""
    row = queries.table(queries.fill(queries.CAPTION, key=key)).row(0, named=True)
    keeps = sorted({f"{keep:g}" for keep in row["keeps"] or [] if keep is not None})
    imported = row["kind"] == "imported"
    shape = f"{label(row['cell'])} [{row['layers']},{row['hidden']}]"
    perplexity = row["test_perplexity"]
    facts = [
        f"{row['model'] if imported else shape} on {row['corpus']}, "
        f"layer {row['layer']} ({row['state']})",
        *([] if perplexity is None else [f"test perplexity {perplexity:.3f}"]),
        f"profile {row['profile']}, seed {row['seed']}",
        f"{words.number(row['test_states'])} test states",
        f"decoders {row['width']} wide, keep {'/'.join(keeps)}",
        f"{words.seconds((row['seconds'] or 0) + (row['model_seconds'] or 0))} on "
        f"{row['device']}, {row['machine']}",
    ]
    head = "Shipped signature" if row["shipped"] else "Signature"
    say(head, " · ".join([*facts, more] if more else facts))


def say(head: str, text: str, fraction: float | None = None, bad: bool = False) -> None:
    bar = "" if fraction is None else f"<i><u style='width:{100 * fraction:.1f}%'></u></i>"
    tone = " failed" if bad else ""
    said = html.escape(text)
    spoken = f"<span title='{said}'><b>{html.escape(head)}</b> {said}</span>"
    st.html(f"<div class='job strip{tone}'>{spoken}{bar}</div>")
