"""Numbers, times and foreign text as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import streamlit as st

_ADDRESS = re.compile(r"://|@|(?<=www)\.", re.IGNORECASE)
_JOINER = "\u2060"  # a word joiner, which nobody sees
_MARKS = re.compile(r"[\\`*_{}\[\]()<>#+\-.!|$:~]")


def plain(text: str) -> str:
    """Text that is not ours, for a label, an alert or a caption: what Markdown gives a meaning to
    (links, pictures, icons, formulas) is shown as it stands.

    A bare address would become a link even with all its marks escaped, so it is broken in two.
    """
    return _MARKS.sub(r"\\\g<0>", _ADDRESS.sub(rf"{_JOINER}\g<0>", text))


def seconds(value: float | None) -> str:
    """A duration: '8 s', '1 min 20 s', '14 min', '2 h 5 min'; 'unknown' for None."""
    if value is None:
        return "unknown"
    whole = max(0, round(value))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 10 and rest:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(whole / 60), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def size(count: float) -> str:
    """A number of bytes: '0 B', '812 kB', '1.4 GB'."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit in ("B", "kB") else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def number(count: float | None) -> str:
    """A count with separators; a dash for None."""
    return "–" if count is None else f"{count:,.0f}"


def small(count: int) -> str:
    """A count in a sentence: 'one' to 'ten', digits beyond."""
    names = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    return names[count - 1] if 1 <= count <= len(names) else str(count)


def clock(moment: datetime | None) -> str:
    """A UTC moment in the browser's time: hour and minute, the day too unless it is today."""
    if moment is None:
        return "–"
    zone = ZoneInfo(st.context.timezone or "UTC")
    local, now = moment.replace(tzinfo=UTC).astimezone(zone), datetime.now(zone)
    return f"{local:%H:%M}" if local.date() == now.date() else f"{local:%d %b %H:%M}"
