"""The app as its own process, and a browser, or the bare messages of one, to look at it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def start(log: Path, *options: str, port: int | None = None) -> tuple[subprocess.Popen[bytes], str]:
    """Starts the app on a port of loopback; the process and its address, once it answers.

    options: more of streamlit's. port: None takes a free one.
    """
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py"]
    usual = [f"--server.port={port}", "--server.headless=true"]
    with log.open("wb") as output:
        app = subprocess.Popen([*command, *usual, *options], cwd=ROOT, stdout=output, stderr=output)
    deadline = time.monotonic() + 600  # a busy machine takes its time
    while not answers(f"{url}/readyz"):
        if app.poll() is not None or time.monotonic() > deadline:
            app.kill()
            raise AssertionError(log.read_text())
        time.sleep(0.2)
    return app, url


@contextmanager
def browsing(*options: str) -> Iterator[Browser]:
    """A browser, with options of its own; skips the test where there is none."""
    path = chromium()
    if path is None:
        reason = "NO BROWSER TEST: no Chromium was found; install one, or set CHROMIUM to its path."
        warnings.warn(reason, stacklevel=1)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        usual = ["--headless", "--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=path, args=[*usual, *options])
        yield browser
        browser.close()


@contextmanager
def looking() -> Iterator[Page]:
    """A page of a browser; skips the test where there is none."""
    with browsing() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        yield page


def connected(url: str) -> ClientConnection:
    """The socket that a browser opens to a running app."""
    address, origin = url.replace("http:", "ws:") + "/_stcore/stream", {"Origin": url}
    return connect(address, subprotocols=["streamlit"], additional_headers=origin, max_size=None)


def run_page(
    socket: ClientConnection, wanted: ClientState, seconds: float = 60
) -> Iterator[ForwardMsg]:
    """Asks for a run of a page or of a part of it; what is answered, up to the end of the run.

    A run that asks for another one is not the end. Raises TimeoutError after so many seconds.
    """
    socket.send(BackMsg(rerun_script=wanted).SerializeToString())
    deadline = time.monotonic() + seconds
    while True:
        data = socket.recv(timeout=max(0, deadline - time.monotonic()))
        message = ForwardMsg.FromString(data if isinstance(data, bytes) else data.encode())
        yield message
        again = message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN
        if message.WhichOneof("type") == "script_finished" and not again:
            return


def chromium() -> str | None:
    """A Chromium that is there: CHROMIUM, one on the PATH, or playwright's own download."""
    found = [os.environ.get("CHROMIUM"), *(shutil.which(name) for name in NAMES)]
    with sync_playwright() as playwright:
        found.append(playwright.chromium.executable_path)
    return next((path for path in found if path and Path(path).exists()), None)


def answers(url: str) -> bool:
    """Whether the address answers that all is well."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
