"""Corrections by the desk: which are possible, and within which bounds a receipt may be dated back."""

from __future__ import annotations

from datetime import datetime, timedelta

from casework.door.report import OPEN, ReportState
from casework.errors import CaseError, Reason, field_error

ON_PAPER = frozenset({4, 5, 6, 8, 9})
"""Channels, by their numbers in the contract, whose matters lie in an inbox before they are recorded.

The police, a court, a petition office, a letter, a department. At a counter and by telephone the recording is the
receipt.
"""
FURTHEST = timedelta(days=180)
"""How far before its recording a receipt may lie: beyond that it is more likely a wrong year."""


def may_amend(state: ReportState, case_closed: bool) -> None:
    """Raise WRONG_STATE unless the report awaits a decision, or is a case that is open."""
    if case_closed:
        raise CaseError(Reason.WRONG_STATE, "its case is CLOSED", state=ReportState.CLOSED.name)
    if state not in OPEN | {ReportState.ACCEPTED}:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def true_receipt(told: datetime, *, channel: int, recorded_at: datetime) -> datetime:
    """Return the time of receipt, or raise a field error.

    It is never after the recording: a correction gives nobody more time than they had.
    """
    if channel not in ON_PAPER:
        raise field_error("receive_time", Reason.INVALID_FIELD, "it was received when it was recorded")
    if told > recorded_at:
        raise field_error("receive_time", Reason.RECEIVED_AFTER_RECORDED, recorded_at.isoformat())
    if told < recorded_at - FURTHEST:
        raise field_error("receive_time", Reason.BACKDATED_TOO_FAR, f"{FURTHEST.days} d")
    return told
