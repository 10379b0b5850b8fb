"""An issuer of OpenID Connect as its client sees it: found by its URL, asked for tokens in four ways."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from accord.embedded.folder import StackError
from accord.sign_in.loopback import Loopback, challenge_of
from services.kit.issuers import must_be_safe

_SECONDS = 10.0
_LARGEST = 500_000
_PATIENCE = 300.0
"""Seconds in which somebody must have signed in with their browser."""
_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS = 60
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384"}

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Provider:
    """An issuer and its endpoints."""

    issuer: str
    endpoints: Mapping[str, Any]

    @classmethod
    def found(cls, issuer: str) -> Self:
        """Return the issuer at a URL, by its configuration; raise StackError."""
        issuer = safe(issuer.rstrip("/"))
        told = _answer("GET", f"{issuer}/.well-known/openid-configuration")
        if str(told.get("issuer", "")).rstrip("/") != issuer:
            raise StackError(f"{issuer}: its configuration names another issuer")
        return cls(issuer, told)

    def by_browser(
        self, client: str, scope: str, opens: Callable[[str], object], tell: Tell, port: int = 0
    ) -> dict[str, Any]:
        """Return tokens after somebody signed in with a browser on this machine (RFC 8252, PKCE)."""
        verifier, state, nonce = (secrets.token_urlsafe(48) for _ in range(3))
        with Loopback(state, port) as back:
            asked = {
                "response_type": "code", "client_id": client, "redirect_uri": back.address, "scope": scope,
                "state": state, "nonce": nonce, "code_challenge": challenge_of(verifier),
                "code_challenge_method": "S256",
            }  # fmt: skip
            page = self._endpoint("authorization_endpoint")
            address = f"{page}{'&' if '?' in page else '?'}{urlencode(asked)}"
            tell(f"sign in with your browser: {address}")
            opens(address)
            told = back.wait(_PATIENCE)
        # RFC 9207: an answer of another issuer must not bring its code here; one that names itself always does.
        names = self.endpoints.get("authorization_response_iss_parameter_supported") is True
        answers = told.get("iss", "" if names else self.issuer)
        if answers.rstrip("/") != self.issuer:
            raise StackError(f"the answer is of {answers!r}, not of {self.issuer}")
        if "code" not in told:
            raise RefusedError(self.issuer, told.get("error", "no code"), told.get("error_description", ""))
        tokens = self._token(
            {"grant_type": "authorization_code", "code": told["code"], "redirect_uri": back.address,
             "client_id": client, "code_verifier": verifier}
        )  # fmt: skip
        if "id_token" in tokens and _nonce(tokens["id_token"]) != nonce:
            raise StackError(f"{self.issuer}: the ID token answers another sign-in")
        return tokens

    def by_device(self, client: str, scope: str, tell: Tell) -> dict[str, Any]:
        """Return tokens after somebody signed in elsewhere with a code that is shown here (RFC 8628)."""
        asked = {"client_id": client, "scope": scope}
        told = _answer("POST", self._endpoint("device_authorization_endpoint"), asked)
        try:
            code, page, user_code = told["device_code"], told["verification_uri"], told["user_code"]
            wait, until = float(told.get("interval", 5)), time.monotonic() + float(told["expires_in"])
        except (KeyError, TypeError, ValueError) as error:
            raise StackError(f"{self.issuer} gives no codes for a device: {error}") from None
        tell(f"sign in at {page} with the code {user_code}")
        if "verification_uri_complete" in told:
            tell(f"or at {told['verification_uri_complete']}")
        poll = {"grant_type": _DEVICE, "device_code": str(code), "client_id": client}
        while time.monotonic() < until:
            time.sleep(wait)
            try:
                return self._token(poll)
            except RefusedError as error:
                if error.error not in ("authorization_pending", "slow_down"):
                    raise
                wait += 5 if error.error == "slow_down" else 0
        raise StackError(f"{self.issuer}: nobody signed in in time")

    def by_key(self, client: str, key_file: Path, scope: str) -> dict[str, Any]:
        """Return a token of a service account, which signs with its own key (RFC 7523)."""
        key, algorithm = _key(key_file)
        now = int(time.time())
        claims = {"iss": client, "sub": client, "aud": self._endpoint("token_endpoint"), "iat": now,
                  "exp": now + _ASSERTION_SECONDS, "jti": uuid.uuid4().hex}  # fmt: skip
        form = {"grant_type": "client_credentials", "client_id": client, "client_assertion_type": _ASSERTION,
                "client_assertion": jwt.encode(claims, key, algorithm=algorithm)}  # fmt: skip
        return self._token(form | ({"scope": scope} if scope else {}))

    def renewed(self, client: str, refresh_token: str) -> dict[str, Any]:
        """Return new tokens for a refresh token."""
        return self._token({"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": client})

    def _token(self, form: dict[str, str]) -> dict[str, Any]:
        return _answer("POST", self._endpoint("token_endpoint"), form)

    def _endpoint(self, name: str) -> str:
        address = self.endpoints.get(name)
        if not isinstance(address, str):
            raise StackError(f"{self.issuer} has no {name}")
        return safe(address)


class RefusedError(StackError):
    """The issuer refused, in the form of RFC 6749."""

    def __init__(self, at: str, error: str, description: str) -> None:
        said = f"{error}: {description}" if description else error
        # It is printed on a terminal, and is the words of another program.
        super().__init__(f"{at}: {''.join(each if each.isprintable() else ' ' for each in said[:300])}")
        self.error = error


def safe(address: str) -> str:
    """Return an address that tokens may be sent to: over TLS, or on this machine; else raise StackError."""
    try:
        must_be_safe(address)
    except ValueError as error:
        raise StackError(str(error)) from None
    return address


def _answer(method: str, address: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the JSON object that a request is answered with; raise StackError. Redirects are not followed."""
    told: Any = None
    try:
        with httpx.Client(timeout=_SECONDS) as client, client.stream(method, address, data=form) as answer:
            body = b""
            for part in answer.iter_bytes():
                body += part
                if len(body) > _LARGEST:
                    raise StackError(f"{address} answers more than {_LARGEST} bytes")
            told = json.loads(body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StackError(f"{address} cannot be reached: {error or type(error).__name__}") from None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise StackError(f"{address} answers {answer.status_code}, no JSON object")
    if answer.is_success:
        return told
    raise RefusedError(address, str(told.get("error", answer.status_code)), str(told.get("error_description", "")))


def _nonce(id_token: str) -> object:
    """Return what an ID token says it answers; its signature is for the server to check."""
    try:
        return jwt.decode(id_token, options={"verify_signature": False}).get("nonce")
    except (jwt.PyJWTError, TypeError):
        return None


def _key(key_file: Path) -> tuple[Any, str]:
    """Return a private key and the algorithm it signs with."""
    try:
        key = load_pem_private_key(key_file.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise StackError(f"{key_file} is no private key (PEM, not encrypted): {error}") from None
    if isinstance(key, RSAPrivateKey):
        return key, "RS256"
    if isinstance(key, Ed25519PrivateKey):
        return key, "EdDSA"
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return key, _CURVES[key.curve.name]
    raise StackError(f"{key_file}: must be an EC (P-256, P-384), RSA or Ed25519 key")
