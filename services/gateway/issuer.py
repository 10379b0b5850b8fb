"""The embedded issuer: demo users of every role and level, their tokens, and the keys to check them with.

Never part of a production profile: whoever reaches it is whoever they say.
"""

from __future__ import annotations

import hashlib
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from services.gateway.decoder import parse
from services.gateway.problem import refuse, wrong_field
from services.kit.serving.settings import Profile
from services.kit.serving.tokens import DEMO

ISSUER = "accord-embedded"
AUDIENCE = "accord"
LIFETIME = 12 * 3600
ROLES = (
    "citizen", "grid_worker", "clerk", "duty_officer", "handler", "mediator",
    "reviewer", "unit_head", "supervisor", "auditor", "operator", "integrator",
)  # fmt: skip
LEVELS = {"province": "62", "city": "6201", "county": "620102", "township": "620102001", "village": "620102001001"}


class IssuerError(Exception):
    """The embedded issuer must not or cannot start."""


@dataclass(frozen=True, slots=True)
class DemoUser:
    """Somebody a demonstration can act as."""

    id: str
    role: str
    unit: str
    level: str


def demo_users() -> list[DemoUser]:
    """Return a user of every role at every level; the id is the role and the unit, as in `clerk-620102`."""
    return [
        DemoUser(f"{role.replace('_', '-')}-{unit}", role, unit, level)
        for role in ROLES
        for level, unit in LEVELS.items()
    ]


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the issuer's private key, a P-256 key in PEM."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise IssuerError(f"ACCORD_ISSUER_KEY_FILE: {path}: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise IssuerError(f"ACCORD_ISSUER_KEY_FILE: {path}: must be a P-256 private key")
    return key


def public_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """Return the public half as a JSON Web Key; its id is its thumbprint (RFC 7638)."""
    numbers = key.public_key().public_numbers()
    jwk = {
        "crv": "P-256",
        "kty": "EC",
        "x": _base64(numbers.x.to_bytes(32, "big")),
        "y": _base64(numbers.y.to_bytes(32, "big")),
    }
    digest = hashlib.sha256(json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()).digest()
    return {**jwk, "use": "sig", "alg": "ES256", "kid": _base64(digest)}


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def mint(
    key: ec.EllipticCurvePrivateKey, subject: str, roles: Iterable[str], unit: str, lifetime: float = LIFETIME
) -> str:
    """Return a bearer token of the embedded issuer, good for `lifetime` seconds."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": now,
        "exp": now + int(lifetime),
        "roles": list(roles),
        "unit": unit,
    }
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": public_jwk(key)["kid"]})


class Issuer:
    """Serves tokens for demo users."""

    def __init__(self, key_file: Path, profile: Profile) -> None:
        if profile is Profile.PRODUCTION:
            raise IssuerError("ACCORD_ISSUER_KEY_FILE must not be set in the production profile: "
                              "the embedded issuer gives a token to anybody who asks")  # fmt: skip
        self._key = load_key(key_file)
        self._users = {user.id: user for user in demo_users()}

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [
            Route("/issuer/.well-known/openid-configuration", self._configuration),
            Route("/issuer/jwks.json", self._keys),
            Route("/issuer/users", self._list),
            Route("/issuer/token", self._token, methods=["POST"]),
        ]

    async def _configuration(self, request: Request) -> JSONResponse:
        base = str(request.base_url).rstrip("/") + "/issuer"
        return JSONResponse(
            {
                "issuer": ISSUER,
                "jwks_uri": f"{base}/jwks.json",
                "token_endpoint": f"{base}/token",
                "id_token_signing_alg_values_supported": ["ES256"],
                "response_types_supported": ["token"],
                "subject_types_supported": ["public"],
            }
        )

    async def _keys(self, request: Request) -> JSONResponse:
        return JSONResponse({"keys": [public_jwk(self._key) | {DEMO: True}]})

    async def _list(self, request: Request) -> JSONResponse:
        return JSONResponse({"users": [asdict(user) for user in self._users.values()]})

    async def _token(self, request: Request) -> JSONResponse:
        user = self._users.get(await _asked_user(request))
        if user is None:
            raise wrong_field("user", "没有这个演示用户，见 /issuer/users。", "No such demo user: see /issuer/users.")
        token = mint(self._key, user.id, [user.role], user.unit)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME}
        return JSONResponse(answer, headers={"cache-control": "no-store"})


async def _asked_user(request: Request) -> str:
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > 10_000:
            raise refuse("BODY_TOO_LARGE")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        value: Any = parse(data)
        user = value.get("user") if isinstance(value, dict) else None
    elif kind == "application/x-www-form-urlencoded":
        user = parse_qs(data.decode("latin-1")).get("user", [None])[0]
    else:
        raise refuse("UNSUPPORTED_MEDIA_TYPE", wanted="application/x-www-form-urlencoded, application/json")
    if not isinstance(user, str):
        raise wrong_field("user", "必填。", "Is required.")
    return user
