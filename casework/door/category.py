"""Categories of matters: a tree, each with its co-handling department and its plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

_LONGEST = 500
"""Characters of an answer to a question."""


class UnknownCategory(ValueError):
    """No category has this id."""

    def __init__(self, category: str) -> None:
        super().__init__(f"no category has the id {category!r}")
        self.category = category


class Kind(IntEnum):
    """How a question is answered; the numbers match the contract."""

    STRING = 1
    NUMBER = 2
    DATETIME = 3
    TEXT = 4
    ONE_OF = 5
    SOME_OF = 6


class Fact(IntEnum):
    """Where an answer goes in the report; the numbers match the contract."""

    TEXT = 1
    """Into its text, with the question."""
    PEOPLE_AFFECTED = 2
    DANGER = 3
    """The choice `yes`."""
    HAPPEN_TIME = 4


_KIND_OF_FACT = {Fact.PEOPLE_AFFECTED: Kind.NUMBER, Fact.DANGER: Kind.ONE_OF, Fact.HAPPEN_TIME: Kind.DATETIME}
YES = "yes"


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer that can be chosen."""

    key: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about every matter of a category, whoever takes it down."""

    code: str
    kind: Kind
    zh: str
    en: str
    required: bool = False
    fact: Fact = Fact.TEXT
    choices: tuple[Choice, ...] = ()

    def mistake(self) -> str:
        """Return what is wrong with the question itself; empty if nothing is."""
        if (self.kind in (Kind.ONE_OF, Kind.SOME_OF)) != bool(self.choices):
            return "choices are for questions with a list, and those have some"
        if _KIND_OF_FACT.get(self.fact, self.kind) is not self.kind:
            return f"an answer of this kind cannot be {self.fact.name.lower()}"
        if self.fact is Fact.DANGER and YES not in {each.key for each in self.choices}:
            return "danger needs the choice 'yes'"
        return ""


def fault_of(kind: Kind, keys: frozenset[str], answers: list[str]) -> tuple[str, str] | None:
    """Return what is wrong with the answers to a question of this kind, in both languages; None if they are right.

    `keys` are its choices. An answer that was left out or is empty is none.
    """
    if len(answers) > 1 and kind is not Kind.SOME_OF:
        return "只能有一个值。", "Takes one value."
    for answer in answers:
        if kind in (Kind.ONE_OF, Kind.SOME_OF):
            if answer not in keys:
                among = ", ".join(sorted(keys))
                return f"应为以下之一：{among}。", f"Must be one of {among}."
        elif kind is Kind.NUMBER:
            if not (answer.isascii() and answer.isdigit() and len(answer) < 10):
                return "应为非负整数。", "Must be a whole number, not negative."
        elif kind is Kind.DATETIME:
            if instant_of(answer) is None:
                return "应为带时区的日期时间。", "Must be a date and time with its offset from UTC."
        elif len(answer) > _LONGEST or (kind is Kind.STRING and len(answer.splitlines()) > 1):
            return f"至多 {_LONGEST} 字，单行。", f"At most {_LONGEST} characters, on one line unless it is a text."
    return None


def instant_of(text: str) -> datetime | None:
    """Return an instant as ISO 8601 writes it, with its offset; None if it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None and 1900 < found.year < 2200 else None


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of matter.

    `id` is the path of slugs from the top, for instance `labour/wage-arrears`; `department` the slug of the
    department that co-handles it, or None; `template` the name of its plan template, unless the grade requires
    another.
    """

    id: str
    zh: str
    en: str
    parent: str | None
    department: str | None
    template: str
    questions: tuple[Question, ...] = ()
    """What is asked about its matters: the questions of the categories above it first."""


def lineage(category: str) -> tuple[str, ...]:
    """Return the id and the ids above it, nearest first: `labour/wage-arrears` gives itself and `labour`."""
    parts = category.split("/")
    return tuple("/".join(parts[:n]) for n in range(len(parts), 0, -1))


def within(ancestor: str, category: str) -> bool:
    """Tell whether the category is the ancestor or below it. `land` does not contain `landlord`."""
    return category == ancestor or category.startswith(ancestor + "/")


class CategoryTree:
    """All kinds of matters, in the order of the file they come from."""

    def __init__(self, categories: Iterable[Category]) -> None:
        self._by_id = {category.id: category for category in categories}

    def __contains__(self, category: object) -> bool:
        """Tell whether there is a category with this id."""
        return category in self._by_id

    def __iter__(self) -> Iterator[Category]:
        """Iterate over the categories, each before its children."""
        return iter(self._by_id.values())

    def __len__(self) -> int:
        """Return how many categories there are."""
        return len(self._by_id)

    def get(self, category: str) -> Category:
        """Return the category with this id; UnknownCategory if there is none."""
        try:
            return self._by_id[category]
        except KeyError:
            raise UnknownCategory(category) from None

    def below(self, categories: Iterable[str]) -> list[str]:
        """Return these categories and all below them, in order; UnknownCategory if one does not exist."""
        asked = [self.get(each).id for each in categories]
        return [each.id for each in self if any(within(above, each.id) for above in asked)]

    def children(self, category: str | None = None) -> tuple[Category, ...]:
        """Return the categories one step down, or the top ones."""
        return tuple(each for each in self._by_id.values() if each.parent == category)
