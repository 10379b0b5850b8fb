"""Sealed columns: AES-256-GCM under a data key per case, wrapped by the master key.

Everything personal in a case is sealed under its one data key. Destroying the wrapped key erases all of it;
the event chain does not depend on it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NewType, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12

WrappedKey = NewType("WrappedKey", bytes)
"""The data key of a case, wrapped by the master key."""
SealedBytes = NewType("SealedBytes", bytes)
"""What was sealed under a data key."""


class SealError(Exception):
    """The master key is not usable, or a sealed value was not sealed with it for this case."""


class MasterKey(Protocol):
    """The holder of the master key: this process, or a key management service (KMS) that never gives it out.

    Calls are short; results are stored nowhere but in the column of a wrapped key.
    """

    def wrap(self, key: bytes, bound: bytes) -> bytes:
        """Return a data key wrapped, bound to its purpose."""
        ...

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """Return a data key that was wrapped for the same purpose; SealError where it was not."""
        ...

    def derive(self, purpose: str) -> bytes:
        """Return a 32-byte key for one purpose, the same every time, such as the key of a blind index."""
        ...

    def opens(self) -> tuple[str, ...]:
        """Return the fingerprints of the keys whose wrapped data keys it opens; the first one wraps."""
        ...


_WRONG = "the master key must be 32 bytes, in base64"
_OLD, _INDEX = "old", "index"


class HeldKey:
    """A master key held by this process: 32 bytes from a file or an environment variable.

    While it changes there are several: the first wraps, the `old` ones open what they wrapped. The keys of indexes are
    derived from the first that there ever was (`index`): what is stored under them could not be computed again.
    """

    def __init__(self, key: bytes, old: Sequence[bytes] = (), index: bytes = b"") -> None:
        if any(len(each) != 32 for each in (key, *old, index or key)):
            raise SealError(_WRONG)
        self._keys = (key, *old)
        self._ciphers = tuple(map(AESGCM, self._keys))
        self._cipher = self._ciphers[0]
        self._root = index or key

    @classmethod
    def from_text(cls, text: str) -> HeldKey:
        """Return the key of a text: base64, and on further lines `old BASE64` and `index BASE64`."""
        first, *more = text.strip().splitlines() or [""]
        old, index = [], b""
        for line in more:
            kind, _, key = line.partition(" ")
            if kind == _OLD:
                old.append(_decoded(key))
            elif kind == _INDEX:
                index = _decoded(key)
            else:
                raise SealError(_WRONG)
        return cls(_decoded(first), old, index)

    def text(self) -> str:
        """Return the text that `from_text` reads."""
        written = [base64.b64encode(each).decode() for each in (*self._keys, self._root)]
        lines = [written[0], *(f"{_OLD} {each}" for each in written[1:-1])]
        return "\n".join([*lines, *([f"{_INDEX} {written[-1]}"] if self._root != self._keys[0] else [])]) + "\n"

    def followed_by(self, key: bytes) -> HeldKey:
        """Return what wraps by a new key, and opens what this one does."""
        return HeldKey(key, self._keys, self._root)

    def alone(self) -> HeldKey:
        """Return what opens nothing but what the first key wrapped."""
        return HeldKey(self._keys[0], (), self._root)

    def retired(self) -> list[bytes]:
        """Return the keys that are no longer used to wrap."""
        return list(self._keys[1:])

    def opens(self) -> tuple[str, ...]:
        """Return the fingerprints of its keys; the first one wraps."""
        return tuple(hmac.digest(each, b"fingerprint", "sha256")[:16].hex() for each in self._keys)

    def rewrapped(self, wrapped: bytes, bound: bytes) -> bytes | None:
        """Return a data key wrapped by the first key; None if it is so already. SealError if no key opens it."""
        try:
            self._ciphers[0].decrypt(wrapped[:_NONCE], wrapped[_NONCE:], bound)
        except (InvalidTag, ValueError):
            return self.wrap(self.unwrap(wrapped, bound), bound)
        return None

    @classmethod
    def from_file(cls, path: Path) -> HeldKey:
        """Return the key in a file: base64 of 32 bytes."""
        try:
            return cls.from_text(path.read_text("ascii"))
        except (OSError, UnicodeDecodeError) as error:
            raise SealError(f"master key file: {error}") from None

    def wrap(self, key: bytes, bound: bytes) -> bytes:
        """Return a data key wrapped."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, key, bound)

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """Return a data key that was wrapped, by whichever of the keys."""
        for cipher in self._ciphers:
            with suppress(InvalidTag, ValueError):
                return cipher.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], bound)
        raise SealError(f"{bound.decode('ascii', 'replace')}: not sealed with this key")

    def derive(self, purpose: str) -> bytes:
        """Return a 32-byte key for one purpose."""
        return hmac.digest(self._root, purpose.encode(), "sha256")


def _decoded(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        raise SealError(_WRONG) from None
    if len(key) != 32:
        raise SealError(_WRONG)
    return key


class Sealed(NamedTuple):
    """A data key wrapped by the master key, and what was sealed under it."""

    key: WrappedKey
    data: SealedBytes


class CaseSealer:
    """Seals and opens under the data key of one case."""

    def __init__(self, number: str, key: bytes) -> None:
        self._bound = number.encode()
        self._cipher = AESGCM(key)

    def seal(self, data: bytes) -> SealedBytes:
        """Return the data sealed; sealing the same data twice gives different results."""
        nonce = os.urandom(_NONCE)
        return SealedBytes(nonce + self._cipher.encrypt(nonce, data, self._bound))

    def open(self, data: bytes) -> bytes:
        """Return what was sealed; SealError where it was not sealed under this case's key."""
        try:
            return self._cipher.decrypt(data[:_NONCE], data[_NONCE:], self._bound)
        except (InvalidTag, ValueError):
            raise SealError(f"{self._bound.decode()}: not sealed with this key") from None


class Sealer:
    """Seals and opens; derives the keys of blind indexes."""

    def __init__(self, master: MasterKey) -> None:
        self._master = master

    @classmethod
    def from_file(cls, path: Path) -> Sealer:
        """Return the sealer of a master key file: base64 of 32 bytes."""
        return cls(HeldKey.from_file(path))

    def new_key(self, number: str) -> WrappedKey:
        """Return a new data key for the case with this number, wrapped."""
        return WrappedKey(self._master.wrap(os.urandom(32), number.encode()))

    def under(self, number: str, wrapped: bytes) -> CaseSealer:
        """Return what seals and opens under a case's data key; SealError where it was not wrapped for this case."""
        return CaseSealer(number, self._master.unwrap(wrapped, number.encode()))

    def seal(self, number: str, data: bytes) -> Sealed:
        """Return the data sealed under a new data key for the case with this number."""
        key = os.urandom(32)
        wrapped = WrappedKey(self._master.wrap(key, number.encode()))
        return Sealed(wrapped, CaseSealer(number, key).seal(data))

    def open(self, number: str, sealed: Sealed) -> bytes:
        """Return what was sealed for the case with this number."""
        return self.under(number, sealed.key).open(sealed.data)

    def derive(self, purpose: str) -> bytes:
        """Return a 32-byte key for one purpose, such as a blind index."""
        return self._master.derive(purpose)

    def opens(self) -> tuple[str, ...]:
        """Return the fingerprints of the keys whose wrapped data keys it opens."""
        return self._master.opens()

    def fingerprint(self) -> str:
        """Return a fingerprint of the master key, which reveals nothing about it: of the first that there ever was."""
        return self._master.derive("fingerprint")[:16].hex()
