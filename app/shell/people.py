"""Who is asking, and what they set for their session."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from threading import Lock

import streamlit as st

from app import access
from app.shell import words
from core import deleting, jobs, places
from core.errors import BadInput
from core.spec import Spec

ASK_FIRST_MINUTES = 10
ADDING = "Adding is for members; ask whoever runs this app."
PAGE_KEYS = "1234567890"  # of the first ten pages
_asking = Lock()  # two tabs of one person count one after the other


def who() -> str:
    """The name that a job is asked under: the login's, or 'the app' where nobody logs in."""
    return str(st.user.get("email") or st.user.get("name") or "the app")


def role() -> access.Role | None:
    """What this person may do; None for a stranger, who gets nothing."""
    return access.settings().role(st.user.to_dict())


def member() -> bool:
    """Whether this person may start and cancel jobs, upload and delete."""
    return role() == "member"


def room() -> int:
    """How many more jobs this person may ask for now."""
    queued = access.settings().queued
    if not member():
        return 0
    if queued is None:
        return sys.maxsize
    mine = who()
    return max(0, queued - sum(job.live and job.who == mine for job in jobs.listing()))


def listing() -> list[jobs.Job]:
    """All jobs as they were half a second ago at most: one look for every open page."""
    return _listing(str(places.cache()))


@st.cache_resource(ttl=0.5, show_spinner=False)
def _listing(root: str) -> list[jobs.Job]:
    return jobs.listing()


def start(*specs: Spec, again: bool = False) -> None:
    """Ask for these, or for the first of them that this person may; refuse if that is none.

    again: computes results that are there once more; they stay until the new ones replace them.
    """
    refuse_viewers("Starting jobs")
    with _asking:
        free = room()
        for spec in specs[:free]:
            jobs.request(spec, who(), again=again)
    _listing.clear()
    if not free:
        raise BadInput(
            f"You have {access.settings().queued} jobs waiting or running, which is the most for "
            "one person: wait for one, or cancel it."
        )


def cancel(*keys: str) -> None:
    """End these jobs."""
    refuse_viewers("Cancelling jobs")
    jobs.cancel(keys, who())
    _listing.clear()


def delete(rows: Sequence[tuple[str, str]]) -> None:
    """Delete results and ended jobs, (key, title) each, with all that rests on them."""
    refuse_viewers("Deleting")
    deleting.delete([key for key, _ in rows])
    for key, title in rows:
        note(key, title, "deleted")
    _listing.clear()


def outcome(job: jobs.Job) -> str:
    """How an ended job ended, with the reason."""
    if job.status == "cancelled":
        return "cancelled by you" if job.reason == f"cancelled by {who()}" else job.reason or ""
    return f"{job.status} · {job.reason}" if job.reason and job.status != "done" else job.status


def note(key: str, title: str, outcome: str) -> None:
    """Write down in the `jobs` table that this person has added or deleted something."""
    jobs.note(key, title, who(), outcome)


def refuse_viewers(what: str) -> None:
    """Raise BadInput for a person who may only look."""
    if not member():
        raise BadInput(f"{what} is for members; ask whoever runs this app.")


def ask_first() -> float:
    """Work estimated above this many seconds waits for a click."""
    return 60.0 * st.session_state.get("settings.ask_first", ASK_FIRST_MINUTES)


def settings(pages: list[str]) -> None:
    """The settings popover of the rail; its values last for the session."""
    keys = ", ".join(f"`{key}` {page}" for key, page in zip(PAGE_KEYS, pages, strict=False))
    with st.popover("Settings", icon=":material/tune:", width="stretch"):
        st.number_input(
            "Ask before work longer than (minutes)",
            0,
            10_000,
            ASK_FIRST_MINUTES,
            5,
            key="settings.ask_first",
            persist_state="session",
            help="Shorter work starts by itself when a choice on the Signature page asks for it.",
        )
        st.markdown(
            f"**Keys**  \n{keys}  \n`Ctrl` + `K`: go to anything  \n"
            "`Shift` + arrows: next cell of the signature, next grapheme  \n"
            "`Shift` + `S`: start or try again  \n`Shift` + `X`: turn a difference round  \n"
            "`Ctrl` + `Enter`: run the query"
        )
        if access.settings().login:
            st.markdown(f"**Login**  \n{words.plain(who())}, {role()}")
            st.button("Log out", icon=":material/logout:", on_click=st.logout)
        else:
            st.markdown(f"**Login**  \n{access.openness()}")
