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
    """Which of the two signatures of a spec are in the tables."""

    trained: bool
    preview: bool


def results(spec: SignatureSpec) -> Results:
    """What is there now."""
    trained, preview = spec.key, spec.preview().key
    sql = queries.fill(queries.PRESENT, trained=trained, preview=preview)
    present = set(queries.table(sql)["key"])
    return Results(trained in present, preview in present)


def watch(spec: SignatureSpec) -> Results:
    """Start the job where it is missing and allowed; draw its progress; give what is there."""
    before = results(spec)
    if not before.trained:
        st.fragment(_progress, run_every=1)(spec, before)
    return before


def _progress(spec: SignatureSpec, before: Results) -> None:
    """The strip in place of the caption while the trained signature is missing."""
    with explained():
        if results(spec) != before:
            st.rerun(scope="app")
        job = jobs.find(spec.key)
        if job is None or (job.status == "done" and _lost(job)):
            _begin(spec)
        elif job.live or job.status == "done":
            _going(job, before)
        else:
            _ended(job)


def _begin(spec: SignatureSpec) -> None:
    estimate = jobs.estimate(spec)
    if estimate <= ask_first():
        jobs.request(spec, who())
        _say("Asked for", f"about {words.seconds(estimate)}")
        return
    told, button = st.columns([5, 2], vertical_alignment="center")
    with told:
        _say("Not computed yet", f"about {words.seconds(estimate)} on this machine")
    button.button(
        "Compute", key="begin", type="primary", shortcut="Shift+S", width="stretch",
        on_click=jobs.request, args=(spec, who()),
    )  # fmt: skip


def _going(job: jobs.Job, before: Results) -> None:
    told, buttons = st.columns([6, 1], vertical_alignment="center", wrap=False)
    with told:
        if job.status == "queued":
            ahead = [other.key for other in jobs.listing() if other.live].index(job.key)
            _say("Waiting", f"{ahead} ahead · about {words.seconds(job.estimate)}", 0.0)
        elif job.status == "interrupted":
            _say("Interrupted", "it goes on by itself where it was", job.fraction)
        elif job.status == "done":
            _say("Taking the result in", "", 1.0)
        else:
            left = "" if job.eta is None else f" · {words.seconds(job.eta)} left"
            shown = "Linear preview shown, decoders training" if before.preview else "Computing"
            _say(shown, f"{job.message} · {job.fraction:.0%}{left}", job.fraction)
    with buttons.container(horizontal=True, horizontal_alignment="right", gap=None):
        tray.log(job, "strip")
        if job.live:
            tray.cancel(job, "strip")


def _ended(job: jobs.Job) -> None:
    told, buttons = st.columns([5, 2], vertical_alignment="center")
    with told:
        _say(job.status.capitalize(), job.reason or "", bad=job.status == "failed")
    with buttons.container(horizontal=True, horizontal_alignment="right"):
        tray.log(job, "strip")
        st.button(
            "Try again", key="again", type="primary", shortcut="Shift+S",
            on_click=jobs.request, args=(job.spec, who()),
        )  # fmt: skip


def _lost(job: jobs.Job) -> bool:
    """A job that ended well, but whose result is not in the tables (any more)."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return job.ended is not None and now - job.ended > TAKING_IN


def _say(head: str, text: str, fraction: float | None = None, bad: bool = False) -> None:
    bar = "" if fraction is None else f"<i><u style='width:{100 * fraction:.1f}%'></u></i>"
    tone = " failed" if bad else ""
    st.html(
        f"<div class='job strip{tone}'><span><b>{html.escape(head)}</b> {html.escape(text)}</span>"
        f"{bar}</div>"
    )
