"""Logins that have been ended: a cookie that was copied before must open nothing after.

Streamlit's logout only takes the cookie from the browser that asks; the signed cookie itself stays
valid for 30 days. So its hash is written down, in a file that a restart reads again.
"""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path

from streamlit.web.server.starlette.starlette_server_config import AUTH_COOKIE_MAX_AGE_SECONDS

from core import places

_lock = threading.Lock()
_ended: dict[Path, dict[str, float]] = {}  # by file: hash of a cookie -> when it expires


def end(cookie: str) -> None:
    """Ends the login of this cookie, for ever and in every process."""
    now = time.time()
    with _lock:
        path, ended = _file()
        ended[_hash(cookie)] = now + AUTH_COOKIE_MAX_AGE_SECONDS
        alive = {digest: until for digest, until in ended.items() if until > now}
        _ended[path] = alive
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_text("".join(f"{digest} {until:.0f}\n" for digest, until in alive.items()))
        draft.replace(path)


def ended(cookie: str) -> bool:
    """Whether the login of this cookie has been ended."""
    with _lock:
        return _hash(cookie) in _file()[1]


def _file() -> tuple[Path, dict[str, float]]:
    path = places.cache() / "logouts.txt"
    if path not in _ended:
        lines = path.read_text().splitlines() if path.exists() else []
        _ended[path] = {line.split()[0]: float(line.split()[1]) for line in lines}
    return path, _ended[path]


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
