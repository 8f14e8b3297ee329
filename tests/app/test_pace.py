"""Open pages look for news less often the more of them there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from starlette.types import Receive, Scope, Send

from app import pace


def test_many_open_pages_look_less_often_together() -> None:
    async def visit() -> list[float]:
        seen = [pace.every(2)]
        async with AsyncExitStack() as pages:
            for number in range(1, 4 * pace.UNHURRIED + 1):
                await pages.enter_async_context(_page())
                if number in (pace.UNHURRIED, 4 * pace.UNHURRIED):
                    seen.append(pace.every(2))
        return [*seen, pace.every(2)]

    assert asyncio.run(visit()) == [2, 2, 8, 2]


@pytest.mark.parametrize("kind", ["http", "lifespan"])
def test_other_requests_are_no_open_pages(kind: str) -> None:
    async def visit() -> float:
        async with AsyncExitStack() as requests:
            for _ in range(4 * pace.UNHURRIED):
                await requests.enter_async_context(_page(kind))
            return pace.every(2)

    assert asyncio.run(visit()) == 2


def test_a_page_that_breaks_off_is_no_longer_open() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ConnectionError

    async def visit() -> None:
        for _ in range(4 * pace.UNHURRIED):
            with suppress(ConnectionError):
                await pace.Pace(broken)({"type": "websocket"}, _never, _never)

    asyncio.run(visit())
    assert pace.every(2) == 2


@asynccontextmanager
async def _page(kind: str = "websocket") -> AsyncIterator[None]:
    """A request that is open for as long as the context is."""
    close, opened = asyncio.Event(), asyncio.Event()

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        opened.set()
        await close.wait()

    task = asyncio.create_task(pace.Pace(served)({"type": kind}, _never, _never))
    await opened.wait()
    try:
        yield
    finally:
        close.set()
        await task


async def _never(*_: object) -> None:
    raise AssertionError
