"""A disk that is read-only or full, in truth: a file system of its own, in a namespace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
OWN = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
MOUNT = 'mount -t tmpfs -o size=32m none "$1"'
TRIAL = f'{MOUNT} && exec "$4" -m tests.core.store.on_a_disk "$1" "$2" "$3"'


@pytest.mark.parametrize("kind", ["read-only", "full"])
def test_readers_answer_and_writers_say_why(tmp_path: Path, kind: str) -> None:
    disk, elsewhere = tmp_path / "disk", tmp_path / "elsewhere"
    disk.mkdir()
    (elsewhere / "again").mkdir(parents=True)
    try:
        subprocess.run([*OWN, MOUNT, "sh", str(disk)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        pytest.skip(f"this machine lets nobody mount a file system of their own: {problem}")
    command = [*OWN, TRIAL, "sh", str(disk), kind, str(elsewhere), sys.executable]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
