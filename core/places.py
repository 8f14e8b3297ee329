"""Where the program reads and writes: in a checkout of the repository, or installed.

| | from a checkout | installed |
|---|---|---|
| the cache folder | `cache/` | `memory-signatures` in the user's cache folder |
| the shipped results | `cache/reference/` | beside `core.paper` |
| the documents | `docs/` | beside `app` |
| the app | `app/main.py` | `app/main.py`, beside `core` |
| compiled code | `memory-signatures-compiled` in the user's cache folder | the same |

`MEMSIG_CACHE` and `MEMSIG_REFERENCE` name other folders.
"""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]  # the folder that holds `core` and `app`
NAME = "memory-signatures"


def checkout() -> Path | None:
    """The root of the repository if the program runs from one, else None."""
    return ROOT if (ROOT / "pyproject.toml").is_file() else None


def cache() -> Path:
    """The folder for everything that is computed, where MEMSIG_CACHE does not name another.

    Installed: by the XDG base directory specification, `~/.cache/memory-signatures`.
    """
    if chosen := os.environ.get("MEMSIG_CACHE"):
        return Path(chosen).expanduser()
    if root := checkout():
        return root / "cache"
    return _of_user() / NAME


def compiled() -> Path:
    """The folder for machine code, the user's own: others may write to the cache folder."""
    return _of_user() / f"{NAME}-compiled"


def _of_user() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return base if base.is_absolute() else Path.home() / ".cache"


def reference() -> Path:
    """The folder of the results that come with the program."""
    root = checkout()
    return root / "cache" / "reference" if root else ROOT / "core" / "paper" / "reference"


def documents() -> Path:
    """The folder of the documents."""
    root = checkout()
    return root / "docs" if root else ROOT / "app" / "docs"


def app() -> Path:
    """The script that Streamlit runs."""
    return ROOT / "app" / "main.py"


def requirements() -> list[str]:
    """What the program needs, as the lines of requirements.txt."""
    if root := checkout():
        lines = (root / "requirements.txt").read_text().splitlines()
        return [line for line in lines if line and not line.startswith("#")]
    return [line for line in metadata.requires(NAME) or [] if "extra ==" not in line]
