"""The embedded issuer: demo users of every role and level, their tokens, and the keys to check them with.

Never part of a production profile: anybody who reaches it can claim to be anybody.
"""

from __future__ import annotations

import hashlib
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.gateway.rest.decoder import parse
from services.gateway.rest.described import refusals
from services.gateway.rest.problem import of_validation, refuse, wrong_field
from services.gateway.routers.operations import READ, schema_of
from services.kit.serving.settings import Profile
from services.kit.serving.tokens import DEMO

TAG = {"name": "EmbeddedIssuer", "description": "Tokens for demo users; never part of a production profile."}
router = APIRouter(prefix="/issuer", tags=[TAG["name"]])
ISSUER = "accord-embedded"
AUDIENCE = "accord"
LIFETIME = 12 * 3600
ROLES = (
    "citizen", "grid_worker", "clerk", "duty_officer", "handler", "mediator",
    "reviewer", "unit_head", "supervisor", "auditor", "operator", "integrator",
)  # fmt: skip
LEVELS = {"province": "62", "city": "6201", "county": "620102", "township": "620102001", "village": "620102001001"}
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"


class IssuerError(Exception):
    """The embedded issuer must not or cannot start."""


@dataclass(frozen=True, slots=True)
class DemoUser:
    """A user a demonstration can act as."""

    id: str
    role: str
    unit: str
    level: str


class DemoUsers(BaseModel):
    """All users a demonstration can act as."""

    users: list[DemoUser]


class TokenRequest(BaseModel):
    """Whose token is requested."""

    model_config = ConfigDict(strict=True)

    user: str = Field(description="Id of a demo user, as in `clerk-620102`.")


class Token(BaseModel):
    """A bearer token, with OAuth field names."""

    access_token: str
    token_type: str
    expires_in: int


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
    """Return a bearer token of the embedded issuer, valid for `lifetime` seconds."""
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
    """Gives tokens to demo users."""

    def __init__(self, key_file: Path, profile: Profile) -> None:
        if profile is Profile.PRODUCTION:
            raise IssuerError("ACCORD_ISSUER_KEY_FILE must not be set in the production profile: "
                              "the embedded issuer gives a token to anybody who asks")  # fmt: skip
        self._key = load_key(key_file)
        self.users = {user.id: user for user in demo_users()}

    def configuration(self, base: str) -> dict[str, Any]:
        """Return the issuer's endpoints below a base address (OpenID Connect Discovery)."""
        return {
            "issuer": ISSUER,
            "jwks_uri": f"{base}/jwks.json",
            "token_endpoint": f"{base}/token",
            "id_token_signing_alg_values_supported": ["ES256"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
        }

    def keys(self) -> dict[str, Any]:
        """Return the JSON Web Key Set, marked as a demonstration's."""
        return {"keys": [public_jwk(self._key) | {DEMO: True}]}

    def token(self, user: DemoUser) -> Token:
        """Return a new token of a demo user."""
        minted = mint(self._key, user.id, [user.role], user.unit)
        return Token(access_token=minted, token_type="Bearer", expires_in=LIFETIME)


async def _issuer(request: Request) -> Issuer:
    issuer: Issuer = request.app.state.issuer
    return issuer


Serving = Annotated[Issuer, Depends(_issuer)]
"""The issuer of this process."""


async def _asked(request: Request) -> TokenRequest:
    """Return the request of a JSON or form body; errors have the transcoder's wording."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > 10_000:
            raise refuse("BODY_TOO_LARGE")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == _JSON:
        value: Any = parse(data)
    elif kind == _FORM:
        value = {name: values[0] for name, values in parse_qs(data.decode("latin-1")).items()}
    else:
        raise refuse("UNSUPPORTED_MEDIA_TYPE", wanted=f"{_FORM}, {_JSON}")
    try:
        return TokenRequest.model_validate(value)
    except ValidationError as error:
        raise of_validation(error.errors()) from None


async def _user(asked: Annotated[TokenRequest, Depends(_asked)], issuer: Serving) -> DemoUser:
    user = issuer.users.get(asked.user)
    if user is None:
        raise wrong_field("user", "没有这个演示用户，见 /issuer/users。", "No such demo user: see /issuer/users.")
    return user


@router.api_route(
    "/.well-known/openid-configuration",
    methods=READ,
    operation_id="getIssuerConfiguration",
    summary="Gets the issuer's endpoints",
)
async def configuration(request: Request, issuer: Serving) -> dict[str, Any]:
    """Return the addresses as this caller reaches them."""
    return issuer.configuration(str(request.base_url).rstrip("/") + router.prefix)


@router.api_route(
    "/jwks.json",
    methods=READ,
    operation_id="getIssuerKeys",
    summary="Gets the keys that tokens are signed with",
)
async def keys(issuer: Serving) -> dict[str, Any]:
    """Return the public keys."""
    return issuer.keys()


@router.api_route("/users", methods=READ, operation_id="listDemoUsers", summary="Lists the demo users")
async def users(issuer: Serving) -> DemoUsers:
    """Return all users a demonstration can act as."""
    return DemoUsers(users=list(issuer.users.values()))


_ASKED = {kind: {"schema": schema_of(TokenRequest)} for kind in (_JSON, _FORM)}


@router.post(
    "/token",
    operation_id="createToken",
    summary="Gets a bearer token of a demo user",
    responses={200: {"description": "The token."}, **refusals(400, 413, 415)},
    openapi_extra={"requestBody": {"required": True, "content": _ASKED}},
)
async def token(user: Annotated[DemoUser, Depends(_user)], issuer: Serving, response: Response) -> Token:
    """Return a token for the named user."""
    response.headers["cache-control"] = "no-store"
    return issuer.token(user)
