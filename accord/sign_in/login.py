"""Who is signed in at the command line: one file that its owner alone can read, renewed where the issuer allows it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jwt

from accord.embedded.folder import StackError, StateFolder, read_json, write_json
from accord.sign_in.provider import Provider, RefusedError
from services.kit.serving.tokens import TokenMint

FILE_VARIABLE = "ACCORD_LOGIN_FILE"
_EARLY = 30
"""Seconds before its end from which a token is renewed."""


@dataclass(frozen=True)
class Login:
    """A sign-in: at which issuer, for which server, and the token."""

    server: str
    issuer: str
    client: str
    token: str
    until: int
    id_token: bool = False
    refresh_token: str = ""
    key_file: str = ""
    scope: str = ""

    @classmethod
    def of(cls, told: dict[str, Any], **known: Any) -> Login:
        """Return the sign-in that an issuer's answer is: its access token, or its ID token if the other is no JWT."""
        access = str(told.get("access_token", ""))
        own = bool(known.pop("id_token", False)) or access.count(".") != 2
        token = str(told.get("id_token", "")) if own else access
        try:
            until = int(jwt.decode(token, options={"verify_signature": False})["exp"])
        except (jwt.PyJWTError, KeyError, TypeError, ValueError):
            raise StackError(
                f"{known['issuer']} gave no JWT that ends: neither an access token nor an ID token"
            ) from None
        return cls(**known, token=token, until=until, id_token=own, refresh_token=str(told.get("refresh_token", "")))

    @property
    def ends_later(self) -> bool:
        """Return whether the token is still valid for a while."""
        return self.until - _EARLY > time.time()

    def is_of(self, other: Login) -> bool:
        """Return whether both are the same account's, signed in at the same issuer for the same server."""
        return _whose(self) == _whose(other)

    def current(self) -> Login:
        """Return it with a token that is still valid for a while, renewed if need be; raise StackError if it ended."""
        if self.ends_later:
            return self
        known = {"server": self.server, "issuer": self.issuer, "client": self.client, "id_token": self.id_token,
                 "key_file": self.key_file, "scope": self.scope}  # fmt: skip
        if self.key_file:
            told = Provider.found(self.issuer).by_key(self.client, Path(self.key_file), self.scope)
        elif self.refresh_token:
            try:
                told = Provider.found(self.issuer).renewed(self.client, self.refresh_token)
            except RefusedError as error:
                raise StackError(f"the sign-in has ended ({error.error}): accord login") from None
            if self.id_token and "id_token" not in told:
                raise StackError("the sign-in has ended, its issuer renews no ID token: accord login")
        else:
            raise StackError("the sign-in has ended: accord login")
        fresh = Login.of(told, **known)
        return fresh if fresh.refresh_token else replace(fresh, refresh_token=self.refresh_token)


def _whose(login: Login) -> tuple[object, ...]:
    try:
        subject = jwt.decode(login.token, options={"verify_signature": False}).get("sub")
    except jwt.PyJWTError:
        subject = None
    return login.server, login.issuer, login.client, subject


def login_file() -> Path:
    """Return where the sign-in is stored."""
    if given := os.environ.get(FILE_VARIABLE):
        return Path(given)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "accord" / "login.json"


def store(login: Login) -> Path:
    """Store a sign-in in a file that its owner alone can read."""
    path = login_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_json(path, asdict(login))
    except OSError as error:
        raise StackError(f"{path}: {error.strerror}") from None
    return path


def stored() -> Login | None:
    """Return who is signed in, with a valid token; None if nobody is."""
    login = _read()
    return login and renewed(login)


def login_at(folder: StateFolder) -> Login | None:
    """Return who is signed in at the stack of this folder, or anywhere if there is no stack in it."""
    server, login = read_json(folder.stack).get("urls", {}).get("api"), _read()
    return renewed(login) if login is not None and server in (None, login.server) else None


def renewed(login: Login) -> Login:
    """Return a sign-in with a valid token, and store it if it is new: its refresh token may count only once."""
    if login.ends_later:
        return login
    with _alone():
        known = _read()
        if known is None or not known.is_of(login):  # signed out meanwhile, or somebody else is signed in
            return login.current()
        current = known.current()
        if current is not known:
            store(current)
        return current


def _read() -> Login | None:
    path = login_file()
    if not path.exists():
        return None
    if path.stat().st_mode & 0o077:
        raise StackError(f"{path} can be read by others: chmod 600 {path}, and sign in again")
    try:
        return Login(**read_json(path))
    except TypeError:
        raise StackError(f"{path} is no sign-in: accord login") from None


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other commands from renewing the same sign-in meanwhile: an issuer may end one that is renewed twice."""
    folder = os.open(login_file().parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


class LoginMint(TokenMint):
    """Calls as who is signed in, where otherwise a machine client signs its own tokens."""

    def __init__(self, login: Login) -> None:
        self._login = login

    def authorization(self, service: str) -> str:
        """Return the `authorization` value."""
        return f"Bearer {self.token()}"

    def token(self) -> str:
        """Return the token, renewed if need be."""
        self._login = renewed(self._login)
        return self._login.token
