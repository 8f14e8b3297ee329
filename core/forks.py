"""A process that has torch loaded and forks others, which start in tenths of a second.

`Forks` is the side that asks; the process itself runs `serve`. Requests and answers are lines of
JSON: which module's `main` the new process runs, that it has started, how it ended.
A forked process is a session of its own that outlives both. The one that forks ends as soon as the
one that asks is gone, because its standard input is closed then.

multiprocessing's fork server is not used: it pickles, imports the program's main script again in
every process, gives all the environment in which the server was started, lives as long as any of
its processes, and takes its own end for theirs.
"""

from __future__ import annotations

import gc
import json
import os
import select
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from core import machine
from core.places import ROOT

# What takes long to load; torch._dynamo is what the first optimizer loads. Not polars and not
# pyarrow: they start threads when they are loaded, and threads do not survive a fork.
LOADED = ("torch", "torch._dynamo", "scipy.special", "duckdb", "core.registry")
POLL_SECONDS = 0.1


def safe() -> bool:
    """Whether a process with torch may fork here: not on macOS, nor where CUDA may be in use."""
    return sys.platform == "linux" and not machine.gpus()


class Forked:
    """A process that was asked for; pid: 0 until it has started."""

    def __init__(self, forks: Forks) -> None:
        self.pid, self._forks = 0, forks
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """How it ended, as subprocess.Popen says it; 1 where that is not known; None if it runs."""
        self._forks.listen()
        if self.returncode is None and not self._forks.alive() and not _runs(self.pid):
            self.returncode = 1
        return self.returncode


class Forks:
    """The process that forks; log: the file for what it prints. Not for two threads at once."""

    def __init__(self, log: Path) -> None:
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from core.forks import serve; serve()"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
            )
        assert self._process.stdout
        os.set_blocking(self._process.stdout.fileno(), False)
        self.pid = self._process.pid
        self._asked: list[Forked] = []
        self._answers = b""

    def alive(self) -> bool:
        return self._process.poll() is None

    def start(
        self, module: str, arguments: Sequence[str], log: Path, environment: Mapping[str, str]
    ) -> Forked:
        """Asks for a process that runs `main` of a module with these arguments and environment.

        What it prints goes to the end of the file `log`.
        """
        request = {
            "number": len(self._asked),
            "command": [module, *arguments],
            "log": str(log),
            "environment": dict(environment),
        }
        self._asked.append(Forked(self))
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return self._asked[-1]

    def listen(self) -> None:
        """Takes note of all answers that have come."""
        assert self._process.stdout
        while data := self._process.stdout.read(1 << 16):
            self._answers += data
        *lines, self._answers = self._answers.split(b"\n")
        for line in lines:
            answer = json.loads(line)
            forked = self._asked[answer["number"]]
            forked.pid = answer["pid"]
            forked.returncode = answer["code"]

    def close(self) -> None:
        """Ends the process; those that it has forked go on."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()


def _runs(pid: int) -> bool:
    """Whether there is a process of that number that has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


# The process that forks.


def serve() -> None:
    """Forks a process for every request until whoever asks is gone."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what a library prints must not mix with the answers
    machine.offer_to_end(500)
    for name in LOADED:
        import_module(name)
    gc.freeze()  # or a collection in a child would copy all that it shares with this process
    children: dict[int, int] = {}
    with os.fdopen(0, "rb", buffering=0) as requests:
        while True:
            wait = POLL_SECONDS if children else None
            if select.select([requests], [], [], wait)[0]:
                line = requests.readline()
                if not line:
                    return
                request = json.loads(line)
                if not (pid := os.fork()):
                    os.close(answers)
                    _become(request)
                children[pid] = request["number"]
                _answer(answers, children[pid], pid, None)
            for pid, code in _ended(children):
                _answer(answers, children.pop(pid), pid, code)


def _ended(children: dict[int, int]) -> list[tuple[int, int]]:
    """The children that have ended since, and how."""
    waited = [os.waitpid(pid, os.WNOHANG) for pid in children]
    return [(pid, os.waitstatus_to_exitcode(status)) for pid, status in waited if pid]


def _answer(answers: int, number: int, pid: int, code: int | None) -> None:
    line = json.dumps({"number": number, "pid": pid, "code": code})
    os.write(answers, line.encode() + b"\n")


def _become(request: dict[str, Any]) -> None:
    """Makes of a fork what a new process would be, and runs its `main`; never returns."""
    code = 1
    try:
        os.setsid()
        log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), log, log)):
            os.dup2(file, number)
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.argv = request["command"]
        import_module(sys.argv[0]).main()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
