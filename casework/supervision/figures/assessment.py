"""Assessments: drafted, published for objections, final. At least three persons; nobody decides on their own work."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from casework.errors import CaseError, Reason


class AssessmentState(IntEnum):
    """State of an assessment; the numbers match the contract."""

    DRAFT = 1
    PUBLISHED = 2
    FINAL = 3


class ObjectionState(IntEnum):
    """State of an objection; the numbers match the contract."""

    OPEN = 1
    DISMISSED = 2
    UPHELD = 3


class RuleFixState(IntEnum):
    """State of a rule fix; the numbers match the contract."""

    PROPOSED = 1
    ADOPTED = 2
    DROPPED = 3


def must_be(state: IntEnum, expected: IntEnum) -> None:
    """Raise WRONG_STATE, naming the state it is in, unless it is the one expected."""
    if state is not expected:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} ≠ {expected.name}", state=state.name)


def must_be_others(actor: str, *before: str) -> None:
    """Raise SAME_PERSON if the person who decides took part in what is decided on."""
    if actor in before:
        raise CaseError(Reason.SAME_PERSON)


def may_object(state: AssessmentState, due_at: datetime | None, now: datetime) -> None:
    """Raise unless an assessed unit may object now: it is published, and the deadline to object has not passed."""
    must_be(state, AssessmentState.PUBLISHED)
    if due_at is not None and now > due_at:
        raise CaseError(Reason.OBJECTION_LATE, due_at.isoformat())


def may_finalise(state: AssessmentState, due_at: datetime | None, open_objections: int, now: datetime) -> None:
    """Raise unless it may be finalised: the deadline to object has passed, and every objection is decided."""
    must_be(state, AssessmentState.PUBLISHED)
    if due_at is not None and now <= due_at:
        raise CaseError(Reason.OBJECTIONS_POSSIBLE, due_at.isoformat())
    if open_objections:
        raise CaseError(Reason.OBJECTION_OPEN, str(open_objections), open=str(open_objections))
