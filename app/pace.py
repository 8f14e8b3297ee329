"""How often an open page looks for news: less often the more pages are open.

Every look runs a part of the page's script, and Python runs one at a time. At their usual pace
fifty pages would ask for more than it can run.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

UNHURRIED = 12  # open pages that all look at their usual pace
_open = 0


class Pace:
    """ASGI middleware that counts the open pages: each holds one websocket."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        global _open
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        _open += 1
        try:
            await self.app(scope, receive, send)
        finally:
            _open -= 1


def every(seconds: float) -> float:
    """The seconds between two looks of a page that is drawn now; seconds: where few are open."""
    return seconds * max(1.0, _open / UNHURRIED)
