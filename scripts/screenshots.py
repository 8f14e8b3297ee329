"""Screenshots of the real app for README and docs: `python scripts/screenshots.py [PAGE ...]`.

Starts the app on the cache that MEMSIG_CACHE names (the shipped results where that is empty) and
writes docs/PAGE.png and docs/PAGE-dark.png. Needs playwright and a Chromium.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, sync_playwright  # noqa: E402

from core.paper.studies import STUDIES  # noqa: E402
from core.paper.studies.study import installed  # noqa: E402

WIDTH = 1500
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
SIZE, DEPTH = (installed(STUDIES[name].corpora["corpus"]) for name in ("size", "depth"))
# The address of each page, and the height of its picture.
PAGES = {
    "overview": ("", 1050),
    "signature": ("signature?corpus=shakespeare", 1400),
    "sweeps": (f"sweeps?sweep=Kernel size&corpus={SIZE}", 1130),
    "cells": ("sweeps?sweep=Cells", 900),
    "targets": ("sweeps?sweep=Targets", 1080),
    "depth": (f"sweeps?sweep=Depth&corpus={DEPTH}", 1130),
    "adaptation": ("adaptation?adaptation=Retraining", 1780),
    "ngram": ("adaptation?adaptation=Network against n-gram", 1180),
    "factorized": ("factorized", 1300),
    "pruning": ("factorized?factorized=Pruning", 1100),
    "las": ("las", 1250),
    "claims": ("claims", 1500),
}


def main(names: list[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py"]
    server = subprocess.Popen(
        [*command, "--server.port", str(port), "--server.headless", "true"], cwd=ROOT
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(f"{address}/readyz")
        with sync_playwright() as driver:
            where = os.environ.get("CHROMIUM") or shutil.which("chromium")
            browser = driver.chromium.launch(executable_path=where, args=FLAGS)
            for name in names or PAGES:
                for theme in ("light", "dark"):
                    _shoot(browser, address, name, theme)
    finally:
        server.terminate()
        server.wait()


def _shoot(browser: Browser, address: str, name: str, theme: str) -> None:
    path, height = PAGES[name]
    page = browser.new_page(
        viewport={"width": WIDTH, "height": height}, color_scheme=theme, device_scale_factor=1
    )
    page.set_default_timeout(120_000)
    page.goto(f"{address}/{path}")
    page.wait_for_selector("[data-testid=stMainBlockContainer]")
    page.wait_for_selector(".js-plotly-plot, [data-testid=stDataFrame], table.parts")
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    page.wait_for_timeout(2000)  # the pictures settle
    page.screenshot(path=ROOT / "docs" / f"{name}{'' if theme == 'light' else '-dark'}.png")
    page.close()


def _wait(address: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


if __name__ == "__main__":
    main(sys.argv[1:])
