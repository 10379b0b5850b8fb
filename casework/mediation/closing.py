"""Closing: what a mediated case needs before it closes, how long its file is kept, and what reopens it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from casework.case import ENDS_EARLY, Outcome, Stage
from casework.door.category import within
from casework.errors import CaseError, Reason


class View(IntEnum):
    """A side's view of the closing; the numbers match the contract."""

    AGREES = 1
    OBJECTS = 2
    NO_STATEMENT = 3


class Retention(IntEnum):
    """How long the file is kept (house default: no statute sets a number of years; 档案法实施条例 19)."""

    TEN_YEARS = 1
    THIRTY_YEARS = 2
    PERMANENT = 3


YEARS = {Retention.TEN_YEARS: 10, Retention.THIRTY_YEARS: 30}
"""How many years; a permanent file has no number of them."""


class Satisfaction(IntEnum):
    """How satisfied a party is with the mediation: a separate result, never merged with outcome or performance."""

    SATISFIED = 1
    PARTLY = 2
    NOT_SATISFIED = 3
    NO_ANSWER = 4


class ReopenReason(IntEnum):
    """Why a closed case is reopened; the numbers match the contract."""

    NEW_FACTS = 1
    RECURRENCE = 2
    NOT_PERFORMED = 3


class Gate(IntEnum):
    """What a closing still lacks; the numbers match the contract."""

    MEDIATION_OPEN = 1
    AGREEMENT_MISSING = 2
    NOTICES_UNSERVED = 3
    VIEWS_MISSING = 4
    CLAUSES_OPEN = 5


_REASONS = {
    Gate.MEDIATION_OPEN: Reason.MEDIATION_OPEN,
    Gate.AGREEMENT_MISSING: Reason.NOT_EFFECTIVE,
    Gate.NOTICES_UNSERVED: Reason.NOTICES_UNSERVED,
    Gate.VIEWS_MISSING: Reason.VIEWS_MISSING,
    Gate.CLAUSES_OPEN: Reason.CLAUSES_OPEN,
}

COLLECTIVE = 6
"""Number of parties on one side that makes a matter collective: more than the five who may represent it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a mediated case has: sides still present, sides heard, agreements, notices, open parts."""

    ended: bool
    effective: bool
    unserved: int
    sides: frozenset[int]
    heard: frozenset[int]
    open_parts: int
    left: bool = False
    """Whether a party left the mediation."""


def gates(standing: Standing, outcome: Outcome | None) -> list[Gate]:
    """Return what a closing with this outcome still lacks; with None, what any outcome would lack.

    Evidence: an effective agreement, or the notice of other routes served to all; both sides heard; no open clause
    unless the matter ends early. Parties who have left are not asked for a view.
    """
    early = outcome in ENDS_EARLY
    found = {
        Gate.MEDIATION_OPEN: not standing.ended,
        Gate.AGREEMENT_MISSING: outcome is Outcome.AGREED and not standing.effective,
        Gate.NOTICES_UNSERVED: standing.unserved > 0,
        Gate.VIEWS_MISSING: bool(standing.sides - standing.heard),
        Gate.CLAUSES_OPEN: standing.open_parts > 0 and not early,
    }
    return [gate for gate, shut in found.items() if shut]


def may_close(standing: Standing, outcome: Outcome) -> None:
    """Raise the reason of the first condition not met, naming all of them."""
    if shut := gates(standing, outcome):
        listed = ",".join(gate.name for gate in shut)
        raise CaseError(_REASONS[shut[0]], listed, gates=listed)


REOPEN_WITHIN = {
    ReopenReason.NEW_FACTS: timedelta(days=365),
    ReopenReason.RECURRENCE: timedelta(days=365),
    ReopenReason.NOT_PERFORMED: timedelta(days=730),
}
"""How long after its closing a case is taken up again (house default): what is owed longer, as it may be enforced for
two years (民事诉讼法 art. 250). Later the matter is a new one, linked to this as a repeat."""


def may_reopen(stage: Stage, reason: ReopenReason, closed_at: datetime | None, now: datetime) -> None:
    """Raise unless the case is closed, and its time to be taken up again is not over."""
    if stage is not Stage.CLOSED:
        raise CaseError(Reason.WRONG_STATE, stage.name, state=stage.name)
    if closed_at is not None and now > closed_at + REOPEN_WITHIN[reason]:
        raise CaseError(Reason.REOPEN_LATE, reason.name)


_THIRTY = ("land", "homestead", "family/inheritance", "damages/injury", "labour/injury", "medical", "expropriation")


def retention(category: str, *, major: bool, largest_side: int, minors: bool, simple_and_performed: bool) -> Retention:
    """Return how long the file is kept: permanent for collective or major matters, 30 years for land, house,
    inheritance, injury and minors and for what was not performed, 10 for what was simple and performed.
    """
    if major or largest_side >= COLLECTIVE:
        return Retention.PERMANENT
    if minors or any(within(each, category) for each in _THIRTY) or not simple_and_performed:
        return Retention.THIRTY_YEARS
    return Retention.TEN_YEARS


def sides_heard(views: Collection[tuple[int, int]], sides: dict[int, int]) -> frozenset[int]:
    """Return the sides with a recorded view; `views` are (party, view), `sides` the side of each party."""
    return frozenset(sides[party] for party, _ in views if party in sides)
