"""Without login: under which names the app answers, and the headers of every answer."""

from __future__ import annotations

import asyncio
import http.client
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.types import Message
from streamlit import config

from app import access, guard, logouts
from tests.app.server import start

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("guard")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMSIG_CACHE", str(folder / "cache"))
        app, url = start(folder / "log.txt")
        yield url
    app.terminate()
    app.wait(20)


def ask(
    address: str, path: str, host: str, method: str = "GET", **headers: str
) -> http.client.HTTPResponse:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    connection.putrequest(method, path, skip_host=True)
    for name, value in {"Host": host, **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection.getresponse()


@pytest.mark.slow
def test_a_foreign_name_reaches_neither_pages_nor_the_websocket(address: str) -> None:
    """DNS rebinding: a page elsewhere whose name has been given this machine's address."""
    port = urlsplit(address).port
    evil = f"evil.example:{port}"
    for path in ("/", "/sql", "/_stcore/host-config", "/media/a.svg"):
        answer = ask(address, path, evil)
        assert answer.status == 421 and b"allowedHosts" in answer.read(), path
    assert ask(address, "/_stcore/stream", evil, Origin=f"http://{evil}", **UPGRADE).status == 403
    assert ask(address, "/readyz", evil).status == 200
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "192.168.1.9:8501"):
        assert ask(address, "/", host).status == 200, host
    own = f"http://localhost:{port}"
    opened = ask(address, "/_stcore/stream", f"localhost:{port}", Origin=own, **UPGRADE)
    assert opened.status == 101


@pytest.mark.slow
def test_every_answer_carries_the_headers(address: str) -> None:
    for path in ("/", "/readyz", "/media/a.svg", "/_stcore/health"):
        headers = ask(address, path, "localhost").headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["X-Frame-Options"] in ("SAMEORIGIN", "DENY"), path


@pytest.mark.parametrize(
    ("address", "cookie"),
    [
        ("https://lab.example/oauth2callback", b"a=1; Path=/; Secure"),
        ("http://localhost:8501/oauth2callback", b"a=1; Path=/"),
    ],
)
def test_cookies_are_for_https_alone_where_the_address_is(address: str, cookie: bytes) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"set-cookie", b"a=1; Path=/")]
    begun = {"type": "http.response.start", "status": 200, "headers": headers}
    asyncio.run(guard._with_headers(send, address)(begun))
    assert dict(sent[0]["headers"])[b"set-cookie"] == cookie


@pytest.mark.slow
def test_an_upload_says_how_long_it_is(address: str) -> None:
    path = "/_stcore/upload_file/s/f"
    for headers, status in (
        ({"Content-Length": "100", "Transfer-Encoding": "chunked"}, 411),
        ({"Transfer-Encoding": "chunked"}, 411),
        ({"Content-Length": "9" * 15}, 413),
        ({"Content-Length": str(60 * 2**20)}, 413),
        ({}, 411),
    ):
        assert ask(address, path, "localhost", "PUT", **headers).status == status, headers


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("127.0.0.1:8501", True),
        ("[::1]:8501", True),
        ("10.0.0.7", True),
        (socket.gethostname(), True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        (None, False),
        ("[::1", False),
    ],
)
def test_names_of_this_server(host: str | None, allowed: bool) -> None:
    assert access.host_allowed(host) is allowed


def test_names_that_the_settings_give(monkeypatch: pytest.MonkeyPatch) -> None:
    named = access.Access(providers=("default",), address="https://lab.example/oauth2callback")
    monkeypatch.setattr(access, "settings", lambda: named)
    assert access.host_allowed("lab.example") and not access.host_allowed("evil.example")
    config.set_option("server.allowedHosts", ["other.example"])
    try:
        assert access.host_allowed("other.example:443") and not access.host_allowed("lab.example")
    finally:
        config.set_option("server.allowedHosts", [])


def test_an_ended_login_stays_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path / "cache"))
    logouts.end("cookie")
    assert logouts.ended("cookie") and not logouts.ended("another")
    logouts._ended.clear()  # as after a restart
    assert logouts.ended("cookie") and not logouts.ended("another")
    assert "cookie" not in (tmp_path / "cache" / "logouts.txt").read_text()
