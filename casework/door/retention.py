"""How long a report that never became a case is kept: by its state, counted from the decision on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from casework.door.report import ReportState


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """How many years reports of a state are kept, and on what basis."""

    state: ReportState
    years: int
    zh: str
    en: str
    basis: str
    confidence: str

    @property
    def key(self) -> str:
        """Its name in rules/retention."""
        return self.state.name.lower()


RetentionBook = Mapping[ReportState, RetentionClass]
"""The classes, by state; a state without one is under way, or is kept with something else."""
WITHOUT = frozenset({
    ReportState.RECEIVED, ReportState.VERIFIED, ReportState.DISPUTED, ReportState.ACCEPTED, ReportState.MERGED,
})  # fmt: skip
"""States that have no class: under way, kept with the case, kept with another report."""
