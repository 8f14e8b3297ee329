"""Corpora: named ones, and any UTF-8 text of the user's. Pure functions: nothing is stored here.

To add a corpus, put a module with a `SOURCE` beside these and its name into `NAMES`.
"""

from __future__ import annotations

import os
from importlib import import_module

from core.corpora.assembly import Source
from core.corpora.corpus import Corpus, Segments
from core.corpora.textfile import from_text, read_apart
from core.errors import BadInput

__all__ = ["NAMES", "Corpus", "Segments", "Source", "build", "from_text", "read_apart", "source"]

NAMES = (
    "shakespeare",
    "sotu",
    *(("wsj",) if os.environ.get("MEMSIG_WSJ") else ()),  # the licensed discs' folder
)


def source(name: str) -> Source:
    """The source of a named corpus; BadInput if there is none of that name."""
    if name not in NAMES:
        known = ", ".join(NAMES)
        raise BadInput(f"There is no corpus {name!r}: choose one of {known}, or give a text file.")
    found: Source = import_module(f"{__name__}.{name}").SOURCE
    return found


def build(name: str, segment: str | None = None) -> Corpus:
    """The named corpus, cut by `segment` (None: the source's own default).

    Raises BadInput for an unknown name, a segment the source does not support, or a package that
    is not installed.
    """
    return source(name).build(segment)
