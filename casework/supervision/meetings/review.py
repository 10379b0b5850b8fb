"""The review of a reply to a petition: 答复, 复查, 复核, and the final notice (信访工作条例 34-36).

The person asks, the unit one level up decides, at most twice. Nobody who gave or decided an earlier reply decides
again, and a right to ask never ends without a notice.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from casework.errors import CaseError, Reason


class ReviewState(IntEnum):
    """State of a review; the numbers match the contract."""

    ANSWER_DUE = 1
    ANSWERED = 2
    REVIEW_ASKED = 3
    REVIEWED = 4
    SECOND_REVIEW_ASKED = 5
    FINAL_NOTICE_DUE = 6
    ENDED = 7


class ReplyKind(IntEnum):
    """What a unit says in writing; the numbers match the contract."""

    ANSWER = 1
    REVIEW = 2
    SECOND_REVIEW = 3
    FINAL_NOTICE = 4


class Result(IntEnum):
    """What a decision does with what it was asked about; the numbers match the contract."""

    UPHELD = 1
    CHANGED = 2
    SET_ASIDE = 3


class Refusal(IntEnum):
    """Why a request is recorded but refused; the numbers match the contract."""

    LATE = 1
    ENDED = 2


@dataclass(frozen=True, slots=True)
class Right:
    """A right to ask: its time limit rule, the rule for the decision that follows, and the state that follows."""

    rule: str
    decision: str
    asked: ReviewState


RIGHTS = {
    ReplyKind.ANSWER: Right("petition_review_request", "petition_review", ReviewState.REVIEW_ASKED),
    ReplyKind.REVIEW: Right(
        "petition_second_review_request", "petition_second_review", ReviewState.SECOND_REVIEW_ASKED
    ),
}
"""What a person may ask for after which written reply (条例 35, 36); after any other there is no such right."""

NEW_ANSWER, FINAL_NOTICE = "petition_new_answer", "petition_final_notice"

REPLIES = {
    ReviewState.ANSWER_DUE: ReplyKind.ANSWER,
    ReviewState.REVIEW_ASKED: ReplyKind.REVIEW,
    ReviewState.SECOND_REVIEW_ASKED: ReplyKind.SECOND_REVIEW,
    ReviewState.FINAL_NOTICE_DUE: ReplyKind.FINAL_NOTICE,
}
"""Which written reply is due next."""

DECISIONS = frozenset({ReplyKind.REVIEW, ReplyKind.SECOND_REVIEW})
_OPEN_RIGHT = frozenset({ReviewState.ANSWERED, ReviewState.REVIEWED})
_RIGHT_OVER = frozenset({ReviewState.FINAL_NOTICE_DUE, ReviewState.ENDED})
ROUTES = ("litigation", "administrative_review", "legal_aid")
"""What remains open after the end: a suit and administrative review where the law allows them, and legal aid."""


def reply_due(state: ReviewState) -> ReplyKind:
    """Return which written reply is due next, or raise WRONG_STATE if none is."""
    if state not in REPLIES:
        raise _wrong(state)
    return REPLIES[state]


def check_result(kind: ReplyKind, result: Result | None) -> None:
    """Raise unless a decision has a result and no other reply has one."""
    if (kind in DECISIONS) is not (result is not None):
        raise CaseError(Reason.WRONG_STATE, f"{kind.name}: {result.name if result else 'no result'}", state=kind.name)


def check_decider(kind: ReplyKind, actor: str, before: Collection[str]) -> None:
    """Raise ROLE_BARRED if a person who gave or decided an earlier reply would decide on it."""
    if kind in DECISIONS and actor in before:
        raise CaseError(Reason.ROLE_BARRED, kind.name)


def after(kind: ReplyKind, result: Result | None, *, above: bool) -> ReviewState:
    """Return the state after a reply is served; `above` is whether there is a unit above that could review it."""
    if kind is ReplyKind.FINAL_NOTICE:
        return ReviewState.ENDED
    if result is Result.SET_ASIDE:
        return ReviewState.ANSWER_DUE
    if kind is ReplyKind.SECOND_REVIEW or not above:
        return ReviewState.FINAL_NOTICE_DUE
    return ReviewState.ANSWERED if kind is ReplyKind.ANSWER else ReviewState.REVIEWED


def ask(state: ReviewState, lapsed: bool, made_at: datetime, due_at: datetime | None) -> Refusal | None:
    """Return None if a request is granted, or why it is not; WRONG_STATE if nothing can be requested yet.

    A request posted before the deadline is in time, whenever it arrives (民诉法 85, by analogy), even if the right was
    considered lapsed meanwhile. After the final review there is no further review of the same matter.
    """
    if state in _RIGHT_OVER and not lapsed:
        return Refusal.ENDED
    if state not in _OPEN_RIGHT and state not in _RIGHT_OVER:
        raise _wrong(state)
    return Refusal.LATE if due_at is not None and made_at > due_at else None


def check_hearing(state: ReviewState) -> None:
    """Raise WRONG_STATE if no pending decision allows a hearing."""
    if state not in (ReviewState.REVIEW_ASKED, ReviewState.SECOND_REVIEW_ASKED):
        raise _wrong(state)


def lapse(state: ReviewState) -> bool:
    """Return whether an expired right has an effect: only if it is the open one."""
    return state in _OPEN_RIGHT


def _wrong(state: ReviewState) -> CaseError:
    return CaseError(Reason.WRONG_STATE, state.name, state=state.name)
