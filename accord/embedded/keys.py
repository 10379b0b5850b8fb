"""Keys of the embedded stack: the demo issuer's, the machine clients', the master key, and the tokens they sign."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from accord.embedded.folder import StackError, write_json, write_private
from accord.embedded.secret import SERVICES
from casework.units import is_code
from services.kit.serving.codes import AGENT, CALENDAR, HOLDER, INFORMANT, INVITED, REPORTER
from services.kit.serving.codes import ISSUER as CODES
from services.kit.serving.tokens import DEMO, audience_of
from services.kit.signatures import SigningKey

AUDIENCE = "accord"
EMBEDDED_ISSUER = "accord-embedded"
ROOT_UNIT = "cn"

ROLES = (
    "citizen", "grid_worker", "clerk", "duty_officer", "handler", "mediator", "reviewer",
    "unit_head", "supervisor", "auditor", "operator", "integrator", "service",
)  # fmt: skip

CLIENT_ROLES = {
    "worker": ["service"],
    "relay": ["service"],
    "gateway": ["gateway"],
    "cli": ["operator", "integrator", "auditor"],
}
"""Machine clients that sign their own tokens, as issuer `accord-<name>`, and the roles each may claim."""


CODE_ROLES = (HOLDER, REPORTER, INVITED, AGENT, INFORMANT, CALENDAR)
"""Roles of people who come by a code."""


@dataclass(frozen=True)
class Keys:
    """The key files of one state folder."""

    folder: Path

    @property
    def issuer(self) -> Path:
        """Private key of the embedded issuer of demo users."""
        return self.folder / "issuer.pem"

    @property
    def master(self) -> Path:
        """The 32 bytes, in base64, that wrap each case's data key. Lost, all sealed data is lost."""
        return self.folder / "master.key"

    @property
    def trust(self) -> Path:
        """The public side: which issuers are trusted, with what keys and roles."""
        return self.folder / "trust.json"

    @property
    def accounts(self) -> Path:
        """The service accounts of the embedded issuer, with their public keys."""
        return self.folder / "accounts.json"

    @property
    def codes(self) -> Path:
        """Private key with which services sign tokens for holders of receipts and invitations."""
        return self.folder / "codes.pem"

    @property
    def portable(self) -> Path:
        """Private key with which portable case files are signed."""
        return self.folder / "portable.pem"

    @property
    def portable_trust(self) -> Path:
        """Whose portable case files are taken in: this installation's own, until the operator adds others."""
        return self.folder / "portable-trust.json"

    def client(self, name: str) -> Path:
        """Private key of the machine client `name`."""
        return self.folder / f"{name}.pem"


def ensure_keys(folder: Path) -> Keys:
    """The folder's keys but the master key; those that are missing are made, the trust file is written anew."""
    keys = Keys(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for path in (keys.issuer, keys.codes, *(keys.client(name) for name in CLIENT_ROLES)):
        if not path.exists():
            write_private(path, _new_key())
    if not keys.portable.exists():
        write_private(keys.portable, _written(ed25519.Ed25519PrivateKey.generate()))
    if not keys.portable_trust.exists():
        own = SigningKey(keys.portable)
        write_json(keys.portable_trust, {"keys": [{**own.public, "kid": own.id, "name": "accord"}]})
    write_json(keys.trust, _trust(keys))
    return keys


def add_account(keys: Keys, name: str, roles: Iterable[str], unit: str, key_file: Path) -> None:
    """Register a service account of the embedded issuer, with a new key; one of this name gets the new key instead."""
    given = list(roles)
    if not re.fullmatch(r"[a-z][a-z0-9-]{2,60}", name) or name.startswith("accord-"):
        raise StackError(f"{name!r}: a name has small letters, digits and hyphens, and does not begin with accord-")
    if not is_code(unit):
        raise StackError(f"{unit!r} is not the code of a unit")
    for role in given:
        if role not in ROLES or role == "service":
            raise StackError(f"there is no role {role!r} for it; roles are {', '.join(ROLES[:-1])}")
    if key_file.exists():
        raise StackError(f"{key_file} is there already, and is not overwritten")
    try:
        known = json.loads(keys.accounts.read_text("utf-8")) if keys.accounts.exists() else []
        write_private(key_file, _new_key())
        entry = {"client_id": name, "roles": given, "unit": unit, "jwks": {"keys": [public_jwk(key_file)]}}
        write_json(keys.accounts, [*(each for each in known if each["client_id"] != name), entry])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StackError(f"{keys.accounts}, {key_file}: {error}") from None


def ensure_master(keys: Keys, sealed: bool) -> None:
    """Make the master key where there is none yet; StackError if the database is `sealed` under one already."""
    if keys.master.exists():
        return
    if sealed:
        raise StackError(
            f"{keys.master} is missing, and the database was sealed with it: put it back from where it is kept; "
            "a new key would open nothing of what is there"
        )
    write_private(keys.master, base64.b64encode(os.urandom(32)).decode() + "\n")


def _new_key() -> str:
    return _written(ec.generate_private_key(ec.SECP256R1()))


def _written(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form).decode()


def _trust(keys: Keys) -> dict[str, Any]:
    production = os.environ.get("ACCORD_PROFILE") == "production"
    issuers: list[dict[str, Any]] = [] if production else [_demo(keys)]
    for name, roles in CLIENT_ROLES.items():
        issuers.append(
            _trusted(f"accord-{name}", keys.client(name), clients=True) | {"roles": roles, "unit": ROOT_UNIT}
        )
    issuers.append(
        _trusted(CODES, keys.codes, clients=False) | {"codes": True, "roles": list(CODE_ROLES), "unit": ROOT_UNIT}
    )
    return {"issuers": [*issuers, *_further(keys.folder / "issuers.json")]}


def _further(path: Path) -> list[dict[str, Any]]:
    """Return the issuers of OpenID Connect that an operator wrote into the folder of keys."""
    if not path.exists():
        return []
    try:
        known = json.loads(path.read_text("utf-8"))
        return [{"issuer": each["issuer"], "audience": each["audience"], "oidc": each["oidc"]} for each in known]
    except (ValueError, KeyError, TypeError) as error:
        raise StackError(f"{path}: must be a list of objects with issuer, audience and oidc: {error!r}") from None


def _trusted(issuer: str, key_file: Path, *, clients: bool) -> dict[str, Any]:
    jwk = public_jwk(key_file)
    return {"issuer": issuer, "audience": AUDIENCE, "jwks": {"keys": [jwk]}, "clients": clients}


def _demo(keys: Keys) -> dict[str, Any]:
    """The entry of the demo issuer; it and its key say what they are, so that a production profile refuses both."""
    jwk = public_jwk(keys.issuer) | {DEMO: True}
    return _trusted(EMBEDDED_ISSUER, keys.issuer, clients=False) | {"demo": True, "jwks": {"keys": [jwk]}}


def _load(key_file: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    except FileNotFoundError:
        raise StackError(f"there is no key {key_file}; the first `accord up` makes it") from None
    except ValueError as error:
        raise StackError(f"{key_file} is not a PEM private key: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise StackError(f"{key_file} is not an ES256 (P-256) key")
    return key


def public_jwk(key_file: Path) -> dict[str, str]:
    """The public half of a private key file as a JWK; its `kid` is the RFC 7638 thumbprint."""
    point = _load(key_file).public_key().public_numbers()
    members = {"crv": "P-256", "kty": "EC", "x": _url64(point.x.to_bytes(32)), "y": _url64(point.y.to_bytes(32))}
    digest = hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).digest()
    return members | {"kid": _url64(digest), "use": "sig", "alg": "ES256"}


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def mint(
    key_file: Path, issuer: str, sub: str, roles: Iterable[str], unit: str, ttl: timedelta,
    audience: str | list[str] = AUDIENCE,
) -> str:  # fmt: skip
    """A signed ES256 token with these claims, valid from now for `ttl`. Raises StackError for an unusable key."""
    now = int(time.time())
    claims = {
        "iss": issuer, "sub": sub, "aud": audience, "iat": now, "exp": now + int(ttl.total_seconds()),
        "jti": uuid.uuid4().hex, "roles": list(roles), "unit": unit,
    }  # fmt: skip
    return jwt.encode(claims, _load(key_file), algorithm="ES256", headers={"kid": public_jwk(key_file)["kid"]})


def demo_account(role: str, unit: str) -> str:
    """Return the account of the demo user with this role in this unit."""
    return f"demo-{role}-{unit}"


def demo_token(keys: Keys, role: str, unit: str, sub: str | None = None, ttl: timedelta = timedelta(hours=12)) -> str:
    """A token of the embedded issuer for a demo user with this role in this unit; StackError for an unknown role."""
    if role not in ROLES:
        raise StackError(f"there is no role {role!r}; roles are {', '.join(ROLES)}")
    return mint(keys.issuer, EMBEDDED_ISSUER, sub or demo_account(role, unit), [role], unit, ttl)


def client_token(
    keys: Keys, name: str = "cli", ttl: timedelta = timedelta(minutes=10), services: Iterable[str] = SERVICES
) -> str:
    """A token the machine client `name` signs for itself, with all its roles, for the root unit, at these services."""
    issuer = f"accord-{name}"
    audience = [audience_of(service) for service in services]
    return mint(keys.client(name), issuer, issuer, CLIENT_ROLES[name], ROOT_UNIT, ttl, audience)
