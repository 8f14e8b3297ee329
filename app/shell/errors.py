"""What people see when something goes wrong: one sentence. The details go to the server log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from app.shell import words
from core.errors import BadInput

LOG = logging.getLogger("memory-signatures")


def explain(error: Exception) -> bool:
    """Say an error in one sentence on the page; True, as streamlit's error handler wants it."""
    if isinstance(error, BadInput):
        st.warning(words.plain(str(error)))
    else:
        LOG.error("A page failed", exc_info=error)
        st.error(
            "Something went wrong on this page; nothing computed is lost. "
            "Reload it, and if it happens again, look into the server's log."
        )
    return True


@contextmanager
def explained() -> Iterator[None]:
    """Run a part of a page so that an error in it is explained and the rest is still drawn."""
    try:
        yield
    except Exception as error:
        explain(error)
