"""Statements of supervision letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter

from sqlalchemy import DateTime, Integer, Select, SmallInteger, Text, all_, any_, bindparam, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on, insert

from casework import names
from casework.names import clock_id
from casework.supervision.letters.letter import TAKEN_BACK, LetterKind, LetterState, Part
from services.escalation.letters.models import Letter, LetterReader, LetterText, RuleDraft
from services.kit.clocks.models import Clock
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.listing import KEPT_FROM, By, Listing, Order
from services.kit.storage.sealing import SealedBytes

_NUMBER, _UNIT = bindparam("number", type_=Text), bindparam("unit", type_=Text)
_GET = select(Letter).where(Letter.number == _NUMBER)
_SUBJECTS = select(Letter.subject).where(Letter.number == any_(bindparam("numbers", type_=ARRAY(Text))))
_READS = insert(LetterReader).values(number=_NUMBER, unit=_UNIT).on_conflict_do_nothing()
_READERS = select(LetterReader.unit).where(LetterReader.number == _NUMBER)
_TEXTS = (
    select(LetterText.part, LetterText.sealed)
    .ext(distinct_on(LetterText.part))
    .where(LetterText.number == _NUMBER)
    .order_by(LetterText.part, LetterText.id.desc())
)
_NTH = select(func.count() + 1).where(Clock.number == _NUMBER, Clock.id.like(bindparam("keys", type_=Text)))
_CLAIM = (
    insert(RuleDraft)
    .values({name: bindparam(name) for name in ("unit", "subject", "kind", "at")})
    .on_conflict_do_nothing(index_elements=[RuleDraft.unit, RuleDraft.subject, RuleDraft.kind])
    .returning(RuleDraft.kind)
)
_ABOUT = select(Letter.number).where(Letter.unit == bindparam("unit"), Letter.subject == bindparam("subject")).limit(1)
_STANDING = _ABOUT.where(Letter.kind >= bindparam("kind"), Letter.state.not_in(TAKEN_BACK)).order_by(
    Letter.kind, Letter.drafted_at.desc()
)
_DRAFTED = _ABOUT.where(Letter.kind == bindparam("kind"), Letter.rule != "").order_by(Letter.drafted_at.desc())


async def add(connection: Connection, number: str, **columns: object) -> Letter:
    """Store a letter as a draft that only its issuer is shown, and return its row."""
    row = await rows.insert(connection, Letter, number=number, state=LetterState.DRAFTED, **columns)
    await show_to(connection, number, [row.issuer])
    return row


async def get(connection: Connection, number: str) -> Letter:
    """Return a letter; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_GET, {"number": number})).first(), names.file_name(number))


async def about(connection: Connection, numbers: Sequence[str]) -> frozenset[str]:
    """Return the numbers of the cases and files that letters are about."""
    found = await connection.execute(_SUBJECTS, {"numbers": list(numbers)})
    return frozenset(names.number_of(subject) for (subject,) in found if "/" in subject)


async def change(connection: Connection, row: Letter, **columns: object) -> Letter:
    """Change columns of a letter and return its new row."""
    return await rows.update(connection, Letter, {"number": row.number}, **columns)


async def show_to(connection: Connection, number: str, units: Sequence[str]) -> None:
    """Show a letter to units from now on."""
    await connection.execute(_READS, [{"number": number, "unit": unit} for unit in units])


async def readers(connection: Connection, number: str) -> list[str]:
    """Return the units that may see a letter."""
    return [unit for (unit,) in await connection.execute(_READERS, {"number": number})]


async def write(connection: Connection, number: str, part: Part, sealed: bytes, at: datetime, by: str) -> None:
    """Store a sealed part of a letter."""
    await rows.insert(connection, LetterText, number=number, part=part, sealed=sealed, at=at, by=by)


async def parts(connection: Connection, number: str) -> dict[Part, SealedBytes]:
    """Return the latest of each part of a letter, sealed."""
    return dict(iter(await connection.execute(_TEXTS, {"number": number})))


async def nth(connection: Connection, number: str, what: str) -> int:
    """Return the number of a letter's next clock of this kind: the keys are `reply-1`, `reply-2`."""
    return await connection.scalar(_NTH, {"number": number, "keys": clock_id(number, f"{what}-%")}) or 1


async def claim(connection: Connection, unit: str, subject: str, kind: LetterKind, at: datetime) -> bool:
    """Return whether a rule may draft this: once for a unit, a matter and a kind, however many try at once."""
    asked = {"unit": unit, "subject": subject, "kind": kind, "at": at}
    return await connection.scalar(_CLAIM, asked) is not None


async def standing(connection: Connection, unit: str, subject: str, kind: LetterKind) -> str:
    """Return a letter in force to a unit about a matter that is as serious or more; empty if there is none."""
    asked = {"unit": unit, "subject": subject, "kind": kind}
    return await connection.scalar(_STANDING, asked) or ""


async def drafted(connection: Connection, unit: str, subject: str, kind: LetterKind) -> str:
    """Return the letter that a rule drafted for a unit, a matter and a kind; empty if there is none."""
    asked = {"unit": unit, "subject": subject, "kind": kind}
    return await connection.scalar(_DRAFTED, asked) or ""


_READ_BY_UNITS = (
    select(LetterReader).where(LetterReader.number == Letter.number, LetterReader.unit.like(_UNIT)).exists()
)


_INSTANT = DateTime(timezone=True)
LISTED = Listing(
    Letter, Letter.number, _READ_BY_UNITS, Order("draft_time"),
    {"draft_time": By(Letter.drafted_at, attrgetter("drafted_at"))},
    {
        "states": Letter.state == any_(bindparam("states", type_=ARRAY(SmallInteger))),
        "kind": Letter.kind == bindparam("kind"),
        "start": Letter.drafted_at >= bindparam("start", type_=_INSTANT),
        "end": Letter.drafted_at < bindparam("end", type_=_INSTANT),
        # Other subjects have the same numbers: `matters/620102-2026-000001`.
        KEPT_FROM: or_(
            ~Letter.subject.startswith("cases/"),
            func.split_part(Letter.subject, "/", 2) != all_(bindparam(KEPT_FROM, type_=ARRAY(Text))),
        ),
    },
)  # fmt: skip
"""Lists of letters that units of a pattern may see."""


@lru_cache(maxsize=2)
def _drafts(behind: bool) -> Select[Letter]:
    return _page(select(Letter).where(Letter.state == LetterState.DRAFTED, Letter.issuer.like(_UNIT)), behind)


def _page(found: Select[Letter], behind: bool) -> Select[Letter]:
    if behind:
        end = tuple_(bindparam("at", type_=DateTime(timezone=True)), bindparam("behind", type_=Text))
        found = found.where(tuple_(Letter.drafted_at, Letter.number) > end)
    return found.order_by(Letter.drafted_at, Letter.number).limit(bindparam("limit", type_=Integer))


async def drafts(
    connection: Connection, unit: str, behind: tuple[datetime, str] | None, limit: int
) -> Sequence[Letter]:
    """Return drafts of issuers of the pattern, oldest first."""
    at, number = behind or (None, "")
    parameters = {"unit": unit, "at": at, "behind": number, "limit": limit}
    return await connection.execute(_drafts(behind is not None), parameters)
