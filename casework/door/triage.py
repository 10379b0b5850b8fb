"""Triage: how grave a matter is, by a decision table over declared facts of the matter alone.

The first row whose conditions all hold decides; the last row has none. Who the people are, what they did before or
how often they came is not among the facts, and a table that uses it does not load (see `FACTS`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from casework.door.category import within


class Grade(StrEnum):
    """How grave a matter is."""

    low = "low"
    medium = "medium"
    high = "high"


class Scope(StrEnum):
    """How far a matter reaches."""

    household = "household"
    village = "village"
    township = "township"
    county = "county"
    wider = "wider"


class Urgency(StrEnum):
    """How soon something must be done."""

    routine = "routine"
    soon = "soon"
    urgent = "urgent"


_SCOPES = frozenset(map(str, Scope))
_URGENCIES = frozenset(map(str, Urgency))

# The closed list of facts a table may use. Only facts of the matter may be added, never facts about a person.
FACTS = ("people_affected", "amount_fen", "scope", "urgency", "danger", "category")


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What is declared about a matter. `amount_fen` is in 1/100 CNY; `danger` means to life or limb."""

    people_affected: int
    amount_fen: int
    scope: str
    urgency: str
    danger: bool
    category: str

    def __post_init__(self) -> None:
        # An unknown word would fall through to the last row and be graded low unnoticed.
        if self.scope not in _SCOPES:
            raise ValueError(f"scope {self.scope!r} is not one of {', '.join(Scope)}")
        if self.urgency not in _URGENCIES:
            raise ValueError(f"urgency {self.urgency!r} is not one of {', '.join(Urgency)}")
        if self.people_affected < 0 or self.amount_fen < 0:
            raise ValueError("people_affected and amount_fen must not be negative")


@dataclass(frozen=True, slots=True)
class Between:
    """A whole number from `low` to `high`, both included; None leaves an end open."""

    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of some words."""

    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Under:
    """One of some categories, or one below them."""

    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Is:
    """True, or false."""

    value: bool


Condition = Between | OneOf | Under | Is


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: the conditions by fact, which all must hold, the grade, and the reason in both languages."""

    when: Mapping[str, Condition]
    grade: Grade
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One row of the acceptance table: conditions, the name of the time limit, the reason in both languages."""

    when: Mapping[str, Condition]
    limit: str
    zh: str
    en: str


class Conditional(Protocol):
    """A row of any decision table."""

    @property
    def when(self) -> Mapping[str, Condition]:
        """The conditions by fact, which all must hold."""


class Triage(NamedTuple):
    """A grade, and all that is needed to check it by hand: table, version, row (from 1), facts, reason."""

    grade: Grade
    rule: str
    version: str
    row: int
    inputs: dict[str, str | int | bool]
    reason_zh: str
    reason_en: str


class Acceptance(NamedTuple):
    """The limit within which a matter must be accepted or declined, and the row of the table (from 1) that decided."""

    limit: str
    row: int
    reason_zh: str
    reason_en: str


class TableError(ValueError):
    """A table that cannot be right. `row` counts from 1."""

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row


Test = Callable[[CaseFacts], bool]


class DecisionTable:
    """A triage table. Raises TableError if there is no default row, or a row can never be reached."""

    def __init__(self, name: str, version: str, rows: Sequence[Row]) -> None:
        self.name = name
        self.version = version
        self.rows = tuple(rows)
        faults = table_faults(self.rows)
        if faults:
            raise faults[0]
        self._compiled = tuple((_test(row.when), n, row) for n, row in enumerate(self.rows[:-1], start=1))

    def evaluate(self, facts: CaseFacts) -> Triage:
        """Return the grade of the first matching row."""
        number, hit = len(self.rows), self.rows[-1]
        for test, above, row in self._compiled:
            if test(facts):
                number, hit = above, row
                break
        inputs: dict[str, str | int | bool] = {
            "people_affected": facts.people_affected,
            "amount_fen": facts.amount_fen,
            "scope": facts.scope,
            "urgency": facts.urgency,
            "danger": facts.danger,
            "category": facts.category,
        }
        return Triage(hit.grade, self.name, self.version, number, inputs, hit.zh, hit.en)


class AcceptanceTable:
    """Which time limit applies for accepting a matter, by its declared facts. TableError as for a triage table."""

    def __init__(self, name: str, version: str, rows: Sequence[LimitRow]) -> None:
        self.name = name
        self.version = version
        self.rows = tuple(rows)
        if faults := table_faults(self.rows):
            raise faults[0]
        self._compiled = tuple((_test(row.when), n, row) for n, row in enumerate(self.rows[:-1], start=1))

    def evaluate(self, facts: CaseFacts) -> Acceptance:
        """Return the limit of the first matching row."""
        last = (len(self.rows), self.rows[-1])
        number, hit = next(((n, row) for test, n, row in self._compiled if test(facts)), last)
        return Acceptance(hit.limit, number, hit.zh, hit.en)


def table_faults(rows: Sequence[Conditional]) -> list[TableError]:
    """Return what is wrong with the rows as a whole, in their order.

    A row is unreachable if a single row above it matches whenever it does.
    """
    if not rows:
        return [TableError(1, "the table has no rows")]
    faults = []
    for number, row in enumerate(rows, start=1):
        for above, earlier in enumerate(rows[: number - 1], start=1):
            if _covers(earlier.when, row.when):
                faults.append(TableError(number, f"can never be reached: row {above} always decides first"))
                break
    if rows[-1].when:
        faults.append(TableError(len(rows), "the last row must have no condition, so that every matter gets a grade"))
    return faults


def _covers(wide: Mapping[str, Condition], narrow: Mapping[str, Condition]) -> bool:
    return all(fact in narrow and _includes(condition, narrow[fact]) for fact, condition in wide.items())


def _includes(wide: Condition, narrow: Condition) -> bool:
    if isinstance(wide, Between) and isinstance(narrow, Between):
        low_ok = wide.low is None or (narrow.low is not None and narrow.low >= wide.low)
        return low_ok and (wide.high is None or (narrow.high is not None and narrow.high <= wide.high))
    if isinstance(wide, OneOf) and isinstance(narrow, OneOf):
        return narrow.words <= wide.words
    if isinstance(wide, Under) and isinstance(narrow, Under):
        return all(any(within(top, each) for top in wide.categories) for each in narrow.categories)
    return wide == narrow


def _test(when: Mapping[str, Condition]) -> Test:
    tests = tuple(_single(fact, condition) for fact, condition in when.items())
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda facts: first(facts) and second(facts)
    return lambda facts: all(test(facts) for test in tests)


def _single(fact: str, condition: Condition) -> Test:
    """Return the test of one fact as a closure: a table is evaluated for every row of an import."""
    match fact, condition:
        case "people_affected", Between(low, high):
            least, most = _ends(low, high)
            return lambda facts: least <= facts.people_affected <= most
        case "amount_fen", Between(low, high):
            least, most = _ends(low, high)
            return lambda facts: least <= facts.amount_fen <= most
        case "scope", OneOf(words):
            return lambda facts: facts.scope in words
        case "urgency", OneOf(words):
            return lambda facts: facts.urgency in words
        case "danger", Is(value):
            return lambda facts: facts.danger == value
        case "category", Under(categories):
            tops = tuple(category + "/" for category in categories)
            return lambda facts: (facts.category + "/").startswith(tops)
    raise ValueError(f"{fact!r} is not a fact of a case, or cannot be tested like this")


def _ends(low: int | None, high: int | None) -> tuple[float, float]:
    return (float("-inf") if low is None else low, float("inf") if high is None else high)
