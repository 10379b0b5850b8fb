"""Likeness of two texts without keeping either: the keyed form that PostgreSQL's trigrams compare.

A report's text is sealed. To find duplicates, its keyed form is kept beside it: every pair of neighbouring Chinese
characters, and every latin word, becomes one keyed sign standing alone. pg_trgm's similarity of two such forms is the
share of pairs the texts have in common, which tells like from unlike better than trigrams of the text itself
(`docs/decisions/0004`). Digits are dropped first, so that phone and identity numbers are never in it; nobody reads it
without the key.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from itertools import pairwise

_FIRST, _COUNT = 0x4E00, 20_902
_RUNS = re.compile(r"[\u4e00-\u9fa5]+|[a-z]+")
_LONGEST = 600
_REMEMBERED = 500_000


class KeyedPairs:
    """Turns texts into their keyed forms. One key, one form: forms of different keys cannot be compared."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._signs: dict[str, str] = {}

    def form(self, text: str) -> str:
        """Return the keyed form of a text's first 600 characters: single signs separated by spaces."""
        plain = unicodedata.normalize("NFKC", text[:_LONGEST]).lower()
        known, sign = self._signs, self._sign
        if len(known) > _REMEMBERED:
            known.clear()
        found: dict[str, None] = {}
        for run in _RUNS.findall(plain):
            parts = [run] if run < "\u4e00" or len(run) == 1 else map("".join, pairwise(run))
            for part in parts:
                found[known.get(part) or sign(part)] = None
        return " ".join(found)

    def _sign(self, part: str) -> str:
        digest = hmac.digest(self._key, part.encode(), "sha256")
        sign = self._signs[part] = chr(_FIRST + int.from_bytes(digest[:4], "big") % _COUNT)
        return sign
