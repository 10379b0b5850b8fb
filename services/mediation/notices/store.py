"""Statements of notices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (  # fmt: skip
    BigInteger,
    DateTime,
    Integer,
    Select,
    SmallInteger,
    Text,
    any_,
    bindparam,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from casework import names
from casework.mediation.notice import OPEN, Channel, NoticeState
from services.kit.clocks.models import LIVE, Clock
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.models import NOW
from services.mediation.models.cases import Case
from services.mediation.models.notices import AskedService, Delivery, Notice
from services.mediation.models.people import Companion, Party
from services.mediation.models.safeguards import Screening

_NUMBER = bindparam("number", type_=Text)
_NUMBERS = bindparam("numbers", type_=ARRAY(Text))
_ID = bindparam("id", type_=BigInteger)
_AT = bindparam("at", type_=DateTime(timezone=True))
_LIMIT = bindparam("limit", type_=Integer)

_WRITTEN = (
    "source", "number", "seq", "rule", "party", "unit", "category", "said", "occurred_at", "due_at", "updated_at",
)  # fmt: skip
_WRITE = (
    insert(Notice)
    .values({name: bindparam(name, type_=Notice.__table__.c[name].type) for name in _WRITTEN})
    .on_conflict_do_nothing(index_elements=[Notice.source, Notice.number, Notice.seq, Notice.rule, Notice.party])
    .returning(Notice.id)
)
_CASES = select(Case).where(Case.number == any_(_NUMBERS))
_PARTIES = select(Party).where(Party.number == any_(_NUMBERS)).order_by(Party.number, Party.party)
_BESIDE = select(Companion).where(Companion.number == any_(_NUMBERS), Companion.ended_at.is_(None))
_SCREENED = select(Screening).where(Screening.number == any_(_NUMBERS), Screening.sealed.is_not(None))
_FREE = (
    select(Notice.id)
    .where(
        Notice.state == NoticeState.DUE, Notice.due_at <= _AT,
        or_(Notice.leased_until.is_(None), Notice.leased_until < NOW),
    )
    .order_by(Notice.due_at, Notice.id)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)  # fmt: skip
_CLAIM = (
    update(Notice)
    .where(Notice.id.in_(_FREE))
    .values(
        lease=bindparam("lease"),
        leased_until=func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, bindparam("seconds", type_=Integer)),
    )
    .returning(Notice)
)
_GET = select(Notice).where(Notice.id == _ID)
_LOCK = _GET.with_for_update()
_LEASED = (
    select(Notice)
    .where(Notice.id == any_(bindparam("ids", type_=ARRAY(BigInteger))), Notice.state == NoticeState.DUE)
    .order_by(Notice.id)
)
_LOCK_LEASED = _LEASED.with_for_update()
_DELIVERIES = select(Delivery).where(Delivery.notice == _ID).order_by(Delivery.id)
_OF_PERSON = (
    select(Notice)
    .where(Notice.number == _NUMBER, Notice.party == bindparam("party", type_=Integer))
    .order_by(Notice.occurred_at, Notice.id)
)
_DELIVERIES_OF = (
    select(Delivery)
    .where(Delivery.notice == any_(bindparam("ids", type_=ARRAY(BigInteger))))
    .order_by(Delivery.notice, Delivery.id)
)
_DELIVERED = insert(Delivery).values(
    {
        name: bindparam(name, type_=Delivery.__table__.c[name].type)
        for name in ("notice", "at", "recorded_at", "state", "channel", "actor", "reason", "evidence")
    }
)
_FOLLOW = (
    update(Notice)
    .where(Notice.number == _NUMBER, Notice.state.in_(sorted(OPEN)))
    .values(unit=bindparam("unit", type_=Text))
)
_DROP = (
    update(Notice)
    .where(Notice.number == _NUMBER, Notice.state.in_(sorted(OPEN)))
    .values(state=NoticeState.CANCELLED, reason="erased", lease="", leased_until=None, updated_at=_AT)
)
_RESTARTING = (
    select(Clock)
    .where(
        Clock.number == _NUMBER, Clock.rule == any_(bindparam("rules", type_=ARRAY(Text))), Clock.state.in_(LIVE)
    )
    .order_by(Clock.id)
    .with_for_update()
)  # fmt: skip
_CHANGING = (
    "state", "channel", "exhausted", "attempts", "reason", "due_at", "lease", "leased_until", "sent_at", "served_at",
    "updated_at",
)  # fmt: skip
_CHANGE = (
    update(Notice)
    .where(Notice.id == bindparam("key", type_=BigInteger))
    .values(
        {
            **{name: bindparam(name, type_=Notice.__table__.c[name].type) for name in _CHANGING},
            "version": Notice.version + 1,
        }
    )
)


def name_of(notice: int) -> str:
    """Return `notices/{notice}`."""
    return f"notices/{notice}"


async def write(connection: Connection, **columns: object) -> bool:
    """Write a notice; False where this event has it already."""
    return await connection.scalar(_WRITE, columns) is not None


async def cases(connection: Connection, numbers: Iterable[str]) -> dict[str, Case]:
    """Return those cases that exist, by number."""
    return {row.number: row for row in await connection.execute(_CASES, {"numbers": sorted(set(numbers))})}


async def parties(connection: Connection, numbers: Iterable[str]) -> Sequence[Party]:
    """Return the parties of cases."""
    return await connection.execute(_PARTIES, {"numbers": sorted(numbers)})


async def companions(connection: Connection, numbers: Iterable[str]) -> Sequence[Companion]:
    """Return who accompanies the parties of cases now."""
    return await connection.execute(_BESIDE, {"numbers": sorted(numbers)})


async def screenings(connection: Connection, numbers: Iterable[str]) -> Sequence[Screening]:
    """Return what parties of cases said in private, sealed."""
    return await connection.execute(_SCREENED, {"numbers": sorted(numbers)})


async def claim(connection: Connection, now: datetime, lease: str, seconds: int, limit: int) -> Sequence[Notice]:
    """Claim due notices that are unclaimed, for some seconds of real time, longest due first."""
    parameters = {"at": now, "lease": lease, "seconds": seconds, "limit": limit}
    found = await connection.execute(_CLAIM, parameters)
    return sorted(found, key=lambda row: (row.due_at, row.id))


async def get(connection: Connection, notice: int) -> Notice:
    """Return a notice; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_GET, {"id": notice})).first(), name_of(notice))


async def lock(connection: Connection, notice: int) -> Notice:
    """Return a notice, locked; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_LOCK, {"id": notice})).first(), name_of(notice))


async def due_of(connection: Connection, ids: Sequence[int], *, lock: bool = False) -> Sequence[Notice]:
    """Return those of some notices that are due, in order of their numbers."""
    return await connection.execute(_LOCK_LEASED if lock else _LEASED, {"ids": list(ids)})


def changed(row: Notice, **columns: object) -> dict[str, Any]:
    """Return the columns of a notice as they are after a change; a claim ends with it."""
    return {**{name: getattr(row, name) for name in _CHANGING}, "lease": "", "leased_until": None, **columns}


async def change(connection: Connection, row: Notice, **columns: object) -> Notice:
    """Change columns of a notice and return its new row."""
    await connection.execute(_CHANGE, {"key": row.id, **changed(row, **columns)})
    return await get(connection, row.id)


async def change_all(connection: Connection, changes: Sequence[Mapping[str, Any]]) -> None:
    """Change many notices at once: for each its `key` and all columns that may change."""
    if changes:
        await connection.execute(_CHANGE, changes)


async def record(connection: Connection, *deliveries: Mapping[str, Any]) -> None:
    """Keep attempts and receipts."""
    if deliveries:
        await connection.execute(_DELIVERED, [{"reason": "", "evidence": "", **each} for each in deliveries])


async def deliveries(connection: Connection, notice: int) -> Sequence[Delivery]:
    """Return every attempt and receipt of a notice, oldest first."""
    return await connection.execute(_DELIVERIES, {"id": notice})


async def of_person(connection: Connection, number: str, party: int) -> Sequence[Notice]:
    """Return the notices of a party of a matter, or of its reporter (0), oldest first."""
    return await connection.execute(_OF_PERSON, {"number": number, "party": party})


async def deliveries_of(connection: Connection, ids: Sequence[int]) -> Sequence[Delivery]:
    """Return every attempt and receipt of some notices, oldest first of each."""
    return await connection.execute(_DELIVERIES_OF, {"ids": list(ids)})


async def follow(connection: Connection, number: str, unit: str) -> None:
    """Move the open notices of a case to the unit that is accountable now."""
    await connection.execute(_FOLLOW, {"number": number, "unit": unit})


async def drop(connection: Connection, number: str, at: datetime) -> None:
    """Cancel the open notices of a case whose data is erased."""
    await connection.execute(_DROP, {"number": number, "at": at})


async def restarting(connection: Connection, number: str, rules: Sequence[str]) -> Sequence[Clock]:
    """Return the running clocks of a case by these rules, locked."""
    return await connection.execute(_RESTARTING, {"number": number, "rules": list(rules)})


@lru_cache(maxsize=32)
def _listed(number: bool, states: bool, channel: bool, behind: bool) -> Select[Notice]:
    found = select(Notice).where(Notice.unit.like(bindparam("unit", type_=Text)))
    if number:
        found = found.where(Notice.number == _NUMBER)
    if states:
        found = found.where(Notice.state == any_(bindparam("states", type_=ARRAY(SmallInteger))))
    if channel:
        found = found.where(Notice.channel == bindparam("channel", type_=Notice.channel.type))
    if behind:
        found = found.where(tuple_(Notice.due_at, Notice.id) > tuple_(_AT, _ID))
    return found.order_by(Notice.due_at, Notice.id).limit(_LIMIT)


async def listed(
    connection: Connection, unit: str, number: str, states: Sequence[int], channel: Channel | None,
    behind: tuple[datetime, int] | None, limit: int,
) -> Sequence[Notice]:  # fmt: skip
    """Return notices of a unit pattern, longest waiting first."""
    parameters: dict[str, Any] = {
        "unit": unit, "number": number, "states": list(states), "channel": channel, "limit": limit,
    }  # fmt: skip
    if behind:
        parameters |= dict(zip(("at", "id"), behind, strict=True))
    statement = _listed(bool(number), bool(states), channel is not None, behind is not None)
    return await connection.execute(statement, parameters)


def recipient(row: Notice) -> str:
    """Return the recipient of a notice: `reports/{report}` or `cases/{case}/parties/{party}`."""
    return names.party_name(row.number, row.party) if row.party else names.report_name(row.number)


_OF_PARTY = select(Notice).where(Notice.number == _NUMBER, Notice.party == bindparam("party", type_=Integer))
_SERVED = _OF_PARTY.where(Notice.rule == bindparam("rule", type_=Text)).order_by(Notice.id.desc())
_ASKED = insert(AskedService).values(
    {name: bindparam(name) for name in ("number", "agreement", "party", "channel", "asked_at", "asked_by")}
)
_ASK = _ASKED.on_conflict_do_update(
    index_elements=list(AskedService.__table__.primary_key),
    set_={
        "asked_at": _ASKED.excluded.asked_at,
        "asked_by": _ASKED.excluded.asked_by,
        "version": AskedService.version + 1,
    },
).returning(AskedService)


async def by_rule(connection: Connection, number: str, party: int, rule: str) -> Sequence[Notice]:
    """Return the notices to a party by a rule, newest first."""
    return await connection.execute(_SERVED, {"number": number, "party": party, "rule": rule})


async def ask_for_service(connection: Connection, key: Mapping[str, object], at: datetime, by: str) -> AskedService:
    """Store that a party asks for service."""
    return (await connection.execute(_ASK, {**key, "asked_at": at, "asked_by": by})).one()


async def asked_for_service(connection: Connection, key: Mapping[str, object]) -> AskedService | None:
    """Return when a party asked for this service last; None if it never did."""
    return (await rows.find(connection, AskedService, **key)).first()
