"""Sealed columns: AES-256-GCM under a data key per case, wrapped by the master key.

Destroying a case's wrapped key erases what was sealed for it; the event chain does not depend on it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class SealError(Exception):
    """The master key is not usable, or a sealed value was not sealed with it for this case."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A data key wrapped by the master key, and what was sealed under it."""

    key: bytes
    data: bytes


class CaseSealer:
    """Seals and opens under one case's data key; what it sealed is gone when that key is destroyed."""

    def __init__(self, key: AESGCM, bound: bytes) -> None:
        self._key = key
        self._bound = bound

    def seal(self, data: bytes) -> bytes:
        """Return the data sealed."""
        nonce = os.urandom(_NONCE)
        return nonce + self._key.encrypt(nonce, data, self._bound)

    def open(self, data: bytes) -> bytes:
        """Return what was sealed; SealError where it was not sealed under this key."""
        try:
            return self._key.decrypt(data[:_NONCE], data[_NONCE:], self._bound)
        except InvalidTag:
            raise SealError(f"{self._bound.decode()}: not sealed with this key") from None


class Sealer:
    """Seals and opens; derives the keys of blind indexes."""

    def __init__(self, master: bytes) -> None:
        if len(master) != 32:
            raise SealError("the master key must be 32 bytes, in base64")
        self._master = AESGCM(master)
        self._root = master

    @classmethod
    def from_file(cls, path: Path) -> Sealer:
        """Return the sealer of a master key file: base64 of 32 bytes."""
        try:
            return cls(base64.b64decode(path.read_text("ascii"), validate=False))
        except (OSError, binascii.Error, UnicodeDecodeError) as error:
            raise SealError(f"master key file: {error}") from None

    def seal(self, number: str, data: bytes) -> Sealed:
        """Return the data sealed under a new data key for the case with this number."""
        entropy = os.urandom(32 + 2 * _NONCE)
        key, nonce, key_nonce = entropy[:32], entropy[32 : 32 + _NONCE], entropy[32 + _NONCE :]
        bound = number.encode()
        wrapped = key_nonce + self._master.encrypt(key_nonce, key, bound)
        return Sealed(wrapped, nonce + AESGCM(key).encrypt(nonce, data, bound))

    def open(self, number: str, sealed: Sealed) -> bytes:
        """Return what was sealed for the case with this number."""
        bound = number.encode()
        try:
            key = self._master.decrypt(sealed.key[:_NONCE], sealed.key[_NONCE:], bound)
            return AESGCM(key).decrypt(sealed.data[:_NONCE], sealed.data[_NONCE:], bound)
        except InvalidTag:
            raise SealError(f"{number}: not sealed with this key") from None

    def new_key(self, number: str) -> bytes:
        """Return a new data key for the case with this number, wrapped by the master key."""
        nonce, key = os.urandom(_NONCE), os.urandom(32)
        return nonce + self._master.encrypt(nonce, key, number.encode())

    def under(self, number: str, wrapped_key: bytes) -> CaseSealer:
        """Return what seals and opens under a case's own data key."""
        bound = number.encode()
        try:
            key = self._master.decrypt(wrapped_key[:_NONCE], wrapped_key[_NONCE:], bound)
        except InvalidTag:
            raise SealError(f"{number}: not wrapped with this key") from None
        return CaseSealer(AESGCM(key), bound)

    def derive(self, purpose: str) -> bytes:
        """Return a 32-byte key for one purpose, such as a blind index."""
        return hmac.digest(self._root, purpose.encode(), "sha256")
