"""Screening campaigns (排查): rounds and periods, and what a check must answer."""

from __future__ import annotations

from datetime import date, timedelta
from enum import IntEnum

from casework.errors import CaseError, Reason, field_error


class CampaignKind(IntEnum):
    """How a campaign runs; the numbers match the contract."""

    REGULAR = 1
    ROLLING = 2
    CONCENTRATED = 3


class CampaignState(IntEnum):
    """State of a campaign; the numbers match the contract."""

    DRAFT = 1
    RUNNING = 2
    REPORTING = 3
    ENDED = 4


class CheckAnswer(IntEnum):
    """The answer to a checklist item; the numbers match the contract."""

    IN_ORDER = 1
    NOT_IN_ORDER = 2
    NOT_APPLICABLE = 3


class FindingState(IntEnum):
    """State of a finding; the numbers match the contract."""

    RECORDED = 1
    HANDED_OVER = 2


def must_be(state: CampaignState, *allowed: CampaignState) -> None:
    """Raise WRONG_STATE naming the state, if it is not one of those allowed."""
    if state not in allowed:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def check_period(kind: CampaignKind, start: date, end: date, round_days: int, today: date) -> None:
    """Raise INVALID_FIELD if the period is invalid, is over, or has rounds although it cannot."""
    if end < start:
        raise field_error("end_date", Reason.INVALID_FIELD, "start_date")
    if end < today:
        raise field_error("end_date", Reason.INVALID_FIELD, str(today))
    if (round_days > 0) != (kind is CampaignKind.ROLLING):
        raise field_error("round_days", Reason.INVALID_FIELD, kind.name)


def round_end(first: date, end: date, round_days: int) -> date:
    """Return the last day of a round that begins on the day: the period's last day if there are no rounds."""
    return min(end, first + timedelta(days=round_days - 1)) if round_days else end
