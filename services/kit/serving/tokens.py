"""Bearer tokens identify the caller: of trusted issuers, some by OpenID Connect; machine clients sign their own."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
import structlog
from prometheus_client import Counter

from casework.errors import CaseError, Reason
from services.kit.issuers import DEMO, PSEUDONYM, RESERVED, TYPES, IssuerKeys, Reader, read_entries

log = structlog.get_logger()

_CACHE = 10_000
_ALGORITHMS = ["ES256"]
LONGEST = 8_000
"""Maximum characters of a token; a longer one is refused unread."""
LEEWAY = 10
"""Seconds by which the clocks of an issuer and of this machine may differ."""
REVOKED = "revoked.json"
"""File beside the trust file: until when tokens of an account had to be issued to be refused, by account."""
_LAST = 253_402_300_799
"""The last second of the year 9999."""
MATTERS = ("reports/", "cases/", "clues/")
"""How the subject of whoever came by a code begins: it is the matter, and no account is called like that."""
_LONGEST_NAME = 200
_MOST_ROLES = 100
_CALENDAR = "calendar"
"""Role of the token by which a calendar is read; `services/kit/serving/codes.py` signs it."""
_REFUSED = Counter("accord_tokens_refused_total", "Tokens that were refused, by cause.", ["cause"])
_CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "EXPIRED"),
    (jwt.ImmatureSignatureError, "NOT_YET_VALID"),
    (jwt.InvalidAudienceError, "WRONG_AUDIENCE"),
    (jwt.InvalidAlgorithmError, "WRONG_ALGORITHM"),
    (jwt.InvalidSignatureError, "WRONG_SIGNATURE"),
    (jwt.InvalidKeyError, "WEAK_KEY"),
    (jwt.MissingRequiredClaimError, "CLAIM_MISSING"),
)


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
    """Checks tokens against the trust file and the file of revoked ones, which are read again when they change.

    A token's audience must be one of these services. A machine client names the service; an issuer for people may name
    the platform instead, as configured in the trust file.
    """

    def __init__(self, trust_file: Path, *services: str, limits: Limits = Limits()) -> None:
        self._file = trust_file
        self._audiences = [audience_of(service) for service in services]
        self._limits = limits
        self._read_at = 0.0
        self._modified: tuple[float, float] = (0.0, 0.0)
        self._revoked: dict[str, float] = {}
        self._issuers: dict[str, dict[str, Any]] = {}
        self._keys: dict[str, dict[str, jwt.PyJWK]] = {}
        self._fetched: dict[str, IssuerKeys] = {}
        self._readers: dict[str, Reader] = {}
        self._cache: OrderedDict[str, Caller] = OrderedDict()
        self._refresh()

    @property
    def providers(self) -> list[str]:
        """Return the issuers of OpenID Connect that are trusted, by their addresses."""
        self._refresh()
        return sorted(self._fetched)

    async def ready(self, authorization: str) -> None:
        """Fetch keys of OpenID Connect where they are old; wait for them if this token needs one that is missing."""
        self._refresh()
        for keys in self._fetched.values():
            keys.keep_fresh()
        token = authorization.partition(" ")[2]
        if not self._fetched or token in self._cache or len(token) > LONGEST:
            return
        try:
            header = jwt.get_unverified_header(token)
            kid = header.get("kid", "")
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss", "")
            fetched = self._fetched.get(issuer)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return
        if fetched is not None and isinstance(kid, str):
            await fetched.look_for(kid, header.get("alg"), token)

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
            raise _refusal("TOO_LONG")
        try:
            header = jwt.get_unverified_header(token)
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss", "")
            trusted = self._issuers.get(issuer)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            # Also an issuer that is a list, or a payload nested a thousand deep.
            raise _refusal("MALFORMED") from None
        if trusted is None:
            raise _refusal("UNKNOWN_ISSUER")
        claims = self._verified(token, issuer, header, trusted)
        longest = self._limits.machine if trusted.get("clients") else self._limits.person
        if not _is_whole(claims):
            raise _refusal("MALFORMED", issuer)
        if claims["exp"] - claims["iat"] > longest:
            raise _refusal("LIVES_TOO_LONG", issuer)
        until = float(claims["exp"] + LEEWAY)
        if trusted.get("clients"):
            # A machine client is identified by its key; roles and unit come from the trust file, not from the token.
            return Caller(issuer, frozenset(trusted["roles"]), trusted["unit"], until, machine=True)
        if trusted.get("codes"):
            return _holder(claims, trusted, until)
        return self._person(issuer, claims, until)

    def _verified(self, token: str, issuer: str, header: dict[str, Any], trusted: dict[str, Any]) -> dict[str, Any]:
        """Return the claims of a token that this issuer signed, for these services, and that is valid now."""
        key, reader = self._key(issuer, header), self._readers.get(issuer)
        named = [] if trusted.get("clients") else trusted.get("audience", [])
        try:
            return jwt.decode(
                token,
                key,
                algorithms=list(reader.algorithms) if reader else _ALGORITHMS,
                audience=[*([named] if isinstance(named, str) else named), *self._audiences],
                issuer=issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "sub", "aud", "iss"], "enforce_minimum_key_length": True},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            causes = (cause for kind, cause in _CAUSES if isinstance(error, kind))
            raise _refusal(next(causes, "MALFORMED"), issuer) from None

    def _person(self, issuer: str, claims: dict[str, Any], until: float) -> Caller:
        reader = self._readers.get(issuer)
        told = reader.person(claims) if reader else claims
        subject: Any = told["sub"]
        roles: Any = told.get("roles")
        unit: Any = told.get("unit")
        # Nobody may impersonate a machine client, whoever came by a code, or a citizen: histories and request ids use
        # the subject.
        if not _is_name(subject) or self._issuers.get(subject, {}).get("clients") or subject.startswith(MATTERS):
            raise _refusal("SUBJECT", issuer)
        if subject.startswith(PSEUDONYM) and not (reader and reader.gives_pseudonyms):
            raise _refusal("SUBJECT", issuer)
        if not (isinstance(roles, list) and len(roles) <= _MOST_ROLES and all(map(_is_name, roles))):
            raise _refusal("ROLES", issuer)
        if not _is_name(unit):
            raise _refusal("UNIT", issuer)
        if claims["iat"] <= self._revoked.get(subject, -1.0):
            raise _refusal("REVOKED", issuer)
        # Only a machine client may act as one, only a service reads a calendar; an issuer for people grants neither.
        return Caller(subject, frozenset(roles) - RESERVED, unit, until)

    def _key(self, issuer: str, header: dict[str, Any]) -> jwt.PyJWK:
        kid = header.get("kid", "")
        fetched = self._fetched.get(issuer)
        if fetched is None:
            # A machine client has one key and no key id.
            keys = self._keys[issuer]
            found = keys.get(kid) if kid or len(keys) > 1 else next(iter(keys.values()), None)
        else:
            found = fetched.find(kid, header.get("alg"))
            if found is None and not fetched.known:
                raise CaseError(Reason.SERVICE_UNAVAILABLE, "the issuer's keys are not known")
            if str(header.get("typ", "")).lower() not in TYPES:
                raise _refusal("WRONG_TYPE", issuer)
        if found is None:
            raise _refusal("UNKNOWN_KEY", issuer)
        return found

    def _refresh(self) -> None:
        now = time.monotonic()
        if self._read_at and now - self._read_at < 1.0:
            return
        first, self._read_at = not self._read_at, now
        try:
            revoked_file = self._file.with_name(REVOKED)
            modified = self._file.stat().st_mtime, revoked_file.stat().st_mtime if revoked_file.exists() else 0.0
            if modified == self._modified:
                return
            trust = json.loads(self._file.read_text("utf-8"))
            revoked = _read_revoked(revoked_file)
            if self._limits.no_demo:
                _refuse_demo(trust["issuers"])
            issuers = {entry["issuer"]: entry for entry in trust["issuers"]}
            if len(issuers) < len(trust["issuers"]):
                raise ValueError("an issuer is listed twice")
            keys = {
                entry["issuer"]: {key.get("kid", ""): jwt.PyJWK(key) for key in entry["jwks"]["keys"]}
                for entry in trust["issuers"]
                if "oidc" not in entry
            }
            found = {each.issuer: each.oidc for each in read_entries([e for e in issuers.values() if "oidc" in e])}
            readers = {name: Reader(name, claims, self._file.parent) for name, claims in found.items()}
            fetched = {name: self._fetched.get(name) or self._keys_of(name) for name in readers}
        except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            # A library may quote a key in its error.
            why = str(error) if isinstance(error, ValueError | OSError) else f"{error!r}"[:200]
            why = "a key cannot be used" if isinstance(error, jwt.PyJWTError) else why
            if first:
                raise OSError(f"ACCORD_TRUST_FILE: {self._file}: {why}") from None
            # Half written, or edited wrongly: the previous content stays in use, and the file is checked again.
            log.error("trust file not read", error=why)
            return
        self._issuers, self._keys, self._revoked, self._modified = issuers, keys, revoked, modified
        self._fetched, self._readers = fetched, readers
        self._cache.clear()

    def _keys_of(self, issuer: str) -> IssuerKeys:
        return IssuerKeys(issuer, self._cache.clear, no_demo=self._limits.no_demo)


def _read_revoked(path: Path) -> dict[str, float]:
    """Return the last second of Unix time of whose tokens an account is refused; of none if there is no file."""
    try:
        told = json.loads(path.read_text("utf-8")) if path.exists() else {}
        found = {account: datetime.fromisoformat(instant) for account, instant in told.items()}
    except (AttributeError, ValueError, TypeError):
        found = {"": datetime.min}
    if any(each.tzinfo is None for each in found.values()):
        raise ValueError(f"{path.name}: must have an account and a time such as 2026-12-01T09:00:00+08:00 each")
    return {account: instant.timestamp() for account, instant in found.items()}


def _refuse_demo(issuers: list[dict[str, Any]]) -> None:
    """Raise ValueError if the embedded issuer is trusted: by name, by entry, or by its key under another name."""
    for entry in issuers:
        keys = entry.get("jwks", {}).get("keys", [])
        if entry["issuer"] == DEMO_ISSUER or entry.get("demo") or any(DEMO in key for key in keys):
            raise ValueError(f"{entry['issuer']}: the demo issuer gives a token to anybody who asks, "
                             "and the production profile does not trust it")  # fmt: skip


def _refusal(cause: str, issuer: str = "") -> CaseError:
    """Return the error of a token; counted and logged are its cause and its issuer if that is trusted, nothing else."""
    _REFUSED.labels(cause).inc()
    log.info("token refused", cause=cause, issuer=issuer)
    return CaseError(Reason.UNAUTHENTICATED, cause=cause)


def _is_name(value: object) -> bool:
    """Return whether a claim is a short, non-blank text without control or half characters."""
    return isinstance(value, str) and len(value) <= _LONGEST_NAME and value.isprintable() and bool(value.strip())


def _holder(claims: dict[str, Any], trusted: dict[str, Any], until: float) -> Caller:
    """Return the caller of a token that a service gave to the holder of a code; it acts in one matter alone.

    The token of a calendar reads for an account instead.
    """
    roles: Any = claims.get("roles")
    case: Any = claims.get("case")
    if roles == [_CALENDAR] and _CALENDAR in trusted["roles"]:
        unit: Any = claims.get("unit")
        if not _is_name(unit):
            raise _refusal("MALFORMED", trusted["issuer"])
        return Caller(claims["sub"], frozenset(roles), unit, until)
    if not (isinstance(roles, list) and roles and set(roles) <= set(trusted["roles"]) and _is_name(case)):
        raise _refusal("MALFORMED", trusted["issuer"])
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
