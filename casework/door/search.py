"""What somebody searches for: words, and the units and categories that each may name, in both languages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from casework.door.category import Category, lineage
from casework.errors import CaseError, FieldFault, Reason
from casework.saying import says_something
from casework.units import UnitTree

MOST_WORDS = 5
MOST_FOUND = 500
"""Matters that are found in texts at most: each of them is logged."""
_SHORTEST = 2
_NUMBER = re.compile(r"[0-9][0-9-]*")
_BETWEEN = str.maketrans(dict.fromkeys("，。、；：？！,.;:?!\"'“”‘’（）()《》<>", " "))
_WRONG = FieldFault(
    "query", "请输入一到五个词，每个词至少两个字。", "Must be one to five words, each of at least two characters."
)
_TOO_MUCH = FieldFault("query", "找到的太多，请再加一个词。", "Finds too much: add a word.")


@dataclass(frozen=True, slots=True)
class Word:
    """A word, and what has it in its name."""

    text: str
    units: frozenset[str]
    departments: frozenset[str]
    """Slugs: such departments of whatever area."""
    categories: frozenset[str]
    """With all below them."""

    @property
    def number(self) -> str:
        """Return it if it may be part of a number, otherwise nothing."""
        return self.text if _NUMBER.fullmatch(self.text) else ""

    def names(self, number: str, units: Iterable[str], category: str) -> bool:
        """Return whether it names a matter: its number, one of its units, its category."""
        return (
            bool(self.number and self.number in number)
            or category in self.categories
            or any(each in self.units or each.partition("-")[2] in self.departments for each in units)
        )


def read(query: str) -> tuple[str, ...]:
    """Return the words of a query, each once, in lower case; INVALID_FIELD where it is none or too many."""
    folded = unicodedata.normalize("NFKC", query).casefold().translate(_BETWEEN)
    words = tuple(dict.fromkeys(folded.split()))
    short = any(len(each) < _SHORTEST or not says_something(each) for each in words)
    if not words or len(words) > MOST_WORDS or short:
        raise CaseError(Reason.INVALID_FIELD, fields=(_WRONG,), field="query")
    return words


def meant(query: str, units: UnitTree, categories: Iterable[Category]) -> list[Word]:
    """Return the words of a query with what each may name."""
    tree = list(categories)
    return [_word(each, units, tree) for each in read(query)]


def _word(word: str, units: UnitTree, categories: Sequence[Category]) -> Word:
    slugs = {slug for slug, each in units.departments.items() if word in each.zh or word in each.en.casefold()}
    codes = set(units.called(word))
    for slug, each in units.departments.items():
        place = word.removesuffix(each.zh)
        if place and place != word:
            codes |= {f"{code}-{slug}" for code in units.called(place)}
    hit = {each.id for each in categories if word in each.zh or word in each.en.casefold()}
    below = {each.id for each in categories if not hit.isdisjoint(lineage(each.id))}
    return Word(word, frozenset(codes), frozenset(slugs), frozenset(below))


def too_much() -> CaseError:
    """Return the error for a search in texts that finds more than is shown and logged."""
    return CaseError(Reason.INVALID_FIELD, fields=(_TOO_MUCH,), field="query")
