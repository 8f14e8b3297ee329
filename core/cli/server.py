"""The command that starts the app: `memsig app`."""

from __future__ import annotations

import argparse
import os
import sys

from core import places
from core.errors import BadInput


def app(options: argparse.Namespace) -> None:
    """Becomes the app's server; options.streamlit: more arguments of `streamlit run`.

    Raises BadInput where `core` is installed without the app.
    """
    script = places.app()
    if not script.is_file():
        raise BadInput(f"There is no app here: {script} is missing; install the whole program.")
    # -P: a folder that happens to hold an `app` or a `core` is not imported from.
    command = ["-P", "-m", "streamlit", "run", str(script), *options.streamlit]
    os.execv(sys.executable, [sys.executable, *command])
