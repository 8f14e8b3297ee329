"""The job tray of the rail: what runs, what waits, how far, who asked, how it ended."""

from __future__ import annotations

import html
from functools import partial

import streamlit as st

from app import pace
from app.shell import people, words
from app.shell.buttons import icon_button, unseen
from app.shell.errors import explained
from core import jobs
from core.signatures.spec import SignatureSpec

LIVE, ENDED = 12, 8  # jobs that the tray lists


def tray() -> None:
    """Draw the tray; it redraws itself every two seconds without touching the page."""
    st.fragment(_jobs, run_every=pace.every(2))()


def _jobs() -> None:
    with explained():
        listed = people.listing()
        live = [job for job in listed if job.live]
        ended = [job for job in listed if not job.live][:ENDED]
        running = sum(job.status == "running" for job in live)
        st.html(
            f"<div class='tray-head'><b>Jobs</b><span>{running} running, "
            f"{len(live) - running} waiting</span></div>"
        )
        with st.container(key="tray", border=True, gap=None):
            if not listed:
                st.caption("Nothing has been asked for yet.")
            for job in live[:LIVE]:
                _entry(job)
            if len(live) > LIVE:
                st.caption(f"… and {len(live) - LIVE:,} more")
            for job in ended:
                _entry(job)


def _entry(job: jobs.Job) -> None:
    with st.container(key=f"job-{job.key[:12]}", gap=None):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="xxsmall"):
            if isinstance(job.spec, SignatureSpec):
                open_link(job.key, words.plain(job.title.removeprefix("signature: ")))
            else:
                title = html.escape(job.title)
                st.html(f"<div class='job title' title='{title}'><span>{title}</span></div>")
            log(job, "tray")
            if job.live:
                cancel(job, "tray")
            elif job.status != "done":
                again(job, "tray")
        st.html(f"<div class='job {job.status}'>{_line(job)}{_bar(job)}</div>")


def open_link(key: str, label: str = "", icon: str | None = None) -> None:
    """A link to the Signature page that shows this very signature. label: Markdown."""
    st.page_link(
        "pages/signature.py",
        label=label or unseen("Open"),
        icon=icon,
        query_params={"signature": key},
        help="Open" if icon and not label else None,
        width="content" if icon else "stretch",
    )


def cancel(job: jobs.Job, place: str) -> None:
    """A small button that cancels a job."""
    key, viewer = f"{place}-cancel-{job.key}", not people.member()
    icon_button("close", key, people.cancel, job.key, help="Cancel", disabled=viewer)


def again(job: jobs.Job, place: str) -> None:
    """A small button that asks for an ended job anew."""
    key, viewer = f"{place}-again-{job.key}", not people.member()
    start = partial(people.start, again=job.again)
    icon_button("refresh", key, start, job.spec, help="Try again", disabled=viewer)


def log(job: jobs.Job, place: str) -> None:
    """A small button that opens the job's log."""
    if icon_button("notes", f"{place}-log-{job.key}", help="Log"):
        _show_log(job)


@st.dialog("Log", width="large")
def _show_log(job: jobs.Job) -> None:
    st.caption(words.plain(job.title))
    st.code(jobs.log(job.key) or "Nothing has been logged yet.", language=None, height=420)


def _line(job: jobs.Job) -> str:
    if job.status == "running":
        left = "" if job.eta is None else f", {words.seconds(job.eta)} left"
        line = f"{job.fraction:.0%}{left}" + (f" · {job.message}" if job.message else "")
    elif job.live:
        state = "waiting" if job.status == "queued" else "interrupted, goes on by itself"
        line = f"{state} · {job.obstacle or f'about {words.seconds(job.estimate)}'}"
    else:
        line = f"{people.outcome(job)} · {words.clock(job.ended)}"
    text = html.escape(f"{line} · {job.who}")
    return f"<span title='{text}'>{text}</span>"


def _bar(job: jobs.Job) -> str:
    share = 100 * job.fraction if job.live else 0
    return f"<i><u style='width:{share:.1f}%'></u></i>"
