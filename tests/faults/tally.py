"""What a fault comes to."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Tally:
    """How often a fault was tried, a sentence for everything lost, and what went on meanwhile."""

    tried: int = 0
    lost: list[str] = field(default_factory=list)
    note: str = ""
