"""Signatures over files that leave: Ed25519, as a detached JSON Web Signature (RFC 7515 appendix F, RFC 8037)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from casework.papers.portable.checking import Judge, Signatory, Signed

ALGORITHM = "EdDSA"
_KINDS = {"kty": "OKP", "crv": "Ed25519"}
Jwk = Mapping[str, str]


class SigningKey:
    """A private key of this installation. The id of a key is its thumbprint (RFC 7638): nobody can choose it."""

    def __init__(self, file: Path) -> None:
        key = load_pem_private_key(file.read_bytes(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{file}: must be an Ed25519 private key")
        self._key = key
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public: Jwk = {**_KINDS, "x": _encoded(raw)}
        self.id = thumbprint(self.public)

    def sign(self, data: bytes) -> str:
        """Return the signature over some bytes; the same bytes give the same signature."""
        whole = jwt.PyJWS().encode(data, self._key, ALGORITHM, {"kid": self.id, "typ": None})
        head, _, signature = whole.split(".")
        return f"{head}..{signature}"


def thumbprint(jwk: Jwk) -> str:
    """Return the id of a public key: SHA-256 over its members, base64url."""
    members = json.dumps({name: jwk[name] for name in ("crv", "kty", "x")}, separators=(",", ":"))
    return _encoded(hashlib.sha256(members.encode()).digest())


def public_keys(texts: Iterable[str]) -> dict[str, Ed25519PublicKey]:
    """Return the public keys of JSON Web Keys, or sets of such, by their ids; ValueError for anything else."""
    found: dict[str, Ed25519PublicKey] = {}
    for text in texts:
        read: Any = json.loads(text)
        for each in read.get("keys", [read]) if isinstance(read, dict) else [read]:
            if not isinstance(each, dict) or {name: each.get(name) for name in _KINDS} != _KINDS:
                raise ValueError("not a public key of Ed25519 as a JSON Web Key")
            raw = base64.urlsafe_b64decode(str(each.get("x")) + "=")
            found[thumbprint(each)] = Ed25519PublicKey.from_public_bytes(raw)
    return found


class Trusted:
    """The keys by which files from elsewhere are trusted: a set of JSON Web Keys, each with the name of its owner."""

    def __init__(self, file: Path | None) -> None:
        text = file.read_text("utf-8") if file else '{"keys": []}'
        self.keys: Mapping[str, Ed25519PublicKey] = public_keys([text])
        self._owners = {thumbprint(each): str(each.get("name", "")) for each in json.loads(text)["keys"]}

    def owner(self, key: str) -> str:
        """Return whose key it is."""
        return self._owners.get(key, "")


def judge(keys: Mapping[str, Ed25519PublicKey]) -> Judge:
    """Return what says whether a signature is one of these keys'."""

    def judged(signature: str, data: bytes) -> Signatory:
        head, between, mark = (*signature.split("."), "", "", "")[:3]
        if between or signature.count(".") != 2:
            return Signatory("", Signed.FORGED)
        try:
            key = str(jwt.get_unverified_header(f"{head}..{mark}").get("kid", ""))
            if key not in keys:
                return Signatory(key if key.isascii() and key.isprintable() else "", Signed.UNKNOWN_KEY)
            jwt.PyJWS().decode(f"{head}.{_encoded(data)}.{mark}", keys[key], [ALGORITHM])
        except (jwt.InvalidTokenError, ValueError):
            return Signatory("", Signed.FORGED)
        return Signatory(key, Signed.VALID)

    return judged


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
