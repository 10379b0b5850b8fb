"""The embedded issuer: demo users of every role and level, their tokens, and the keys to check them with.

Never part of a production profile: anybody who reaches it can claim to be anybody. To programs it is a provider of
OpenID Connect: `services/gateway/routers/sign_in.py` has its pages, `services/gateway/routers/grants.py` its promises.
"""

from __future__ import annotations

import hashlib
import json
import time
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.gateway.rest.decoder import parse
from services.gateway.rest.described import refusals
from services.gateway.rest.problem import of_validation, refuse, wrong_field
from services.gateway.routers import grants
from services.gateway.routers.grants import Grants, OAuthError
from services.gateway.routers.operations import READ, schema_of
from services.kit.issuers import ALGORITHMS
from services.kit.serving.settings import Profile
from services.kit.serving.tokens import DEMO

TAG = {"name": "EmbeddedIssuer", "description": "Tokens for demo users; never part of a production profile."}
router = APIRouter(prefix="/issuer", tags=[TAG["name"]])
ISSUER = "accord-embedded"
AUDIENCE = "accord"
LIFETIME = 12 * 3600
ACCOUNT_LIFETIME = 3600
_LARGEST = 20_000
"""Bytes of a body: a signed assertion is the longest."""
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

    def __init__(
        self, key_file: Path, profile: Profile, accounts_file: Path | None = None, origins: Iterable[str] = ()
    ) -> None:
        if profile is Profile.PRODUCTION:
            raise IssuerError("ACCORD_ISSUER_KEY_FILE must not be set in the production profile: "
                              "the embedded issuer gives a token to anybody who asks")  # fmt: skip
        self._key = load_key(key_file)
        self._origins = tuple(origins)
        self.users = {user.id: user for user in demo_users()}
        self.grants = Grants(accounts_file)

    def origins(self, base: str) -> tuple[str, ...]:
        """Return the origins that somebody is sent back to: those of consoles, and its own."""
        return (*self._origins, base.removesuffix(router.prefix))

    def configuration(self, base: str) -> dict[str, Any]:
        """Return the issuer's endpoints below a base address (OpenID Connect Discovery)."""
        return {
            "issuer": base,
            "jwks_uri": f"{base}/jwks.json",
            "authorization_endpoint": f"{base}/authorize",
            "device_authorization_endpoint": f"{base}/device_authorization",
            "token_endpoint": f"{base}/token",
            "grant_types_supported": [grants.CODE_GRANT, grants.DEVICE_GRANT, grants.KEY_GRANT],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
            "id_token_signing_alg_values_supported": ["ES256"],
            "scopes_supported": ["openid"],
            "claims_supported": ["iss", "sub", "aud", "iat", "exp", "nonce", "roles", "unit"],
            "subject_types_supported": ["public"],
        }

    def keys(self) -> dict[str, Any]:
        """Return the JSON Web Key Set, marked as a demonstration's."""
        return {"keys": [public_jwk(self._key) | {DEMO: True}]}

    def token(self, user: DemoUser) -> Token:
        """Return a new token of a demo user."""
        minted = mint(self._key, user.id, [user.role], user.unit)
        return Token(access_token=minted, token_type="Bearer", expires_in=LIFETIME)

    def granted(self, sent: Mapping[str, str], base: str) -> dict[str, Any]:
        """Return what the token endpoint gives for a grant; raise OAuthError."""
        grant = sent.get("grant_type")
        if grant == grants.KEY_GRANT:
            account = self.grants.account(sent, (base, f"{base}/token"))
            token = mint(self._key, account.client_id, account.roles, account.unit, ACCOUNT_LIFETIME)
            return {"access_token": token, "token_type": "Bearer", "expires_in": ACCOUNT_LIFETIME}
        client, nonce = grants.client_of(sent), ""
        if grant == grants.CODE_GRANT:
            asked, name = self.grants.redeem(sent)
            nonce = asked.nonce
        elif grant == grants.DEVICE_GRANT:
            name = self.grants.poll(sent).user
        else:
            raise OAuthError("unsupported_grant_type", "see grant_types_supported of the configuration")
        user = self.users[name]
        return {
            **self.token(user).model_dump(),
            "scope": "openid",
            "id_token": self._id_token(user, client, nonce, base),
        }

    def _id_token(self, user: DemoUser, client: str, nonce: str, base: str) -> str:
        """Return who signed in, for the application alone: no service trusts the issuer under this name."""
        now = int(time.time())
        claims = {
            "iss": base, "aud": client, "sub": user.id, "iat": now, "exp": now + LIFETIME, "roles": [user.role],
            "unit": user.unit, **({"nonce": nonce} if nonce else {}),
        }  # fmt: skip
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": public_jwk(self._key)["kid"]})


async def _issuer(request: Request) -> Issuer:
    issuer: Issuer = request.app.state.issuer
    return issuer


Serving = Annotated[Issuer, Depends(_issuer)]
"""The issuer of this process."""


def base_of(request: Request) -> str:
    """Return the issuer's address as this caller reaches it: its name in OpenID Connect."""
    return str(request.base_url).rstrip("/") + router.prefix


async def _body(request: Request) -> bytes:
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > _LARGEST:
            raise refuse("BODY_TOO_LARGE")
    return data


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form; each may be there once."""
    data = await _body(request)
    if _kind(request) != _FORM:
        raise refuse("UNSUPPORTED_MEDIA_TYPE", wanted=_FORM)
    try:
        fields = parse_qsl(data.decode("ascii"), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        raise wrong_field("body", "不是正确的表单。", "Is not a valid form.") from None
    for name, count in Counter(name for name, _ in fields).items():
        if count > 1:
            raise refuse("DUPLICATE_PARAMETER", name=name)
    return dict(fields)


async def _asked(request: Request) -> object:
    """Return a JSON or form body."""
    kind = _kind(request)
    if kind == _JSON:
        return parse(await _body(request))
    if kind != _FORM:
        raise refuse("UNSUPPORTED_MEDIA_TYPE", wanted=f"{_FORM}, {_JSON}")
    return await form_of(request)


@router.api_route(
    "/.well-known/openid-configuration",
    methods=READ,
    operation_id="getIssuerConfiguration",
    summary="Gets the issuer's endpoints",
)
async def configuration(request: Request, issuer: Serving) -> dict[str, Any]:
    """Return the addresses as this caller reaches them."""
    return issuer.configuration(base_of(request))


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


_ASKED = {kind: {"schema": schema_of(TokenRequest), "example": {"user": "clerk-620102"}} for kind in (_JSON, _FORM)}


@router.post(
    "/token",
    operation_id="createToken",
    summary="Gets a bearer token of a demo user",
    responses={200: {"description": "The token.", "model": Token}, **refusals(400, 413, 415)},
    openapi_extra={"requestBody": {"required": True, "content": _ASKED}},
)
async def token(request: Request, asked: Annotated[object, Depends(_asked)], issuer: Serving) -> Response:
    """Return a token for the named user, or, with `grant_type`, what OAuth grants."""
    if isinstance(asked, dict) and "grant_type" in asked:
        return _granted({name: str(value) for name, value in asked.items()}, issuer, base_of(request))
    try:
        user = issuer.users.get(TokenRequest.model_validate(asked).user)
    except ValidationError as error:
        # With the transcoder's wording.
        raise of_validation(error.errors()) from None
    if user is None:
        raise wrong_field("user", "没有这个演示用户，见 /issuer/users。", "No such demo user: see /issuer/users.")
    return JSONResponse(issuer.token(user).model_dump(), headers={"cache-control": "no-store"})


def _granted(fields: Mapping[str, str], issuer: Issuer, base: str) -> Response:
    try:
        return JSONResponse(issuer.granted(fields, base), headers={"cache-control": "no-store"})
    except OAuthError as error:
        return refused(error)


def refused(error: OAuthError) -> Response:
    """Return a refusal as an OAuth client reads it (RFC 6749, 5.2)."""
    told = {"error": error.error, "error_description": error.description}
    return JSONResponse(told, error.status, {"cache-control": "no-store"})
