"""Fingerprints of keys: a key is known again by them, and nothing about it is revealed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from accord.embedded.folder import StackError
from services.kit.storage.sealing import Sealer, SealError

MASTER = "master.key"


def fingerprints(folder: Path) -> dict[str, str]:
    """Return the fingerprint of each private key in a folder of keys, by file name. Raises StackError for a broken one.

    Of the master key it is the one that services store in their database; of a key that signs, the SHA-256 of its
    public half.
    """
    found = {path.name: _signing(path) for path in sorted(folder.glob("*.pem"))}
    master = folder / MASTER
    return {**found, MASTER: master_of(master)} if master.exists() else found


def master_of(path: Path) -> str:
    """Return the fingerprint of a master key. Raises StackError if it cannot be read."""
    try:
        return Sealer.from_file(path).fingerprint()
    except SealError as error:
        raise StackError(f"{path}: {error}") from None


def _signing(path: Path) -> str:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise StackError(f"{path} is not a PEM private key: {error}") from None
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest()
