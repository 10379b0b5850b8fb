"""Likeness of two texts without keeping either: the keyed form that PostgreSQL's trigrams compare.

A report's text is sealed. To find duplicates, a keyed one-to-one substitution of its letters is kept beside it: two
texts are exactly as alike in that form as in clear, and nobody reads it without the key. Digits, latin letters and
punctuation are dropped first, so that phone and identity numbers are never in it. What it leaks (letter frequencies)
is in `docs/decisions/0004`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata

_CJK_FIRST, _CJK_COUNT = 0x4E00, 20_902
_KEEP = re.compile(r"[^\u4e00-\u9fa5a-z]+")
_LATIN = re.compile(r"[a-z]+")
_LONGEST = 400


class KeyedLetters:
    """A keyed one-to-one substitution of Chinese characters (and latin letters, kept as words)."""

    def __init__(self, key: bytes) -> None:
        order = sorted(range(_CJK_COUNT), key=lambda i: hmac.digest(key, i.to_bytes(4, "big"), "sha256"))
        self._table = {_CJK_FIRST + i: _CJK_FIRST + j for i, j in enumerate(order)}
        self._key = key

    def form(self, text: str) -> str:
        """Return the keyed form of a text: at most 400 characters, words separated by single spaces."""
        plain = unicodedata.normalize("NFKC", text[: 2 * _LONGEST]).lower()
        words = _KEEP.sub(" ", plain).strip()[:_LONGEST]
        return _LATIN.sub(self._word, words).translate(self._table)

    def _word(self, match: re.Match[str]) -> str:
        # A latin word becomes a keyed word: place and street names stay comparable as wholes.
        return hashlib.blake2b(match.group().encode(), key=self._key[:32], digest_size=4).hexdigest()
