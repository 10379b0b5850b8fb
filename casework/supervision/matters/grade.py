"""The grade of a matter on the ledger: a decision table over declared people affected, amount, scope and impact.

Who the people are, or how often they came, is not among the facts, and a table that uses it does not load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from casework.door.triage import Between, Condition, Grade, OneOf, Row, Scope, table_faults
from casework.supervision.matters.matter import Impact

FACTS = ("people_affected", "amount_fen", "scope", "impact")
"""The closed list of facts the table may use."""
WORDS: Mapping[str, tuple[str, ...]] = {
    "scope": tuple(map(str, Scope)),
    "impact": tuple(each.name.lower() for each in Impact),
}


@dataclass(frozen=True, slots=True)
class MatterFacts:
    """The declared facts of a matter; `amount_fen` is in 1/100 CNY."""

    people_affected: int
    amount_fen: int
    scope: str
    impact: str

    def __post_init__(self) -> None:
        # An unknown word would fall through to the last row and be graded low unnoticed.
        for name, words in WORDS.items():
            if getattr(self, name) not in words:
                raise ValueError(f"{name} {getattr(self, name)!r} is not one of {', '.join(words)}")
        if self.people_affected < 0 or self.amount_fen < 0:
            raise ValueError("people_affected and amount_fen must not be negative")


class Graded(NamedTuple):
    """A grade and its basis: the table, its version, the matching rows of this grade (numbers from 1)."""

    grade: Grade
    rule: str
    version: str
    rows: tuple[int, ...]


class GradeTable:
    """The table of grades. Raises TableError if there is no default row, or a row can never be reached."""

    def __init__(self, name: str, version: str, rows: Sequence[Row]) -> None:
        self.name = name
        self.version = version
        self.rows = tuple(rows)
        if faults := table_faults(self.rows):
            raise faults[0]

    def evaluate(self, facts: MatterFacts) -> Graded:
        """Return the grade of the first matching row, and every matching row of that grade."""
        values = asdict(facts)
        holding = [
            number for number, row in enumerate(self.rows, start=1)
            if all(_holds(condition, values[fact]) for fact, condition in row.when.items())
        ]  # fmt: skip
        grade = self.rows[holding[0] - 1].grade
        # The last row has no condition and always matches: it is no reason if another row decided.
        reasons = [n for n in holding if self.rows[n - 1].grade is grade and (n == holding[0] or self.rows[n - 1].when)]
        return Graded(grade, self.name, self.version, tuple(reasons))


def _holds(condition: Condition, value: object) -> bool:
    match condition:
        case Between(low, high):
            assert isinstance(value, int)
            return (low is None or value >= low) and (high is None or value <= high)
        case OneOf(words):
            return value in words
    raise ValueError(f"{condition!r} cannot be tested on a matter")
