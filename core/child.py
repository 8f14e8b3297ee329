"""Foreign bytes are read in a process of their own, which may take only so much and may die.

`Child` is the side that asks. The process that answers runs `serve`, which calls a function of this
project, `function(data, **arguments) -> bytes`, on every request. Requests and answers are a line
of JSON and then bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Self

from core import machine
from core.errors import BadInput

_CODE = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from core.child import serve; serve(sys.argv[2], int(sys.argv[3]))"
)
_ROOT = str(Path(__file__).resolve().parents[1])
START_SECONDS = 60  # a busy machine may take so long to start a process
MAX_ANSWER = 1 << 30  # bytes
_LINE = 1 << 16  # bytes of an answer's first line


class Died(Exception):
    """The process ended before it answered; the message is a few words on why."""


class Child:
    """A process that calls one function; started when it is first asked, and again after it died.

    function: "module:name". memory_mb: what its address space may grow by (on Linux). It answers
    one question at a time: threads wait for each other.
    """

    def __init__(self, function: str, memory_mb: int) -> None:
        self._command = [sys.executable, "-IBc", _CODE, _ROOT, function, str(memory_mb)]
        self._memory_mb = memory_mb
        self._process: subprocess.Popen[bytes] | None = None
        self._one_at_a_time = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Starts the process if there is none, so that it loads what it needs meanwhile."""
        with self._one_at_a_time:
            self._process = self._process or _started(self._command)

    def close(self) -> None:
        """Ends the process, if there is one."""
        with self._one_at_a_time:
            process, self._process = self._process, None
            if process is not None:
                process.kill()
                process.wait()
                for pipe in (process.stdin, process.stdout):
                    with contextlib.suppress(OSError):  # of what was written and never read
                        assert pipe
                        pipe.close()

    def ask(self, data: bytes = b"", *, seconds: float, **arguments: Any) -> bytes:
        """What the function makes of the data and arguments (as JSON), within so many seconds.

        Raises what it refuses as BadInput, and Died if the process ended or was ended.
        """
        with self._one_at_a_time:
            return self._ask(data, seconds, arguments)

    def _ask(self, data: bytes, seconds: float, arguments: dict[str, Any]) -> bytes:
        fresh = self._process is None
        process = self._process = self._process or _started(self._command)
        with killed_after(process, seconds + START_SECONDS * fresh) as late:
            try:
                request = {"seconds": seconds, "arguments": arguments}
                answer, body = _exchange(process, data, request)
            except (OSError, ValueError, KeyError, TypeError) as problem:
                self.close()
                if late.is_set() or process.returncode == -signal.SIGALRM:
                    raise Died(f"that takes more than {seconds:g} seconds") from problem
                raise Died("its reader crashed on it") from problem
            except BaseException:
                self.close()  # an answer that nobody reads must not be taken for the next one
                raise
        if "refused" in answer:
            raise BadInput(answer["refused"])
        if "failed" in answer:
            self.close()
            short = answer["failed"] == "MemoryError"
            raise Died(
                f"that needs more than {self._memory_mb:,} MB of memory"
                if short
                else f"its reader failed on it ({answer['failed']})"
            )
        return body


@contextlib.contextmanager
def killed_after(process: subprocess.Popen[bytes], seconds: float) -> Iterator[threading.Event]:
    """Kills a process that still works after so many seconds; the event is set if it did."""
    late = threading.Event()

    def stop() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(seconds, stop)
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pipesize=1 << 20,  # a recording in few pieces
        cwd="/",
        env={"LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )


def _exchange(
    process: subprocess.Popen[bytes], data: bytes, request: dict[str, Any]
) -> tuple[dict[str, Any], bytes]:
    """One request and its answer; OSError or ValueError where there is none."""
    assert process.stdin and process.stdout
    _write(process.stdin, request, data)
    answer = json.loads(process.stdout.readline(_LINE))
    size = answer["size"]
    if not 0 <= size <= MAX_ANSWER:
        raise ValueError("an answer of no bounded size")
    body = process.stdout.read(size)
    if len(body) != size:
        raise ValueError("an answer cut short")
    return answer, body


def _write(pipe: IO[bytes], head: dict[str, Any], data: bytes) -> None:
    pipe.write(json.dumps(head | {"size": len(data)}).encode() + b"\n")
    pipe.write(data)
    pipe.flush()


# The process that answers.


def _limit(memory_mb: int) -> None:
    """Bounds of this process from here on: memory, no files written, no core left behind."""
    for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(kind, (0, 0))
    if sys.platform == "linux":
        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        most = now + memory_mb * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def serve(name: str, memory_mb: int) -> None:
    """Answers requests to the function of this name until there are no more."""
    # Whatever a library prints must not mix with the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    machine.offer_to_end(900)
    module, _, attribute = name.partition(":")
    function = getattr(import_module(module), attribute)
    _limit(memory_mb)
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        # The alarm kills; it needs no help from an interpreter that waits inside a library.
        signal.setitimer(signal.ITIMER_REAL, request["seconds"])
        head, body = dict[str, str](), b""
        try:
            body = function(sys.stdin.buffer.read(request["size"]), **request["arguments"])
        except BadInput as refusal:
            head = {"refused": str(refusal)}
        except Exception as error:
            head = {"failed": type(error).__name__}
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(answers, head, body)
