"""The fault suite: what is tried to break the product, and what was lost.

`make faults` tries all of it and prints a table (docs/faults.md); `make test` runs a short form.
Whoever adds a fault writes a function of this form and names it in `FAULTS`:

    fault(folder, tries, seed) -> Tally
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path


@dataclass
class Tally:
    """How often a fault was tried, a sentence for everything lost, and what went on meanwhile."""

    tried: int = 0
    lost: list[str] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True)
class Fault:
    """where: module and function; full, short: how often it is tried by each form of the suite."""

    name: str
    where: str
    full: int
    short: int

    def run(self, folder: Path, tries: int, seed: int) -> Tally:
        module, _, name = self.where.partition(".")
        fault: Callable[[Path, int, int], Tally] = getattr(
            import_module(f"tests.faults.{module}"), name
        )
        return fault(folder, tries, seed)


FAULTS = (
    Fault("kills of job processes and of the app", "processes.kills", 100, 4),
    Fault("browser tabs that ask for one missing signature", "processes.tabs", 50, 3),
    Fault("outside queries while rows are written", "readers.queries", 10_000, 200),
    Fault("flipped bytes and truncations of cache entries", "damage.entries", 66_120, 400),
    Fault("the same of the index of the cache", "damage.index", 2_000, 40),
    Fault("the same of the published database", "damage.published", 1_000, 30),
    Fault("planted pickles", "damage.pickles", 15, 15),
    Fault("a full disk", "disk.full", 40, 6),
    Fault("a clock that jumps", "clock.jumps", 10, 2),
    Fault("mutated uploads", "uploads.mutated", 10_000, 500),
)
