"""The one exception for what a person can put right."""

from __future__ import annotations


class BadInput(ValueError):
    """Input that cannot be used; the message is one sentence that says what to do about it.

    Pages and the command line show the message as it is, without a traceback.
    """
