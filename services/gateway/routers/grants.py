"""What the demo issuer has promised and not yet given: codes of a browser, codes of a device, and service accounts.

In memory alone, and little of it: a restart asks everybody to begin again.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import re
import secrets
import time
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import jwt
from pydantic import BaseModel, ConfigDict, ValidationError

from services.kit.issuers import ALGORITHMS

CLIENTS = frozenset({"accord-cli", "accord-console"})
"""Applications that people sign in with: they have no secret, and prove by PKCE that a code is theirs."""
CODE_GRANT = "authorization_code"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
KEY_GRANT = "client_credentials"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CODE_SECONDS = 60
DEVICE_SECONDS = 600
INTERVAL = 2
_ASSERTION_SECONDS = 3600
_LEEWAY = 10
_MOST = 5_000
_LONGEST = 500
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""Of user codes (RFC 8628, 6.1): no vowels, so that no words come about."""
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_ADDRESS = re.compile(r"https?://[!-\[\]-~]+")
"""Printable, without spaces and backslashes."""
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")

T = TypeVar("T")


class OAuthError(Exception):
    """A refusal in the form of RFC 6749, 5.2."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error, self.description, self.status = error, description, status


class Account(BaseModel):
    """A service account: whoever signs with one of its keys is it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str
    roles: tuple[str, ...]
    unit: str
    jwks: dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What an application asked for: the parameters of an authorization request that are checked."""

    client: str
    redirect: str
    challenge: str
    state: str = ""
    nonce: str = ""


@dataclass(slots=True)
class Device:
    """A device that waits for somebody to sign in elsewhere."""

    client: str
    user_code: str
    asked_at: float = 0.0
    user: str = ""
    refused: bool = False


class Kept(OrderedDict[str, tuple[T, float]]):
    """A few things for some seconds each; the oldest make room for new ones."""

    def keep(self, name: str, thing: T, until: float) -> None:
        """Keep something until then."""
        now = time.time()
        while self and (len(self) >= _MOST or next(iter(self.values()))[1] < now):
            self.popitem(last=False)
        self[name] = thing, until

    def find(self, name: str) -> T | None:
        """Return something that is still kept."""
        found = self.get(name)
        return found[0] if found is not None and found[1] > time.time() else None


class Grants:
    """Gives codes, and takes them back once."""

    def __init__(self, accounts_file: Path | None = None) -> None:
        self._accounts_file = accounts_file
        self._codes: Kept[tuple[Asked, str]] = Kept()
        self._devices: Kept[Device] = Kept()
        self._assertions: Kept[bool] = Kept()

    def code(self, asked: Asked, user: str) -> str:
        """Return a code for somebody who signed in."""
        code = secrets.token_urlsafe(32)
        self._codes.keep(code, (asked, user), time.time() + CODE_SECONDS)
        return code

    def redeem(self, sent: Mapping[str, str]) -> tuple[Asked, str]:
        """Return what was asked for and who signed in; the code counts once, whatever comes of it."""
        asked, user = self._codes.find(sent.get("code", "")) or (None, "")
        self._codes.pop(sent.get("code", ""), None)
        if asked is None or sent.get("client_id") != asked.client or sent.get("redirect_uri") != asked.redirect:
            raise OAuthError("invalid_grant", "no such code for this client and this redirect_uri")
        verifier = sent.get("code_verifier", "")
        if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(challenge_of(verifier), asked.challenge):
            raise OAuthError("invalid_grant", "the code_verifier is not that of the code_challenge")
        return asked, user

    def device(self, client: str) -> tuple[str, Device]:
        """Return a new device code and the device."""
        letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
        device, code = Device(client, f"{letters[:4]}-{letters[4:]}"), secrets.token_urlsafe(32)
        self._devices.keep(code, device, time.time() + DEVICE_SECONDS)
        return code, device

    def waiting(self, user_code: str) -> Device | None:
        """Return the device that shows this code and still waits."""
        wanted = re.sub(r"[^A-Z]", "", user_code.upper())
        for device, until in self._devices.values():
            same = hmac.compare_digest(device.user_code.replace("-", ""), wanted)
            if same and until > time.time() and not (device.user or device.refused):
                return device
        return None

    def poll(self, sent: Mapping[str, str]) -> Device:
        """Return a device for which somebody signed in; its code counts once."""
        code, now = sent.get("device_code", ""), time.time()
        device = self._devices.find(code)
        if code in self._devices and device is None:
            raise OAuthError("expired_token", "nobody signed in for this device in time")
        if device is None or device.client != sent.get("client_id"):
            raise OAuthError("invalid_grant", "no such device_code for this client")
        early, device.asked_at = now - device.asked_at < INTERVAL, now
        if not (device.user or device.refused):
            raise OAuthError("slow_down" if early else "authorization_pending", "nobody signed in yet")
        del self._devices[code]
        if device.refused:
            raise OAuthError("access_denied", "it was refused")
        return device

    def account(self, sent: Mapping[str, str], audiences: Collection[str]) -> Account:
        """Return the service account that signed an assertion (RFC 7523, 2.2); each counts once."""
        if sent.get("client_assertion_type") != ASSERTION:
            raise OAuthError("invalid_client", f"client_assertion_type must be {ASSERTION}", 401)
        assertion = sent.get("client_assertion", "")
        try:
            named = jwt.decode(assertion, options={"verify_signature": False}).get("sub")
            account = next(each for each in self._accounts() if each.client_id == named)
            claims = jwt.decode(
                assertion, _key_of(account, assertion), algorithms=ALGORITHMS, audience=list(audiences),
                issuer=account.client_id, leeway=_LEEWAY,
                options={"require": ["exp", "iss", "sub", "aud", "jti"], "enforce_minimum_key_length": True},
            )  # fmt: skip
        except (jwt.PyJWTError, StopIteration, ValueError, TypeError, OverflowError, RecursionError):
            raise OAuthError("invalid_client", "the assertion is not that of a service account", 401) from None
        if sent.get("client_id", account.client_id) != account.client_id:
            raise OAuthError("invalid_client", "client_id is another one", 401)
        if not 0 < int(claims["exp"]) - time.time() <= _ASSERTION_SECONDS + _LEEWAY:
            raise OAuthError("invalid_client", f"an assertion lives {_ASSERTION_SECONDS} seconds at most", 401)
        once = f"{account.client_id} {claims['jti']}"
        if self._assertions.find(once):
            raise OAuthError("invalid_client", "the assertion was used before", 401)
        self._assertions.keep(once, True, time.time() + _ASSERTION_SECONDS + 2 * _LEEWAY)
        return account

    def _accounts(self) -> list[Account]:
        if self._accounts_file is None or not self._accounts_file.exists():
            return []
        try:
            return [Account.model_validate(each) for each in json.loads(self._accounts_file.read_bytes())]
        except (ValidationError, ValueError, TypeError) as error:
            raise OAuthError("server_error", f"the list of service accounts: {type(error).__name__}", 500) from None


def _key_of(account: Account, assertion: str) -> jwt.PyJWK:
    """Return the key of an account that an assertion names, or its only one."""
    kid = jwt.get_unverified_header(assertion).get("kid")
    keys = [jwt.PyJWK(each) for each in account.jwks["keys"]]
    return next(key for key in keys if key.key_id == kid or (kid is None and len(keys) == 1))


def challenge_of(verifier: str) -> str:
    """Return the challenge that belongs to a verifier (RFC 7636, S256)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def client_of(sent: Mapping[str, str]) -> str:
    """Return the application that asks, which must be a known one."""
    client = sent.get("client_id", "")
    if client not in CLIENTS:
        raise OAuthError("invalid_client", f"client_id must be one of {', '.join(sorted(CLIENTS))}", 401)
    return client


def addressed(sent: Mapping[str, str], origins: Collection[str]) -> tuple[str, str]:
    """Return application and address of an authorization request; with a wrong one, nobody is sent anywhere."""
    client, redirect = client_of(sent), sent.get("redirect_uri", "")
    plain = len(redirect) <= _LONGEST and "#" not in redirect and _ADDRESS.fullmatch(redirect)
    if not plain or not _is_own(redirect, origins):
        raise OAuthError("invalid_request", "redirect_uri must be on this machine, or of an origin that is allowed")
    return client, redirect


def asked_for(sent: Mapping[str, str], client: str, redirect: str) -> Asked:
    """Return an authorization request; raise what the application is told."""
    if sent.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response_type must be code")
    challenge = sent.get("code_challenge", "")
    if sent.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise OAuthError("invalid_request", "code_challenge must be there, with code_challenge_method S256")
    if "openid" not in sent.get("scope", "").split():
        raise OAuthError("invalid_scope", "scope must have openid")
    if any(len(sent.get(name, "")) > _LONGEST for name in ("state", "nonce")):
        raise OAuthError("invalid_request", "state and nonce have at most 500 characters")
    return Asked(client, redirect, challenge, sent.get("state", ""), sent.get("nonce", ""))


def _is_own(address: str, origins: Collection[str]) -> bool:
    """Return whether an address is of an allowed origin, or a program on the same machine (RFC 8252, 7.3)."""
    try:
        parts = urlsplit(address)
        if parts.username is not None:
            return False
        if f"{parts.scheme}://{parts.netloc}" in origins:
            return True
        return parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
