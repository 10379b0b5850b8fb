"""Statements of plans: versions, measures, rights checks, countersignatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, bindparam, func, select, update

from casework import names
from casework.supervision.matters.plan import (
    REVISABLE,
    Countersigned,
    MeasureState,
    PlanState,
    RightsCheck,
    Role,
)
from services.escalation.matters.special.models import (
    MatterPlan,
    PlanCountersignature,
    PlanMeasure,
    PlanPartyCheck,
)
from services.kit.storage import rows
from services.kit.storage.database import Connection

_NUMBER = bindparam("number", type_=Text)
_LATEST = select(MatterPlan).where(MatterPlan.number == _NUMBER).order_by(MatterPlan.plan.desc()).limit(1)
_OF_EDITION = (
    PlanMeasure.number == _NUMBER,
    PlanMeasure.plan == bindparam("plan"),
    PlanMeasure.edition == bindparam("edition"),
)
_UNDONE = select(func.count()).select_from(PlanMeasure).where(*_OF_EDITION, PlanMeasure.state != MeasureState.REPORTED)
_STANDS = (
    update(PlanMeasure)
    .where(*_OF_EDITION, PlanMeasure.state == bindparam("before"))
    .values(state=bindparam("to"), version=PlanMeasure.version + 1)
    .returning(PlanMeasure)
)
_OPEN = (
    select(PlanMeasure.plan, PlanMeasure.measure)
    .where(PlanMeasure.number == _NUMBER, PlanMeasure.state == MeasureState.RUNNING)
    .order_by(PlanMeasure.due_on, PlanMeasure.plan, PlanMeasure.measure)
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version of a plan with all that belongs to it, as rows."""

    row: MatterPlan
    measures: Sequence[PlanMeasure]
    checks: Sequence[PlanPartyCheck]
    signatures: Sequence[PlanCountersignature]

    @property
    def units(self) -> set[str]:
        """The units it involves: those that own a measure, those that were asked to countersign."""
        return {each.unit for each in self.measures} | {each.unit for each in self.signatures if each.unit}

    @property
    def rights(self) -> list[RightsCheck]:
        """Its rights checks as in the domain."""
        return [RightsCheck(each.party, each.may_sue, each.told, each.consents) for each in self.checks]

    @property
    def countersigned(self) -> list[Countersigned]:
        """The requests to countersign, as in the domain."""
        return [Countersigned(each.unit, each.role, each.signed_at is not None) for each in self.signatures]


async def add(connection: Connection, number: str, **columns: object) -> MatterPlan:
    """Store the next version of a matter's plan and return its row."""
    return await rows.add(connection, MatterPlan, "plan", {"number": number}, rows.FEW, **columns)


async def latest(connection: Connection, number: str) -> MatterPlan | None:
    """Return the newest version's row; None where there is none."""
    return (await connection.execute(_LATEST, {"number": number})).first()


async def load(connection: Connection, number: str, plan: int) -> Loaded:
    """Return a version; NOT_FOUND where there is none."""
    key = {"number": number, "plan": plan}
    found = await rows.find(connection, MatterPlan, **key)
    row = rows.not_found(found.first(), f"{names.file_name(number)}/plans/{plan}")
    return Loaded(
        row,
        await rows.find(connection, PlanMeasure, PlanMeasure.measure, **key, edition=row.edition),
        await rows.find(connection, PlanPartyCheck, PlanPartyCheck.place, **key, edition=row.edition),
        await rows.find(connection, PlanCountersignature, PlanCountersignature.place, **key, round=row.round),
    )


async def versions(connection: Connection, number: str) -> list[Loaded]:
    """Return all versions of a matter's plan, oldest first."""
    found = await rows.find(connection, MatterPlan, MatterPlan.plan, number=number)
    return [await load(connection, number, row.plan) for row in found]


async def change(connection: Connection, row: MatterPlan, **columns: object) -> MatterPlan:
    """Change columns of a version and return its new row."""
    return await rows.update(connection, MatterPlan, {"number": row.number, "plan": row.plan}, **columns)


async def write(
    connection: Connection, row: MatterPlan, measures: Sequence[dict[str, Any]], checks: Sequence[RightsCheck]
) -> None:
    """Store the measures and rights checks of a draft's current edition; those of earlier ones stay."""
    key = _edition(row)
    for index, columns in enumerate(measures, 1):
        await rows.insert(connection, PlanMeasure, **key, measure=index, state=MeasureState.PLANNED, **columns)
    for index, check in enumerate(checks, 1):
        await rows.insert(
            connection, PlanPartyCheck, **key, place=index, party=check.party, may_sue=check.may_sue,
            told=check.told, consents=check.consents,
        )  # fmt: skip


async def ask(connection: Connection, row: MatterPlan, asked: Sequence[tuple[str, Role]]) -> None:
    """Store the requests to countersign of a version's current round."""
    key = {"number": row.number, "plan": row.plan, "round": row.round}
    for place, (unit, role) in enumerate(asked, 1):
        await rows.insert(connection, PlanCountersignature, **key, place=place, unit=unit, role=role)


async def sign(connection: Connection, asked: PlanCountersignature, **columns: object) -> None:
    """Store the answer to a request to countersign."""
    key = {"number": asked.number, "plan": asked.plan, "round": asked.round, "place": asked.place}
    await rows.update(connection, PlanCountersignature, key, **columns)


async def measure(connection: Connection, number: str, plan: int, index: int) -> PlanMeasure:
    """Return a measure; NOT_FOUND where there is none."""
    found = await load(connection, number, plan)
    row = next((each for each in found.measures if each.measure == index), None)
    return rows.not_found(row, f"{names.file_name(number)}/plans/{plan}/measures/{index}")


async def change_measure(connection: Connection, row: PlanMeasure, **columns: object) -> PlanMeasure:
    """Change columns of a measure and return its new row."""
    key = {"number": row.number, "plan": row.plan, "edition": row.edition, "measure": row.measure}
    return await rows.update(connection, PlanMeasure, key, **columns)


async def set_measures(
    connection: Connection, row: MatterPlan, before: MeasureState, to: MeasureState
) -> Sequence[PlanMeasure]:
    """Change the measures of a version from one state to another, and return them."""
    found = await connection.execute(_STANDS, {**_edition(row), "before": before, "to": to})
    return sorted(found, key=lambda each: each.measure)


async def undone(connection: Connection, row: MatterPlan) -> int:
    """Return how many measures of a version were not reported done."""
    return await connection.scalar(_UNDONE, _edition(row)) or 0


async def open_measures(connection: Connection, number: str) -> list[str]:
    """Return the names of the open measures of a matter, first due first."""
    base = names.file_name(number)
    found = await connection.execute(_OPEN, {"number": number})
    return [f"{base}/plans/{plan}/measures/{measure}" for plan, measure in found]


async def supersede(connection: Connection, number: str, plan: int) -> Sequence[MatterPlan]:
    """End the earlier versions in force, and return their rows."""
    found = await rows.find(connection, MatterPlan, MatterPlan.plan, number=number)
    held = [row for row in found if row.plan < plan and row.state in REVISABLE]
    return [await change(connection, row, state=PlanState.SUPERSEDED) for row in held]


def _edition(row: MatterPlan) -> dict[str, Any]:
    return {"number": row.number, "plan": row.plan, "edition": row.edition}
