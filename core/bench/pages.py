"""How long the app takes from a click to the settled picture, page by page, in a real browser.

The app is started on a folder of its own that holds the shipped results, and is used through a
Chromium without a window. A picture has settled when nothing on the page changes any more.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from core import machine, places
from core.bench import peak_gb
from core.errors import BadInput
from core.paper import shipped
from core.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
INSTALL = (
    "This needs playwright and a Chromium: `pip install playwright`, then `playwright install "
    "chromium` or your system's chromium; CHROMIUM may name its path."
)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu")
ROUNDS = 3
QUIET = 400  # milliseconds without a change after which a picture counts as settled
PATIENCE = 180_000  # milliseconds
BATCH = 2_000  # signatures that are added at once
# Notes when the page last changed: what stands around it refreshes by itself and does not count.
WATCH = """
window.changed = 0;
new MutationObserver(list => {
  if (list.some(change => (change.target.closest ? change.target : change.target.parentElement)
      ?.closest("[data-testid=stMainBlockContainer]"))) window.changed = performance.now();
}).observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
"""
SETTLED = """([began, quiet]) => {
  const app = document.querySelector("[data-testid=stApp]");
  const last = Math.max(window.changed, began);
  const still = performance.now() - last > quiet;
  return still && app?.dataset.testScriptState === "notRunning" && last - began + 1;
}"""


@dataclass(frozen=True)
class Control:
    """Something that is used several times, each time with another text.

    selector: CSS. click: the text inside it is clicked, or all of it where the text is empty;
    type: the text is typed into it and Enter pressed; key: the text is a key.
    """

    how: Literal["click", "type", "key"]
    texts: tuple[str, ...]
    selector: str = "body"


def _switch(name: str, *texts: str) -> Control:
    return Control("click", texts, f".st-key-choice-{name}")


def _box(name: str, *texts: str) -> Control:
    return Control("type", texts, f".st-key-choice-{name} input")


# The pages by their titles, and what is used there; a page that is not listed is only opened.
CONTROLS = {
    "Overview": [Control("click", ("Pangram", "Alphabet", "Hamlet"), ".st-key-sentence-line")],
    "Signature": [
        Control("key", ("Shift+ArrowRight", "Shift+ArrowDown", "Shift+ArrowLeft", "Shift+ArrowUp")),
        _box("cell", "LSTM", "GRU"),
    ],
    "Sweeps": [_switch("sweep", "Depth", "Cells", "Kernel size"), _box("seeds", "3", "1")],
    "Adaptation": [_switch("adaptation", "Network against n-gram", "Retraining")],
    "Factorized": [
        _switch("factorized", "Pruning", "Numbers", "Atlas"),
        Control("type", ("qu", "ld"), ".st-key-basis-search input"),
    ],
    "LAS": [_switch("las", "Utterance", "Layers"), _box("alignment", "CTC", "attention")],
    "Compare": [
        _switch("among", "all laptop", "pinned"),
        _switch("pair", "A − C", "A − B"),
        Control("click", ("", ""), ".st-key-swap button"),
    ],
    "Claims": [_box("claims", "laptop", "the largest")],
    "Library": [_switch("part", "Corpora", "Models", "Space", "Runs")],
}


def run(rows: int | None = None) -> dict[str, Any]:
    """Seconds from a click to the settled picture, and CPU seconds of the server, by page.

    rows: rows of `recall` that the tables hold; copies of the shipped signatures make them up.
    `first_load_s`: of the overview in a server that has just started, to its live sentence;
    `memory_gb`: the most that the server has taken. Of every control the first use is not counted
    but given as `first_s`, the slowest of the page: what the server keeps it computes then.
    Raises BadInput where there is no browser.
    """
    with tempfile.TemporaryDirectory() as folder, _driver() as (driver, path):
        store = Store(Path(folder))
        shipped.update(store)
        if rows:
            _fill(store, rows)
        held = store.query("SELECT count(*) AS n FROM recall")["n"][0]
        browser = driver.chromium.launch(executable_path=path, args=[*FLAGS])
        with _server(Path(folder)) as (address, process):
            visit = _Visit(browser, address, process.pid)
            first = visit.first_load()
            visit.pin(store)
            used = [_use(visit) for _ in range(1 + ROUNDS)]
            memory = peak_gb(process.pid)
        browser.close()
    return {
        "pages": _summary(used),
        "first_load_s": first,
        "memory_gb": memory,
        "recall_rows": held,
        "threads": os.cpu_count(),
        "machine": machine.name(),
    }


def chromium(driver: Playwright) -> str | None:
    """A Chromium that is there: CHROMIUM, one on the PATH, or playwright's own download."""
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, NAMES)]
    found.append(driver.chromium.executable_path)
    return next((path for path in found if path and Path(path).exists()), None)


@contextmanager
def _driver() -> Iterator[tuple[Playwright, str]]:
    """Playwright, and the path of a browser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise BadInput(INSTALL) from error
    with sync_playwright() as driver:
        path = chromium(driver)
        if path is None:
            raise BadInput(INSTALL)
        yield driver, path


@contextmanager
def _server(cache: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The app on these results; its address and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(places.app())]
    options = [f"--server.port={port}", "--server.headless=true"]
    process = subprocess.Popen(
        [*command, *options],
        env=os.environ | {"MEMSIG_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE / 1000
        while not _answers(f"{address}/readyz"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BadInput("The app does not start; `python -m core app` says why.")
            time.sleep(0.1)
        yield address, process
    finally:
        process.terminate()
        process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


class _Visit:
    """One browser's visit to the app. pid: of the server."""

    def __init__(self, browser: Browser, address: str, pid: int) -> None:
        self.address, self.pid = address, pid
        self.page: Page = browser.new_page(viewport={"width": 1440, "height": 900})
        self.page.set_default_timeout(PATIENCE)
        self.page.add_init_script(WATCH)

    def first_load(self) -> float:
        """Seconds to the live sentence of the overview; returns when all of the page is there."""
        began = time.perf_counter()
        self.page.goto(self.address)
        self.page.locator(".st-key-sentence .js-plotly-plot .main-svg").first.wait_for()
        taken = time.perf_counter() - began
        self._settle(0)
        return taken

    def pin(self, store: Store) -> None:
        """Opens a page whose address pins three signatures, which all pages keep."""
        keys = store.query(
            "SELECT key FROM claim_signatures WHERE kind = 'char_lm' AND profile = 'laptop' "
            "ORDER BY hidden = 80 DESC, layers, cell, key LIMIT 3"
        )["key"]
        self.page.goto(f"{self.address}/compare?pins={'-'.join(key[:12] for key in keys)}")
        self._settle(0)

    def titles(self) -> list[str]:
        """The pages, as the rail lists them."""
        links = self.page.locator("[data-testid=stSidebarNavLink]").all_inner_texts()
        return [link.split("\n")[-1] for link in links]  # behind the name of its icon

    def open(self, title: str) -> tuple[float, float]:
        """Opens a page by the rail."""
        return self._click("[data-testid=stSidebarNav]", title)

    def use(self, control: Control, text: str) -> tuple[float, float]:
        """Uses a control; (seconds to the settled picture, CPU seconds of the server)."""
        if control.how == "click":
            return self._click(control.selector, text)
        if control.how == "type":
            self.page.locator(control.selector).first.fill(text)
            self.page.wait_for_timeout(QUIET)
            return self._timed(lambda: self.page.keyboard.press("Enter"))
        return self._timed(lambda: self.page.keyboard.press(text))

    def _click(self, selector: str, text: str) -> tuple[float, float]:
        place = self.page.locator(selector)
        place = (place.get_by_text(text, exact=True) if text else place).first
        place.scroll_into_view_if_needed()
        box = place.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        return self._timed(lambda: self.page.mouse.click(x, y))

    def _timed(self, press: Any) -> tuple[float, float]:
        before = _cpu(self.pid)
        began = self.page.evaluate("performance.now()")
        press()
        self.page.wait_for_timeout(50)  # the click has been sent
        return self._settle(began), _cpu(self.pid) - before

    def _settle(self, began: float) -> float:
        """Waits until nothing changes; the seconds from `began` to the last change."""
        settled = self.page.wait_for_function(SETTLED, arg=[began, QUIET], polling=50)
        return float(settled.json_value()) / 1000


def _use(visit: _Visit) -> list[tuple[str, float, float]]:
    """Opens every page and uses its controls: (page, seconds, CPU seconds) of each use."""
    used = []
    for title in visit.titles():
        used.append((title, *visit.open(title)))
        for control in CONTROLS.get(title, []):
            used += [(title, *visit.use(control, text)) for text in control.texts]
    return used


def _summary(rounds: list[list[tuple[str, float, float]]]) -> list[dict[str, Any]]:
    """A row for every page. rounds: what `_use` gives; the first is only the slowest of it."""
    found = []
    for title in dict.fromkeys(page for page, *_ in rounds[0]):
        first, *others = ([use for use in each if use[0] == title] for each in rounds)
        seconds = [s for each in others for _, s, _ in each]
        found.append(
            {
                "page": title,
                "p50_s": float(np.quantile(seconds, 0.5)),
                "p95_s": float(np.quantile(seconds, 0.95)),
                "cpu_s": float(np.mean([cpu for each in others for *_, cpu in each])),
                "first_s": max(s for _, s, _ in first),
                "uses": len(seconds),
            }
        )
    return found


def _cpu(pid: int) -> float:
    """CPU seconds that a process has taken; not a number where there is no /proc to ask."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _fill(store: Store, rows: int) -> None:
    """Adds copies of all shipped signatures and of their recall until there are so many rows.

    Each has a key of its own and another seed; confusion and replicates are not copied.
    """
    signatures, recall = (store.query(f"FROM {name}") for name in ("signatures", "recall"))
    copies = -(-rows // recall.height) - 1
    step = max(1, BATCH // signatures.height)
    for first in range(1, copies + 1, step):
        seeds = pl.DataFrame({"seed": range(first, min(first + step, copies + 1))})
        tables = {
            "signatures": _copied(signatures.drop("seed"), "key", seeds),
            "recall": _copied(recall, "signature", seeds).drop("seed"),
        }
        store.take_in(tables, publish=False)
    store.tables.publish()


def _copied(table: pl.DataFrame, key: str, seeds: pl.DataFrame) -> pl.DataFrame:
    """The rows once for every seed, which also begins the keys in their column `key`."""
    begin = pl.col("seed").cast(pl.String).str.zfill(8)
    named = (begin + pl.col(key).str.slice(8)).alias(key)
    return table.join(seeds, how="cross").with_columns(named)
