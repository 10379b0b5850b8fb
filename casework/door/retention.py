"""How long a report that never became a case is kept, and a closed clue: by state or result, from its decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from casework.door.clue import ERASED, ClueResult
from casework.door.report import ReportState

S = TypeVar("S", ReportState, ClueResult)


@dataclass(frozen=True, slots=True)
class RetentionClass(Generic[S]):
    """How many years what is in a state is kept, and on what basis."""

    state: S
    years: int
    zh: str
    en: str
    basis: str
    confidence: str

    @property
    def key(self) -> str:
        """Its name in rules/retention."""
        return self.state.name.lower()


RetentionBook = Mapping[ReportState, RetentionClass[ReportState]]
"""The classes, by state; a state without one is under way, or is kept with something else."""
ClueRetention = Mapping[ClueResult, RetentionClass[ClueResult]]
"""The classes of clues, by result."""
WITHOUT = frozenset({
    ReportState.RECEIVED, ReportState.VERIFIED, ReportState.DISPUTED, ReportState.ACCEPTED, ReportState.MERGED,
})  # fmt: skip
"""States that have no class: under way, kept with the case, kept with another report."""
KEPT_CLUES = tuple(result for result in ClueResult if result not in ERASED)
"""Results that have a class: the others are erased at once."""
