"""Choices that survive reruns, page changes and reloads, and travel in the URL.

Streamlit forgets a widget's value when its page is left, and a link carries no session. So the
value of every choice is held in the session under a key of its own; the URL is rewritten to match,
and a URL with a new value (a followed link, a colleague's view) replaces the value in the session.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState

P = ParamSpec("P")
T = TypeVar("T")
VALUES, WRITTEN, BEFORE = "choices.values", "choices.written", "choices.before"
CHANGED = "choices.changed"
ON, OFF = "on", "off"  # of a toggle, in the URL
LATE = 3.0  # seconds for which a browser may still send the URL from before a change


def by_person(callback: Callable[P, None]) -> Callable[P, None]:
    """A widget's callback that acts only when `in_own_part` holds."""

    @wraps(callback)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        if in_own_part():
            callback(*args, **kwargs)

    return guarded


def in_own_part() -> bool:
    """Whether the part of the page runs that holds the widget whose callback this is.

    Every part of a page that redraws itself reports the values of all widgets, as its browser knows
    them. To Streamlit a value that the server has set since then looks as if somebody had set it
    back: a slow browser would undo each click, again and again. A person's change runs the part of
    the page that the widget is in; such a report runs another.
    """
    context = get_script_run_ctx()
    parts = context.fragment_ids_this_run if context else None
    return parts is None or ThreadState.get().fragment_id in parts


def value(name: str, default: T, parse: Callable[[str], T | None]) -> T:
    """The value of a choice: of a new URL, else of this session, else the default.

    parse: reads the URL's text; None for anything that is not a valid choice.
    """
    values, written = _memory(VALUES), _memory(WRITTEN)
    address = st.query_params.get(name)
    if address is not None and address != written.get(name) and not _late(name, address):
        read = parse(address)
        if read is not None:
            values[name] = read
    return values.get(name, default)


def last_value(name: str, default: T) -> T:
    """The value in this session, whatever page it was chosen on and whatever the URL says."""
    return _memory(VALUES).get(name, default)


def set_value(name: str, chosen: object, link: bool = True) -> None:
    """Set a choice for this session and, unless link is False, in the URL."""
    _memory(VALUES)[name] = chosen
    if link and chosen != "":
        _write(name, chosen)
    else:
        _unwrite(name)


def _late(name: str, address: str) -> bool:
    """Whether the browser sent the URL from before a change, as a refreshing strip may do."""
    before, moment = _memory(BEFORE).get(name, (None, 0.0))
    return address == before and time.monotonic() - moment < LATE


def _written(name: str, text: str | None) -> None:
    """Note what the URL says now; None: nothing."""
    written = _memory(WRITTEN)
    if written.get(name) != text:
        _memory(BEFORE)[name] = (written.get(name), time.monotonic())
    written[name] = text


def _unwrite(name: str) -> None:
    """Take a choice out of the URL."""
    _written(name, None)
    st.query_params.pop(name, None)


def _write(name: str, chosen: object) -> None:
    """Bring the URL up to date."""
    text = str(chosen)
    if st.query_params.get(name) != text:
        st.query_params[name] = text
    _written(name, text)


def select(
    name: str,
    label: str,
    options: Sequence[T],
    default: T,
    *,
    format_func: Callable[[T], str] = str,
    free: Callable[[str], T | None] | None = None,
    width: int = 120,
    help: str | None = None,
    label_visibility: str = "visible",
) -> T:
    """A select box whose value is a choice.

    free: also accept what a person types, read by this function (None: refuse it).
    A value that is no longer among the options falls back to the default.
    """

    def parse(text: str) -> T | None:
        listed = next((option for option in options if str(option) == text), None)
        return listed if listed is not None or free is None else free(text)

    # One option is no choice: it goes neither into the session nor into the URL, or it would pass
    # for one as soon as another choice widens the menu.
    choosable = len(options) > 1 or free is not None
    current = parse(str(value(name, default, parse))) if choosable else default
    current = default if current is None else current
    listed = list(options) if current in options else [*options, current]
    key = f"choice-{name}"
    st.session_state[key] = current
    picked = st.selectbox(
        label,
        listed,
        key=key,
        format_func=format_func,
        accept_new_options=free is not None,
        width=width,
        help=help,
        label_visibility=label_visibility,
        on_change=_changed,
        args=(name, parse),
    )
    chosen = parse(str(picked))
    chosen = current if chosen is None else chosen
    if choosable:
        _write(name, chosen)
    else:
        _unwrite(name)
    return chosen


def switch(name: str, label: str, options: Sequence[T], default: T, **more: Any) -> T:
    """A row of exclusive buttons whose value is a choice."""

    def parse(text: str) -> T | None:
        return next((option for option in options if str(option) == text), None)

    current = value(name, default, parse)
    key = f"choice-{name}"
    st.session_state[key] = current if current in options else default
    chosen = st.segmented_control(
        label, options, key=key, required=True, on_change=_changed, args=(name, parse), **more
    )
    chosen = default if chosen is None else chosen
    _write(name, chosen)
    return chosen


def typed(
    name: str, label: str, default: str, parse: Callable[[str], str | None], **more: Any
) -> str:
    """A line of text whose value is a choice; what parse refuses leaves it as it was."""
    current = value(name, default, parse)
    key = f"choice-{name}"
    _show(key, current)
    st.text_input(label, key=key, on_change=_changed, args=(name, parse), **more)
    _write(name, current)
    return current


def slide(name: str, label: str, low: int, high: int, default: int, **more: Any) -> int:
    """A slider over whole numbers whose value is a choice."""
    parse = whole(low, high)
    current = value(name, default, parse)
    key = f"choice-{name}"
    _show(key, current)
    st.slider(label, low, high, key=key, on_change=_changed, args=(name, parse), **more)
    _write(name, current)
    return current


def toggle(name: str, label: str, **more: Any) -> bool:
    """A switch that is on until somebody turns it off; the URL says on or off."""
    current = value(name, ON, lambda text: text if text in (ON, OFF) else None)
    key = f"choice-{name}"
    _show(key, current == ON)
    st.toggle(label, key=key, on_change=_toggled, args=(name,), **more)
    _write(name, current)
    return current == ON


def _show(key: str, current: object) -> None:
    """Let a widget show a value; one that it shows already is left alone, it may be on its way."""
    if st.session_state.get(key) != current:
        st.session_state[key] = current


def whole(low: int, high: int) -> Callable[[str], int | None]:
    """A reader of whole numbers from low to high."""

    def parse(text: str) -> int | None:
        # Python refuses to read numbers of thousands of digits.
        readable = text.isdecimal() and len(text) <= len(str(high))
        return int(text) if readable and low <= int(text) <= high else None

    return parse


def changed() -> str | None:
    """The choice whose widget a person changed to cause this run of the page, if any."""
    name: str | None = st.session_state.get(CHANGED)
    return name


def forget_change() -> None:
    """Called at the end of every run of a page: what follows is not for the same change."""
    st.session_state.pop(CHANGED, None)


@by_person
def _changed(name: str, parse: Callable[[str], Any]) -> None:
    st.session_state[CHANGED] = name
    picked = parse(str(st.session_state[f"choice-{name}"]))
    if picked is not None:
        _memory(VALUES)[name] = picked


@by_person
def _toggled(name: str) -> None:
    st.session_state[CHANGED] = name
    _memory(VALUES)[name] = ON if st.session_state[f"choice-{name}"] else OFF


def _memory(name: str) -> dict[str, Any]:
    return st.session_state.setdefault(name, {})
