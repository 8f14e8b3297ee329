"""The status line at the bottom: profile, device, cache size, queue."""

from __future__ import annotations

import html

import streamlit as st

from app import access, pace
from app.shell import choices, people, words
from app.shell.errors import explained
from app.shell.pickers import default_profile
from core import jobs
from core.store import Store


def line() -> None:
    """Draw the line; it redraws itself every five seconds."""
    st.fragment(_facts, run_every=pace.every(5))()


def _facts() -> None:
    with explained():
        listed = people.listing()
        running = sum(job.status == "running" for job in listed)
        waiting = sum(job.status == "queued" for job in listed)
        profile = choices.last_value("profile", default_profile())
        facts = {
            "profile": profile,
            "device": jobs.place(),
            "cache": words.size(sum(Store().status()["bytes"].values())),
            "access": _access(),
            "queue": f"{running} running, {waiting} waiting" if running or waiting else "empty",
        }
        text = "".join(
            f"<span><em>{name}</em> {html.escape(fact)}</span>" for name, fact in facts.items()
        )
        st.html(f"<div class='status-line'>{text}</div>")


def _access() -> str:
    """Who is here, or who could be."""
    if access.settings().login:
        return f"{people.who()}, {people.role()}"
    return "this machine only" if access.on_loopback() else "open to whoever reaches this server"
