"""The guard before every route of the server, streamlit's own included.

It refuses requests under a foreign host name and uploads that are too large, and adds the headers
that every answer should carry. With login on, nothing is served to a stranger but the page that
says "Log in". It knows people by the signed cookie that streamlit's login sets. Streamlit has no
public function that reads it; 1.67.0 is pinned, and tests/app/test_login.py fails if another
version reads it differently.
"""

from __future__ import annotations

import html
from typing import Any
from urllib.parse import quote, unquote

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config
from streamlit.auth_util import encode_provider_token, get_origin_from_redirect_uri
from streamlit.url_util import make_url_path
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import (
    _get_signed_cookie_with_chunks,
    _parse_decoded_user_cookie,
)

from app import access, logouts

READY, LOGIN = "/readyz", "/login"
# What a stranger needs in order to log in, and a machine to know that the app is up.
OPEN = ("/auth/login", "/auth/logout", "/oauth2callback")
UPLOAD = "/_stcore/upload_file/"
FOREIGN_HOST = (
    "This server is not reached under that name: name it in server.allowedHosts (docs/deploy.md)."
)
WANTED = "memsig_wanted"  # the cookie that remembers what a stranger wanted to see
FORM_BYTES = 2**16  # of an upload, beside the file
# On every answer: no other site may put the app into a frame, and types are not guessed.
ALWAYS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"SAMEORIGIN",
    b"referrer-policy": b"same-origin",
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Memory Signatures</title>
<style>
:root {{ color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }}
body {{ margin: 18vh auto; max-width: 24rem; padding: 0 1rem; }}
a {{ display: inline-block; margin: 0 .5rem .5rem 0; padding: .4rem 1rem; border-radius: 4px;
     background: #5b3a9b; color: #fff; text-decoration: none; }}
</style>
<h1 style="font-size: 1.2rem">Memory Signatures</h1><p>{said}</p>{links}</html>"""


class Guard:
    """ASGI middleware that lets in whom `access.settings()` names."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        request, settings = HTTPConnection(scope), access.settings()
        user = _user(request) if settings.login else {}
        role = settings.role(user)
        host = access.host_allowed(request.headers.get("host"))
        if scope["type"] == "websocket":
            if role is None or not host:
                await receive()
                await send({"type": "websocket.close", "code": 1008})
                return
            await self.app(scope, receive, send)
            return
        base, path = config.get_option("server.baseUrlPath") or "", scope["path"]
        answer: Response | None = None
        if path == READY:
            pass
        elif not host:
            answer = PlainTextResponse(FOREIGN_HOST, 421, HEADERS)
        elif UPLOAD in path and role is not None:
            answer = _upload(request, role, settings.upload_mb)
        elif settings.login:
            answer = _by_login(request, user, role, base)
        await (answer or self.app)(scope, receive, _with_headers(send, settings.address))


def _by_login(
    request: HTTPConnection, user: dict[str, Any], role: access.Role | None, base: str
) -> Response | None:
    """The answer where people log in; None where the app itself is to answer."""
    path = request.scope["path"]
    login, logout, callback = (make_url_path(base, route) for route in OPEN)
    if path == make_url_path(base, LOGIN):
        return _login(request, base)
    if path == logout:
        return _logout(request)
    if role is None and path not in (login, callback):
        return _refused(request.scope, user, base)
    if role is not None and path == make_url_path(base, "/"):
        return _wanted(request)
    return None


def _with_headers(send: Send, address: str) -> Send:
    """A `send` that adds `ALWAYS` to an answer, and `Secure` to its cookies over https."""
    secure = address.startswith("https://")

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = [
                (name, value + b"; Secure")
                if secure and name == b"set-cookie" and b"; secure" not in value.lower()
                else (name, value)
                for name, value in message["headers"]
            ]
            names = {name.lower() for name, _ in given}
            message["headers"] = given + [h for h in ALWAYS.items() if h[0] not in names]
        await send(message)

    return sending


def _user(request: HTTPConnection) -> dict[str, Any]:
    """The claims in the login's cookie; empty where there is none, or none that is ours."""
    origin = get_origin_from_redirect_uri()
    try:
        raw = _get_signed_cookie_with_chunks(request.cookies, USER_COOKIE_NAME)
        if not raw or not origin or logouts.ended(_cookie(request)):
            return {}
        return _parse_decoded_user_cookie(raw, origin)
    except Exception:  # whatever is wrong with a cookie, its bearer is a stranger
        return {}


def _cookie(request: HTTPConnection) -> str:
    """The cookie of the login as it was sent, its parts one after the other."""
    parts = sorted(name for name in request.cookies if name.startswith(USER_COOKIE_NAME))
    return "".join(request.cookies[name] for name in parts)


def _logout(request: HTTPConnection) -> Response | None:
    """Ends the login, so that a copy of its cookie opens nothing either; then streamlit's turn.

    Only for whoever goes there: a picture or a link on a foreign page logs nobody out. Browsers
    say what a request is for (Sec-Fetch-…) over https and on this machine.
    """
    purpose = request.headers.get("sec-fetch-dest", "document")
    origin = request.headers.get("sec-fetch-site", "same-origin")
    if purpose != "document" or origin not in ("same-origin", "none"):
        return PlainTextResponse("Log out by the button in Settings.", 403, HEADERS)
    logouts.end(_cookie(request))
    return None


def _login(request: HTTPConnection, base: str) -> Response:
    """On to a provider, by a token that streamlit takes for two minutes."""
    provider = request.query_params.get("provider", "")
    if provider not in access.settings().providers:
        return RedirectResponse(make_url_path(base, "/"), 302, HEADERS)
    token = quote(encode_provider_token(provider))
    return RedirectResponse(f"{make_url_path(base, OPEN[0])}?provider={token}", 302, HEADERS)


def _refused(scope: Scope, user: dict[str, Any], base: str) -> Response:
    """The page to log in for whoever opens one; for anything else one line."""
    status = 403 if user else 401
    page = scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")
    if not page:
        return PlainTextResponse("Log in first.", status, HEADERS)
    if user:
        name = html.escape(str(user.get("email") or user.get("name") or "You"))
        said = f"{name} may not use this app; ask whoever runs it."
        links = [(OPEN[1], "Log in as somebody else")]
    else:
        said = "Please log in."
        links = [
            (f"{LOGIN}?provider={name}", "Log in" if name == "default" else f"Log in: {name}")
            for name in access.settings().providers
        ]
    buttons = "".join(
        f'<a href="{html.escape(make_url_path(base, link))}">{html.escape(text)}</a>'
        for link, text in links
    )
    answer = HTMLResponse(PAGE.format(said=said, links=buttons), status, HEADERS)
    query = scope["query_string"].decode("latin-1")
    wanted = quote(f"{scope['path']}?{query}" if query else scope["path"])
    if not user and len(wanted) < 3000:
        answer.set_cookie(WANTED, wanted, max_age=600, httponly=True, samesite="lax")
    return answer


def _wanted(request: HTTPConnection) -> Response | None:
    """After the login, which ends at the root: on to what was wanted before it."""
    if WANTED not in request.cookies:
        return None
    target = unquote(request.cookies[WANTED])
    inside = target.startswith("/") and target[1:2] not in ("/", "\\")
    answer = RedirectResponse(target if inside else "/", 302, HEADERS)
    answer.delete_cookie(WANTED)
    return answer


def _upload(request: HTTPConnection, role: access.Role, upload_mb: int) -> Response | None:
    """Why an upload is refused; None where it may come in."""
    if role != "member":
        return PlainTextResponse("Uploading is for members.", 403, HEADERS)
    if request.scope["method"] not in ("PUT", "POST"):
        return None
    length = request.headers.get("content-length", "")
    if "transfer-encoding" in request.headers or not length.isdecimal():
        return PlainTextResponse("Say how long the file is (Content-Length).", 411, HEADERS)
    if len(length) > 12 or int(length) > upload_mb * 2**20 + FORM_BYTES:
        return PlainTextResponse(f"Upload at most {upload_mb} MB.", 413, HEADERS)
    return None
