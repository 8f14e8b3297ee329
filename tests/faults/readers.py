"""Programs outside that read while rows are written: each finds whole results, and never waits."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import duckdb

from core.store import Store
from tests.core.store.test_tables import result
from tests.faults.tally import Tally

ROOT = Path(__file__).parents[2]
# Each result has six rows of recall: a reader who counts others has seen half of one.
WHOLE = "SELECT (SELECT count(*) FROM recall) = 6 * (SELECT count(*) FROM signatures)"

WRITER = """
import sys
from pathlib import Path
from core.store import Store
from tests.core.store.test_tables import result
store, number = Store(Path(sys.argv[1])), 0
while True:
    store.take_in(result(f"x{number}"))
    number += 1
"""
OUTSIDE = """
import json, sys
import duckdb
for _ in range(int(sys.argv[2])):
    try:
        with duckdb.connect(sys.argv[1], read_only=True) as database:
            whole, = database.execute(sys.argv[3]).fetchone()
        print(json.dumps(None if whole else "half a result was read"), flush=True)
    except Exception as error:
        print(json.dumps(f"{type(error).__name__}: {error}"), flush=True)
"""


def queries(folder: Path, tries: int, seed: int) -> Tally:
    """Half of them open the shared file as a notebook does, half ask the store, as the app does."""
    store = Store(folder)
    store.take_in(result("first"))
    tally = Tally()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], cwd=ROOT)
    command = [sys.executable, "-c", OUTSIDE, str(store.tables.shared), str(tries // 2), WHOLE]
    outside = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        slowest = 0.0
        for _ in range(tries - tries // 2):
            started = time.monotonic()
            if not store.query(f"{WHOLE} AS whole")["whole"][0]:
                tally.lost.append("half a result was read by the store")
            slowest = max(slowest, time.monotonic() - started)
        tally.tried = tries - tries // 2
        assert outside.stdout is not None
        for line in outside.stdout:
            tally.tried += 1
            if wrong := json.loads(line):
                tally.lost.append(wrong)
        if writer.poll() is not None:
            tally.lost.append("the writer ended")
    finally:
        writer.kill()
        writer.wait()
        outside.kill()
        outside.wait()
    with duckdb.connect(str(store.tables.shared), read_only=True) as database:
        (written,) = database.execute("SELECT count(*) FROM signatures").fetchone() or (0,)
    tally.note = f"{written:,} results written meanwhile; the slowest answer took {slowest:.2f} s"
    return tally
