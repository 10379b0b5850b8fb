"""Statements shared by all of supervision: files and their units, what an erasure reaches, units as a range."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    DateTime,
    LargeBinary,
    Text,
    and_,
    any_,
    bindparam,
    func,
    insert,
    not_,
    select,
    union,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.orm import InstrumentedAttribute

from casework.door.clue import SHOWN_TO_ADDRESSEE
from services.escalation.models import CaseFact, Clue, ClueCode, Escalation, File, Matter, MatterAssignment, Review
from services.kit.storage.database import Connection
from services.kit.storage.models import CaseStanding, Event
from services.kit.storage.sealing import WrappedKey

_NUMBER = bindparam("number", type_=Text)
_NUMBERS = any_(bindparam("numbers", type_=ARRAY(Text)))
_AT = bindparam("at", type_=DateTime(timezone=True))
_LOW, _HIGH = bindparam("low", type_=Text), bindparam("high", type_=Text)


def within(unit: InstrumentedAttribute[str] | ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a unit is in the range of a statement's parameters."""
    return and_(unit >= _LOW, unit < _HIGH)


_GET = select(File).where(File.number == _NUMBER)
_LOCK = _GET.with_for_update(key_share=True)
_OPEN = insert(File).values(number=_NUMBER, unit=bindparam("unit"), opened_at=_AT)
_KEEP = update(File).where(File.number == _NUMBER).values(sealed_key=bindparam("key", type_=LargeBinary))


async def add(connection: Connection, number: str, unit: str, at: datetime) -> None:
    """Store a new file."""
    await connection.execute(_OPEN, {"number": number, "unit": unit, "at": at})


async def find(connection: Connection, number: str, *, lock: bool = False) -> File | None:
    """Return a file's row; None where there is none."""
    return (await connection.execute(_LOCK if lock else _GET, {"number": number})).first()


async def keep_key(connection: Connection, number: str, key: WrappedKey) -> None:
    """Store the data key of a file."""
    await connection.execute(_KEEP, {"number": number, "key": key})


_FILES = (
    select(
        File.number,
        File.unit,
        func.coalesce(CaseFact.about, "", type_=Text),
        func.array(
            union_all(
                select(MatterAssignment.unit).where(MatterAssignment.number == File.number),
                select(Clue.verifier).where(Clue.number == File.number, Clue.verifier != ""),
                select(Clue.addressee).where(Clue.number == File.number, Clue.state.in_(sorted(SHOWN_TO_ADDRESSEE))),
            ).scalar_subquery(),
            type_=ARRAY(Text),
        ),
    )
    .outerjoin(Matter, Matter.number == File.number)
    .outerjoin(CaseFact, and_(Matter.source != "", CaseFact.number == Matter.source))
    .where(File.number == _NUMBERS, File.unit != "")
)
_TOLD = select(CaseStanding.number, CaseStanding.unit, CaseStanding.about).where(
    CaseStanding.number == _NUMBERS,
    not_(select(CaseFact.number).where(CaseFact.number == CaseStanding.number).exists()),
)
_KNOWN = (
    select(CaseFact.number, CaseFact.unit, CaseFact.about)
    .where(CaseFact.number == _NUMBERS)
    .union_all(_TOLD)
    .subquery("known")
)
# A unit that a case was escalated to has a part in it.
_CLIMBED = (
    select(
        func.unnest(
            func.array_cat(array([Escalation.to_unit, Escalation.from_unit, Escalation.origin]), Escalation.told)
        )
    )
    .where(Escalation.number == _KNOWN.c.number)
    .scalar_subquery()
)
_CASES = select(
    _KNOWN.c.number,
    func.coalesce(CaseStanding.about, _KNOWN.c.about, type_=Text),
    func.coalesce(CaseStanding.unit, _KNOWN.c.unit, type_=Text),
    CaseStanding.co_units,
    func.array(_CLIMBED, type_=ARRAY(Text)),
).outerjoin_from(_KNOWN, CaseStanding, CaseStanding.number == _KNOWN.c.number)


async def whose_files(
    connection: Connection, numbers: Sequence[str]
) -> Sequence[tuple[str, str, str, Sequence[str]]]:  # fmt: skip
    """Return number, unit, unit complained about and units with a part, of those files that exist."""
    return await connection.execute(_FILES, {"numbers": numbers})


async def whose_cases(
    connection: Connection, numbers: Sequence[str]
) -> Sequence[tuple[str, str, str, list[str] | None, list[str]]]:
    """Return, for the reported cases: number, unit complained about, unit, further units, units it was escalated to."""
    return await connection.execute(_CASES, {"numbers": numbers})


# For a case that was not reported, and for a file that changes units, the last event decides; a clock may belong to
# another unit than the case: its firing does not change the owner of the history.
_STANDING = select(CaseStanding.unit).where(CaseStanding.number == _NUMBER).scalar_subquery()
_LAST = (
    select(Event.unit)
    .where(Event.number == _NUMBER)
    .order_by(Event.kind.like("Clock%"), Event.seq.desc())
    .limit(1)
    .scalar_subquery()
)
_OWNER = select(func.coalesce(_STANDING, _LAST, type_=Text))


async def owner(connection: Connection, number: str) -> str | None:
    """Return the unit that owns the history of a case or file; None if there is none."""
    return await connection.scalar(_OWNER, {"number": number})


_ORIGIN = (
    select(Escalation.origin)
    .where(Escalation.number == File.number)
    .order_by(Escalation.escalation.desc())
    .limit(1)
    .scalar_subquery()
)
_TOUCHED = (
    select(File.number, func.coalesce(func.nullif(File.unit, ""), _ORIGIN, "cn", type_=Text))
    .where(
        File.erased_at.is_(None),
        File.number.in_(
            union(
                select(_NUMBER),
                select(Review.number).where(Review.case_number == _NUMBER),
                select(Matter.number).where(Matter.source == _NUMBER),
            )
        ),
    )
    .order_by(File.number)
    .with_for_update(key_share=True)
)
_ERASE = (
    update(File).where(File.number == _NUMBERS).values(sealed_key=None, erased_at=_AT),
    update(Clue)
    .where(Clue.number == _NUMBERS)
    .values(
        sealed_clue=None, sealed_reporter=None, sealed_instruction=None, sealed_finding=None, sealed_transfer=None,
        sealed_handling=None, sealed_return=None, sealed_earlier=None, declined="",
    ),
    update(ClueCode).where(ClueCode.number == _NUMBERS).values(sealed=None),
)  # fmt: skip


_ABOUT = union_all(
    select(Matter.source.label("about")).where(Matter.number == _NUMBERS, Matter.source != ""),
    select(Review.case_number).where(Review.number == _NUMBERS),
).subquery("abouts")
_BEHIND = select(_ABOUT.c.about)


async def about(connection: Connection, numbers: Sequence[str]) -> frozenset[str]:
    """Return the numbers of the cases that matters of the ledger and reviews are about."""
    return frozenset(number for (number,) in await connection.execute(_BEHIND, {"numbers": list(numbers)}))


async def touched(connection: Connection, number: str) -> dict[str, str]:
    """Return the unit of each file an erasure of a case reaches, by number; the files are locked."""
    return dict(iter(await connection.execute(_TOUCHED, {"number": number})))


async def erase(connection: Connection, numbers: Collection[str], at: datetime) -> None:
    """Destroy the keys of files, and empty what a clue had sealed."""
    for statement in _ERASE:
        await connection.execute(statement, {"numbers": list(numbers), "at": at})
