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
    """Seals and opens under the data key of one case: destroying the wrapped key erases all of it."""

    def __init__(self, number: str, key: bytes) -> None:
        self._number = number
        self._cipher = AESGCM(key)

    def seal(self, data: bytes) -> bytes:
        """Return the data sealed."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, data, self._number.encode())

    def open(self, sealed: bytes) -> bytes:
        """Return what was sealed."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], self._number.encode())
        except InvalidTag:
            raise SealError(f"{self._number}: not sealed with this key") from None


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
        nonce = os.urandom(_NONCE)
        return nonce + self._master.encrypt(nonce, os.urandom(32), number.encode())

    def under(self, number: str, wrapped: bytes) -> CaseSealer:
        """Return what seals and opens under a case's own data key."""
        try:
            key = self._master.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], number.encode())
        except InvalidTag:
            raise SealError(f"{number}: not wrapped with this key") from None
        return CaseSealer(number, key)

    def derive(self, purpose: str) -> bytes:
        """Return a 32-byte key for one purpose, such as a blind index."""
        return hmac.digest(self._root, purpose.encode(), "sha256")
