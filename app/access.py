"""Who may use the app, and for what: the settings of its login.

They are read once, when the server starts. With login on, an error in them keeps the app from
starting: it must never be open because of a typing mistake.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from streamlit import config
from streamlit.auth_util import is_authlib_installed
from streamlit.errors import StreamlitSecretNotFoundError
from streamlit.runtime.secrets import secrets_singleton

from core.errors import BadInput

Role = Literal["member", "viewer"]
CALLBACK = "/oauth2callback"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class People(BaseModel):
    """Who may do what: the table [people] of secrets.toml.

    members start and cancel jobs, upload and delete; viewers look and query. Both are lists of
    addresses, or of domains such as '@example.org'. queued: jobs that one person may have waiting
    or running (None: any number); upload_mb: the largest file that may be uploaded.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    members: list[str] = []
    viewers: list[str] = []
    queued: int | None = Field(default=None, ge=1)
    upload_mb: int = Field(default=50, ge=1, le=64)

    @field_validator("members", "viewers")
    @classmethod
    def _addresses(cls, listed: list[str]) -> list[str]:
        for address in listed:
            if address.count("@") != 1 or address.endswith("@"):
                raise ValueError(f"{address!r} is neither an address nor a domain like @a.org")
        return [address.lower() for address in listed]


class Access(People):
    """Who may do what, and the providers of [auth] that people log in with; none: no login."""

    providers: tuple[str, ...] = ()

    @property
    def login(self) -> bool:
        """Whether people have to log in."""
        return bool(self.providers)

    def role(self, user: Mapping[str, Any]) -> Role | None:
        """What a logged-in person may do, by the claims of their identity token; None: nothing.

        Without login everybody is a member. An address that the provider says is not verified
        counts for nobody.
        """
        if not self.login:
            return "member"
        email = user.get("email")
        known = user.get("is_logged_in") is True and user.get("email_verified") is not False
        if not known or not isinstance(email, str) or email.count("@") != 1:
            return None
        names = {email.lower(), f"@{email.lower().partition('@')[2]}"}
        if names & set(self.members):
            return "member"
        return "viewer" if names & set(self.viewers) else None


@lru_cache
def settings() -> Access:
    """The settings of this server. Raises BadInput with one sentence where they are wrong."""
    files = [Path(file) for file in config.get_option("secrets.files")]
    if not any(file.exists() for file in files):
        return Access()
    try:
        secrets = secrets_singleton.to_dict()
    except StreamlitSecretNotFoundError as error:
        raise BadInput("secrets.toml cannot be read: correct it, or take it away.") from error
    return read(secrets)


def read(secrets: Mapping[str, Any]) -> Access:
    """The settings in the tables of a secrets.toml; BadInput where they are wrong."""
    auth, people = secrets.get("auth"), secrets.get("people", {})
    if auth is None:
        if "people" in secrets:
            raise BadInput("secrets.toml has [people] and no [auth]: without login all may enter.")
        return Access()
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
    return Access(**known.model_dump(), providers=tuple(providers))


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
