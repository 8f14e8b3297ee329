"""The process that reads foreign bytes: what it answers, and each way in which it may end."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from core.child import Child, Died
from core.errors import BadInput

pytestmark = pytest.mark.slow


def answer(data: bytes, way: str = "") -> bytes:
    """What the child of these tests runs."""
    print("a library's own words")
    if way == "refuse":
        raise BadInput("Give something else.")
    if way == "fail":
        raise KeyError("a mistake of ours")
    if way == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if way == "sleep":
        time.sleep(60)
    if way == "hoard":
        return bytes(1 << 32)
    if way == "write":
        with open("/tmp/never", "wb") as file:
            file.write(b"x")
    if way == "score":
        return Path("/proc/self/oom_score_adj").read_bytes()
    return data[::-1] + str(os.getpid()).encode()


@pytest.fixture
def child() -> Child:
    return Child("tests.core.test_child:answer", memory_mb=500)


def test_it_answers_again_and_again_in_one_process_of_its_own(child: Child) -> None:
    with child:
        first, second = (child.ask(b"abc" * 100_000, seconds=10) for _ in range(2))
    assert first == second and first.startswith(b"cba" * 100_000)
    assert int(first[300_000:]) != os.getpid()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has a score to set")
def test_the_kernel_ends_it_first_where_memory_ends(child: Child) -> None:
    with child:
        assert int(child.ask(seconds=10, way="score")) == 900


def test_a_refusal_is_passed_on_and_the_process_lives(child: Child) -> None:
    with child:
        before = child.ask(seconds=10)
        with pytest.raises(BadInput, match="Give something else"):
            child.ask(seconds=10, way="refuse")
        assert child.ask(seconds=10) == before


@pytest.mark.parametrize(
    ("way", "why"),
    [
        ("fail", r"its reader failed on it \(KeyError\)"),
        ("crash", "its reader crashed on it"),
        ("sleep", "takes more than 0.5 seconds"),
        ("hoard", "needs more than 500 MB of memory"),
        ("write", "its reader"),
    ],
)
def test_an_end_is_told_and_the_next_question_answered(child: Child, way: str, why: str) -> None:
    with child:
        with pytest.raises(Died, match=why):
            child.ask(seconds=0.5 if way == "sleep" else 20, way=way)
        assert child.ask(b"ab", seconds=20).startswith(b"ba")
