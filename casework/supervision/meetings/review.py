"""The review of a petition's answer: 答复, 复查, 复核, and the notice that ends it (信访工作条例 34-36).

The person asks, the unit one level up decides, twice at most. Who gave or decided something before does not decide
again, and a right to ask never ends unsaid.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from casework.errors import CaseError, Reason


class ReviewState(IntEnum):
    """Where a review stands; the numbers are those of the contract."""

    ANSWER_DUE = 1
    ANSWERED = 2
    REVIEW_ASKED = 3
    REVIEWED = 4
    SECOND_REVIEW_ASKED = 5
    FINAL_NOTICE_DUE = 6
    ENDED = 7


class ReplyKind(IntEnum):
    """What a unit says in writing; the numbers are those of the contract."""

    ANSWER = 1
    REVIEW = 2
    SECOND_REVIEW = 3
    FINAL_NOTICE = 4


class Result(IntEnum):
    """What a decision does with what it was asked about; the numbers are those of the contract."""

    UPHELD = 1
    CHANGED = 2
    SET_ASIDE = 3


class Refusal(IntEnum):
    """Why a request is recorded and not followed; the numbers are those of the contract."""

    LATE = 1
    ENDED = 2


@dataclass(frozen=True, slots=True)
class Right:
    """A right to ask: its rule, the rule of the decision it leads to, and the state it leads to."""

    rule: str
    decision: str
    asked: ReviewState


RIGHTS = {
    ReplyKind.ANSWER: Right("petition_review_request", "petition_review", ReviewState.REVIEW_ASKED),
    ReplyKind.REVIEW: Right(
        "petition_second_review_request", "petition_second_review", ReviewState.SECOND_REVIEW_ASKED
    ),
}
"""What a person may ask for after which written reply (条例 35, 36); after anything else there is no such right."""

NEW_ANSWER, FINAL_NOTICE = "petition_new_answer", "petition_final_notice"

REPLIES = {
    ReviewState.ANSWER_DUE: ReplyKind.ANSWER,
    ReviewState.REVIEW_ASKED: ReplyKind.REVIEW,
    ReviewState.SECOND_REVIEW_ASKED: ReplyKind.SECOND_REVIEW,
    ReviewState.FINAL_NOTICE_DUE: ReplyKind.FINAL_NOTICE,
}
"""What has to be said in writing next."""

DECISIONS = frozenset({ReplyKind.REVIEW, ReplyKind.SECOND_REVIEW})
_OPEN_RIGHT = frozenset({ReviewState.ANSWERED, ReviewState.REVIEWED})
_RIGHT_OVER = frozenset({ReviewState.FINAL_NOTICE_DUE, ReviewState.ENDED})
ROUTES = ("litigation", "administrative_review", "legal_aid")
"""What stays open after the end: a suit and administrative review where the law gives them, and legal aid."""


def reply_due(state: ReviewState) -> ReplyKind:
    """Return what has to be said in writing next, or raise WRONG_STATE where nothing has."""
    if state not in REPLIES:
        raise _wrong(state)
    return REPLIES[state]


def check_result(kind: ReplyKind, result: Result | None) -> None:
    """Raise unless a decision says what it does, and nothing else does."""
    if (kind in DECISIONS) is not (result is not None):
        raise CaseError(Reason.WRONG_STATE, f"{kind.name}: {result.name if result else 'no result'}", state=kind.name)


def check_decider(kind: ReplyKind, actor: str, before: Collection[str]) -> None:
    """Raise ROLE_BARRED where somebody who gave or decided an earlier reply would decide on it."""
    if kind in DECISIONS and actor in before:
        raise CaseError(Reason.ROLE_BARRED, kind.name)


def after(kind: ReplyKind, result: Result | None, *, above: bool) -> ReviewState:
    """Return the state once a reply has been served; `above` is whether there is a unit above that could review it."""
    if kind is ReplyKind.FINAL_NOTICE:
        return ReviewState.ENDED
    if result is Result.SET_ASIDE:
        return ReviewState.ANSWER_DUE
    if kind is ReplyKind.SECOND_REVIEW or not above:
        return ReviewState.FINAL_NOTICE_DUE
    return ReviewState.ANSWERED if kind is ReplyKind.ANSWER else ReviewState.REVIEWED


def ask(state: ReviewState, lapsed: bool, made_at: datetime, due_at: datetime | None) -> Refusal | None:
    """Return None where a request is followed, or why it is not; WRONG_STATE where nothing can be asked for yet.

    What was posted before the end is in time, whenever it arrives (民诉法 85, by analogy), even where the right was
    taken for lost meanwhile. Nothing follows a review that went all the way: no further review of the same matter.
    """
    if state in _RIGHT_OVER and not lapsed:
        return Refusal.ENDED
    if state not in _OPEN_RIGHT and state not in _RIGHT_OVER:
        raise _wrong(state)
    return Refusal.LATE if due_at is not None and made_at > due_at else None


def check_hearing(state: ReviewState) -> None:
    """Raise WRONG_STATE where no decision is awaited for which a hearing could be held."""
    if state not in (ReviewState.REVIEW_ASKED, ReviewState.SECOND_REVIEW_ASKED):
        raise _wrong(state)


def lapse(state: ReviewState) -> bool:
    """Return whether a right that has run out changes anything: only while it is the one that is open."""
    return state in _OPEN_RIGHT


def _wrong(state: ReviewState) -> CaseError:
    return CaseError(Reason.WRONG_STATE, state.name, state=state.name)
