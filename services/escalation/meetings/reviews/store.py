"""Statements of reviews: replies, requests, hearings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import asyncpg
from sqlalchemy import DateTime, Integer, Select, Text, bindparam, func, or_, select, tuple_, update

from casework import names
from casework.errors import CaseError, Reason
from casework.supervision.meetings.review import ReplyKind, ReviewState
from services.escalation.meetings.models import ReviewAppeal, ReviewHearing, ReviewReply
from services.escalation.models import Review
from services.kit.clocks.models import Clock
from services.kit.instants import NEVER
from services.kit.storage import rows
from services.kit.storage.database import Connection

_DUE = func.coalesce(Review.due_at, NEVER)
_END_HEARING = (
    update(ReviewHearing)
    .where(ReviewHearing.number == bindparam("number"), ReviewHearing.hearing == bindparam("of"))
    .values(record=bindparam("record"), ended_at=bindparam("at"))
)
_CLOCK = select(Clock.raw_due_at, Clock.due_at).where(Clock.id == bindparam("id"))
_BY_RECEIPT = select(Review.number).where(Review.receipt_index == bindparam("receipt"))


@dataclass(frozen=True, slots=True)
class Course:
    """What happened in a review, in order."""

    replies: Sequence[ReviewReply]
    appeals: Sequence[ReviewAppeal]
    hearings: Sequence[ReviewHearing]

    @property
    def last(self) -> ReviewReply | None:
        """The last reply that may be reviewed, None before the first."""
        said = [each for each in self.replies if each.served_at and each.kind is not ReplyKind.FINAL_NOTICE]
        return said[-1] if said else None

    @property
    def draft(self) -> ReviewReply | None:
        """The draft to be signed, None if there is none."""
        return next((each for each in self.replies if each.served_at is None), None)

    @property
    def hearing(self) -> ReviewHearing | None:
        """The open hearing, None if there is none."""
        return next((each for each in self.hearings if each.ended_at is None), None)

    @property
    def involved(self) -> set[str]:
        """The officials who gave or decided earlier replies."""
        return {who for each in self.replies if each.served_at for who in (each.drafted_by, each.served_by)}


async def add(connection: Connection, number: str, case: str, **columns: object) -> Review:
    """Store a new review and return its row; ALREADY_EXISTS if the case has one: a matter is reviewed once."""
    try:
        return await rows.insert(connection, Review, number=number, case_number=case, **columns)
    except asyncpg.UniqueViolationError:
        raise CaseError(Reason.ALREADY_EXISTS, names.case_name(case)) from None


async def get(connection: Connection, number: str) -> Review:
    """Return a review's row; NOT_FOUND where there is none."""
    return await rows.get(connection, Review, names.file_name(number), number=number)


async def number_by_receipt(connection: Connection, receipt: bytes, name: str) -> str:
    """Return the number of the review with this receipt; NOT_FOUND where there is none."""
    return rows.not_found(await connection.scalar(_BY_RECEIPT, {"receipt": receipt}), name)


async def change(connection: Connection, row: Review, **columns: object) -> Review:
    """Change columns of a review and return its new row."""
    return await rows.update(connection, Review, {"number": row.number}, **columns)


async def course(connection: Connection, number: str) -> Course:
    """Return what happened in a review."""
    return Course(
        await rows.find(connection, ReviewReply, ReviewReply.reply, number=number),
        await rows.find(connection, ReviewAppeal, ReviewAppeal.appeal, number=number),
        await rows.find(connection, ReviewHearing, ReviewHearing.hearing, number=number),
    )


async def reply(connection: Connection, number: str, reply: int) -> ReviewReply:
    """Return a reply's row; NOT_FOUND where there is none."""
    name = f"{names.file_name(number)}/replies/{reply}"
    return await rows.get(connection, ReviewReply, name, number=number, reply=reply)


async def appeal(connection: Connection, number: str, appeal: int) -> ReviewAppeal:
    """Return the row of a request; NOT_FOUND if there is none."""
    name = f"{names.file_name(number)}/appeals/{appeal}"
    return await rows.get(connection, ReviewAppeal, name, number=number, appeal=appeal)


async def draft(connection: Connection, number: str, found: Course, **columns: object) -> ReviewReply:
    """Store a draft, replacing an open one, and return its row."""
    if found.draft is None:
        return await rows.insert(
            connection, ReviewReply, number=number, reply=len(found.replies) + 1, **columns
        )  # fmt: skip
    return await change_reply(connection, found.draft, **columns)


async def change_reply(connection: Connection, row: ReviewReply, **columns: object) -> ReviewReply:
    """Change columns of a reply and return its new row."""
    return await rows.update(connection, ReviewReply, {"number": row.number, "reply": row.reply}, **columns)


async def appealed(connection: Connection, number: str, **columns: object) -> ReviewAppeal:
    """Store a request and return its row."""
    return await rows.insert(connection, ReviewAppeal, number=number, **columns)


async def begin_hearing(connection: Connection, number: str, **columns: object) -> None:
    """Store the begin of a hearing."""
    await rows.insert(connection, ReviewHearing, number=number, **columns)


async def end_hearing(connection: Connection, hearing: ReviewHearing, record: str, at: datetime) -> None:
    """Store the end of a hearing, with its record."""
    parameters = {"number": hearing.number, "of": hearing.hearing, "record": record, "at": at}
    await connection.execute(_END_HEARING, parameters)


@lru_cache(maxsize=2)
def _listed(only_open: bool) -> Select[Review]:
    unit, place = bindparam("unit", type_=Text), (_DUE, Review.number)
    behind = (bindparam("due", type_=DateTime(timezone=True)), bindparam("behind", type_=Text))
    found = select(Review).where(or_(Review.unit.like(unit), Review.turn.like(unit)), tuple_(*place) > tuple_(*behind))
    if only_open:
        found = found.where(Review.state != ReviewState.ENDED)
    return found.order_by(*place).limit(bindparam("limit", type_=Integer))


async def listed(
    connection: Connection, unit: str, behind: tuple[datetime, str], limit: int, *, only_open: bool
) -> Sequence[Review]:
    """Return reviews of units of the pattern, or on which such a unit must act, most urgent first."""
    parameters = {"unit": unit, "due": behind[0], "behind": behind[1], "limit": limit}
    return await connection.execute(_listed(only_open), parameters)


class Asking(NamedTuple):
    """The dates of the right to request a review: before rolling to a working day, and after."""

    raw_due_at: datetime | None
    due_at: datetime | None


async def ask_clock(connection: Connection, reply: ReviewReply) -> Asking | None:
    """Return the clock of the right to request a review of a reply, None if there is no such right."""
    found = (await connection.execute(_CLOCK, {"id": names.clock_id(reply.number, f"ask-{reply.reply}")})).first()
    return Asking(*found) if found else None
