"""Processes that die and visitors that come all at once."""

from __future__ import annotations

import math
import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error as PlaywrightError

from core import jobs
from tests.app.server import browsing, start
from tests.faults import study
from tests.faults.tally import Tally

# Visitors bring a machine of their own each. Here all tabs are on the app's: in few processes, so
# that fifty of them do not take all of its time from the app and its job.
RENDERERS = "--renderer-process-limit=2"
BEGIN = ".st-key-begin button"  # what asks for a signature that is missing


def kills(folder: Path, tries: int, seed: int) -> Tally:
    """kill -9 of the app or of a job, at random moments, until the studies asked for are there."""
    tally, chance, done = Tally(), random.Random(seed), []
    apps = math.ceil(0.3 * tries)
    order = ["app"] * apps + ["job"] * (tries - apps)
    chance.shuffle(order)
    with study.cache(folder / "cache") as store:
        app, _ = start(folder / "log.txt")
        try:
            while tally.tried < tries:
                wanted = study.specs(store, len(done))
                for spec in wanted:
                    jobs.request(spec, "a visitor", store)
                while tally.tried < tries and any(
                    (job := jobs.find(spec.key, store)) and job.live for spec in wanted
                ):
                    time.sleep(chance.uniform(0, 4))
                    if order[tally.tried] == "app":
                        app.kill()
                        app.wait()
                        app, _ = start(folder / "log.txt")
                        tally.tried += 1
                    elif worker := study.pid(wanted, store):
                        with suppress(ProcessLookupError):  # it ended this moment
                            os.kill(worker, signal.SIGKILL)
                        tally.tried += 1
                tally.lost += study.wait(wanted, store)
                done += wanted
        finally:
            app.terminate()
            app.wait(30)
        tally.lost += study.differences(done, store, folder / "calm")
    tally.note = f"{apps} of the app, {tries - apps} of jobs; {len(done)} signatures"
    return tally


def tabs(folder: Path, tries: int, seed: int) -> Tally:
    """Each tab opens a signature that nobody has computed and asks for it; one job computes it."""
    tally = Tally()
    with (
        study.cache(folder / "cache") as store,
        browsing(RENDERERS) as browser,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("MEMSIG_PROFILE", "smoke")
        (wanted, *_) = study.specs(store, 0)  # the seed that a page has
        app, url = start(folder / "log.txt")
        try:
            query = f"corpus={wanted.corpus.content}&hidden={wanted.model.hidden}"
            visitor = browser.new_context()
            opened = [visitor.new_page() for _ in range(tries)]
            for tab in opened:
                tab.set_default_timeout(900_000)  # they all load at once
                tab.goto(f"{url}/signature?{query}", wait_until="commit")
            for tab in opened:
                tab.wait_for_selector(f"{BEGIN}, [class*=st-key-strip-cancel], .js-plotly-plot")
                while tab.locator(BEGIN).count():
                    with suppress(PlaywrightError):  # the button goes once another tab has asked
                        tab.locator(BEGIN).click(timeout=10_000)
            for number, tab in enumerate(opened):
                tally.tried += 1
                try:
                    tab.wait_for_selector(".js-plotly-plot")
                except Exception as error:
                    tally.lost.append(f"tab {number} shows no signature: {error}")
                if tab.locator("[data-testid=stException]").count():
                    tally.lost.append(f"tab {number} shows a traceback")
            # The tabs may show its preview, which comes first.
            tally.lost += study.wait([wanted], store, 900)
            asked = store.query("SELECT key, count(*) AS n FROM jobs GROUP BY key")
            if wanted.key not in asked["key"]:
                tally.lost.append("none of the jobs is the one that the tabs have asked for")
            for key, times in asked.rows():
                if times > 1:
                    tally.lost.append(f"the job {key} ran {times} times")
            tally.note = f"{len(asked)} jobs for all of them"
        finally:
            app.terminate()
            app.wait(120)
    return tally
