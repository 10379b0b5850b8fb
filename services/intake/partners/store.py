"""Statements of partners' items and of what partners were told became of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    DateTime,
    Integer,
    Select,
    SmallInteger,
    Text,
    and_,
    any_,
    bindparam,
    false,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import aliased

from casework.door.programs.partner import ChangeKind, ItemState
from casework.door.report import Contentment, ReportState
from services.intake.models import PartnerReply, Rating, Report
from services.intake.partners.models import HandOver, PartnerChange, PartnerItem, PartnerPhoto, PartnerPlace
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.models import CaseStanding, Event, FeedPlace
from services.kit.storage.sealing import SealedBytes, WrappedKey

_MOST_LETTERS = 100
"""Letters by which one matter, with what was merged into it, was handed over."""
_PARTNER, _LIMIT = bindparam("partner", type_=Text), bindparam("limit", type_=Integer)
_REPORT = bindparam("report", type_=Text)
_NUMBERS = bindparam("numbers", type_=ARRAY(Text(collation="C")))
_IN_MATTER = or_(Report.number == _REPORT, and_(Report.merged_into != "", Report.merged_into == _REPORT))
"""Whether a report is this one, or was merged into it."""
_KNOWN = select(PartnerItem).where(PartnerItem.partner == _PARTNER, PartnerItem.number == any_(_NUMBERS))
_KEPT = ("partner", "number", "body", "report", "state", "unit", "reason", "field", "submitted_at", "due_at")
_KEEP = upsert(PartnerItem).values({each: bindparam(each) for each in _KEPT})
_KEEP_ITEM = _KEEP.on_conflict_do_update(
    index_elements=[PartnerItem.partner, PartnerItem.number],
    set_={each: _KEEP.excluded[each] for each in _KEPT if each not in ("partner", "number")} | {"dirty": True},
    where=PartnerItem.report == "",
).returning(PartnerItem.id)


async def known(connection: Connection, partner: str, numbers: Collection[str]) -> dict[str, PartnerItem]:
    """Return those of a partner's items that are there, by number."""
    rows = await connection.execute(_KNOWN, {"partner": partner, "numbers": list(numbers)})
    return {row.number: row for row in rows}


async def keep(connection: Connection, **columns: object) -> bool:
    """Keep an item, in place of a refused one with its number; return whether it is new."""
    return (await connection.execute(_KEEP_ITEM, columns)).first() is not None


@lru_cache(maxsize=8)
def _listed(number: bool, states: bool, behind: bool) -> Select[PartnerItem]:
    found = select(PartnerItem).where(PartnerItem.partner == _PARTNER)
    if number:
        found = found.where(PartnerItem.number == bindparam("number", type_=Text))
    if states:
        found = found.where(PartnerItem.state == any_(bindparam("states", type_=ARRAY(SmallInteger))))
    if behind:
        found = found.where(PartnerItem.id < bindparam("last", type_=BigInteger))
    return found.order_by(PartnerItem.id.desc()).limit(_LIMIT)


async def listed(
    connection: Connection, partner: str, number: str, states: Sequence[ItemState], behind: int | None, limit: int
) -> list[PartnerItem]:  # fmt: skip
    """Return a partner's items, newest first."""
    parameters: dict[str, Any] = {"partner": partner, "limit": limit}
    if number:
        parameters["number"] = number
    if states:
        parameters["states"] = list(map(int, states))
    if behind is not None:
        parameters["last"] = behind
    return list(await connection.execute(_listed(bool(number), bool(states), behind is not None), parameters))


class Change(NamedTuple):
    """What became of an item, at its place in the order of the partner's changes."""

    item: PartnerItem
    place: int
    at: datetime
    state: ItemState
    unit: str
    route: int
    contentment: Contentment | None
    ended_at: datetime | None
    kinds: Sequence[int]
    report: str | None
    """The report that an interim reply is sealed with, its key and the reply; the key is empty once it was erased."""
    sealed_key: WrappedKey | None
    sealed: SealedBytes | None


_CHANGES = (
    select(
        PartnerItem, PartnerChange.id, PartnerChange.changed_at, PartnerChange.state, PartnerChange.unit,
        PartnerChange.route, PartnerChange.contentment, PartnerChange.ended_at, PartnerChange.kinds,
        PartnerReply.report, Report.sealed_key, PartnerReply.sealed,
    )
    .select_from(PartnerChange)
    .join(
        PartnerItem,
        and_(PartnerItem.partner == PartnerChange.partner, PartnerItem.number == PartnerChange.number),
    )
    .outerjoin(PartnerReply, PartnerReply.id == PartnerChange.reply)
    .outerjoin(Report, Report.number == PartnerReply.report)
    .where(PartnerChange.partner == _PARTNER, PartnerChange.id > bindparam("after", type_=BigInteger))
    .order_by(PartnerChange.id)
    .limit(_LIMIT)
)  # fmt: skip


async def changes(connection: Connection, partner: str, after: int, limit: int) -> list[Change]:
    """Return the changes of a partner's items after a place, in order."""
    parameters = {"partner": partner, "after": after, "limit": limit}
    return [Change._make(row) for row in await connection.execute(_CHANGES, parameters)]


_OF_DAY = (
    select(PartnerItem)
    .where(
        PartnerItem.partner == _PARTNER, PartnerItem.submitted_at >= bindparam("since", type_=DateTime(timezone=True)),
        PartnerItem.submitted_at < bindparam("until", type_=DateTime(timezone=True)),
    )
    .order_by(PartnerItem.number)
)  # fmt: skip


async def of_day(connection: Connection, partner: str, since: datetime, until: datetime) -> list[PartnerItem]:
    """Return what a partner sent between two moments, by number."""
    return list(await connection.execute(_OF_DAY, {"partner": partner, "since": since, "until": until}))


# Looking and telling: one process at a time, so that the changes of a partner are in order.
_TURN_IF_FREE = select(func.pg_try_advisory_xact_lock(4214, func.hashtext(func.current_schema())))
_PLACE = select(PartnerPlace.position)
_MOVED = update(PartnerPlace).values(position=bindparam("position", type_=BigInteger))
_HAPPENED = (
    select(FeedPlace.position, Event.number)
    .join(Event, Event.id == FeedPlace.event_id)
    .where(FeedPlace.position > bindparam("after", type_=BigInteger))
    .order_by(FeedPlace.position)
    .limit(_LIMIT)
)
_MERGED = select(Report.number).where(Report.merged_into == any_(_NUMBERS), Report.merged_into != "")
_MARK = (
    update(PartnerItem)
    .where(PartnerItem.report != "", or_(PartnerItem.report == any_(_NUMBERS), PartnerItem.report.in_(_MERGED)))
    .values(dirty=True)
)


async def mark(connection: Connection, numbers: Sequence[str]) -> None:
    """Note that something may have changed for the items of these cases, and of those merged into them."""
    await connection.execute(_MARK, {"numbers": list(numbers)})


async def look(connection: Connection, limit: int) -> int | None:
    """Mark the items of what happened since the last look; return how many events, None while another process looks."""
    if not await connection.scalar(_TURN_IF_FREE):
        return None
    place = await connection.scalar(_PLACE)
    rows = [*await connection.execute(_HAPPENED, {"after": place, "limit": limit})]
    if rows:
        await mark(connection, sorted({number for _, number in rows}))
        await connection.execute(_MOVED, {"position": rows[-1][0]})
    return len(rows)


class Seen(NamedTuple):
    """An item with what is known of its report, or of the one it was merged into, and of its case."""

    item: PartnerItem
    state: ReportState
    withdrawn: bool
    unit: str
    route: int
    contentment: Contentment | None
    closed: bool
    closed_at: datetime | None
    decided_at: datetime | None


_OWN, _MASTER = Report, aliased(Report)
_WAITING = (
    select(
        PartnerItem, func.coalesce(_MASTER.state, _OWN.state, type_=Report.state.type),
        _OWN.withdrawn_at.is_not(None), func.coalesce(_MASTER.unit, _OWN.unit, type_=Text),
        func.coalesce(_MASTER.route, _OWN.route, type_=Integer), Rating.contentment,
        func.coalesce(CaseStanding.closed, false()),
        func.coalesce(CaseStanding.closed_at, _MASTER.closed_at, _OWN.closed_at, type_=DateTime(timezone=True)),
        func.coalesce(_MASTER.decided_at, _OWN.decided_at, type_=DateTime(timezone=True)),
    )
    .join(_OWN, _OWN.number == PartnerItem.report)
    .outerjoin(_MASTER, and_(_OWN.merged_into != "", _MASTER.number == _OWN.merged_into))
    .outerjoin(CaseStanding, CaseStanding.number == func.coalesce(_MASTER.number, _OWN.number))
    .outerjoin(Rating, Rating.number == PartnerItem.report)
    .where(PartnerItem.dirty, PartnerItem.report != "")
    .order_by(PartnerItem.id)
    .limit(_LIMIT)
    .with_for_update(of=PartnerItem)
)  # fmt: skip
_CLEAN = (
    update(PartnerItem).where(PartnerItem.id == any_(bindparam("ids", type_=ARRAY(BigInteger)))).values(dirty=False)
)
_REFUSED = update(PartnerItem).where(PartnerItem.dirty, PartnerItem.report == "").values(dirty=False)
_CHANGED = ("state", "unit", "route", "contentment", "ended_at")
_CHANGE = (
    update(PartnerItem)
    .where(PartnerItem.id == bindparam("item", type_=BigInteger))
    .values({each: bindparam(each, type_=PartnerItem.__table__.c[each].type) for each in _CHANGED})
)
_TOLD = ("partner", "number", "changed_at", "kinds", "reply", *_CHANGED)
_TELL = insert(PartnerChange).values(
    {each: bindparam(each, type_=PartnerChange.__table__.c[each].type) for each in _TOLD}
)
_UNTOLD = (
    select(PartnerItem.id, PartnerReply.id)
    .join(PartnerReply, and_(PartnerReply.partner == PartnerItem.partner, PartnerReply.number == PartnerItem.number))
    .where(not_(PartnerReply.told), PartnerItem.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))
    .order_by(PartnerReply.id)
)
_REPLY_TOLD = update(PartnerReply).where(PartnerReply.id == bindparam("reply", type_=BigInteger)).values(told=True)
_OF_MATTER = (
    select(PartnerItem.partner, PartnerItem.number, Report.number, Report.sealed_key)
    .join(Report, Report.number == PartnerItem.report)
    .where(
        _IN_MATTER,
        PartnerItem.report != "",
        Report.erased_at.is_(None),
        or_(Report.number == _REPORT, Report.withdrawn_at.is_(None)),
    )
    .order_by(PartnerItem.id)
)
_TERMS = ("report", "partner", "letter", "procedure", "nature", "decided", "petition_at")
_HAND_OVER = (
    upsert(HandOver)
    .values({each: bindparam(each, type_=HandOver.__table__.c[each].type) for each in _TERMS})
    .on_conflict_do_nothing()
)
_LETTERS = select(HandOver.letter).where(
    HandOver.partner == _PARTNER, HandOver.letter == any_(bindparam("letters", type_=ARRAY(Text(collation="C"))))
)
_HANDED_OVER = (
    select(HandOver)
    .where(HandOver.report.in_(select(Report.number).where(_IN_MATTER)))
    .order_by(HandOver.report)
    .limit(_MOST_LETTERS)
)
_PHOTOS = select(PartnerPhoto).where(PartnerPhoto.partner == _PARTNER, PartnerPhoto.number == any_(_NUMBERS))


async def waiting(connection: Connection, limit: int) -> list[Seen]:
    """Return items for which something may have changed, locked, oldest first."""
    return [Seen(*row) for row in await connection.execute(_WAITING, {"limit": limit})]


async def tell(
    connection: Connection, item: PartnerItem, now: datetime, changed: Mapping[str, object], kinds: Sequence[int]
) -> None:
    """Write that an item has changed."""
    await connection.execute(_CHANGE, {"item": item.id, **changed})
    told = {"partner": item.partner, "number": item.number, "changed_at": now, "kinds": list(map(int, kinds))}
    await connection.execute(_TELL, {**told, "reply": None, **changed})


async def untold(connection: Connection, items: Sequence[PartnerItem]) -> dict[int, list[int]]:
    """Return the interim replies that do not stand among the changes of these items yet, by item, oldest first."""
    found: dict[int, list[int]] = {}
    for item, reply in await connection.execute(_UNTOLD, {"ids": [each.id for each in items]}):
        found.setdefault(item, []).append(reply)
    return found


async def tell_replies(
    connection: Connection, item: PartnerItem, now: datetime, standing: Mapping[str, object], replies: Sequence[int]
) -> None:
    """Write that an item, which stands so, was answered in words."""
    told = {"partner": item.partner, "number": item.number, "changed_at": now, **standing}
    for reply in replies:
        await connection.execute(_TELL, {**told, "kinds": [int(ChangeKind.INTERIM_REPLY)], "reply": reply})
        await connection.execute(_REPLY_TOLD, {"reply": reply})


class Answered(NamedTuple):
    """An item of a matter, with its report and what that is sealed with."""

    partner: str
    number: str
    report: str
    sealed_key: WrappedKey


async def of_matter(connection: Connection, report: str) -> list[Answered]:
    """Return the items of a report and of those merged into it, but for those that were withdrawn since."""
    return [Answered(*row) for row in await connection.execute(_OF_MATTER, {"report": report})]


async def reply(connection: Connection, to: Answered, sealed: SealedBytes, now: datetime) -> None:
    """Keep an interim reply."""
    await rows.insert(
        connection, PartnerReply, partner=to.partner, number=to.number, report=to.report, sealed=sealed, replied_at=now
    )  # fmt: skip


async def photos(connection: Connection, partner: str, numbers: Collection[str]) -> list[PartnerPhoto]:
    """Return the photos of a partner's items."""
    return list(await connection.execute(_PHOTOS, {"partner": partner, "numbers": list(numbers)}))


async def keep_photo(
    connection: Connection, partner: str, number: str, key: bytes, body: bytes, photo: int
) -> PartnerPhoto:  # fmt: skip
    """Keep which photo of its report a photo of an item is."""
    return await rows.insert(
        connection, PartnerPhoto, partner=partner, number=number, key=key, body=body, photo=photo
    )  # fmt: skip


async def letters(connection: Connection, partner: str, told: Collection[str]) -> set[str]:
    """Return which of these letters of a partner handed something over."""
    found = await connection.execute(_LETTERS, {"partner": partner, "letters": list(told)})
    return {letter for (letter,) in found}


async def hand_over(connection: Connection, report: str, terms: Mapping[str, Any]) -> None:
    """Keep by which letter a report was handed over; of two calls with one letter at the same moment, the first."""
    await connection.execute(_HAND_OVER, {"report": report, **terms})


async def hand_overs(connection: Connection, report: str) -> list[HandOver]:
    """Return the letters by which a report, and those merged into it, were handed over."""
    return list(await connection.execute(_HANDED_OVER, {"report": report}))


async def looked_at(connection: Connection, items: Iterable[PartnerItem]) -> None:
    """Note that nothing is left to tell of these items, nor of refused ones, whose answer told everything."""
    await connection.execute(_CLEAN, {"ids": [item.id for item in items]})
    await connection.execute(_REFUSED)
