"""With login on, the door: nothing is served to a stranger but the page that says "Log in".

It stands before every route of the server, streamlit's own included (pages, scripts, media,
uploads, components, the websocket), and knows people by the signed cookie that streamlit's login
sets. Streamlit has no public function that reads it; 1.67.0 is pinned, and tests/app/test_login.py
fails if another version reads it differently.
"""

from __future__ import annotations

import html
from typing import Any
from urllib.parse import quote, unquote

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config
from streamlit.auth_util import encode_provider_token, get_origin_from_redirect_uri
from streamlit.url_util import make_url_path
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import (
    _get_signed_cookie_with_chunks,
    _parse_decoded_user_cookie,
)

from app import access

READY, LOGIN = "/readyz", "/login"
# What a stranger needs in order to log in, and a machine to know that the app is up.
OPEN = ("/auth/login", "/auth/logout", "/oauth2callback")
UPLOAD = "/_stcore/upload_file/"
WANTED = "memsig_wanted"  # the cookie that remembers what a stranger wanted to see
FORM_BYTES = 2**16  # of an upload, beside the file
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
        if scope["type"] == "lifespan" or not (settings := access.settings()).login:
            await self.app(scope, receive, send)
            return
        base, path = config.get_option("server.baseUrlPath") or "", scope["path"]
        opened = {READY, *(make_url_path(base, route) for route in OPEN)}
        user = _user(HTTPConnection(scope))
        role = settings.role(user)
        answer: Response | None = None
        if scope["type"] == "websocket":
            if role is None:
                await receive()
                await send({"type": "websocket.close", "code": 1008})
                return
        elif path == make_url_path(base, LOGIN):
            answer = _login(HTTPConnection(scope), base)
        elif role is None and path not in opened:
            answer = _refused(scope, user, base)
        elif role is not None and UPLOAD in path:
            answer = _upload(scope, role, settings.upload_mb)
        elif role is not None and path == make_url_path(base, "/"):
            answer = _wanted(HTTPConnection(scope))
        await (answer or self.app)(scope, receive, send)


def _user(request: HTTPConnection) -> dict[str, Any]:
    """The claims in the login's cookie; empty where there is none, or none that is ours."""
    origin = get_origin_from_redirect_uri()
    try:
        raw = _get_signed_cookie_with_chunks(request.cookies, USER_COOKIE_NAME)
        return _parse_decoded_user_cookie(raw, origin) if raw and origin else {}
    except Exception:  # whatever is wrong with a cookie, its bearer is a stranger
        return {}


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


def _upload(scope: Scope, role: access.Role, upload_mb: int) -> Response | None:
    """Why an upload is refused; None where it may come in."""
    if role != "member":
        return PlainTextResponse("Uploading is for members.", 403, HEADERS)
    length = Headers(scope=scope).get("content-length", "")
    if scope["method"] in ("PUT", "POST") and (
        not length.isdecimal() or int(length) > upload_mb * 2**20 + FORM_BYTES
    ):
        return PlainTextResponse(f"Upload at most {upload_mb} MB.", 413, HEADERS)
    return None
