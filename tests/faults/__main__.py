"""Tries every fault and prints what was lost: `python -m tests.faults [--tries N] [NAME ...]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests import conftest  # noqa: F401  (one thread, no shipped results: as in the tests)
from tests.faults.suite import FAULTS
from tests.faults.tally import Tally


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("names", nargs="*", help="such as damage.index; none: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tries", type=int, help="of each fault; none: as many as the full form")
    options = parser.parse_args()
    found: dict[str, Tally] = {}
    print("| fault | tried | lost | seconds | |\n|---|---|---|---|---|")
    for fault in FAULTS:
        if options.names and fault.key not in options.names:
            continue
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            tally = found[fault.name] = fault.run(
                Path(folder), options.tries or fault.full, options.seed
            )
        row = (fault.name, f"{tally.tried:,}", len(tally.lost), f"{time.monotonic() - started:.0f}")
        print("|", " | ".join(map(str, row)), "|", tally.note, "|", flush=True)
    for name, tally in found.items():
        for sentence in tally.lost[:20]:
            print(f"{name}: {sentence}", file=sys.stderr)
    return int(any(tally.lost for tally in found.values()))


if __name__ == "__main__":
    sys.exit(main())
