"""The receipt code (一案一码): unguessable, readable over the phone, reveals nothing."""

from __future__ import annotations

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U."""

_LENGTH = 16
_VALUES = {sign: value for value, sign in enumerate(ALPHABET)}
_DOUBLE = [(element << 1) ^ (0b100101 if element & 16 else 0) for element in range(32)]
"""Twice each element of the field of 32 elements: polynomials over two elements modulo x^5 + x^2 + 1."""
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
ENTROPY_BYTES = 10
"""80 random bits a code: guessing one of 16 million needs about 10^16 tries."""


def receipt_code(entropy: bytes) -> str:
    """Return a code like `7QK2-9MXA-04ZD-PW3E-5` from 10 random bytes; the last sign is a check sign."""
    number = int.from_bytes(entropy[:ENTROPY_BYTES], "big")
    signs = "".join([_PAIRS[(number >> shift) & 1023] for shift in range(70, -10, -10)])
    return f"{signs[:4]}-{signs[4:8]}-{signs[8:12]}-{signs[12:]}-{_check(signs)}"


def normal_form(code: str) -> str | None:
    """Return a typed code in normal form, or None if it cannot be one: wrong length, sign or check sign."""
    signs = code.upper().replace("-", "").translate(str.maketrans("OIL", "011"))
    if len(signs) != _LENGTH + 1 or any(sign not in ALPHABET for sign in signs):
        return None
    return signs if _check(signs[:-1]) == signs[-1] else None


def _check(signs: str) -> str:
    # Horner's rule over the field of 32 elements: each place has its own weight, a power of 2, none of them 0. So one
    # wrong character and any two swapped ones are always found. (Sums modulo 32 cannot: half of 32 is a divisor of 0.)
    check = 0
    for sign in signs:
        check = _DOUBLE[check ^ _VALUES[sign]]
    return ALPHABET[check]
