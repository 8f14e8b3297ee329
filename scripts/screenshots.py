"""Pictures of the real app for README and docs: `python scripts/screenshots.py [NAME ...]`.

Starts the app on the cache that MEMSIG_CACHE names (the shipped results where that is empty) and
writes docs/PAGE.png and docs/PAGE-dark.png of every page, and docs/sentence.webp and
docs/sentence-dark.webp: a sentence on the Overview, under the mouse and typed letter by letter.
Needs playwright and a Chromium.
"""

from __future__ import annotations

import io
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

from PIL import Image  # noqa: E402
from playwright.sync_api import Browser, FloatRect, Page, sync_playwright  # noqa: E402

from core.paper.studies import STUDIES  # noqa: E402
from core.paper.studies.study import installed  # noqa: E402

WIDTH = 1500
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
SIZE, DEPTH = (installed(STUDIES[name].corpora["corpus"]) for name in ("size", "depth"))
# The address of each page, and the height of its picture.
PAGES = {
    "signature": ("signature?corpus=shakespeare", 1400),
    "sweeps": (f"sweeps?sweep=Kernel size&corpus={SIZE}", 1130),
    "cells": ("sweeps?sweep=Cells", 900),
    "targets": ("sweeps?sweep=Targets", 1400),
    "depth": (f"sweeps?sweep=Depth&corpus={DEPTH}", 1130),
    "adaptation": ("adaptation?adaptation=Retraining", 1780),
    "ngram": ("adaptation?adaptation=Network against n-gram", 1180),
    "factorized": ("factorized", 1300),
    "pruning": ("factorized?factorized=Pruning", 1100),
    "las": ("las", 1250),
    "claims": ("claims", 1500),
}

FILM, FILM_SIZE = "sentence", {"width": 1080, "height": 800}
TYPED = "To be, or not to be, that is"
POINTED = ((24, 1), (24, 2), (24, 3), (24, 4), (27, 3), (27, 6))  # (letter of TYPED, lag)
MS_LETTER, MS_TYPED, MS_POINTED = 220, 1500, 1300
# What the picture of the sentence shows, as text.
SHOWN = "document.querySelector('.js-plotly-plot')?.data?.map(t => String(t.text)).join()"
# Where a cell of its first network lies on the page.
CELL = """([letter, lag]) => {
    const plot = document.querySelector('.js-plotly-plot'), layout = plot._fullLayout;
    const box = plot.getBoundingClientRect(), { xaxis, yaxis } = layout;
    return [box.x + xaxis._offset + xaxis.d2p(letter), box.y + yaxis._offset + yaxis.d2p(lag)];
}"""


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
            for name in names or (*PAGES, FILM):
                for theme in ("light", "dark"):
                    (_film if name == FILM else _shoot)(browser, address, name, theme)
    finally:
        server.terminate()
        server.wait()


def _shoot(browser: Browser, address: str, name: str, theme: str) -> None:
    path, height = PAGES[name]
    page = _open(browser, f"{address}/{path}", theme, WIDTH, height)
    page.screenshot(path=_file(name, theme, "png"))
    page.close()


def _film(browser: Browser, address: str, name: str, theme: str) -> None:
    """The line of the sentence and its picture: a frame for every letter and place pointed at.

    It begins with the whole sentence, which is what shows where films stand still.
    """
    page = _open(browser, f"{address}/?text={TYPED[0]}", theme, **FILM_SIZE)
    line = page.get_by_role("textbox", name="Your sentence")
    letters = [(_frame(page), MS_LETTER)]
    for length in range(2, len(TYPED) + 1):
        before = page.evaluate(SHOWN)
        line.fill(TYPED[:length])
        if TYPED[length - 1] != " ":  # a space at the end is none
            line.press("Enter")
            page.wait_for_function(f"before => {SHOWN} !== before", arg=before)
            page.wait_for_timeout(500)  # the picture settles
        letters.append((_frame(page), MS_LETTER))
    whole = [(_frame(page), MS_TYPED)]
    for cell in POINTED:
        page.mouse.move(*page.evaluate(CELL, cell))
        page.wait_for_timeout(500)
        whole.append((_frame(page), MS_POINTED))
    page.close()
    _write(whole + letters, _file(name, theme, "webp"))


def _frame(page: Page) -> Image.Image:
    """The page from the line of the sentence down to the end of its picture."""
    main, line, plot = (
        page.locator(place).first.bounding_box()
        for place in ("[data-testid=stMain]", ".st-key-sentence-line", ".js-plotly-plot")
    )
    assert main and line and plot
    height = plot["y"] + plot["height"] - line["y"]
    clip = FloatRect(x=main["x"] + 1, y=line["y"], width=main["width"] - 1, height=height)
    return Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")


def _write(frames: list[tuple[Image.Image, int]], file: Path) -> None:
    """A film of frames, each with its milliseconds, as high as the first of them."""
    images, durations = zip(*frames, strict=True)
    canvas = Image.new("RGB", images[0].size, images[0].getpixel((0, 0)))
    whole = [canvas.copy() for _ in images]
    for full, image in zip(whole, images, strict=True):
        full.paste(image)
    more = {"save_all": True, "append_images": whole[1:], "duration": durations, "loop": 0}
    whole[0].save(file, lossless=True, **more)


def _file(name: str, theme: str, ending: str) -> Path:
    return ROOT / "docs" / f"{name}{'' if theme == 'light' else '-dark'}.{ending}"


def _open(browser: Browser, address: str, theme: str, width: int, height: int) -> Page:
    """A page of the app whose pictures have been drawn."""
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme=theme, device_scale_factor=1
    )
    page.set_default_timeout(120_000)
    page.goto(address)
    page.wait_for_selector("[data-testid=stMainBlockContainer]")
    page.wait_for_selector(".js-plotly-plot, [data-testid=stDataFrame], table.parts")
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    page.wait_for_timeout(2000)  # the pictures settle
    return page


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
