"""Statements of what partners attached to their items."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Text, bindparam, or_, select
from sqlalchemy.orm import load_only

from casework.names import report_name
from services.intake.models import Attachment, Report
from services.kit.storage import rows
from services.kit.storage.database import Connection

MOST = 9
"""Attachments of an item."""
_LISTED = 1_000
_NUMBER = bindparam("number", type_=Text)
_SHOWN = load_only(
    Attachment.number, Attachment.attachment, Attachment.partner, Attachment.type, Attachment.size,
    Attachment.added_at, Attachment.body,
)  # fmt: skip
_OF_MATTER = (
    select(Attachment)
    .options(_SHOWN)
    .where(
        Attachment.number.in_(select(Report.number).where(or_(Report.number == _NUMBER, Report.merged_into == _NUMBER)))
    )
    .order_by(Attachment.number, Attachment.attachment)
    .limit(_LISTED)
)
_KNOWN = (
    select(Attachment)
    .options(_SHOWN)
    .where(Attachment.number == _NUMBER, Attachment.partner == bindparam("partner"), Attachment.key == bindparam("key"))
)


async def known(connection: Connection, number: str, partner: str, key: bytes) -> Attachment | None:
    """Return what a partner attached to a report under a number or name of its own, without the content."""
    return (await connection.execute(_KNOWN, {"number": number, "partner": partner, "key": key})).first()


async def add(connection: Connection, number: str, **columns: object) -> Attachment:
    """Store an attachment under the next number of its report, which is locked; TOO_MANY where there are enough."""
    return await rows.add(connection, Attachment, "attachment", {"number": number}, MOST, **columns)


async def of_matter(connection: Connection, number: str) -> Sequence[Attachment]:
    """Return what was attached to a report and to those merged into it, without the contents."""
    return await connection.execute(_OF_MATTER, {"number": number})


async def get(connection: Connection, number: str, attachment: int) -> Attachment:
    """Return an attachment with its content; NOT_FOUND where there is none."""
    name = f"{report_name(number)}/attachments/{attachment}"
    return await rows.get(connection, Attachment, name, number=number, attachment=attachment)
