"""Issuers of OpenID Connect: their keys, discovered, fetched anew as they change, kept while the issuer is down.

PyJWT's client fetches and reads; what it does not do is here: discovery, fetching beside the calls that wait for
nothing, and using known keys for a day where the issuer cannot be reached.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import ipaddress
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import jwt
import structlog
from prometheus_client import Counter, Gauge
from pydantic import BaseModel, ConfigDict, Field, model_validator

log = structlog.get_logger()

ALGORITHMS = ["ES256", "ES384", "RS256", "PS256", "EdDSA"]
"""With which such an issuer may sign: none with a secret that both sides know."""
TYPES = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
"""What kind of token is taken; a logout token is signed with the same keys."""
_FRESH = 300.0
"""Seconds after which keys are fetched again, beside the calls."""
_KEPT = 86_400.0
"""Seconds for which keys are used while the issuer cannot be reached."""
_PAUSE = 10.0
"""Seconds from one attempt to the next, however many unknown keys are asked for."""
_WAIT = 5.0
"""Seconds that a call waits for a key, and an attempt for an answer."""
_PEOPLE = frozenset({"service", "gateway", "holder", "reporter", "invited", "agent"})
_FETCHED = Gauge("accord_issuer_keys_timestamp_seconds", "When the keys of an issuer were last fetched.", ["issuer"])
_FAILED = Counter("accord_issuer_failures_total", "Attempts to fetch the keys of an issuer that failed.", ["issuer"])

Name = Annotated[str, Field(min_length=1, max_length=200)]


class Claims(BaseModel):
    """How the claims of an issuer are read: the member `oidc` of its entry in the trust file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: tuple[Name, ...] = ()
    """The roles of everybody, whatever a token claims; empty where it says them."""
    unit: str = ""
    """The unit of everybody, in the same way."""
    subject_claim: Name = "sub"
    roles_claim: Name = "roles"
    unit_claim: Name = "unit"
    subject_prefix: str = ""
    """Stands before each subject, where two issuers could call different people alike."""
    pseudonym_key_file: Path | None = None
    """32 bytes or more; beside the trust file if not absolute. A subject is then its keyed hash."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.roles and not self.unit:
            raise ValueError("oidc.unit: must be given together with oidc.roles")
        if _PEOPLE & set(self.roles):
            raise ValueError(f"oidc.roles: not for people: {', '.join(sorted(_PEOPLE & set(self.roles)))}")
        if "citizen" in self.roles and self.pseudonym_key_file is None:
            raise ValueError("oidc.pseudonym_key_file: must be given for citizens: histories name their subject")
        return self


class Reader:
    """Reads who somebody is from the claims of one issuer."""

    def __init__(self, issuer: str, claims: Claims, folder: Path) -> None:
        self._issuer, self._claims = issuer, claims
        file = claims.pseudonym_key_file
        self._key = (folder / file).read_bytes().strip() if file else b""
        if file and len(self._key) < 32:
            raise ValueError(f"{file}: must hold 32 bytes or more")

    def person(self, claims: Mapping[str, Any]) -> dict[str, Any]:
        """Return `sub`, `roles` and `unit`, as a token of our own would have them; what is not there is None."""
        told = self._claims
        return {
            "sub": self._subject(_at(claims, told.subject_claim)),
            "roles": list(told.roles) or _at(claims, told.roles_claim),
            "unit": told.unit or _at(claims, told.unit_claim),
        }

    def _subject(self, told: object) -> object:
        if not isinstance(told, str) or not told:
            return None
        if not self._key:
            return self._claims.subject_prefix + told
        digest = hmac.digest(self._key, f"{self._issuer}\0{told}".encode(errors="replace"), "sha256")[:16]
        return f"person-{base64.b32encode(digest).decode().rstrip('=').lower()}"


def _at(claims: Mapping[str, Any], path: str) -> object:
    """Return a claim by its name, or by the way to it: `realm_access.roles`."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


class IssuerKeys:
    """The keys of one issuer. Asked from one event loop alone."""

    def __init__(self, issuer: str, changed: Callable[[], None]) -> None:
        _must_be_safe(issuer)
        self.issuer = issuer
        self._changed = changed
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = -_KEPT
        self._task: asyncio.Task[None] | None = None

    @property
    def known(self) -> bool:
        """Return whether there are keys that may still be used."""
        return bool(self._keys) and time.monotonic() - self._fetched_at < _KEPT

    def find(self, kid: str) -> jwt.PyJWK | None:
        """Return a key by its id; the only one where a token names none."""
        if not self.known:
            return None
        return self._keys.get(kid) if kid or len(self._keys) > 1 else next(iter(self._keys.values()))

    def keep_fresh(self, *, missing: bool = False) -> None:
        """Begin to fetch the keys where they are old or one is missing, and the last attempt was a while ago."""
        now = time.monotonic()
        due = missing or now - self._fetched_at > _FRESH
        if due and self._task is None and now - self._tried_at > _PAUSE:
            self._tried_at = now
            self._task = asyncio.create_task(self._fetch())

    async def look_for(self, kid: str, token: str) -> None:
        """See to it that the key of a token is known if its issuer has it; wait some seconds at most."""
        found = self.find(kid)
        if found is not None and (kid or _is_signed_with(found, token)):
            return
        self.keep_fresh(missing=True)
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_WAIT)

    async def _fetch(self) -> None:
        try:
            keys = await asyncio.to_thread(_fetched, self.issuer)
        except (jwt.PyJWTError, OSError, ValueError) as error:
            _FAILED.labels(self.issuer).inc()
            log.warning("keys of an issuer not fetched", issuer=self.issuer, error=str(error)[:200])
            return
        finally:
            self._task = None
        before, self._keys = self._keys, keys
        self._fetched_at = time.monotonic()
        _FETCHED.labels(self.issuer).set_to_current_time()
        if {kid: key.key for kid, key in before.items()} != {kid: key.key for kid, key in keys.items()}:
            self._changed()


def _is_signed_with(key: jwt.PyJWK, token: str) -> bool:
    try:
        jwt.PyJWS().decode(token, key, algorithms=ALGORITHMS)
    except jwt.PyJWTError:
        return False
    return True


def _fetched(issuer: str) -> dict[str, jwt.PyJWK]:
    """Return the keys of an issuer by their ids; raise an error of PyJWT, OSError or ValueError."""
    secure = ssl.create_default_context()
    found = jwt.PyJWKClient(
        f"{issuer.rstrip('/')}/.well-known/openid-configuration", cache_jwk_set=False, timeout=_WAIT, ssl_context=secure
    ).fetch_data()
    if found.get("issuer") != issuer:
        raise ValueError("its configuration names another issuer")
    address = found.get("jwks_uri")
    if not isinstance(address, str):
        raise ValueError("its configuration names no jwks_uri")
    _must_be_safe(address)
    client = jwt.PyJWKClient(address, cache_jwk_set=False, timeout=_WAIT, ssl_context=secure)
    keys = [key for key in client.get_signing_keys() if key.algorithm_name in ALGORITHMS]
    return {key.key_id: key for key in keys if isinstance(key.key_id, str)}


def _must_be_safe(address: str) -> None:
    """Raise ValueError where somebody between could answer: only loopback may be asked without TLS."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme == "https" and host and parts.username is None:
        return
    if parts.scheme == "http" and parts.username is None and _is_loopback(host):
        return
    raise ValueError(f"{address}: must begin with https://")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
