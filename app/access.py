"""Who may use the app, and for what: the settings of its login.

They are read once, when the server starts. With login on, an error in them keeps the app from
starting: it must never be open because of a typing mistake.
"""

from __future__ import annotations

import socket
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from streamlit import config
from streamlit.auth_util import is_authlib_installed
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from core.errors import BadInput

Role = Literal["member", "viewer"]
CALLBACK = "/oauth2callback"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class People(BaseModel):
    """Who may do what: the table [people] of secrets.toml.

    members start and cancel jobs, upload and delete; viewers look and query. Both are lists of
    addresses, or of domains such as '@example.org'. queued: jobs that one person may have waiting
    or running (None: any number); upload_mb: the largest file that may be uploaded.
    trust_unverified: whether an address counts of which the provider does not say that it is
    verified; one that it calls unverified never does.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    members: list[str] = []
    viewers: list[str] = []
    queued: int | None = Field(default=None, ge=1)
    upload_mb: int = Field(default=50, ge=1, le=64)
    trust_unverified: bool = False

    @field_validator("members", "viewers")
    @classmethod
    def _addresses(cls, listed: list[str]) -> list[str]:
        for address in listed:
            if address.count("@") != 1 or address.endswith("@") or not address.isascii():
                raise ValueError(f"{address!r} is neither an address nor a domain like @a.org")
        return [address.lower() for address in listed]


class Access(People):
    """Who may do what, and the providers of [auth] that people log in with; none: no login.

    address: where people reach the app, the redirect_uri of [auth].
    """

    providers: tuple[str, ...] = ()
    address: str = ""

    @property
    def login(self) -> bool:
        """Whether people have to log in."""
        return bool(self.providers)

    def role(self, user: Mapping[str, Any]) -> Role | None:
        """What a logged-in person may do, by the claims of their identity token; None: nothing.

        Without login everybody is a member. Addresses are compared in ASCII: `str.lower` makes
        an ordinary k of the Kelvin sign.
        """
        if not self.login:
            return "member"
        email = user.get("email")
        if user.get("is_logged_in") is not True or not self._verified(user):
            return None
        if not isinstance(email, str) or not email.isascii() or email.count("@") != 1:
            return None
        names = {email.lower(), f"@{email.lower().partition('@')[2]}"}
        if names & set(self.members):
            return "member"
        return "viewer" if names & set(self.viewers) else None

    def _verified(self, user: Mapping[str, Any]) -> bool:
        """Whether the address counts as verified. Some providers send the claim as text."""
        claim = user.get("email_verified")
        if claim is None:
            return self.trust_unverified
        return claim is True or str(claim).lower() == "true"


@lru_cache
def settings() -> Access:
    """The settings of this server. Raises BadInput with one sentence where they are wrong."""
    tables: dict[str, Any] = {}
    for file in map(Path, config.get_option("secrets.files")):
        if file.is_symlink() or file.exists():
            tables |= _tables(file)
    return read(tables)


def _tables(file: Path) -> dict[str, Any]:
    """The tables of one secrets.toml; BadInput where it cannot be read or is not understood."""
    wrong = f"{file} turns login on, and it"
    mend = "correct it, or take it away; see app/.streamlit/secrets.example.toml."
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{wrong} cannot be read ({error.strerror}): {mend}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{wrong} is no TOML ({error}): {mend}") from error
    unknown = sorted(set(tables) - {"auth", "people"})
    if unknown:
        raise BadInput(f"{wrong} has {unknown[0]!r} beside [auth] and [people]: {mend}")
    return tables


def read(secrets: Mapping[str, Any]) -> Access:
    """The settings in the tables of a secrets.toml; BadInput where they are wrong."""
    auth, people = secrets.get("auth"), secrets.get("people", {})
    if auth is None:
        if "people" in secrets:
            raise BadInput("secrets.toml has [people] and no [auth]: without login all may enter.")
        return Access()
    if not isinstance(auth, Mapping):
        raise BadInput("auth in secrets.toml is no table; see app/.streamlit/secrets.example.toml.")
    try:
        known = People.model_validate(people)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(["people", *map(str, first["loc"])])
        raise BadInput(f"{where} in secrets.toml is wrong: {first['msg']}.") from error
    named = [name for name, part in auth.items() if isinstance(part, Mapping) and _complete(part)]
    providers = (["default"] if _complete(auth) else []) + named
    address = urlsplit(str(auth.get("redirect_uri", "")))
    if not providers or not address.netloc or not address.path.endswith(CALLBACK):
        raise BadInput(
            "[auth] in secrets.toml is incomplete: give redirect_uri (https://…/oauth2callback), "
            "client_id, client_secret and server_metadata_url; see secrets.example.toml."
        )
    if len(str(auth.get("cookie_secret", ""))) < 32:
        raise BadInput("auth.cookie_secret in secrets.toml is too short: give 32 random letters.")
    if not is_authlib_installed():
        raise BadInput("Login needs Authlib: install what requirements.txt names.")
    redirect = str(auth["redirect_uri"])
    return Access(**known.model_dump(), providers=tuple(providers), address=redirect)


def host_allowed(host: str | None) -> bool:
    """Whether a request may come under this Host header.

    A web page elsewhere can give its own name this machine's address (DNS rebinding) and would
    then reach the app from any visitor's browser. So a name must be one of this server's:
    those of `server.allowedHosts`, else the one people log in under, else this machine's own.
    An address in numbers is nobody's name.
    """
    if config.get_option("server.allowedHosts"):
        return is_host_allowed(host)
    try:
        name = (urlsplit(f"//{host or ''}").hostname or "").rstrip(".")
    except ValueError:
        return False
    own = urlsplit(settings().address).hostname if settings().login else socket.gethostname()
    return name in (*LOOPBACK, (own or "").lower()) or _in_numbers(name)


def _in_numbers(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def openness() -> str:
    """Who can reach this server without logging in, in one sentence."""
    if on_loopback():
        return "No login is set up, so only this machine reaches the app."
    return "No login is set up: whoever reaches this server may do everything."


def on_loopback() -> bool:
    """Whether the server listens to this machine alone."""
    return config.get_option("server.address") in LOOPBACK


def _complete(part: Mapping[str, Any]) -> bool:
    return all(part.get(key) for key in ("client_id", "client_secret", "server_metadata_url"))
