"""Likeness of two texts without storing either: the keyed form that PostgreSQL's trigrams compare.

A report's text is sealed. To find duplicates, its keyed form is kept beside it: every pair of neighbouring Chinese
characters, and every word of another script, becomes one separate keyed token. pg_trgm's similarity of two such
forms is the share of pairs the texts have in common, which separates similar from different texts better than
trigrams of the text itself (`docs/decisions/0004`). Digits are dropped first, so that phone and identity numbers are
never in it; nobody can read it without the key.
"""

from __future__ import annotations

import hmac
import operator
import re
import unicodedata
from collections.abc import Iterator

_FIRST, _COUNT = 0x4E00, 20_902
_RUNS = re.compile(r"[\u4e00-\u9fa5]+|[a-z]+")
_COMMON = re.compile(r"[\x00-\x7f\u2010-\u2027\u3000-\u303f\u4e00-\u9fa5\uff01-\uff20\uff3b-\uff40\uff5b-\uff65]*")
"""Chinese, ASCII and punctuation. Every other text needs its normal form and the class of each character."""
_NO_SPACES = re.compile(r"CJK|HIRAGANA|KATAKANA|BOPOMOFO|YI |THAI|LAO|KHMER|MYANMAR|TAI |NEW TAI|DAI|TIBETAN SYLL")
"""Scripts that put no space between words, by the names of their characters; their neighbours make the pairs."""
_TSHEG = frozenset("\u0f0b\u0f0c\u0f0d\u0f0e")
"""The separator of Tibetan syllables, of which, like of characters, two neighbours form a pair."""
_JOINERS = frozenset("\u0640\u180b\u180c\u180d\u180e\u180f\u200b\u200c\u200d\u2060\ufeff\xad")
"""Signs inside of words that are no letters: stretching, variants of form, joiners."""
_LONGEST = 600
_KEPT = 48
"""Tokens kept of a long text: the smallest, so that similar texts keep the same ones (a bottom-k sketch)."""
_REMEMBERED = 500_000


class KeyedPairs:
    """Turns texts into their keyed forms. One key, one form: forms of different keys cannot be compared."""

    def __init__(self, key: bytes) -> None:
        self._signs = _Signs(key)

    def form(self, text: str) -> str:
        """Return the keyed form of a text's first 600 characters: at most 48 single signs, sorted."""
        plain = text[:_LONGEST].lower()
        signs = self._signs
        if len(signs) > _REMEMBERED:
            signs.clear()
        parts: list[str] = []
        for run in _RUNS.findall(plain) if _COMMON.fullmatch(plain) else _runs(plain):
            # Pairs of neighbours; a word of letters, or a single character, is one token.
            whole = len(run) == 1 or (isinstance(run, str) and run < "\u4e00")
            parts += ["".join(run)] if whole else map(operator.add, run, run[1:])
        return " ".join(sorted(set(map(signs.__getitem__, parts)))[:_KEPT])


def _runs(text: str) -> Iterator[str | list[str]]:
    """Yield the words of a text in any script, and of scripts without spaces the runs of their characters.

    Vowel signs belong to the letter before them; Tibetan syllables are taken like characters.
    """
    words: list[str] = []
    syllables: list[str] = []
    before = ""
    for each in [*unicodedata.normalize("NFKC", text).casefold(), "\n"]:
        if each in _JOINERS:
            continue
        kind = _kind(each, before)
        if kind != before or not kind:
            if words and before == "character":
                yield words
            elif words and before == "tibetan":
                syllables.append("".join(words))
            elif words:
                yield ["".join(words)]
            words = []
        if kind != "tibetan" and each not in _TSHEG and syllables:
            yield syllables
            syllables = []
        if kind == "character" and unicodedata.category(each)[0] == "M" and words:
            words[-1] += each
        elif kind:
            words.append(each)
        before = kind


def _kind(each: str, before: str) -> str:
    """Return whether a character belongs to a word, a Tibetan syllable or a script without spaces; empty if none."""
    category = unicodedata.category(each)[0]
    if category == "M":
        return before
    if category != "L":
        return ""
    name = unicodedata.name(each, "")
    if name.startswith("TIBETAN"):
        return "tibetan"
    return "character" if _NO_SPACES.match(name) else "word"


class _Signs(dict[str, str]):
    """Signs by part of a text, worked out when first asked for."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._key = key

    def __missing__(self, part: str) -> str:
        digest = hmac.digest(self._key, part.encode(), "sha256")
        sign = self[part] = chr(_FIRST + int.from_bytes(digest[:4], "big") % _COUNT)
        return sign
