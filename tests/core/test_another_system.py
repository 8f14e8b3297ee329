"""Tests of the library where the system offers what macOS offers: not all that Linux does.

The whole library: `python -m tests.core.test_another_system tests/core -m "not slow"`.
"""

from __future__ import annotations

import os
import site
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SYSTEM = ROOT / "tests" / "another_system"
# The children that read foreign bytes and answer SQL, a signature, and jobs (which read a text).
SOME = (
    "tests/core/test_child.py",
    "tests/core/corpora/speech/test_recordings.py::"
    "test_an_utterance_that_crashes_the_decoder_is_left_out_and_named",
    "tests/core/models/imported/test_imported.py::"
    "test_it_is_read_in_a_process_of_its_own_with_the_same_result",
    "tests/core/store/test_sandbox.py::test_reading_statements_answer",
    "tests/core/store/test_sandbox.py::test_a_slow_query_is_stopped_in_time",
    "tests/core/probes/test_measure.py::"
    "test_delay_line_recalls_what_it_holds_and_nothing_else[linear]",
    *(
        f"tests/core/jobs/test_jobs.py::{name}[embedded]"
        for name in (
            "test_a_job_computes_what_is_missing_and_says_how_it_went",
            "test_cancel_is_quick_and_the_job_can_be_asked_for_again",
        )
    ),
)


def python(folder: Path) -> str:
    """A Python whose every process finds what macOS has, isolated ones (-I) too."""
    venv.create(folder, symlinks=True)
    (place,) = folder.glob("lib/python*/site-packages")
    lines = [str(SYSTEM), *site.getsitepackages(), "import as_on_macos"]
    (place / "another_system.pth").write_text("\n".join(lines))
    return str(folder / "bin" / "python")


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs these tests with that Python, made in an empty folder."""
    command = [python(folder), "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    place = os.environ | {"PYTHONPATH": str(ROOT), "MEMSIG_THREADS": "0"}
    return subprocess.run(command, cwd=ROOT, env=place, capture_output=True, text=True)


@pytest.mark.slow
def test_the_library_where_the_system_offers_less(tmp_path: Path) -> None:
    isolated = [python(tmp_path / "seen"), "-I", "-c", "import os; os.sched_getaffinity(0)"]
    seen = subprocess.run(isolated, capture_output=True, text=True)
    assert "has no attribute 'sched_getaffinity'" in seen.stderr
    done = run(tmp_path / "python", *SOME)
    assert done.returncode == 0, done.stdout[-3000:]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        done = run(Path(folder), *sys.argv[1:])
    sys.exit(done.stdout + done.stderr if done.returncode else print(done.stdout))
