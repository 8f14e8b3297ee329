"""A Ray cluster for tests: a head and workers started with `ray start`, on loopback, with a token.

Every node has a loopback address of its own, as if it were a machine of its own. (127.0.0.1 will
not do: Ray replaces it by the address of the host.)
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HEAD = "127.0.0.2"
# Ray's workers give way to everything else on a machine, which a busy one never gives back.
NODE_ENV = {"RAY_ADDRESS": "", "MEMSIG_THREADS": "1", "RAY_worker_niceness": "0"}
# A node's whole process group ends with it, and with the test that holds its input open.
TOGETHER = '("$@"; kill -9 0) & cat; kill -9 0'


class Cluster:
    """A head, and workers of one CPU each. env: what whoever uses it sets."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind((HEAD, 0))
            self.address = f"{HEAD}:{free.getsockname()[1]}"
        self.folder = Path(tempfile.mkdtemp(prefix="ray"))  # short: socket paths are limited
        self.env = {
            "RAY_ADDRESS": self.address,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(16),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        self.nodes: dict[str, subprocess.Popen[bytes]] = {}  # by address
        self._started = 0

    def head(self) -> None:
        """The first node, which computes nothing."""
        port = self.address.split(":")[1]
        options = ["--include-dashboard=false", f"--temp-dir={self.folder}"]
        self._start("--head", f"--port={port}", "--num-cpus=0", *options)

    def worker(self) -> None:
        """One more node."""
        self._start(f"--address={self.address}", "--num-cpus=1")

    def _start(self, *options: str) -> None:
        for _ in range(3):  # a node gives up after 30 seconds, which a busy machine may need
            if self._started_node(*options):
                return
        raise AssertionError((self.folder / f"node-{self._started}.txt").read_text())

    def _started_node(self, *options: str) -> bool:
        self._started += 1
        log = self.folder / f"node-{self._started}.txt"
        host = f"{HEAD[:-1]}{self._started + 1}" if self.nodes else HEAD
        with log.open("wb") as output:
            node = subprocess.Popen(
                [
                    "sh",
                    "-c",
                    TOGETHER,
                    "sh",
                    sys.executable,
                    "-m",
                    "ray.scripts.scripts",
                    "start",
                    "--block",
                    f"--node-ip-address={host}",
                    "--object-store-memory=200000000",
                    *options,
                ],
                cwd="/",  # the program comes with the job, not with the place a worker stands in
                env=os.environ | self.env | NODE_ENV,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        while b"runtime started" not in log.read_bytes():
            if node.poll() is not None:
                return False
            time.sleep(0.1)
        self.nodes[host] = node
        return True

    def kill(self, host: str) -> None:
        """Ends a machine as a power cut would."""
        node = self.nodes.pop(host)
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()

    def stop(self) -> None:
        for host in reversed(list(self.nodes)):
            self.kill(host)
        shutil.rmtree(self.folder, ignore_errors=True)
