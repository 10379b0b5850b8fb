"""Issuers of OpenID Connect: whom their tokens name, and their keys, fetched anew as they change.

PyJWT reads keys; its client of JWKS is not used: it has no discovery, forgets keys that are five minutes old, and takes
an answer however long and slow it is.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import ipaddress
import itertools
import json
import ssl
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import httpx
import jwt
import structlog
from prometheus_client import Counter, Gauge
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from casework.units import is_code, parent_code

log = structlog.get_logger()

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
ALGORITHMS = ("ES256", "ES384", "ES512", *_RSA, "EdDSA")
"""With which such an issuer may sign: none with a secret that both sides know."""
Keys = dict[str, dict[str, jwt.PyJWK]]
"""Keys by their id, and by the algorithm: one that says none, of RSA, is good for all of its kind."""
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
_LARGEST = 500_000
"""Bytes of an answer of an issuer; a longer one is not read to its end."""
_MOST_VALUES = 1_000
DEMO = "accord_demo"
"""Member of a JSON Web Key that marks a demo issuer, which gives anybody a token. It is copied with the key."""
RESERVED = frozenset({
    "service", "gateway", "holder", "reporter", "informant", "invited", "agent", "calendar",
})  # fmt: skip
"""Roles that no issuer of people gives: those of machines, and of whoever came by a code."""
PSEUDONYM = "person-"
"""How the pseudonym of a citizen begins; no other account is called like that."""
_FETCHED = Gauge("accord_issuer_keys_timestamp_seconds", "When the keys of an issuer were last fetched.", ["issuer"])
_FAILED = Counter("accord_issuer_failures_total", "Attempts to fetch the keys of an issuer that failed.", ["issuer"])

Name = Annotated[str, Field(min_length=1, max_length=200)]


def _role(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"{name!r} is not a role for people")
    return name


def _unit(code: str) -> str:
    if not is_code(code):
        raise ValueError(f"{code!r} is not the code of a unit")
    return code


Role = Annotated[Name, AfterValidator(_role)]
Code = Annotated[Name, AfterValidator(_unit)]


class Claims(BaseModel):
    """How the claims of an issuer are read: the member `oidc` of its entry in the trust file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: tuple[Role, ...] = ()
    """The roles of everybody, whatever a token claims; empty where it says them."""
    unit: Code | None = None
    """The unit of everybody, in the same way."""
    subject_claim: Name = "sub"
    roles_claim: Name = "roles"
    unit_claim: Name = "unit"
    role_map: Mapping[Name, tuple[Role, ...]] | None = None
    """The roles for each value of the claim; a value that is not here gives none."""
    unit_map: Mapping[Name, Code] | None = None
    """The unit for each value of the claim; exactly one value of a token must be here."""
    may_give: tuple[Role, ...] = ()
    """The only roles that this issuer gives; empty for all roles of people."""
    units: tuple[Code, ...] = ()
    """Everybody from this issuer is in one of these units or below; empty for all."""
    algorithms: tuple[Name, ...] = ALGORITHMS
    subject_prefix: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._:@-]{0,39})?$")] = ""
    """Stands before each subject, where two issuers could call different people alike."""
    pseudonym_key_file: Path | None = None
    """32 bytes or more; beside the trust file if not absolute. A subject is then its keyed hash."""

    @field_validator("algorithms")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names or not set(names) <= set(ALGORITHMS):
            raise ValueError(f"must be some of {', '.join(ALGORITHMS)}")
        return names

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.roles and self.unit is None:
            raise ValueError("oidc.unit: must be given together with oidc.roles")
        mapped = itertools.chain.from_iterable((self.role_map or {}).values())
        if "citizen" in {*self.roles, *mapped} and self.pseudonym_key_file is None:
            raise ValueError("oidc.pseudonym_key_file: must be given for citizens: histories name their subject")
        return self


class Entry(BaseModel):
    """An issuer of OpenID Connect, as an entry of the trust file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: Name
    audience: Name | Annotated[tuple[Name, ...], Field(min_length=1)]
    oidc: Claims

    @field_validator("issuer")
    @classmethod
    def _is_safe(cls, issuer: str) -> str:
        must_be_safe(issuer)
        return issuer


def read_entries(entries: Collection[Mapping[str, Any]]) -> list[Entry]:
    """Return entries of a trust file as issuers of OpenID Connect; raise ValueError that names the member at fault."""
    read = []
    for entry in entries:
        try:
            read.append(Entry.model_validate(entry))
        except ValidationError as error:
            (first, *_) = error.errors(include_input=False, include_url=False)
            place, said = ".".join(str(part) for part in first["loc"]), first["msg"].removeprefix("Value error, ")
            said = said if said.startswith("oidc.") else f"{place}: {said}"
            raise ValueError(f"{entry.get('issuer')}: {said}") from None
    named = [each for each in read if each.oidc.pseudonym_key_file is None]
    for one, other in itertools.permutations(named, 2):
        if other.oidc.subject_prefix.startswith(one.oidc.subject_prefix):
            # It could name, by the subject it chooses, anybody of the other one.
            raise ValueError(f"{one.issuer}: oidc.subject_prefix: subjects of {other.issuer} could begin alike")
    return read


class Reader:
    """Reads who somebody is from the claims of one issuer."""

    def __init__(self, issuer: str, claims: Claims, folder: Path) -> None:
        self._issuer, self._claims = issuer, claims
        file = claims.pseudonym_key_file
        self._key = (folder / file).read_bytes().strip() if file else b""
        if file and len(self._key) < 32:
            raise ValueError(f"{issuer}: oidc.pseudonym_key_file: {file}: must hold 32 bytes or more")

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Return with which algorithms the issuer may sign."""
        return self._claims.algorithms

    @property
    def gives_pseudonyms(self) -> bool:
        """Return whether the issuer's people are called by pseudonyms."""
        return bool(self._key)

    def person(self, claims: Mapping[str, Any]) -> dict[str, Any]:
        """Return `sub`, `roles` and `unit`, as a token of our own would have them; what is not there is None."""
        return {
            "sub": self._subject(_at(claims, self._claims.subject_claim)),
            "roles": self._roles(claims),
            "unit": self._unit(claims),
        }

    def _roles(self, claims: Mapping[str, Any]) -> list[str] | None:
        told = self._claims
        named = list(told.roles) or _values(_at(claims, told.roles_claim), alone=told.role_map is not None)
        if named is None:
            return None
        if told.role_map is not None and not told.roles:
            named = [role for value in named for role in told.role_map.get(value, ())]
        given = set(named) & set(told.may_give) if told.may_give else set(named)
        # A citizen is one under a pseudonym alone.
        return sorted(given - (set() if self._key else {"citizen"}))

    def _unit(self, claims: Mapping[str, Any]) -> str | None:
        told, named = self._claims, self._claims.unit
        if named is None:
            found = _at(claims, told.unit_claim)
            if told.unit_map is not None:
                mapped = {told.unit_map[each] for each in _values(found, alone=True) or () if each in told.unit_map}
                named = mapped.pop() if len(mapped) == 1 else None
            elif isinstance(found, str):
                named = found
        return named if named is not None and _lies_under(named, told.units) else None

    def _subject(self, told: object) -> str | None:
        if not isinstance(told, str) or not told:
            return None
        if not self._key:
            return self._claims.subject_prefix + told
        digest = hmac.digest(self._key, f"{self._issuer}\0{told}".encode(errors="replace"), "sha256")[:16]
        return PSEUDONYM + base64.b32encode(digest).decode().rstrip("=").lower()


def _values(found: object, *, alone: bool) -> list[str] | None:
    """Return the texts of a claim that is a list of them, or with `alone` a text; None if it is anything else."""
    if alone and isinstance(found, str):
        return [found]
    if isinstance(found, list) and len(found) <= _MOST_VALUES and all(isinstance(each, str) for each in found):
        return found
    return None


def _lies_under(unit: str, units: Collection[str]) -> bool:
    if not units:
        return True
    above: str | None = unit if is_code(unit) else None
    while above is not None and above not in units:
        above = parent_code(above)
    return above is not None


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

    def __init__(self, issuer: str, changed: Callable[[], None], *, no_demo: bool = False) -> None:
        must_be_safe(issuer)
        self.issuer = issuer
        self._changed = changed
        self._no_demo = no_demo
        self._keys: Keys = {}
        self._fetched_at = self._tried_at = -_KEPT
        self._task: asyncio.Task[None] | None = None

    @property
    def known(self) -> bool:
        """Return whether there are keys that may still be used."""
        return bool(self._keys) and time.monotonic() - self._fetched_at < _KEPT

    def find(self, kid: str, algorithm: object) -> jwt.PyJWK | None:
        """Return a key by its id, the only one where a token names none; for this algorithm, if it is good for that."""
        if not self.known:
            return None
        found = self._keys.get(kid) if kid or len(self._keys) > 1 else next(iter(self._keys.values()))
        if found is None:
            return None
        return found.get(str(algorithm)) or next(iter(found.values()))

    def keep_fresh(self, *, missing: bool = False) -> None:
        """Begin to fetch the keys where they are old or one is missing, and the last attempt was a while ago."""
        now = time.monotonic()
        if self._keys and not self.known:
            self._keys = {}
            self._changed()  # what they signed ends with them, remembered or not
        due = missing or now - self._fetched_at > _FRESH
        if due and self._task is None and now - self._tried_at > _PAUSE:
            self._tried_at = now
            self._task = asyncio.create_task(self._fetch())

    async def look_for(self, kid: str, algorithm: object, token: str) -> None:
        """See to it that the key of a token is known if its issuer has it; wait some seconds at most."""
        found = self.find(kid, algorithm)
        if found is not None and (kid or _is_signed_with(found, token)):
            return
        self.keep_fresh(missing=True)
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_WAIT)

    async def _fetch(self) -> None:
        try:
            keys = await _fetched(self.issuer, no_demo=self._no_demo)
        except (httpx.HTTPError, httpx.InvalidURL, jwt.PyJWTError, OSError, ValueError, RecursionError) as error:
            _FAILED.labels(self.issuer).inc()
            why = str(error)[:200] or type(error).__name__
            log.warning("keys of an issuer not fetched", issuer=self.issuer, error=why)
            return
        finally:
            self._task = None
        before, self._keys = self._keys, keys
        self._fetched_at = time.monotonic()
        _FETCHED.labels(self.issuer).set_to_current_time()
        if _numbers(before) != _numbers(keys):
            self._changed()


def _numbers(keys: Keys) -> dict[str, list[object]]:
    return {kid: [key.key for key in found.values()] for kid, found in keys.items()}


def _is_signed_with(key: jwt.PyJWK, token: str) -> bool:
    try:
        jwt.PyJWS().decode(token, key, algorithms=ALGORITHMS)
    except jwt.PyJWTError:
        return False
    return True


async def _fetched(issuer: str, *, no_demo: bool) -> Keys:
    """Return the keys of an issuer by their ids; raise an error of PyJWT or httpx, OSError or ValueError."""
    secure = await asyncio.to_thread(ssl.create_default_context)
    async with asyncio.timeout(_WAIT), httpx.AsyncClient(verify=secure, timeout=_WAIT) as client:
        found = await _read(client, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise ValueError("its configuration names another issuer")
        address = found.get("jwks_uri")
        if not isinstance(address, str):
            raise ValueError("its configuration names no jwks_uri")
        # An issuer elsewhere has no business on this machine.
        must_be_safe(address, here=_is_loopback(urlsplit(issuer).hostname or ""))
        told = await _read(client, address)
    if no_demo and DEMO in json.dumps(told):
        raise ValueError("it is a demo issuer, which the production profile does not trust")
    listed = told.get("keys")
    taken = {each["kid"]: _of(each) for each in listed if _is_for_us(each)} if isinstance(listed, list) else {}
    if not any(taken.values()):
        raise ValueError("it has no keys for signatures")
    return {kid: found for kid, found in taken.items() if found}


def _is_for_us(jwk: object) -> bool:
    return isinstance(jwk, dict) and isinstance(jwk.get("kid"), str) and jwk.get("use", "sig") == "sig"


def _of(jwk: dict[str, Any]) -> dict[str, jwt.PyJWK]:
    """Return a key by the algorithms it is good for; nothing of one that cannot be used."""
    try:
        if jwk.get("kty") == "RSA" and "alg" not in jwk:
            return {algorithm: jwt.PyJWK(jwk, algorithm) for algorithm in _RSA}
        key = jwt.PyJWK(jwk)
    except (jwt.PyJWTError, TypeError):  # TypeError: an `alg` that is no text
        return {}
    return {key.algorithm_name: key} if key.algorithm_name in ALGORITHMS else {}


async def _read(client: httpx.AsyncClient, address: str) -> dict[str, Any]:
    """Return the JSON object at an address, which follows no redirect."""
    body = b""
    async with client.stream("GET", address, headers={"accept-encoding": "identity"}) as answer:
        if answer.status_code != httpx.codes.OK:
            raise ValueError(f"{address} answers {answer.status_code}")
        async for part in answer.aiter_raw():
            body += part
            if len(body) > _LARGEST:
                raise ValueError(f"{address} answers more than {_LARGEST} bytes")
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError(f"{address} answers no JSON object")
    return found


def must_be_safe(address: str, *, here: bool = True) -> None:
    """Raise ValueError where somebody between could answer: only loopback may be asked without TLS, if at all."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    local = _is_loopback(host)
    if local and not here:
        raise ValueError(f"{address}: is on this machine")
    if parts.username is not None or not host or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise ValueError(f"{address}: must begin with https://")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
