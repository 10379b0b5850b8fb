"""Reviews as messages: who replied or requested what and when, without texts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pb.escalation.v1 import reviews_pb2 as pb

from casework import names
from casework.supervision.meetings import review
from casework.supervision.meetings.review import ReviewState
from services.escalation.meetings.models import ReviewAppeal, ReviewHearing, ReviewReply
from services.escalation.meetings.reviews.course import reply_name
from services.escalation.meetings.reviews.store import Course
from services.escalation.models import Review
from services.kit.instants import stamp
from services.kit.numbers import numbers

_ROUTES: list[Any] = [pb.ReviewRoute.Value(f"REVIEW_ROUTE_{route.upper()}") for route in review.ROUTES]
_NEXT = {
    ReviewState.ANSWER_DUE: ("承办单位将书面答复。", "The unit will answer in writing."),
    ReviewState.ANSWERED: (
        "对答复不服的，可以请求复查。", "If you do not accept the answer, you may ask for a review."),
    ReviewState.REVIEW_ASKED: ("上一级单位正在复查。", "The unit one level up is reviewing it."),
    ReviewState.REVIEWED: (
        "对复查意见不服的，可以请求复核。", "If you do not accept the decision, you may ask for a second review."),
    ReviewState.SECOND_REVIEW_ASKED: ("再上一级单位正在复核。", "The next level up is reviewing it."),
    ReviewState.FINAL_NOTICE_DUE: (
        "将书面告知复查复核已经终结。", "You will be told in writing that the review has ended."),
    ReviewState.ENDED: (
        "复查复核已经终结，其他途径仍然可以依法选择。", "The review has ended; other routes stay open by law."),
}  # fmt: skip


def reply(row: ReviewReply) -> pb.Reply:
    """Return a reply without its text."""
    return pb.Reply(
        name=reply_name(row),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        drafter=row.drafted_by,
        signer=row.served_by,
        draft_time=stamp(row.drafted_at),
        serve_time=stamp(row.served_at),
        **numbers(kind=row.kind, result=row.result or 0, medium=row.medium),
    )


def appeal(row: ReviewAppeal) -> pb.Appeal:
    """Return a request, without the reasons; if it is refused, with the remaining routes."""
    name = names.file_name(row.number)
    return pb.Appeal(
        name=f"{name}/appeals/{row.appeal}",
        reply=f"{name}/replies/{row.reply}",
        receive_time=stamp(row.received_at),
        post_time=stamp(row.posted_at),
        unit=names.unit_name(row.unit),
        due_time=stamp(row.due_at),
        routes=_ROUTES if row.refusal else [],
        **numbers(asked_by=row.asked_by, refusal=row.refusal or 0),
    )


def _hearing(row: ReviewHearing) -> pb.Hearing:
    return pb.Hearing(
        notice=row.notice, record=row.record, begin_time=stamp(row.began_at), end_time=stamp(row.ended_at)
    )


def shown(row: Review, course: Course | None = None) -> pb.Review:
    """Return a review, with its course if given."""
    return pb.Review(
        name=names.file_name(row.number),
        etag=str(row.version),
        case=names.case_name(row.case_number),
        unit=names.unit_name(row.unit),
        turn=names.unit_name(row.turn),
        due_time=stamp(row.due_at),
        replies=[reply(each) for each in course.replies] if course else [],
        appeals=[appeal(each) for each in course.appeals] if course else [],
        hearings=[_hearing(each) for each in course.hearings] if course else [],
        lapsed=row.lapsed,
        create_time=stamp(row.opened_at),
        end_time=stamp(row.ended_at),
        **numbers(state=row.state),
    )


def receipt(
    row: Review, name: str, unit_name: str, raw_due: datetime | None, now: datetime, language: str
) -> pb.ReviewReceipt:
    """Return what the holder of the receipt code may see; `raw_due` is the safe day for a request, before rolling."""
    may_ask = row.state in (ReviewState.ANSWERED, ReviewState.REVIEWED) and row.due_at is not None and now <= row.due_at
    zh, en = _NEXT[row.state]
    return pb.ReviewReceipt(
        name=name,
        review=names.file_name(row.number),
        unit=names.unit_name(row.turn),
        unit_display_name=unit_name,
        may_ask=may_ask,
        ask_by_time=stamp(raw_due) if may_ask else None,
        due_time=stamp(row.due_at),
        next_step=en if language == "en" else zh,
        routes=_ROUTES,
        **numbers(state=row.state),
    )
