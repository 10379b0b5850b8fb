"""The receipt code (一案一码): unguessable, readable over the phone, reveals nothing."""

from __future__ import annotations

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U."""

_LENGTH = 16
ENTROPY_BYTES = 10
"""80 random bits a code: guessing one of 16 million needs about 10^16 tries."""


def receipt_code(entropy: bytes) -> str:
    """Return a code like `7QK2-9MXA-04ZD-PW3E-5` from 10 random bytes; the last sign is a check sign."""
    number = int.from_bytes(entropy[:ENTROPY_BYTES], "big")
    signs = "".join(ALPHABET[(number >> shift) & 31] for shift in range(75, -5, -5))
    groups = "-".join(signs[i : i + 4] for i in range(0, _LENGTH, 4))
    return f"{groups}-{_check(signs)}"


def normal_form(code: str) -> str | None:
    """Return a typed code in normal form, or None if it cannot be one: wrong length, sign or check sign."""
    signs = code.upper().replace("-", "").translate(str.maketrans("OIL", "011"))
    if len(signs) != _LENGTH + 1 or any(sign not in ALPHABET for sign in signs):
        return None
    return signs if _check(signs[:-1]) == signs[-1] else None


def _check(signs: str) -> str:
    # Position-weighted, so that two swapped neighbours are noticed (weights are odd, hence invertible modulo 32).
    return ALPHABET[sum((2 * i + 1) * ALPHABET.index(sign) for i, sign in enumerate(signs)) % 32]
