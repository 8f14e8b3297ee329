"""A disk that is full, in truth: a small file system in memory, in a namespace of its own."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

from tests.faults.tally import Tally

ROOT = Path(__file__).parents[2]
MEGABYTES = 24


def full(folder: Path, tries: int, seed: int) -> Tally:
    """Fills a file system to a random byte, adds a result, makes room, adds it again."""
    own = ["unshare", "--user", "--map-root-user", "--mount"]
    try:
        subprocess.run([*own, "mount", "-t", "tmpfs", "none", str(folder)], check=True)
    except (OSError, subprocess.CalledProcessError):
        return Tally(note="not tried: this machine lets nobody mount a file system of their own")
    mount = f'mount -t tmpfs -o size={MEGABYTES}m none "$1" && exec "$2" -m tests.faults.disk "$@"'
    command = [*own, "sh", "-c", mount, "sh", str(folder), sys.executable, str(tries), str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        return Tally(tries, [f"the program ended: {done.stderr[-500:]}"])
    return Tally(**json.loads(done.stdout.splitlines()[-1]))


def main(folder: Path, tries: int, seed: int) -> None:
    from core.errors import BadInput
    from core.store import Store
    from tests.core.store.test_tables import result

    tally, chance, refused = Tally(), random.Random(seed), 0
    store, kept = Store(folder / "cache"), 0
    ballast = folder / "ballast"
    store.take_in(result("x0"), {"x0": b"x0" * 50_000})
    for number in range(1, tries + 1):
        tally.tried += 1
        room = chance.choice((0, 1_000, chance.randrange(3_000_000)))
        _fill(ballast, room)
        name = f"x{number}"
        added = {name: name.encode() * 50_000}
        try:
            store.take_in(result(name), added)
        except BadInput as error:
            refused += 1
            if "is full" not in str(error):
                tally.lost.append(f"room for {room:,} bytes: {error}")
        except Exception as error:
            tally.lost.append(f"room for {room:,} bytes: {type(error).__name__}: {error}")
        try:
            store.query("SELECT count(*) FROM signatures")
        except Exception as error:
            tally.lost.append(f"reading with {room:,} bytes: {type(error).__name__}: {error}")
        ballast.unlink()
        store.take_in(result(name), added)
        kept = store.query("SELECT count(*) AS n FROM recall")["n"][0]
        if kept != 6 * (number + 1):
            tally.lost.append(f"after {number + 1} results there are {kept} rows of recall")
        if store.artifacts.get(name) != added[name]:
            tally.lost.append(f"the artifact {name} is lost")
        store.artifacts.drop(name)
    tally.note = f"{refused} of them had no room and were refused in one sentence"
    print(json.dumps(vars(tally)))


def _fill(ballast: Path, room: int) -> None:
    """Writes until nothing goes in any more, then gives back `room` bytes."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 65_536):
                pass
        except OSError:
            pass
        file.truncate(max(0, file.tell() - room))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4]))
