"""The app in a real browser: a click on a cell of the heatmap brings its confusion row."""

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
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from core.specs import SignatureSpec
from tests.app.prepared import prepare

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def chromium() -> str | None:
    """A Chromium that is there: CHROMIUM, one on the PATH, or playwright's own download."""
    found = [os.environ.get("CHROMIUM"), *(shutil.which(name) for name in NAMES)]
    with sync_playwright() as playwright:
        found.append(playwright.chromium.executable_path)
    return next((path for path in found if path and Path(path).exists()), None)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignatureSpec]:
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMSIG_CACHE", str(cache))
        patch.setenv("MEMSIG_PROFILE", "smoke")
        yield prepare(cache)


@pytest.fixture(scope="module")
def address(spec: SignatureSpec, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the running app, ready to be asked."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("app") / "log.txt"
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py"]
    options = [f"--server.port={port}", "--server.headless=true"]
    with log.open("wb") as output:
        app = subprocess.Popen([*command, *options], cwd=ROOT, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 60
        while not _answers(f"{url}/readyz"):
            assert app.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield url
    finally:
        app.terminate()
        app.wait(20)


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Page]:
    path = chromium()
    if path is None:
        reason = "NO BROWSER TEST: no Chromium was found; install one, or set CHROMIUM to its path."
        warnings.warn(reason, stacklevel=1)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        options = ["--headless", "--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(30_000)
        yield page
        browser.close()


def test_a_click_on_a_cell_shows_its_confusion_row(
    page: Page, address: str, spec: SignatureSpec
) -> None:
    page.goto(f"{address}/?corpus={spec.corpus.content}")
    heading = page.locator(".st-key-head-confusion .pane-title")
    heading.filter(has_text="e was read 3 ago").wait_for()
    # The layer that takes clicks is the trace with the most markers: one a cell.
    layer = page.locator("[class*=st-key-signature-] .scatterlayer .trace").filter(
        has=page.locator("path.point:nth-child(100)")
    )
    layer.first.wait_for(state="attached")
    points = layer.first.locator("path.point")
    assert points.count() == 31 * spec.max_lag
    # Markers are sorted by lag, then symbol; the second row of cells starts after 31.
    box = points.nth(31 + 20).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    heading.filter(has_text="was read 2 ago").wait_for()
    symbol = heading.inner_text().split()[2]
    assert "lag=2" in page.url and f"symbol={symbol}" in page.url
    bars = page.locator(".st-key-confusion .barlayer .point path")
    bars.first.wait_for(state="attached")
    assert bars.count() >= 1


def test_keys_step_to_the_next_cell_and_to_the_other_page(
    page: Page, address: str, spec: SignatureSpec
) -> None:
    page.goto(f"{address}/?corpus={spec.corpus.content}&lag=4&symbol=q")
    heading = page.locator(".st-key-head-confusion .pane-title")
    heading.filter(has_text="q was read 4 ago").wait_for()
    page.keyboard.press("Shift+ArrowRight")
    heading.filter(has_text="r was read 4 ago").wait_for()
    page.keyboard.press("2")
    page.wait_for_url("**/library**")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
