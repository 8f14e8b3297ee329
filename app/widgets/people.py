"""Who is asking, and what they set for their session."""

from __future__ import annotations

import streamlit as st

ASK_FIRST_MINUTES = 10


def who() -> str:
    """The name that a job is asked under: the login's, or 'the app' where nobody logs in."""
    return str(st.user.get("name") or st.user.get("email") or "the app")


def ask_first() -> float:
    """Work estimated above this many seconds waits for a click."""
    return 60.0 * st.session_state.get("settings.ask_first", ASK_FIRST_MINUTES)


def picture_format() -> str:
    """What the pictures' own save button writes: svg or png."""
    return str(st.session_state.get("settings.picture", "SVG")).lower()


def settings(pages: list[str]) -> None:
    """The settings popover of the rail; its values last for the session."""
    keys = ", ".join(f"`{number}` {page}" for number, page in enumerate(pages, start=1))
    with st.popover("Settings", icon=":material/tune:", width="stretch"):
        st.number_input(
            "Ask before work longer than (minutes)", 0, 10_000, ASK_FIRST_MINUTES, 5,
            key="settings.ask_first", persist_state="session",
            help="Shorter work starts by itself as soon as a page needs it.",
        )
        st.segmented_control(
            "Save pictures as", ["SVG", "PNG"], default="SVG", required=True,
            key="settings.picture", persist_state="session",
        )
        st.markdown(
            f"**Keys**  \n{keys}  \n`Shift` + arrows: next cell of the signature, next grapheme  \n"
            "`Shift` + `S`: start or try again  \n`Shift` + `X`: turn a difference round  \n"
            "`Ctrl` + `Enter`: run the query"
        )
