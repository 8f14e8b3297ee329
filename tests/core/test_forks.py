"""Forked processes are what new ones would be, but for the time they take to start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import forks
from tests.core.waiting import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="nothing forks on other systems"),
]
MODULE = "tests.core.forked"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[forks.Forks]:
    running = forks.Forks(tmp_path / "forks.log")
    yield running
    running.close()


def start(server: forks.Forks, folder: Path, what: str, **environment: str) -> forks.Forked:
    """A fork whose facts go to `<what>.json`."""
    out, log = folder / f"{what}.json", folder / "log.txt"
    return server.start(MODULE, [what, str(out)], log, os.environ | environment)


@pytest.mark.slow
def test_a_fork_is_a_new_process_with_torch_in_it(server: forks.Forks, tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("before\n")
    first = start(server, tmp_path, "first", MEMSIG_CACHE="here")
    until(lambda: first.poll() is not None)
    second = start(server, tmp_path, "second", MEMSIG_CACHE="there")
    until(lambda: second.poll() is not None)
    assert first.returncode == second.returncode == 0 and first.pid != second.pid
    new = tmp_path / "new.json"
    subprocess.run([sys.executable, "-m", MODULE, "new", str(new)], cwd=forks.ROOT, input=b"")
    facts = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in ("first", "new")}
    ours, fresh = facts["first"], facts["new"]
    heavy, threaded = ("torch", "torch._dynamo"), ("polars", "pyarrow")
    assert all(ours["loaded"][name] for name in heavy) and not fresh["loaded"]["torch"]
    # Their threads would be missing in the fork.
    assert not any(ours["loaded"][name] for name in threaded) and ours["threads"] == 1
    assert ours["parent"] == server.pid and ours["leads"] and ours["input"] == ""
    assert ours["nice"] == fresh["nice"] and ours["trained"] == fresh["trained"]
    assert ours["environment"] == os.environ | {"MEMSIG_CACHE": "here"}
    again = json.loads((tmp_path / "second.json").read_text())
    assert again["parent"] == server.pid and again["environment"]["MEMSIG_CACHE"] == "there"
    assert (tmp_path / "log.txt").read_text() == "before\n" + 2 * "said to the log\n"


@pytest.mark.slow
def test_how_forks_end_is_known(server: forks.Forks, tmp_path: Path) -> None:
    ends = {what: start(server, tmp_path, what) for what in ("raise", "kill")}
    until(lambda: all(fork.poll() is not None for fork in ends.values()))
    assert {what: fork.returncode for what, fork in ends.items()} == {"raise": 1, "kill": -9}
    assert "ValueError: a known end" in (tmp_path / "log.txt").read_text()


@pytest.mark.slow
def test_a_fork_outlives_the_process_that_forked_it(server: forks.Forks, tmp_path: Path) -> None:
    fork = start(server, tmp_path, "wait")
    until(lambda: fork.poll() is None and fork.pid)
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: not server.alive())
    assert fork.poll() is None  # still running
    (tmp_path / "wait.json.go").touch()
    until(lambda: fork.poll() is not None)
    assert fork.returncode == 1  # nobody can say how it ended
    assert json.loads((tmp_path / "wait.json").read_text())["loaded"]["torch"]


@pytest.mark.slow
def test_nothing_waits_for_a_process_that_died_before_it_forked(
    server: forks.Forks, tmp_path: Path
) -> None:
    os.kill(server.pid, signal.SIGSTOP)
    fork = start(server, tmp_path, "never")
    assert fork.poll() is None
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: fork.poll() is not None)
    assert fork.pid == 0 and not (tmp_path / "never.json").exists()


@pytest.mark.slow
def test_it_ends_with_whoever_asked(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from core import forks; "
        "print(forks.Forks(Path(sys.argv[1])).pid, flush=True); time.sleep(99)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "forks.log")]
    with subprocess.Popen(command, cwd=forks.ROOT, stdout=subprocess.PIPE, text=True) as asker:
        assert asker.stdout
        pid = int(asker.stdout.readline())
        assert forks._runs(pid)
        asker.kill()
    until(lambda: not forks._runs(pid))


def test_nothing_forks_where_that_is_not_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks.machine, "gpus", lambda: [])
    assert forks.safe()
    monkeypatch.setattr(forks.machine, "gpus", lambda: ["NVIDIA H100"])
    assert not forks.safe()
    monkeypatch.setattr(forks.machine, "gpus", lambda: [])
    monkeypatch.setattr(forks.sys, "platform", "darwin")
    assert not forks.safe()
