"""Statements of what reporters do with their receipt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import DateTime, Text, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import load_only

from casework.door.report import Contentment
from casework.errors import CaseError, Reason, field_error
from services.intake.models import Addition, DeclineReview, Photo, Rating, ReceiptTry
from services.intake.search.signs import store as search_signs
from services.kit.pictures import MOST, Picture
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.models import Event
from services.kit.storage.sealing import CaseSealer, SealedBytes

_NUMBER = bindparam("number", type_=Text)
_ADDITIONS = select(Addition).where(Addition.number == _NUMBER).order_by(Addition.addition)
_HOW_MANY = select(func.count()).where(Photo.number == _NUMBER)
_PHOTOS = (
    select(Photo)
    .options(load_only(Photo.photo, Photo.width, Photo.height, Photo.size, Photo.added_at))
    .where(Photo.number == _NUMBER)
    .order_by(Photo.photo)
)
_REVIEW = select(DeclineReview).where(DeclineReview.number == _NUMBER)
_DECIDE = (
    update(DeclineReview)
    .where(DeclineReview.number == _NUMBER)
    .values(
        decided_at=bindparam("at", type_=DateTime(timezone=True)), decided_by=bindparam("by"),
        upheld=bindparam("upheld"), reason=bindparam("reason"),
    )
    .returning(DeclineReview)
)  # fmt: skip
_RATE = (
    insert(Rating)
    .values(
        number=_NUMBER, contentment=bindparam("contentment"), sealed=bindparam("sealed"),
        rated_at=bindparam("at", type_=DateTime(timezone=True)),
    )
    .on_conflict_do_update(
        index_elements=[Rating.number],
        set_={
            "contentment": bindparam("contentment"), "sealed": bindparam("sealed"),
            "rated_at": bindparam("at", type_=DateTime(timezone=True)),
        },
    )
)  # fmt: skip
_RATING = select(Rating).where(Rating.number == _NUMBER)
_DECLINED = (
    select(Event.actor, func.jsonb_extract_path_text(Event.payload, "reason", type_=Text))
    .where(Event.number == _NUMBER, Event.kind.in_(("ReportDeclined", "RefusalUpheld")))
    .order_by(Event.seq.desc())
    .limit(1)
)
_TRY = select(ReceiptTry).where(ReceiptTry.number == _NUMBER).with_for_update()
_FAIL = (
    insert(ReceiptTry)
    .values(number=_NUMBER, failed=bindparam("failed"), until=bindparam("until", type_=DateTime(timezone=True)))
    .on_conflict_do_update(
        index_elements=[ReceiptTry.number],
        set_={"failed": bindparam("failed"), "until": bindparam("until", type_=DateTime(timezone=True))},
    )
)


async def add(connection: Connection, number: str, sealed: SealedBytes, at: datetime) -> Addition:
    """Store an addition under the next number of its report, which is locked."""
    await search_signs.touch(connection, number)
    return await rows.add(connection, Addition, "addition", {"number": number}, rows.FEW, sealed=sealed, added_at=at)


async def additions(connection: Connection, number: str) -> Sequence[Addition]:
    """Return what was added to a report, oldest first."""
    return await connection.execute(_ADDITIONS, {"number": number})


async def rate(
    connection: Connection, number: str, contentment: Contentment, sealed: SealedBytes | None, at: datetime
) -> None:
    """Store a rating; the last one counts."""
    parameters = {"number": number, "contentment": contentment, "sealed": sealed, "at": at}
    await connection.execute(_RATE, parameters)


async def rating(connection: Connection, number: str) -> Rating | None:
    """Return the rating; None if there is none."""
    return (await connection.execute(_RATING, {"number": number})).first()


async def add_photo(connection: Connection, number: str, picture: Picture, sealer: CaseSealer, at: datetime) -> Photo:
    """Store a photo under the next number of its report, which is locked; FILE_REFUSED where there are enough."""
    if (await connection.scalar(_HOW_MANY, {"number": number}) or 0) >= MOST:
        raise field_error("content", Reason.FILE_REFUSED, f"{MOST} photos")
    return await rows.add(
        connection, Photo, "photo", {"number": number}, width=picture.width, height=picture.height,
        size=len(picture.content), sealed=sealer.seal(picture.content), thumbnail=sealer.seal(picture.thumbnail),
        added_at=at,
    )  # fmt: skip


async def photos(connection: Connection, number: str) -> Sequence[Photo]:
    """Return the photos of a report without their content, oldest first."""
    return await connection.execute(_PHOTOS, {"number": number})


async def photo(connection: Connection, number: str, one: int) -> Photo:
    """Return a photo with its content; NOT_FOUND where there is none."""
    return await rows.get(connection, Photo, f"reports/{number}/photos/{one}", number=number, photo=one)


async def refusal(connection: Connection, number: str) -> tuple[str, str] | None:
    """Return who last declined a report, and the reason; None if nobody did."""
    return (await connection.execute(_DECLINED, {"number": number})).first()


async def dispute(
    connection: Connection, number: str, declined_by: str, sealed: SealedBytes | None, at: datetime
) -> DeclineReview:
    """Store the request for a review of a refusal; ALREADY_EXISTS if there is one."""
    return await rows.insert(
        connection, DeclineReview, number=number, declined_by=declined_by, sealed=sealed, requested_at=at
    )


async def review(connection: Connection, number: str) -> DeclineReview | None:
    """Return the review of a refusal; None if none was requested."""
    return (await connection.execute(_REVIEW, {"number": number})).first()


async def must_be_reviewed(connection: Connection, number: str) -> DeclineReview:
    """Return the review of a refusal, or raise NOT_FOUND."""
    found = await review(connection, number)
    if found is None:
        raise CaseError(Reason.NOT_FOUND, f"reports/{number}/review")
    return found


async def decide(
    connection: Connection, number: str, *, at: datetime, by: str, upheld: bool, reason: str
) -> DeclineReview:
    """Store how a review was decided."""
    parameters = {"number": number, "at": at, "by": by, "upheld": upheld, "reason": reason}
    return (await connection.execute(_DECIDE, parameters)).one()


async def tries(connection: Connection, number: str) -> ReceiptTry | None:
    """Return the wrong answers to the second factor of a receipt, locked; None for none."""
    return (await connection.execute(_TRY, {"number": number})).first()


async def fail(connection: Connection, number: str, failed: int, until: datetime | None) -> None:
    """Store a wrong answer, and until when the receipt is closed."""
    await connection.execute(_FAIL, {"number": number, "failed": failed, "until": until})


async def forget(connection: Connection, number: str) -> None:
    """Forget wrong answers after a right one."""
    await fail(connection, number, 0, None)
