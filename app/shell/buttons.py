"""Small buttons that have an icon for a name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st


def icon_button(
    icon: str,
    key: str,
    on_click: Callable[..., Any],
    *args: object,
    help: str | None = None,
    **more: Any,
) -> None:
    """A button with one of the Material icons that calls on_click(*args)."""
    st.button(
        "",
        icon=f":material/{icon}:",
        key=key,
        type="tertiary",
        help=help,
        on_click=on_click,
        args=args,
        **more,
    )
