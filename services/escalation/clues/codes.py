"""The code of a clue: who gave it comes back by it, and by two words, without being asked who they are."""

from __future__ import annotations

import hashlib
import os

from pb.escalation.v1 import clues_pb2 as pb

from casework.door import receipt, second_factor
from casework.errors import CaseError, Reason

KEY = "clue code"
"""The name of the key that codes are hashed with."""


def slip() -> pb.ClueSlip:
    """Return a new code with its words."""
    return pb.ClueSlip(
        code=receipt.receipt_code(os.urandom(receipt.ENTROPY_BYTES)), words=second_factor.words(os.urandom(2))
    )


def index_of(key: bytes, code: str) -> bytes:
    """Return the keyed hash that a code is found by; NOT_FOUND if it is not well-formed."""
    normal = receipt.normal_form(code)
    if normal is None:
        raise CaseError(Reason.NOT_FOUND, "clues")
    return hashlib.blake2b(normal.encode(), key=key, digest_size=32).digest()
