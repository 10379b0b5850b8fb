"""Bearer tokens identify the caller: of trusted issuers, some by OpenID Connect; machine clients sign their own."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import structlog

from casework.errors import CaseError, Reason
from services.kit.issuers import ALGORITHMS, TYPES, Claims, IssuerKeys, Reader

log = structlog.get_logger()

_CACHE = 10_000
_ALGORITHMS = ["ES256"]
LONGEST = 8_000
"""Maximum characters of a token; a longer one is refused unread."""
LEEWAY = 10
"""Seconds by which the clocks of an issuer and of this machine may differ."""
_LAST = 253_402_300_799
"""The last second of the year 9999."""
MATTERS = ("reports/", "cases/")
"""How the subject of whoever came by a code begins: it is the matter, and no account is called like that."""
_LONGEST_NAME = 200
_MOST_ROLES = 100


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller: a person or a machine client, their roles, and the unit they act for."""

    subject: str
    roles: frozenset[str]
    unit: str
    until: float = field(default=0.0, compare=False)
    """When the token expires, in seconds of Unix time."""
    machine: bool = field(default=False, compare=False)
    """Whether it is a machine client of the trust file."""
    matter: str = field(default="", compare=False)
    """The one matter that whoever came by a code may touch: `reports/…` or `cases/…/parties/…`; else empty."""
    case: str = field(default="", compare=False)
    """The case it belongs to, `cases/…`."""


DEMO = "accord_demo"
"""Member of a JSON Web Key that marks a demo issuer, which gives anybody a token. It is copied with the key."""
DEMO_ISSUER = "accord-embedded"


def audience_of(service: str) -> str:
    """Return the audience of a token that is valid at this service only."""
    return f"accord-{service}"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a token may live at most, in seconds, and whether the demo issuer is refused."""

    person: int = 86_400
    machine: int = 600
    no_demo: bool = False


class TokenChecker:
    """Checks tokens against the trust file, which is read again when it changes.

    A token's audience must be one of these services. A machine client names the service; an issuer for people may name
    the platform instead, as configured in the trust file.
    """

    def __init__(self, trust_file: Path, *services: str, limits: Limits = Limits()) -> None:
        self._file = trust_file
        self._audiences = [audience_of(service) for service in services]
        self._limits = limits
        self._read_at = 0.0
        self._modified = 0.0
        self._issuers: dict[str, dict[str, Any]] = {}
        self._keys: dict[str, dict[str, jwt.PyJWK]] = {}
        self._fetched: dict[str, IssuerKeys] = {}
        self._readers: dict[str, Reader] = {}
        self._cache: OrderedDict[str, Caller] = OrderedDict()
        self._refresh()

    async def ready(self, authorization: str) -> None:
        """Fetch keys of OpenID Connect where they are old; wait for them if this token needs one that is missing."""
        self._refresh()
        for keys in self._fetched.values():
            keys.keep_fresh()
        token = authorization.partition(" ")[2]
        if not self._fetched or token in self._cache or len(token) > LONGEST:
            return
        try:
            kid = jwt.get_unverified_header(token).get("kid", "")
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss", "")
            fetched = self._fetched.get(issuer)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return
        if fetched is not None and isinstance(kid, str):
            await fetched.look_for(kid, token)

    def check(self, authorization: str) -> Caller:
        """Return the caller of an `authorization` value, `Bearer …`; raise UNAUTHENTICATED if it is invalid."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise CaseError(Reason.UNAUTHENTICATED)
        # Before the cache lookup: an issuer that is no longer trusted also loses its cached tokens.
        self._refresh()
        known = self._cache.get(token)
        if known and known.until > time.time():
            return known
        caller = self._cache[token] = self._decode(token)
        if len(self._cache) > _CACHE:
            self._cache.popitem(last=False)
        return caller

    def _decode(self, token: str) -> Caller:
        if len(token) > LONGEST:
            raise CaseError(Reason.UNAUTHENTICATED)
        try:
            header = jwt.get_unverified_header(token)
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss", "")
            trusted = self._issuers[issuer]
            claims = jwt.decode(
                token,
                self._key(issuer, header),
                algorithms=ALGORITHMS if issuer in self._fetched else _ALGORITHMS,
                audience=self._audiences if trusted.get("clients") else [trusted["audience"], *self._audiences],
                issuer=issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "sub", "aud", "iss"], "enforce_minimum_key_length": True},
            )
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, OverflowError, RecursionError):
            # Not only a bad signature: also an issuer that is a list, or a payload nested a thousand deep.
            raise CaseError(Reason.UNAUTHENTICATED) from None
        longest = self._limits.machine if trusted.get("clients") else self._limits.person
        if not _is_whole(claims) or claims["exp"] - claims["iat"] > longest:
            raise CaseError(Reason.UNAUTHENTICATED)
        until = float(claims["exp"] + LEEWAY)
        if trusted.get("clients"):
            # A machine client is identified by its key; roles and unit come from the trust file, not from the token.
            return Caller(issuer, frozenset(trusted["roles"]), trusted["unit"], until, machine=True)
        if trusted.get("codes"):
            return _holder(claims, trusted, until)
        reader = self._readers.get(issuer)
        return self._person(reader.person(claims) if reader else claims, until)

    def _person(self, claims: dict[str, Any], until: float) -> Caller:
        subject: Any = claims["sub"]
        roles: Any = claims.get("roles")
        unit: Any = claims.get("unit")
        if not _is_name(subject):
            raise CaseError(Reason.UNAUTHENTICATED)
        named = isinstance(roles, list) and len(roles) <= _MOST_ROLES and all(map(_is_name, roles))
        # Nobody may impersonate a machine client or whoever came by a code: histories and request ids use the subject.
        taken = self._issuers.get(subject, {}).get("clients") or subject.startswith(MATTERS)
        if not (named and _is_name(unit)) or taken:
            raise CaseError(Reason.UNAUTHENTICATED)
        # Only a machine client may act as one; an issuer for people cannot grant these roles.
        return Caller(subject, frozenset(roles) - {"service", "gateway"}, unit, until)

    def _key(self, issuer: str, header: dict[str, Any]) -> jwt.PyJWK:
        kid = header.get("kid", "")
        fetched = self._fetched.get(issuer)
        if fetched is not None:
            found = fetched.find(kid)
            if found is None and not fetched.known:
                raise CaseError(Reason.SERVICE_UNAVAILABLE, "the issuer's keys are not known")
            if found is None or str(header.get("typ", "")).lower() not in TYPES:
                raise KeyError(kid)
            return found
        # A machine client has one key and no key id.
        keys = self._keys[issuer]
        return keys[kid] if kid or len(keys) > 1 else next(iter(keys.values()))

    def _refresh(self) -> None:
        now = time.monotonic()
        if self._read_at and now - self._read_at < 1.0:
            return
        first, self._read_at = not self._read_at, now
        try:
            modified = self._file.stat().st_mtime
            if modified == self._modified:
                return
            trust = json.loads(self._file.read_text("utf-8"))
            if self._limits.no_demo:
                _refuse_demo(trust["issuers"])
            issuers = {entry["issuer"]: entry for entry in trust["issuers"]}
            keys = {
                entry["issuer"]: {key.get("kid", ""): jwt.PyJWK(key) for key in entry["jwks"]["keys"]}
                for entry in trust["issuers"]
                if "oidc" not in entry
            }
            readers = {
                name: Reader(name, Claims.model_validate(entry["oidc"]), self._file.parent)
                for name, entry in issuers.items()
                if "oidc" in entry
            }
            fetched = {name: self._fetched.get(name) or IssuerKeys(name, self._cache.clear) for name in readers}
        except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            if first:
                raise OSError(f"ACCORD_TRUST_FILE: {self._file}: {error!r}") from None
            # Half written, or edited wrongly: the previous content stays in use, and the file is checked again.
            log.error("trust file not read", error=type(error).__name__)
            return
        self._issuers, self._keys, self._modified = issuers, keys, modified
        self._fetched, self._readers = fetched, readers
        self._cache.clear()


def _refuse_demo(issuers: list[dict[str, Any]]) -> None:
    """Raise ValueError if the embedded issuer is trusted: by name, by entry, or by its key under another name."""
    for entry in issuers:
        keys = entry.get("jwks", {}).get("keys", [])
        if entry["issuer"] == DEMO_ISSUER or entry.get("demo") or any(DEMO in key for key in keys):
            raise ValueError(f"{entry['issuer']}: the demo issuer gives a token to anybody who asks, "
                             "and the production profile does not trust it")  # fmt: skip


def _is_name(value: object) -> bool:
    """Return whether a claim is a short, non-blank text without control or half characters."""
    return isinstance(value, str) and len(value) <= _LONGEST_NAME and value.isprintable() and bool(value.strip())


def _holder(claims: dict[str, Any], trusted: dict[str, Any], until: float) -> Caller:
    """Return the caller of a token that a service gave to the holder of a code; it acts in one matter alone."""
    roles: Any = claims.get("roles")
    case: Any = claims.get("case")
    if not (isinstance(roles, list) and roles and set(roles) <= set(trusted["roles"]) and _is_name(case)):
        raise CaseError(Reason.UNAUTHENTICATED)
    return Caller(claims["sub"], frozenset(roles), trusted["unit"], until, matter=claims["sub"], case=case)


def _is_whole(claims: dict[str, Any]) -> bool:
    """Return whether the mandatory claims have the types of RFC 7519, with dates in whole seconds.

    The library converts texts such as "1e9" to numbers; such tokens are refused.
    """
    dates = [claims[name] for name in ("exp", "iat", "nbf") if name in claims]
    return all(type(each) is int and 0 <= each <= _LAST for each in dates) and _is_name(claims["sub"])


class TokenMint:
    """Signs the short-lived tokens of a machine client, so that it does not depend on an issuer."""

    def __init__(self, client: str, key_file: Path, lifetime: float = 600.0) -> None:
        self._issuer = f"accord-{client}"
        self._key = key_file.read_bytes()
        self._lifetime = lifetime
        self._held: dict[str, tuple[str, float]] = {}

    def authorization(self, service: str) -> str:
        """Return an `authorization` value for this service only, valid for at least half the lifetime."""
        now = time.time()
        token, renew_at = self._held.get(service, ("", 0.0))
        if now >= renew_at:
            claims = {"iss": self._issuer, "sub": self._issuer, "aud": audience_of(service), "iat": int(now)}
            claims["exp"] = int(now) + int(self._lifetime)
            token = jwt.encode(claims, self._key, algorithm="ES256")
            self._held[service] = token, now + self._lifetime / 2
        return f"Bearer {token}"
