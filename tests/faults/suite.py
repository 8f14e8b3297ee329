"""All faults: `make faults` tries each in full, `make test` a short form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults import clock, damage, disk, links, processes, readers, served, uploads
from tests.faults.tally import Tally


@dataclass(frozen=True)
class Fault:
    """run: tries it in an empty folder, so many times, with this seed.

    full, short: how often each form of the suite tries it.
    """

    name: str
    run: Callable[[Path, int, int], Tally]
    full: int
    short: int

    @property
    def key(self) -> str:
        """What it is called on the command line."""
        return f"{self.run.__module__.rpartition('.')[2]}.{self.run.__name__}"


FAULTS = (
    Fault("kills of job processes and of the app", processes.kills, 100, 2),
    Fault("browser tabs that ask for one missing signature", processes.tabs, 50, 2),
    Fault("outside queries while rows are written", readers.queries, 10_000, 200),
    Fault("flipped bytes and truncations of cache entries", damage.entries, 66_120, 400),
    Fault("the same of the index of the cache", damage.index, 2_000, 40),
    Fault("the same of the published database", damage.published, 1_000, 14),
    Fault("planted pickles", damage.pickles, 15, 15),
    Fault("a full disk", disk.full, 40, 6),
    Fault("a clock that jumps", clock.jumps, 10, 2),
    Fault("generated links to a running server", links.opened, 1_000, 12),
    Fault("generated texts and sounds to a running server", served.uploads, 1_000, 12),
    Fault("mutated uploads", uploads.mutated, 10_000, 500),
    Fault("generated texts and sounds", uploads.generated, 10_000, 200),
)
