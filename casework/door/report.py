"""What may happen to a report, and when: its states."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from casework.errors import CaseError, Reason, field_error


class ReportState(IntEnum):
    """State of a report; the numbers match the contract."""

    RECEIVED = 1
    VERIFIED = 2
    UNFOUNDED = 3
    ACCEPTED = 4
    DECLINED = 5
    MERGED = 6
    CLOSED = 7
    WITHDRAWN = 8
    DISPUTED = 9
    """Declined, and under review."""


class Contentment(IntEnum):
    """How content a reporter is with how the matter was handled; the numbers match the contract."""

    CONTENT = 1
    PARTLY = 2
    NOT = 3


class LinkKind(IntEnum):
    """How two reports are linked; the numbers match the contract."""

    RELATED = 1
    DUPLICATE = 2
    DISTINCT = 3
    REPEAT = 4
    """The same person with the same matter, answered before: the other one is the earlier report."""


OPEN = frozenset({ReportState.RECEIVED, ReportState.VERIFIED, ReportState.UNFOUNDED})
"""States in which a report still waits to be accepted, declined or merged."""

_BEFORE: dict[ReportState, frozenset[ReportState]] = {
    ReportState.VERIFIED: frozenset({ReportState.RECEIVED, ReportState.UNFOUNDED}),
    ReportState.UNFOUNDED: frozenset({ReportState.RECEIVED, ReportState.VERIFIED}),
    # A matter that a check did not confirm is declined with a reason, never accepted; a new check can correct that.
    ReportState.ACCEPTED: frozenset({ReportState.RECEIVED, ReportState.VERIFIED}),
    ReportState.DECLINED: OPEN | {ReportState.DISPUTED},
    ReportState.MERGED: OPEN,
    ReportState.WITHDRAWN: OPEN,
    ReportState.DISPUTED: frozenset({ReportState.DECLINED}),
    ReportState.RECEIVED: frozenset({ReportState.DISPUTED}),
}


def move(state: ReportState, to: ReportState) -> ReportState:
    """Return the new state, or raise WRONG_STATE naming the current state."""
    if state not in _BEFORE[to]:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {to.name}", state=state.name)
    return to


_OVER = frozenset({
    ReportState.MERGED, ReportState.DECLINED, ReportState.CLOSED, ReportState.WITHDRAWN, ReportState.DISPUTED,
})  # fmt: skip


def may_take_in(state: ReportState, case_closed: bool) -> None:
    """Raise MERGE_INTO_OVER unless another report may be merged into one in this state: a closed one has no clock."""
    if case_closed:
        raise CaseError(Reason.MERGE_INTO_OVER, "its case is CLOSED", state="CLOSED")
    if state in _OVER:
        raise CaseError(Reason.MERGE_INTO_OVER, state.name, state=state.name)


def may_give_back(state: ReportState, case_closed: bool) -> None:
    """Raise MERGED_INTO_OVER unless what was merged into a report in this state may be separated again."""
    if case_closed:
        raise CaseError(Reason.MERGED_INTO_OVER, "its case is CLOSED", state="CLOSED")
    if state in _OVER:
        raise CaseError(Reason.MERGED_INTO_OVER, state.name, state=state.name)


_ANSWERED = frozenset({ReportState.DECLINED, ReportState.CLOSED})


def may_repeat(received_at: datetime, earlier_at: datetime, state: ReportState, case_closed: bool) -> None:
    """Raise unless a report may point to an earlier one in this state: received before, and answered."""
    if earlier_at >= received_at:
        raise field_error("link.target", Reason.INVALID_FIELD, "it was received later than this report")
    if state not in _ANSWERED and not case_closed:
        raise CaseError(Reason.NOT_ANSWERED, state.name, state=state.name)


def may_be_told_apart(one_into: str, other_into: str, one: str, other: str) -> None:
    """Raise MERGED_NOW if two reports are said to be different while one of them is merged into the other."""
    if one_into == other or other_into == one:
        raise CaseError(Reason.MERGED_NOW)


def may_change_facts(state: ReportState) -> None:
    """Raise WRONG_STATE unless the declared facts may still be corrected."""
    if state not in OPEN:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


_ENDED = frozenset({ReportState.DECLINED, ReportState.CLOSED, ReportState.WITHDRAWN})
"""States in which a report that is no case is over."""


def must_be_under_way(state: ReportState, case_closed: bool) -> None:
    """Raise WRONG_STATE unless a reporter may still add to it: it is not over, and neither is its case."""
    if state in _ENDED or case_closed:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def must_be_ended(state: ReportState, case_closed: bool) -> None:
    """Raise WRONG_STATE unless it is over, or its case is: before that the handling cannot be rated."""
    if state not in _ENDED and not case_closed:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)
