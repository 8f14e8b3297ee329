"""What every test shares: a cache folder of its own, one thread, a small text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from core.store import Store
from tests.cluster import Cluster

# The nets of the tests are small: a second thread would mostly wait for the first.
if os.environ.get("MEMSIG_THREADS") != "0":  # 0: as many as the system says
    os.environ["MEMSIG_THREADS"] = "1"
torch.set_num_threads(1)
os.environ.pop("MEMSIG_WSJ", None)  # licensed discs on this machine are none of the tests' business
# Tests begin with nothing; those of the shipped results name a folder of their own.
os.environ["MEMSIG_REFERENCE"] = "off"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store, which is also what MEMSIG_CACHE points to."""
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path / "cache"))
    return Store()


@pytest.fixture(scope="session")
def text() -> bytes:
    """A small text with structure to learn: 400 lines of a few words in varying order."""
    import random

    words = "the quick brown fox jumps over a lazy dog, and then it sleeps. why not, asked zoe"
    chance = random.Random(0)
    lines = [" ".join(chance.choices(words.split(), k=chance.randint(5, 9))) for _ in range(400)]
    return "\n".join(lines).encode()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A Ray cluster of a head and two workers."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install -r requirements-ray.txt")
    running = Cluster()
    try:
        running.head()
        for _ in range(2):
            running.worker()
        yield running
    finally:
        running.stop()
