"""The pins: up to four signatures to compare, in the rail and in the URL of every page.

A pin is the first digits of a signature's key, so that a link with four stays short. Being in
the URL, pins last across pages and reloads, and a link takes them to another browser.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.pictures import heatmaps
from app.shell import choices, export, queries
from app.shell.buttons import icon_button

MOST = len(heatmaps.LETTERS)
DIGITS = 12
FULL = f"{MOST} are pinned, which is the most; unpin one first."


def pinned() -> list[str]:
    """The pins as they stand, in order."""
    text = choices.value("pins", "", str)
    named = (pin[:DIGITS] for pin in text.split("-"))
    return list(dict.fromkeys(pin for pin in named if pin))[:MOST]


def rows() -> list[dict[str, Any]]:
    """What is known of each pinned signature; a pin that is not in the tables has no row."""
    return [row for row in _found(pinned()) if row["key"]]


def missing() -> list[str]:
    """The pins that are not in the tables, or are none at all."""
    return [row["pin"] for row in _found(pinned()) if not row["key"]]


def pin(key: str) -> None:
    """Pin a signature, behind the others; nothing happens where there is no room."""
    if len(pinned()) < MOST:
        _set([*pinned(), key[:DIGITS]])


def replace(keys: Sequence[str]) -> None:
    """Pin these instead of all others."""
    _set([key[:DIGITS] for key in keys[:MOST]])


def unpin(key: str) -> None:
    """Take a pin away."""
    _set([other for other in pinned() if other != key[:DIGITS]])


def forward(key: str) -> None:
    """Let a pin change places with the one before it."""
    order = pinned()
    place = order.index(key[:DIGITS]) if key[:DIGITS] in order else 0
    if place:
        order[place - 1 : place + 1] = order[place], order[place - 1]
        _set(order)


def clear() -> None:
    """Take all pins away."""
    _set([])


def button(key: str, place: str) -> None:
    """A button that pins a signature or takes its pin away; for any page, fragments too."""
    is_pinned = key[:DIGITS] in pinned()
    full = not is_pinned and len(pinned()) >= MOST
    pressed = st.button(
        "Unpin" if is_pinned else "Pin",
        key=f"pin-{place}",
        type="tertiary",
        disabled=full,
        icon=":material/keep_off:" if is_pinned else ":material/keep:",
        help=FULL if full else "To lay it beside others on the Compare page",
    )
    if pressed:
        (unpin if is_pinned else pin)(key)
        st.rerun()


def tray() -> None:
    """The pins in the rail, on every page."""
    listed = _found(pinned())
    _set(pinned())
    st.html(f"<div class='tray-head'><b>Pinned</b><span>{len(listed)} of {MOST}</span></div>")
    with st.container(key="pins", border=True, gap=None):
        if not listed:
            st.caption("Pin two to four signatures to compare them.")
        letter = iter(range(MOST))
        for number, row in enumerate(listed):
            mark = badge(next(letter)) if row["key"] else ""
            with st.container(
                horizontal=True,
                wrap=False,
                vertical_alignment="center",
                gap="xxsmall",
                key=f"pinned-{number}",
            ):
                st.html(f"<div class='pinned'>{mark} {html.escape(row['name'])}</div>")
                icon_button("close", f"unpin-{number}", unpin, row["pin"], help="Unpin")


def badge(number: int) -> str:
    """The letter of a pin on its color, as HTML."""
    look = export.colors()
    style = f"background: {look.series[number]}; color: {look.card}"
    return f"<b class='badge' style='{style}'>{heatmaps.LETTERS[number]}</b>"


def _found(pins: list[str]) -> list[dict[str, Any]]:
    """A row for each pin; where the tables have none, it says so and its key is None."""
    if not pins:
        return []
    table = queries.table(queries.fill(queries.PINNED, pins=pins))
    known = {row["key"][:DIGITS]: row for row in table.iter_rows(named=True)}
    lost = {pin: {"key": None, "name": f"{pin}: not in this database"} for pin in pins}
    return [{"pin": pin} | known.get(pin, lost[pin]) for pin in pins]


def _set(pins: list[str]) -> None:
    choices.set_value("pins", "-".join(pins))
