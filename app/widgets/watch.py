"""From a spec to its results: start what is missing, show how far it is, say when it is there."""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import streamlit as st

from app.widgets import queries, tray, words
from app.widgets.errors import explained
from app.widgets.people import ask_first, who
from core import jobs
from core.specs import SignatureSpec

# How long a result may take from the end of its job to the published tables.
TAKING_IN = timedelta(seconds=15)


@dataclass(frozen=True)
class Results:
    """Which signatures of a spec are in the tables; floor: the untrained network's."""

    preview: bool
    trained: bool
    floor: bool


def results(spec: SignatureSpec) -> Results:
    """What is there now."""
    preview, trained, floor = spec.preview().key, spec.key, _floor_of(spec).key
    sql = queries.fill(queries.PRESENT, preview=preview, trained=trained, floor=floor)
    present = set(queries.table(sql)["key"])
    return Results(preview in present, trained in present, floor in present)


def watch(spec: SignatureSpec) -> Results:
    """Start the job where it is missing and allowed; draw its progress; give what is there."""
    before = results(spec)
    if before.trained and before.floor:
        caption(spec.key)
    else:
        st.fragment(_progress, run_every=1)(spec, before)
    return before


def _progress(spec: SignatureSpec, before: Results) -> None:
    """The strip while something is missing; the page is run again only when a result arrived."""
    with explained():
        if results(spec) != before:
            st.rerun(scope="app")
        if before.trained:
            _floor(spec)
            return
        job = jobs.find(spec.key)
        if job is None or (job.status == "done" and lost(job)):
            _begin(spec)
        elif job.live or job.status == "done":
            _going(job, before)
        else:
            _ended(job)


def _floor_of(spec: SignatureSpec) -> SignatureSpec:
    return spec.floor or spec


def _begin(spec: SignatureSpec) -> None:
    estimate = jobs.estimate(spec) + jobs.estimate(_floor_of(spec))
    if estimate <= ask_first():
        jobs.request(spec, who())
        say("Asked for", f"about {words.seconds(estimate)}")
        return
    told, button = st.columns([5, 2], vertical_alignment="center")
    with told:
        say("Not computed yet", f"about {words.seconds(estimate)} on this machine")
    with button.container(horizontal=True, horizontal_alignment="right"):
        st.button(
            "Compute", key="begin", type="primary", shortcut="Shift+S",
            on_click=jobs.request, args=(spec, who()),
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


def _floor(spec: SignatureSpec) -> None:
    """The signature is there and drawn; what is still missing is the untrained floor."""
    floor = _floor_of(spec)
    job = jobs.find(floor.key)
    if job is None and jobs.estimate(floor) <= ask_first():
        jobs.request(floor, who())
        job = jobs.find(floor.key)
    if job is None:
        caption(spec.key, "untrained floor: longer than the limit of the settings")
        return
    told, buttons = st.columns([6, 1], vertical_alignment="center", wrap=False)
    with told:
        percent = f"{job.fraction:.0%}" if job.live else job.status
        caption(spec.key, f"untrained floor: {percent}")
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
            "Try again", key="again", type="primary", shortcut="Shift+S",
            on_click=jobs.request, args=(job.spec, who()),
        )


def lost(job: jobs.Job) -> bool:
    """A job that ended well, but whose result is not in the tables (any more)."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return job.ended is not None and now - job.ended > TAKING_IN


def caption(key: str, more: str = "") -> None:
    """One line that says what the pictures show and how they were made."""
    row = queries.table(queries.fill(queries.CAPTION, key=key)).row(0, named=True)
    keeps = sorted({f"{keep:g}" for keep in row["keeps"] or [] if keep is not None})
    facts = [
        f"{row['cell'].upper()} [{row['layers']},{row['hidden']}] on {row['corpus']}, "
        f"layer {row['layer']} ({row['state']})",
        f"test perplexity {row['test_perplexity']:.3f}",
        f"profile {row['profile']}, seed {row['seed']}",
        f"{words.number(row['test_states'])} test states",
        f"decoders {row['width']} wide, keep {'/'.join(keeps)}",
        f"{words.seconds((row['seconds'] or 0) + (row['model_seconds'] or 0))} on "
        f"{row['device']}, {row['machine']}",
    ]
    say("Signature", " · ".join([*facts, more] if more else facts))


def say(head: str, text: str, fraction: float | None = None, bad: bool = False) -> None:
    bar = "" if fraction is None else f"<i><u style='width:{100 * fraction:.1f}%'></u></i>"
    tone = " failed" if bad else ""
    said = html.escape(text)
    spoken = f"<span title='{said}'><b>{html.escape(head)}</b> {said}</span>"
    st.html(f"<div class='job strip{tone}'>{spoken}{bar}</div>")
