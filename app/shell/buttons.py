"""Small buttons that show an icon alone, and have a name for whoever cannot see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st


def unseen(name: str) -> str:
    """A label that is out of sight (style.css), but is read aloud."""
    return f":gray-badge[{name}]"


def icon_button(
    icon: str,
    key: str,
    on_click: Callable[..., Any] | None = None,
    *args: object,
    help: str | None = None,
    **more: Any,
) -> bool:
    """A button with one of the Material icons that calls on_click(*args); whether it was pressed.

    Its name is what `help` says, else the way that its arrow points.
    """
    return st.button(
        unseen(help or icon.removeprefix("keyboard_arrow_").capitalize()),
        icon=f":material/{icon}:",
        key=key,
        type="tertiary",
        help=help,
        on_click=on_click,
        args=args,
        **more,
    )
