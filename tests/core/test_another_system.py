"""Tests of the library where `os` has what macOS has: not all that Linux has.

The whole library:
`MEMSIG_THREADS=0 PYTHONPATH=tests/another_system:. python -m pytest tests/core -m "not slow"`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DELAY = "test_measure.py::test_delay_line_recalls_what_it_holds_and_nothing_else[linear]"
JOB = "test_jobs.py::test_a_job_computes_what_is_missing_and_says_how_it_went[embedded]"
SOME = ("tests/core/test_child.py", f"tests/core/probes/{DELAY}", f"tests/core/jobs/{JOB}")


@pytest.mark.slow
def test_the_library_where_the_system_offers_less() -> None:
    place = os.pathsep.join([str(ROOT / "tests" / "another_system"), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": place, "MEMSIG_THREADS": "0"}
    gone = "import os; assert not hasattr(os, 'sched_getaffinity')"
    subprocess.run([sys.executable, "-c", gone], env=environment, check=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SOME]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
