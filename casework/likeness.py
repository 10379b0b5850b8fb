"""Likeness of two texts without keeping either: the keyed form that PostgreSQL's trigrams compare.

A report's text is sealed. To find duplicates, its keyed form is kept beside it: every pair of neighbouring Chinese
characters, and every latin word, becomes one keyed sign standing alone. pg_trgm's similarity of two such forms is the
share of pairs the texts have in common, which tells like from unlike better than trigrams of the text itself
(`docs/decisions/0004`). Digits are dropped first, so that phone and identity numbers are never in it; nobody reads it
without the key.
"""

from __future__ import annotations

import hmac
import operator
import re
import unicodedata

_FIRST, _COUNT = 0x4E00, 20_902
_RUNS = re.compile(r"[\u4e00-\u9fa5]+|[a-z]+")
_WIDE = re.compile(r"[\uff21-\uff5a\uf900-\ufaff]")
"""Full-width letters and compatibility ideographs: only these need the costly normal form."""
_LONGEST = 600
_KEPT = 48
"""Signs kept of a long text: the smallest, so that two texts choose alike (a bottom-k sketch; it bounds the index)."""
_REMEMBERED = 500_000


class KeyedPairs:
    """Turns texts into their keyed forms. One key, one form: forms of different keys cannot be compared."""

    def __init__(self, key: bytes) -> None:
        self._signs = _Signs(key)

    def form(self, text: str) -> str:
        """Return the keyed form of a text's first 600 characters: at most 48 single signs, sorted."""
        plain = text[:_LONGEST].lower()
        if _WIDE.search(plain):
            plain = unicodedata.normalize("NFKC", plain).lower()
        signs = self._signs
        if len(signs) > _REMEMBERED:
            signs.clear()
        parts: list[str] = []
        for run in _RUNS.findall(plain):
            # Pairs of neighbours; a latin word, or a character with none beside it, stands whole.
            parts += [run] if run < "\u4e00" or len(run) == 1 else map(operator.add, run, run[1:])
        return " ".join(sorted(set(map(signs.__getitem__, parts)))[:_KEPT])


class _Signs(dict[str, str]):
    """Signs by part of a text, worked out when first asked for."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._key = key

    def __missing__(self, part: str) -> str:
        digest = hmac.digest(self._key, part.encode(), "sha256")
        sign = self[part] = chr(_FIRST + int.from_bytes(digest[:4], "big") % _COUNT)
        return sign
