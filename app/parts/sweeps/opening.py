"""From a point or cell of a sweep to the signature that it stands for."""

from __future__ import annotations

import streamlit as st

OPENED = "sweeps.opened"  # of the session: the key of the signature that a click stands for


def select(signature: str) -> None:
    """Take the next run of the page to this signature."""
    st.session_state[OPENED] = signature


def follow() -> None:
    """Go to the signature that was clicked, if any."""
    if signature := st.session_state.pop(OPENED, None):
        st.switch_page("pages/signature.py", query_params={"signature": signature})
