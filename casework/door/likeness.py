"""Likeness of two texts without storing either: signs of their parts, and how rare each sign is.

A report's text is sealed. To find duplicates, its signs are kept beside it: every pair of neighbouring Chinese
characters, and every word of another script, becomes one keyed number of 32 bits. Two texts are compared by the signs
they share, rare ones above all (`docs/decisions/0054`, `0076`). Digits are dropped first, so that phone and identity
numbers are never in it; nobody can read signs without the key. Signs are those of a prefecture: a city and its counties
are compared with each other, and with nobody else.
"""

from __future__ import annotations

import hmac
import math
import operator
import re
import sys
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from casework.units import UnitTree

_RUNS = re.compile(r"[\u4e00-\u9fa5]+|[a-z]+")
_CHINESE = re.compile(r"[\u4e00-\u9fa5]+")
_COMMON = re.compile(r"[\x00-\x7f\u2010-\u2027\u3000-\u303f\u4e00-\u9fa5\uff01-\uff20\uff3b-\uff40\uff5b-\uff65]*")
"""Chinese, ASCII and punctuation. Every other text needs its normal form and the class of each character."""
_NO_SPACES = re.compile(r"CJK|HIRAGANA|KATAKANA|BOPOMOFO|YI |THAI|LAO|KHMER|MYANMAR|TAI |NEW TAI|DAI|TIBETAN SYLL")
"""Scripts that put no space between words, by the names of their characters; their neighbours make the pairs."""
_TSHEG = frozenset("\u0f0b\u0f0c\u0f0d\u0f0e")
"""What stands between Tibetan syllables: of them, like of characters, two neighbours make a pair."""
_JOINERS = frozenset("\u0640\u180b\u180c\u180d\u180e\u180f\u200b\u200c\u200d\u2060\ufeff\xad")
"""Signs inside of words that are no letters: stretching, variants of form, joiners."""
_TWO_BYTES = "utf-16-le" if sys.byteorder == "little" else "utf-16-be"
_LONGEST = 600
_REMEMBERED = 500_000
_SELDOM = 64
"""After so many texts it is counted how many signs are remembered."""
_EVERY = ""
"""What every text has: its sign counts the texts."""


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely two texts are about the same matter: what they share, rare signs above all, for their sizes."""

    rarity: float
    """The power to which the rarity of a shared sign is taken: one rare sign says more than many frequent ones."""
    added: int
    """Signs added to each text: short texts are quickly alike by one word."""
    unseen: int
    """Texts that may come before a sign counts as rare: of few texts, nobody knows yet which signs are."""
    half: float
    """What texts must share to be as likely of the same matter as not."""
    steep: float
    """How fast that changes around `half`."""
    same: float
    """From this share of all signs on, one is a copy of the other: at least as likely as its rare signs are in both."""
    shared: float
    """How much such copies must have in common besides, as so many signs that no other text has."""

    def of(self, shared: Collection[int], weights: Mapping[int, float], texts: int, own: int, other: int) -> float:
        """Return it, 0 to 1: `weights` are those of one text, `own` and `other` how many signs each has."""
        most = weight(texts + self.unseen, 0)
        common = sum((weights[sign] / most) ** self.rarity for sign in shared)
        found = common / math.sqrt((own + self.added) * (other + self.added))
        likely = 1 / (1 + (self.half / found) ** self.steep) if found else 0.0
        # Not the sign that every text has.
        if share(len(shared) - 1, own - 1, other - 1) < self.same or evidence(shared, weights, texts) < self.shared:
            return likely
        # What the other has besides counts like a usual sign of this one.
        whole = sum((each / most) ** self.rarity for each in weights.values())
        return min(1.0, max(likely, common / (whole * (1 + (other - len(shared)) / own))))


@dataclass(frozen=True, slots=True)
class LikenessRules:
    """rules/likeness: from when on a report is suggested, and how much is looked at to find it."""

    version: str
    least_alike: float
    """How likely texts must be about the same matter."""
    floors: Mapping[str, float]
    """The same for single units and those below them; the nearest entry counts."""
    likelihood: Likelihood
    nearly_whole: float
    """The share of signs that a text must have in common with one that the caller may not read."""
    category: float
    place: float
    share: float
    least: int
    most: int
    compared: int

    def floor(self, unit: str, units: UnitTree) -> float:
        """Return how likely texts must be about the same matter to be suggested to a unit."""
        above = [each for each in self.floors if units.contains(each, unit)]
        if not above:
            return self.least_alike
        return self.floors[max(above, key=lambda each: sum(units.contains(other, each) for other in above))]

    def budget(self, texts: int) -> int:
        """Return how many reports the rare signs of a text may lead to."""
        return min(self.most, max(self.least, math.ceil(self.share * texts)))

    def score(self, alike: float, *, category: bool, place: bool) -> float:
        """Return by what suggestions are ordered: the texts, and a little by category and place."""
        return (1 - self.category - self.place) * alike + self.category * category + self.place * place


def prefecture_of(number: str) -> str:
    """Return the code of the prefecture whose reports are compared, by the number or the unit of one."""
    return number[:4].ljust(4, "0")


def weight(texts: int, having: int) -> float:
    """Return how much a sign says, by how many texts there are and how many have it."""
    return math.log(1 + (texts + 1) / (having + 1))


def rarest(signs: Collection[int], counts: Mapping[int, int], budget: int) -> list[int]:
    """Return the rarest signs, as long as the texts that have them are within the budget; always one of those counted.

    A sign that no counted text has costs nothing: texts that were not counted yet may have it.
    """
    found: list[int] = []
    spent, counted = 0, False
    for sign in sorted(signs, key=lambda each: counts.get(each, 0)):
        having = counts.get(sign, 0)
        if counted and having and spent + having > budget:
            break
        found.append(sign)
        spent += having
        counted = counted or having > 0
    return found


def evidence(shared: Collection[int], weights: Mapping[int, float], texts: int) -> float:
    """Return how much two texts have in common, as so many signs that no other text has."""
    return sum(weights[sign] for sign in shared) / weight(texts, 0)


def share(shared: int, one: int, other: int) -> float:
    """Return the share of the signs of two texts that both have."""
    return shared / (one + other - shared) if shared > 0 else 0.0


class KeyedSigns:
    """Turns texts into their signs. One key, one prefecture, one set of signs: others cannot be compared."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._signs: dict[str, _Signs] = {}
        self._asked = count()

    def signs(self, text: str, prefecture: str, longest: int = _LONGEST) -> list[int]:
        """Return the signs of a text's first characters, sorted, each once; with the one that every text has."""
        plain = text[:longest].lower()
        signs = self._of(prefecture)
        return sorted(_common(plain, signs) if _COMMON.fullmatch(plain) else _any(plain, signs))

    def sought(self, word: str, prefecture: str) -> list[int]:
        """Return the signs that a text with this word has, sorted; none if it has no two letters next to each other.

        A character alone has a sign only where it stands alone.
        """
        signs, parts = self._of(prefecture), list[str]()
        for run in _runs(word):
            parts += run if len(run) == 1 else map(operator.add, run, run[1:])
        return sorted({signs[part] for part in parts if len(part) > 1})

    def every(self, prefecture: str) -> int:
        """Return the sign that every text of a prefecture has."""
        return self._of(prefecture)[_EVERY]

    def _of(self, prefecture: str) -> _Signs:
        found = self._signs.get(prefecture)
        if found is None or next(self._asked) % _SELDOM == 0:
            if sum(len(each) + len(each.pairs) for each in self._signs.values()) > _REMEMBERED:
                self._signs.clear()
            found = self._signs.setdefault(prefecture, _Signs(hmac.digest(self._key, prefecture.encode(), "sha256")))
        return found


# Pairs of neighbours; a word of letters, or a character with none beside it, stands whole.
def _any(text: str, signs: _Signs) -> set[int]:
    parts: list[str] = []
    for run in _runs(text):
        parts += run if len(run) == 1 else map(operator.add, run, run[1:])
    return {signs[_EVERY], *map(signs.__getitem__, parts)} if parts else set()


def _common(text: str, signs: _Signs) -> set[int]:
    """Return the signs of a text all of whose characters take two bytes: each pair of neighbours is one number."""
    runs = _RUNS.findall(text)
    if not runs:
        return set()
    data = memoryview(text.encode(_TWO_BYTES))
    end = len(data) & -4
    found = {signs[_EVERY], *map(signs.pairs.__getitem__, data[:end].cast("I"))}
    if len(text) > 1:
        end = 2 + (len(data) - 2 & -4)
        found.update(map(signs.pairs.__getitem__, data[2:end].cast("I")))
    found.update([signs[run] for run in runs if len(run) == 1 or run < "\u4e00"])
    return found


def _runs(text: str) -> Iterator[list[str]]:
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


class _Signs(dict[str, int]):
    """Signs by part of a text, worked out when first asked for."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._key = key
        self.pairs = _Pairs(self)

    def __missing__(self, part: str) -> int:
        digest = hmac.digest(self._key, part.encode(), "sha256")
        sign = self[part] = int.from_bytes(digest[:4], "big", signed=True)
        return sign


class _Pairs(dict[int, int]):
    """Signs by the number that two characters make in memory; that of every text where not both are Chinese."""

    def __init__(self, signs: _Signs) -> None:
        super().__init__()
        self._signs = signs

    def __missing__(self, pair: int) -> int:
        two = pair.to_bytes(4, sys.byteorder).decode(_TWO_BYTES)
        sign = self[pair] = self._signs[two if _CHINESE.fullmatch(two) else _EVERY]
        return sign
