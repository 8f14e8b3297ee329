"""Login end to end: a real OpenID provider, a real browser, every route that the server answers."""

from __future__ import annotations

import http.client
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from app import access
from core import jobs
from core.errors import BadInput
from core.signatures.spec import SignatureSpec
from tests.app.prepared import prepare
from tests.app.server import ROOT, browsing, free_port, start

# The provider warns of what it is built on.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

OPEN = {"/readyz", "/login", "/auth/login", "/auth/logout", "/oauth2callback"}
PEOPLE = {"members": ["ada@lab.org"], "viewers": ["@lab.org"], "queued": 2, "upload_mb": 1}
SECRETS = """
[auth]
redirect_uri = "{url}/oauth2callback"
cookie_secret = "{secret}"
client_id = "signatures"
client_secret = "anything"
server_metadata_url = "{provider}/.well-known/openid-configuration"
[people]
members = ["ada@lab.org"]
viewers = ["@lab.org"]
queued = 2
upload_mb = 1
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignatureSpec]:
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMSIG_CACHE", str(cache))
        patch.setenv("MEMSIG_PROFILE", "smoke")
        yield prepare(cache)


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    from oidc_provider_mock import User, run_server_in_thread

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    people = [
        ("ada", "ada@lab.org", {"email_verified": True}),
        ("vi", "Vi@Lab.org", {"email_verified": "true"}),
        ("eve", "eve@elsewhere.org", {"email_verified": True}),
        ("mal", "ada@lab.org", {"email_verified": False}),
        ("str", "ada@lab.org", {"email_verified": "false"}),
        ("nov", "ada@lab.org", {}),
    ]
    users = [User(sub=sub, claims={"email": email} | claims) for sub, email, claims in people]
    with run_server_in_thread(user_claims=users) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture(scope="module")
def address(
    spec: SignatureSpec, provider: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of the running app, with login on."""
    port, folder = free_port(), tmp_path_factory.mktemp("app")
    url = f"http://localhost:{port}"  # as the provider is told; a cookie knows no other name
    secrets = folder / "secrets.toml"
    secrets.write_text(SECRETS.format(url=url, provider=provider, secret="s" * 40))
    app, _ = start(folder / "log.txt", f"--secrets.files={secrets}", port=port)
    yield url
    app.terminate()
    app.wait(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A browser without cookies."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def enter(page: Page, address: str, sub: str, path: str = "/") -> None:
    """Open a page as a stranger and log in at the provider."""
    page.goto(f"{address}{path}")
    page.get_by_role("link", name="Log in").click()
    # The provider's page asks the internet for its style; the form is there without it.
    page.locator("input[name=sub]").fill(sub)
    page.get_by_role("button", name="Authorize").click()


def ask(url: str, method: str = "GET", **headers: str) -> tuple[int, str, dict[str, str]]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    connection.request(method, target, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode(errors="replace")
    return answer.status, body, dict(answer.getheaders())


def routes() -> list[tuple[str, list[str]]]:
    """Every route of the app, streamlit's own included, as the server itself lists them."""
    code = (
        "import json; from app.main import app; "
        "print(json.dumps([[r.path, sorted(getattr(r, 'methods', None) or ['GET'])] "
        "for r in app._build_starlette_app().routes]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_a_stranger_gets_nothing_from_any_route(address: str) -> None:
    listed = routes()
    known = {"/readyz", "/_stcore/stream", "/_stcore/health", "/media/{file_id:path}"}
    assert known <= {path for path, _ in listed}
    paths = {
        path.replace("{file_id:path}", "a.svg")
        .replace("{path:path}", "a/b.js")
        .replace("{session_id}", "s")
        .replace("{file_id}", "f")
        or "/": methods
        for path, methods in listed
    }
    pages = ["/compare", "/sql", "/library", "/index.html", "/static/js/index.js", "/favicon.png"]
    paths |= {path: ["GET", "POST"] for path in pages}
    for path, methods in paths.items():
        if path in OPEN:
            continue
        for method in {*methods, "GET"}:
            status, body, _ = ask(f"{address}{path}", method)
            assert status == 401 and body in ("Log in first.", ""), (method, path, status, body)
    status, body, _ = ask(f"{address}/readyz")
    assert (status, body) == (200, "ready")


def test_neither_a_websocket_nor_a_forged_cookie_opens_the_door(address: str) -> None:
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    status, body, _ = ask(f"{address}/_stcore/stream", **upgrade)
    assert status == 403 and not body
    from itsdangerous import URLSafeTimedSerializer

    claims = {"email": "ada@lab.org", "is_logged_in": True, "origin": address}
    signed = URLSafeTimedSerializer("another secret", salt="_streamlit_user").dumps(
        json.dumps(claims)
    )
    for cookie in (signed, "x", "chunks-9", json.dumps(claims), "." * 5000):
        status, body, _ = ask(f"{address}/", Cookie=f"_streamlit_user={cookie}")
        assert status == 401 and body == "Log in first.", cookie
    for path in ("//", "/..%2freadyz", "/readyz/../media/a", "/_stcore/stream/", "/READYZ"):
        assert ask(f"{address}{path}")[0] in (400, 401)


def test_the_login_page_is_all_that_a_strangers_browser_shows(page: Page, address: str) -> None:
    seen: list[tuple[int, str]] = []
    page.on("response", lambda answer: seen.append((answer.status, answer.url)))
    page.goto(f"{address}/compare?pins=abc")
    shown = page.locator("body").inner_text()
    assert " ".join(shown.split()) == "Memory Signatures Please log in. Log in"
    assert {status for status, _ in seen} == {401}
    assert "streamlit" not in page.content().lower()


def test_a_member_comes_where_they_wanted_and_leaves_no_door_open(
    page: Page, address: str, spec: SignatureSpec
) -> None:
    seen: dict[str, str] = {}
    page.on("request", lambda asked: seen.setdefault(asked.url, asked.method))
    enter(page, address, "ada", f"/signature?corpus={spec.corpus.content}&lag=4")
    page.locator(".status-line").filter(has_text="ada@lab.org, member").wait_for()
    page.locator(".pane-title").filter(has_text="was read 4 ago").wait_for()
    with page.expect_download() as downloaded:
        page.get_by_role("button", name="CSV", exact=True).click()
    media = downloaded.value.url
    cookies = "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies())
    status, body, _ = ask(media, Cookie=cookies)
    assert status == 200 and body.startswith("signature,lag,symbol")
    page.locator("[data-testid=stSidebarNav]").get_by_text("Library").click()
    page.get_by_text("Corpora", exact=True).click()
    page.get_by_text("Add a text").wait_for()
    file = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"some words\n" * 40}
    with page.expect_request(lambda asked: asked.method == "PUT") as uploaded:
        page.locator("input[type=file]").set_input_files(file)
    inside = {url: method for url, method in seen.items() if url.startswith(address)}
    inside |= {media: "GET", uploaded.value.url: "PUT"}
    kinds = {urlsplit(url).path.split("/")[1] for url in inside}
    assert {"media", "static", "_stcore"} <= kinds
    for url, method in inside.items():  # all that this browser was served, asked for by a stranger
        if urlsplit(url).path not in OPEN:
            status, body, _ = ask(url, method)
            assert (status, body) == (401, "Log in first."), url
    # What is too large is refused at the door, before it is read.
    assert ask(uploaded.value.url, "PUT", Cookie=cookies, **{"Content-Length": "2000000"})[0] == 413
    chunked = {"Content-Length": "100", "Transfer-Encoding": "chunked"}
    assert ask(uploaded.value.url, "PUT", Cookie=cookies, **chunked)[0] == 411
    # A picture on a page, or a link on a foreign one, logs nobody out.
    for purpose in ({"Sec-Fetch-Dest": "image"}, {"Sec-Fetch-Site": "cross-site"}):
        assert ask(f"{address}/auth/logout", Cookie=cookies, **purpose)[0] == 403
    page.evaluate(
        "() => new Promise(end => { const i = new Image(); i.onerror = end; "
        "i.src = '/auth/logout'; })"
    )
    assert ask(f"{address}/", Cookie=cookies)[0] == 200
    page.get_by_role("button", name="Settings").click()
    page.get_by_text("ada@lab.org, member").last.wait_for()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(lambda url: not url.startswith(f"{address}/library"))
    page.goto(f"{address}/library")
    page.get_by_role("link", name="Log in").wait_for()
    assert ask(f"{address}/", Cookie=cookies)[0] == 401  # a copy of the cookie, made before


def test_a_viewer_looks_and_starts_nothing(page: Page, address: str, spec: SignatureSpec) -> None:
    enter(page, address, "vi", f"/signature?corpus={spec.corpus.content}&cell=lstm")
    page.locator(".status-line").filter(has_text="Vi@Lab.org, viewer").wait_for()
    begin = page.locator(".st-key-begin button")
    begin.wait_for()
    assert begin.is_disabled() and jobs.listing() == []
    page.goto(f"{address}/library?part=Corpora")
    page.get_by_text("Adding is for members").wait_for()
    cookies = "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies())
    status, body, _ = ask(f"{address}/_stcore/upload_file/s/f", "PUT", Cookie=cookies)
    assert (status, body) == (403, "Uploading is for members.")


@pytest.mark.parametrize(
    ("sub", "name"),
    [
        ("eve", "eve@elsewhere.org"),
        ("mal", "ada@lab.org"),
        ("str", "ada@lab.org"),
        ("nov", "ada@lab.org"),
    ],
)
def test_whoever_is_not_on_the_list_stays_outside(
    page: Page, address: str, sub: str, name: str
) -> None:
    """Another address; and one on the list that the provider does not call verified."""
    enter(page, address, sub)
    page.get_by_text(f"{name} may not use this app").wait_for()
    cookies = "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies())
    for path in ("/", "/_stcore/host-config", "/media/a.svg"):
        assert ask(f"{address}{path}", Cookie=cookies)[0] == 403
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Origin": address,
    }
    assert ask(f"{address}/_stcore/stream", Cookie=cookies, **upgrade)[0] == 403


def secrets(**people: object) -> dict[str, Any]:
    auth = {
        "redirect_uri": "https://a.org/oauth2callback",
        "cookie_secret": "s" * 32,
        "client_id": "i",
        "client_secret": "s",
        "server_metadata_url": "https://p",
    }
    return {"auth": auth, "people": PEOPLE | people}


def test_settings_that_are_wrong_keep_the_app_from_starting(tmp_path: Path) -> None:
    wrong = [
        ({"people": PEOPLE}, "no \\[auth\\]"),
        (secrets(members="ada@lab.org"), "people.members"),
        (secrets(members=["lab.org"]), "neither an address nor a domain"),
        (secrets(membrs=[]), "people.membrs"),
        (secrets(queued=0), "people.queued"),
        (secrets(members=["\u212aim@lab.org"]), "neither an address nor a domain"),
        ({"auth": "yes"}, "no table"),
        (secrets(providers=["default"]), "people.providers"),
        ({"auth": {"client_id": "i"}}, "incomplete"),
        ({"auth": secrets()["auth"] | {"redirect_uri": "https://a.org/"}}, "incomplete"),
        ({"auth": secrets()["auth"] | {"cookie_secret": "short"}}, "too short"),
    ]
    for tables, sentence in wrong:
        with pytest.raises(BadInput, match=sentence):
            access.read(tables)
    files = {name: tmp_path / f"{name}.toml" for name in ("broken", "capital", "link", "folder")}
    files["latin"] = tmp_path / "latin.toml"
    files["broken"].write_text("[auth\n")
    files["capital"].write_text("[Auth]\nclient_id = 'i'\n")
    files["link"].symlink_to(tmp_path / "nowhere")
    files["folder"].mkdir()
    files["latin"].write_bytes("[auth]\nclient_id = 'é'\n".encode("latin-1"))
    for file in files.values():
        with pytest.raises(BadInput, match=f"{file.name} turns login on, and it"):
            access._tables(file)
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.headless=true"]
    for name in ("capital", "folder", "link"):
        options = [f"--secrets.files={files[name]}", f"--server.port={free_port()}"]
        done = subprocess.run(
            [*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        output = done.stderr + done.stdout
        assert done.returncode != 0 and "turns login on, and it" in output, output
        assert "Traceback" not in output, output


def test_the_example_of_secrets_is_read_once_filled_in() -> None:
    import tomllib

    tables = tomllib.loads((ROOT / "app" / ".streamlit" / "secrets.example.toml").read_text())
    with pytest.raises(BadInput, match="incomplete"):
        access.read(tables)
    tables["auth"] |= dict.fromkeys(("client_id", "client_secret"), "x") | {
        "cookie_secret": "s" * 32
    }
    found = access.read(tables)
    assert found.login and found.providers == ("default",) and found.queued == 20


def test_roles() -> None:
    found = access.read(secrets())
    known = {"is_logged_in": True}
    for claim, counts in (
        (None, False),
        ("false", False),
        (0, False),
        ("True", True),
        (True, True),
    ):
        claims = known | {"email": "ada@lab.org", "email_verified": claim}
        assert found.role(claims) == ("member" if counts else None), claim
    trusting = access.read(secrets(trust_unverified=True))
    assert trusting.role(known | {"email": "ada@lab.org"}) == "member"
    assert trusting.role(known | {"email": "ada@lab.org", "email_verified": "false"}) is None
    known["email_verified"] = True
    for claims, role in (
        ({"email": "ADA@lab.org"}, "member"),
        ({"email": "bob@lab.org"}, "viewer"),
        ({"email": "bob@sub.lab.org"}, None),
        ({"email": "bob@lab.org@evil.org"}, None),
        ({"email": "ada@lab.org", "email_verified": False}, None),
        ({"email": "lab.org"}, None),
        ({"email": "ada@la\u212a.org"}, None),
        ({"name": "ada@lab.org"}, None),
    ):
        assert found.role(known | claims) == role, claims
        assert found.role(claims) is None
    assert access.Access().role({}) == "member"
    several = secrets()
    several["auth"] = {key: several["auth"][key] for key in ("redirect_uri", "cookie_secret")}
    several["auth"]["lab"] = {k: "x" for k in ("client_id", "client_secret", "server_metadata_url")}
    assert access.read(several).providers == ("lab",)
