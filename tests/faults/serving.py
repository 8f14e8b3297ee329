"""A running server under trial: whether it answers, its memory, and what its pages say."""

from __future__ import annotations

import os
import re
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.app.server import start
from tests.faults.tally import Tally

EVERY = 0.2  # seconds between two questions
PROMISED = 1.0  # seconds until it answers
LONG = 100  # tries, from which on that is held against it
MEMORY = 3 << 30  # bytes that the server and its readers of foreign bytes may take


@dataclass
class Watch:
    """How the server does meanwhile.

    took: seconds until it answered, each time, and seconds of these that its thread waited for a
    core. late: seconds that this process, which asks it, was itself kept waiting by the machine,
    at most. with_torch: it has loaded torch.
    """

    url: str
    pid: int
    took: list[tuple[float, float]] = field(default_factory=list)
    late: float = 0.0
    memory: int = 0
    with_torch: bool = False
    silent: list[str] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        before = time.monotonic()
        while not self._end.wait(EVERY):
            began = time.monotonic()
            waited = _waited(self.pid)
            self.late = max(self.late, began - before - EVERY)
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=30) as answer:
                    answer.read()
            except OSError as error:
                self.silent.append(f"/readyz: {error}")
            self.took.append((time.monotonic() - began, _waited(self.pid) - waited))
            self.memory = max(self.memory, sum(map(_memory, _family(self.pid))))
            before = time.monotonic()

    def end(self) -> None:
        self.with_torch = "libtorch" in _read(f"/proc/{self.pid}/maps")
        self._end.set()

    def longer(self, seconds: float) -> list[float]:
        """How long those answers took that took longer than that."""
        return [took for took, _ in self.took if took > seconds]


def _family(pid: int) -> list[int]:
    """A process and all that it has started."""
    found = [pid]
    for parent in found:
        with suppress(OSError):  # one that has ended by now
            for thread in os.listdir(f"/proc/{parent}/task"):
                found += map(int, _read(f"/proc/{parent}/task/{thread}/children").split())
    return found


def _memory(pid: int) -> int:
    """Bytes that a process holds in memory; 0 if it has ended."""
    found = re.search(r"VmRSS:\s+(\d+)", _read(f"/proc/{pid}/status"))
    return int(found[1]) * 1024 if found else 0


def _waited(pid: int) -> float:
    """Seconds that the first thread of a process, which answers, has waited for a core so far."""
    found = _read(f"/proc/{pid}/task/{pid}/schedstat").split()
    return int(found[1]) / 1e9 if found else 0.0


def _read(place: str) -> str:
    """What Linux says of a process; nothing if it has ended."""
    with suppress(OSError):
        return Path(place).read_text()
    return ""


def silent(tries: int) -> float:
    """Seconds that /readyz may take to answer.

    One in long forms. The short ones run beside other tests on busy machines: there it is as long
    as tells a server that hangs.
    """
    return PROMISED if tries >= LONG else 10.0


@contextmanager
def running(folder: Path, tally: Tally, tries: int, **environment: str) -> Iterator[str]:
    """The address of a server with its cache in `folder`; the tally gets what went wrong with it.

    Five times a second it is asked whether it is there, and its memory is looked at.
    """
    log = folder / "log.txt"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"MEMSIG_CACHE": str(folder / "cache"), **environment}.items():
            patch.setenv(name, value)
        app, url = start(log)
    watch = Watch(url, app.pid)
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    try:
        yield url
        if app.poll() is not None:
            tally.lost.append(f"the server ended with {app.returncode}")
    finally:
        watch.end()
        thread.join(40)
        app.terminate()
        app.wait(30)
    tally.lost += _troubles(watch, silent(tries), log.read_text(errors="replace"))
    tally.note = _note(watch)


def _note(watch: Watch) -> str:
    """How often it was asked, how long it took, and what held it up besides itself."""
    slowest, waited = max(watch.took, default=(0.0, 0.0))
    return (
        f"/readyz asked {len(watch.took):,} times, {len(watch.longer(PROMISED)):,} answers took "
        f"more than {PROMISED:g} s, the slowest {slowest:.2f} s, {waited:.2f} s of it waiting for "
        f"a core (who asked waited {watch.late:.2f} s for one at most); "
        f"{watch.memory / 2**30:.1f} GB at most"
    )


def _troubles(watch: Watch, seconds: float, log: str) -> list[str]:
    """What went wrong with the server as a whole, one sentence each."""
    found = watch.silent[:20]
    if late := watch.longer(seconds):
        found.append(f"/readyz took more than {seconds:g} s {len(late):,} times, {max(late):.1f} s")
    if watch.memory > MEMORY:
        found.append(f"the server took {watch.memory / 2**30:.1f} GB")
    if watch.with_torch:
        found.append("the server loaded torch, and answered nobody meanwhile")
    if "Traceback" in log:
        first = log.partition("Traceback")[2][:4000]
        found.append(f"{log.count('Traceback')} tracebacks in its log, the first: {first}")
    return found


def problem(message: ForwardMsg) -> str | None:
    """What a person must never see: an exception, or the sentence for one."""
    element = message.delta.new_element
    kind = element.WhichOneof("type")
    if kind == "exception":
        return f"showed {element.exception.type}: {element.exception.message[:200]}"
    if kind == "alert" and "Something went wrong" in element.alert.body:
        return "showed the sentence for an unexpected error"
    return None
