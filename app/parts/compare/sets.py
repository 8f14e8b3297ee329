"""Named sets of pins: saving what is pinned with a note, and opening a set again or by a link."""

from __future__ import annotations

import html
import re

import streamlit as st

from app.shell import choices, people, pins, words
from app.shell.buttons import icon_button
from app.shell.errors import explained
from core import pinsets

NAME = "set"  # of the choice, in the address
FOLLOWED = "sets.followed"  # of the session: the set whose link was opened last
ID = re.compile("[0-9a-f]{12}")


def menu() -> None:
    """This person's sets, and a form that saves what is pinned."""
    with st.popover("Sets", icon=":material/bookmarks:"), explained():
        mine = [one for one in pinsets.listing() if one.who == people.who()]
        if not mine:
            st.caption("A set keeps what is pinned under a name, with a note.")
        for one in mine:
            with st.container(horizontal=True, vertical_alignment="center", wrap=False):
                st.button(
                    words.plain(one.name),
                    key=f"set-{one.id}",
                    type="tertiary",
                    width="stretch",
                    on_click=_open,
                    args=(one,),
                )
                remove = f"Delete {one.name}"
                icon_button("delete", f"unset-{one.id}", _remove, one.id, help=words.plain(remove))
        if pins.pinned():
            _form()


def _form() -> None:
    now = shown()
    with st.form("pin-set", border=False):
        name = st.text_input(
            "Name", now.name if now else "", key="set-name", max_chars=pinsets.NAME_MOST
        )
        note = st.text_area(
            "Note", now.note if now else "", key="set-note", max_chars=pinsets.NOTE_MOST
        )
        if st.form_submit_button("Save what is pinned", disabled=not people.member()):
            people.refuse_viewers("Saving")
            _open(pinsets.save(people.who(), name, note, "-".join(pins.pinned())))
            st.rerun()


def shown() -> pinsets.PinSet | None:
    """The set that the address names, as long as it is what is pinned."""
    id = choices.value(NAME, "", lambda text: text if ID.fullmatch(text) else None)
    one = next((one for one in pinsets.listing() if one.id == id), None)
    if one and st.session_state.get(FOLLOWED) != id:  # a link, which is followed once
        st.session_state[FOLLOWED] = id
        if not pins.pinned():
            pins.replace(one.pins.split("-"))
            st.rerun()
    if one and one.pins == "-".join(pins.pinned()):
        choices.set_value(NAME, id)
        return one
    choices.set_value(NAME, "")
    return None


def note() -> None:
    """The name and the note of the set that is shown."""
    if one := shown():
        text = f"<b>{html.escape(one.name)}</b> {html.escape(one.note)}"
        by = "" if one.who == people.who() else f" <i>by {html.escape(one.who)}</i>"
        st.html(f"<div class='finding'>{text}{by}</div>")


def _open(one: pinsets.PinSet) -> None:
    pins.replace(one.pins.split("-"))
    choices.set_value(NAME, one.id)


def _remove(id: str) -> None:
    pinsets.remove(id, people.who())
