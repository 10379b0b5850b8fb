"""How grave a matter of the ledger is: a decision table over people affected, amount, scope and impact as declared.

Who the people are, or how often they came, is not among the facts, and a table that asks for it does not load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from casework.door.triage import Between, Condition, Grade, OneOf, Row, Scope, table_faults
from casework.supervision.matters.matter import Impact

FACTS = ("people_affected", "amount_fen", "scope", "impact")
"""The closed list of what the table may look at."""
WORDS: Mapping[str, tuple[str, ...]] = {
    "scope": tuple(map(str, Scope)),
    "impact": tuple(each.name.lower() for each in Impact),
}


@dataclass(frozen=True, slots=True)
class MatterFacts:
    """What is declared of a matter; `amount_fen` is in 1/100 CNY."""

    people_affected: int
    amount_fen: int
    scope: str
    impact: str

    def __post_init__(self) -> None:
        # An unknown word would fall through to the last row and be graded low without anybody noticing.
        for name, words in WORDS.items():
            if getattr(self, name) not in words:
                raise ValueError(f"{name} {getattr(self, name)!r} is none of {', '.join(words)}")
        if self.people_affected < 0 or self.amount_fen < 0:
            raise ValueError("people_affected and amount_fen must not be negative")


class Graded(NamedTuple):
    """A grade and what it rests on: the table, its version, the rows of this grade that held (numbers from 1)."""

    grade: Grade
    rule: str
    version: str
    rows: tuple[int, ...]


class GradeTable:
    """The table of grades. Raises TableError where no row decides the rest, or where a row can never be reached."""

    def __init__(self, name: str, version: str, rows: Sequence[Row]) -> None:
        self.name = name
        self.version = version
        self.rows = tuple(rows)
        if faults := table_faults(self.rows):
            raise faults[0]

    def evaluate(self, facts: MatterFacts) -> Graded:
        """Return the grade of the first row that holds, and every row of that grade that holds."""
        values = asdict(facts)
        holding = [
            number for number, row in enumerate(self.rows, start=1)
            if all(_holds(condition, values[fact]) for fact, condition in row.when.items())
        ]  # fmt: skip
        grade = self.rows[holding[0] - 1].grade
        # The last row has no condition and holds always: it is no reason where another one decided.
        reasons = [n for n in holding if self.rows[n - 1].grade is grade and (n == holding[0] or self.rows[n - 1].when)]
        return Graded(grade, self.name, self.version, tuple(reasons))


def _holds(condition: Condition, value: object) -> bool:
    match condition:
        case Between(low, high):
            assert isinstance(value, int)
            return (low is None or value >= low) and (high is None or value <= high)
        case OneOf(words):
            return value in words
    raise ValueError(f"{condition!r} cannot be asked of a matter")
