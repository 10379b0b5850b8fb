"""SQL of reviews: their replies, what was asked for, hearings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from casework import names
from casework.errors import CaseError, Reason
from casework.supervision.meetings.review import ReplyKind, ReviewState
from services.kit.storage import rows
from services.kit.storage.database import Connection, text

_DUE = "coalesce(due_at, TIMESTAMPTZ '9999-01-01 00:00:00+00')"
NEVER = datetime.fromisoformat("9999-01-01T00:00:00+00:00")
"""Where a review without a due date stands in a list: behind all others."""
_LIST = f"""
    SELECT * FROM reviews WHERE (unit LIKE :unit OR turn LIKE :unit)
      AND ({_DUE}, number) > (CAST(:due AS timestamptz), :behind) {{only}}
    ORDER BY {_DUE}, number LIMIT :limit
"""
END_HEARING = text("""
    UPDATE review_hearings SET record = :record, ended_at = :at WHERE number = :number AND hearing = :hearing
""")
_BY_RECEIPT = text("SELECT number FROM reviews WHERE receipt_index = :receipt")


@dataclass(frozen=True, slots=True)
class Course:
    """What happened in a review, in order."""

    replies: Sequence[Any]
    appeals: Sequence[Any]
    hearings: Sequence[Any]

    @property
    def last(self) -> Any:
        """The last thing that was said in writing and may be reviewed, None before the first."""
        said = [each for each in self.replies if each.served_at and each.kind != ReplyKind.FINAL_NOTICE]
        return said[-1] if said else None

    @property
    def draft(self) -> Any:
        """The draft that waits for a signature, None where there is none."""
        return next((each for each in self.replies if each.served_at is None), None)

    @property
    def hearing(self) -> Any:
        """The hearing that lasts, None where there is none."""
        return next((each for each in self.hearings if each.ended_at is None), None)

    @property
    def involved(self) -> set[str]:
        """The officials who gave or decided what was served before."""
        return {who for each in self.replies if each.served_at for who in (each.drafted_by, each.served_by)}


async def add(connection: Connection, number: str, case: str, **columns: Any) -> Any:
    """Store a new review and return its row; ALREADY_EXISTS where the case has one: a matter is reviewed once."""
    try:
        return await rows.insert(connection, "reviews", number=number, case_number=case, **columns)
    except asyncpg.UniqueViolationError:
        raise CaseError(Reason.ALREADY_EXISTS, names.case_name(case)) from None


async def get(connection: Connection, number: str) -> Any:
    """Return a review's row; NOT_FOUND where there is none."""
    found = await rows.select(connection, "reviews", "number", number=number)
    return rows.not_found(found.first(), names.file_name(number))


async def number_by_receipt(connection: Connection, receipt: bytes, name: str) -> str:
    """Return the number of the review with this receipt; NOT_FOUND where there is none."""
    found = await connection.scalar(_BY_RECEIPT, {"receipt": receipt})
    return str(rows.not_found(found, name))


async def change(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a review and return its new row."""
    return await rows.update(connection, "reviews", {"number": row.number}, **columns)


async def course(connection: Connection, number: str) -> Course:
    """Return what happened in a review."""
    return Course(
        await rows.select(connection, "review_replies", "reply", number=number),
        await rows.select(connection, "review_appeals", "appeal", number=number),
        await rows.select(connection, "review_hearings", "hearing", number=number),
    )


async def reply(connection: Connection, number: str, reply: int) -> Any:
    """Return a reply's row; NOT_FOUND where there is none."""
    found = await rows.select(connection, "review_replies", "reply", number=number, reply=reply)
    return rows.not_found(found.first(), f"{names.file_name(number)}/replies/{reply}")


async def appeal(connection: Connection, number: str, appeal: int) -> Any:
    """Return the row of something asked for; NOT_FOUND where there is none."""
    found = await rows.select(connection, "review_appeals", "appeal", number=number, appeal=appeal)
    return rows.not_found(found.first(), f"{names.file_name(number)}/appeals/{appeal}")


async def draft(connection: Connection, number: str, found: Course, **columns: Any) -> Any:
    """Store a draft, in place of the one that waits, and return its row."""
    if found.draft is None:
        return await rows.insert(
            connection, "review_replies", number=number, reply=len(found.replies) + 1, **columns
        )  # fmt: skip
    return await change_reply(connection, found.draft, **columns)


async def change_reply(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a reply and return its new row."""
    return await rows.update(connection, "review_replies", {"number": row.number, "reply": row.reply}, **columns)


async def listed(
    connection: Connection, unit: str, behind: tuple[datetime, str], limit: int, *, only_open: bool
) -> Sequence[Any]:
    """Return reviews of units of the pattern, or on which such a unit has to act, most urgent first."""
    only = "AND state <> :ended" if only_open else ""
    parameters = {"unit": unit, "due": behind[0], "behind": behind[1], "limit": limit, "ended": int(ReviewState.ENDED)}
    return await connection.execute(text(_LIST.format(only=only)), parameters)
