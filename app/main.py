"""Entry point: `streamlit run app/main.py`.

Streamlit imports this file once to find the server (`app`: the job runner's life, the /readyz
route, the guard before all routes where people log in, the count of open pages), and runs it as a
script for every view of a page.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

# Streamlit puts only app/ on the import path; `app` and `core` live one folder up.
ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import pandas  # noqa: E402, F401  (two first visitors at once would race inside plotly's import)
import streamlit as st  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402
from starlette.requests import Request  # noqa: E402
from starlette.responses import PlainTextResponse  # noqa: E402
from starlette.routing import Route  # noqa: E402
from streamlit.runtime.pages_manager import PagesManager  # noqa: E402

from app import access  # noqa: E402
from app.guard import READY, Guard  # noqa: E402
from app.pace import Pace  # noqa: E402
from app.shell import shell  # noqa: E402
from app.shell.errors import explain  # noqa: E402
from core import jobs, reading  # noqa: E402
from core.errors import BadInput  # noqa: E402
from core.paper import shipped  # noqa: E402


@asynccontextmanager
async def life(_: st.App) -> AsyncIterator[dict[str, Any]]:
    """Run the jobs for as long as the server runs: one runner, however many people look."""
    shipped.update()
    if any(map(reading.ready, shipped.networks())):
        reading.start()  # the overview opens with a sentence
    runner = jobs.Runner()
    runner.start()
    runner.calibrate()
    # Whatever is loaded by now stays. A full collection that looked through all of it would take
    # a tenth of a second in which nobody is answered, or ten times that on a busy machine.
    gc.collect()
    gc.freeze()
    yield {"runner": runner}
    runner.stop()


async def ready(_: Request) -> PlainTextResponse:
    """Answer load balancers and health checks once the server and its runner are up."""
    return PlainTextResponse("ready")


if __name__ == "__main__":
    shell.run()
else:
    try:
        access.settings()
    except BadInput as mistake:
        sys.exit(str(mistake))
    # Streamlit would run a file of pages/ instead of this one for whoever opens its link before
    # anybody has been here.
    PagesManager.uses_pages_directory = False
    app = st.App(
        __file__,
        lifespan=life,
        routes=[Route(READY, ready)],
        middleware=[Middleware(Guard), Middleware(Pace)],
        on_script_error=explain,
    )
