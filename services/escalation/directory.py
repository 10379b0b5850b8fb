"""What escalation knows of what a request names: its own files, and of cases what their owner told it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Text, and_, any_, bindparam, func, not_, select
from sqlalchemy.dialects.postgresql import ARRAY, array

from casework import names
from services.escalation.models import CaseFact, Escalation, File, Matter, MatterAssignment
from services.kit.serving.named import Found
from services.kit.storage import standings
from services.kit.storage.database import Database
from services.kit.storage.models import CaseStanding, Event

FOREIGN = frozenset({"cases", "reports"})
_NUMBER = bindparam("number", type_=Text)
_ASKED = any_(bindparam("numbers", type_=ARRAY(Text)))
_FILES = (
    select(
        File.number,
        File.unit,
        func.coalesce(CaseFact.about, "", type_=Text),
        func.array(
            select(MatterAssignment.unit).where(MatterAssignment.number == File.number).scalar_subquery(),
            type_=ARRAY(Text),
        ),
    )
    .outerjoin(Matter, Matter.number == File.number)
    .outerjoin(CaseFact, and_(Matter.source != "", CaseFact.number == Matter.source))
    .where(File.number == _ASKED, File.unit != "")
)
_TOLD = select(CaseStanding.number, CaseStanding.unit, CaseStanding.about).where(
    CaseStanding.number == _ASKED, not_(select(CaseFact.number).where(CaseFact.number == CaseStanding.number).exists())
)
_KNOWN = (
    select(CaseFact.number, CaseFact.unit, CaseFact.about)
    .where(CaseFact.number == _ASKED)
    .union_all(_TOLD)
    .subquery("known")
)
# A case that climbed to a unit is that unit's business too.
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
_STANDING = select(CaseStanding.unit).where(CaseStanding.number == _NUMBER).scalar_subquery()
_LAST = (
    select(Event.unit)
    .where(Event.number == _NUMBER)
    .order_by(Event.kind.like("Clock%"), Event.seq.desc())
    .limit(1)
    .scalar_subquery()
)


class FileDirectory:
    """Finds files, and cases that were told of."""

    # Of a case that was not told of, and of a file that changes hands, the last event tells; a clock may be another
    # unit's than the case: that it fires does not take the history from the unit that has it.
    owner = select(func.coalesce(_STANDING, _LAST, type_=Text))

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_foreign(self, name: str) -> bool:
        """Return whether it is a case or a report itself. What escalation keeps under one is its own."""
        parts = name.split("/")
        return parts[0] in FOREIGN and len(parts) == 2

    async def excluded(self, subject: str) -> frozenset[str]:
        """Return the numbers of the cases that an account is excluded from."""
        async with self._database.read() as connection:
            return await standings.excluded(connection, subject)

    async def find(self, values: frozenset[str]) -> Mapping[str, Found]:
        """Return those that exist, with the units whose right on it is a right on the thing named.

        Of a case that its owner has not told of yet there is nothing to decide by: it is not there.
        """
        numbers = {value: names.number_of(value) for value in values}
        asked = {"numbers": sorted(set(numbers.values()))}
        async with self._database.read() as connection:
            rows = await connection.execute(_FILES, asked)
            found = {number: Found((unit, *units), about) for number, unit, about, units in rows}
            for number, about, unit, co_units, climbed in await connection.execute(_CASES, asked):
                found[number] = Found((unit, *(co_units or ()), *climbed), about)
        return {value: found[number] for value, number in numbers.items() if number in found}
