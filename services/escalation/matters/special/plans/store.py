"""SQL of plans: versions, measures, rights checks, countersignatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from casework import names
from casework.supervision.matters.plan import Countersigned, MeasureState, PlanState, RightsCheck, Role
from services.kit.storage import rows
from services.kit.storage.database import Connection, text

_NEXT = text("SELECT coalesce(max(plan), 0) + 1 FROM matter_plans WHERE number = :number")
_LATEST = text("SELECT * FROM matter_plans WHERE number = :number ORDER BY plan DESC LIMIT 1")
_UNDONE = text("""
    SELECT count(*) FROM plan_measures
    WHERE number = :number AND plan = :plan AND edition = :edition AND state <> :reported
""")
_STANDS = text("""
    UPDATE plan_measures SET state = :state, version = version + 1
    WHERE number = :number AND plan = :plan AND edition = :edition AND state = :before RETURNING *
""")
_OPEN = text("""
    SELECT plan, measure FROM plan_measures WHERE number = :number AND state = 2 ORDER BY due_on, plan, measure
""")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version of a plan with all that belongs to it, as rows."""

    row: Any
    measures: Sequence[Any]
    checks: Sequence[Any]
    signatures: Sequence[Any]

    @property
    def units(self) -> set[str]:
        """The units it involves: those that own a measure, those that were asked to countersign."""
        return {each.unit for each in (*self.measures, *self.signatures) if each.unit}

    @property
    def rights(self) -> list[RightsCheck]:
        """Its rights checks as the field knows them."""
        return [RightsCheck(each.party, each.may_sue, each.told, each.consents) for each in self.checks]

    @property
    def countersigned(self) -> list[Countersigned]:
        """Who was asked to countersign, as the field knows it."""
        return [Countersigned(each.unit, Role(each.role), each.signed_at is not None) for each in self.signatures]


async def add(connection: Connection, number: str, **columns: Any) -> Any:
    """Store the next version of a matter's plan and return its row."""
    plan: int = await connection.scalar(_NEXT, {"number": number})
    return await rows.insert(connection, "matter_plans", number=number, plan=plan, **columns)


async def latest(connection: Connection, number: str) -> Any:
    """Return the newest version's row; None where there is none."""
    return (await connection.execute(_LATEST, {"number": number})).first()


async def load(connection: Connection, number: str, plan: int) -> Loaded:
    """Return a version; NOT_FOUND where there is none."""
    found = await rows.select(connection, "matter_plans", "plan", number=number, plan=plan)
    row = rows.not_found(found.first(), f"{names.file_name(number)}/plans/{plan}")
    key = {"number": number, "plan": plan}
    return Loaded(
        row,
        await rows.select(connection, "plan_measures", "measure", **key, edition=row.edition),
        await rows.select(connection, "plan_party_checks", "place", **key, edition=row.edition),
        await rows.select(connection, "plan_countersignatures", "place", **key, round=row.round),
    )


async def versions(connection: Connection, number: str) -> list[Loaded]:
    """Return all versions of a matter's plan, oldest first."""
    found = await rows.select(connection, "matter_plans", "plan", number=number)
    return [await load(connection, number, row.plan) for row in found]


async def change(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a version and return its new row."""
    return await rows.update(connection, "matter_plans", {"number": row.number, "plan": row.plan}, **columns)


async def write(
    connection: Connection, row: Any, measures: Sequence[dict[str, Any]], checks: Sequence[RightsCheck]
) -> None:
    """Store the measures and rights checks of a draft's present edition; those of earlier ones stay as they are."""
    key = {"number": row.number, "plan": row.plan, "edition": row.edition}
    for index, columns in enumerate(measures, 1):
        state = int(MeasureState.PLANNED)
        await rows.insert(connection, "plan_measures", **key, measure=index, state=state, **columns)
    for index, check in enumerate(checks, 1):
        await rows.insert(
            connection, "plan_party_checks", **key, place=index, party=check.party, may_sue=check.may_sue,
            told=check.told, consents=check.consents,
        )  # fmt: skip


async def ask(connection: Connection, row: Any, asked: Sequence[tuple[str, Role]]) -> None:
    """Store who is asked to countersign in a version's present round."""
    key = {"number": row.number, "plan": row.plan, "round": row.round}
    for place, (unit, role) in enumerate(asked, 1):
        await rows.insert(connection, "plan_countersignatures", **key, place=place, unit=unit, role=int(role))


async def sign(connection: Connection, asked: Any, **columns: Any) -> None:
    """Store what somebody who was asked to countersign says."""
    key = {"number": asked.number, "plan": asked.plan, "round": asked.round, "place": asked.place}
    await rows.update(connection, "plan_countersignatures", key, **columns)


async def measure(connection: Connection, number: str, plan: int, index: int) -> Any:
    """Return a measure; NOT_FOUND where there is none."""
    found = await load(connection, number, plan)
    row = next((each for each in found.measures if each.measure == index), None)
    return rows.not_found(row, f"{names.file_name(number)}/plans/{plan}/measures/{index}")


async def change_measure(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a measure and return its new row."""
    key = {"number": row.number, "plan": row.plan, "edition": row.edition, "measure": row.measure}
    return await rows.update(connection, "plan_measures", key, **columns)


async def set_measures(connection: Connection, row: Any, before: MeasureState, to: MeasureState) -> Sequence[Any]:
    """Carry the measures of a version from one state to another, and return them."""
    parameters = {**_edition(row), "before": int(before), "state": int(to)}
    found = await connection.execute(_STANDS, parameters)
    return sorted(found, key=lambda each: each.measure)


async def undone(connection: Connection, row: Any) -> int:
    """Return how many measures of a version were not reported done."""
    parameters = {**_edition(row), "reported": int(MeasureState.REPORTED)}
    return int(await connection.scalar(_UNDONE, parameters))


async def open_measures(connection: Connection, number: str) -> list[str]:
    """Return the names of the measures of a matter that are to be done, the first due first."""
    base = names.file_name(number)
    found = await connection.execute(_OPEN, {"number": number})
    return [f"{base}/plans/{each.plan}/measures/{each.measure}" for each in found]


async def supersede(connection: Connection, number: str, plan: int) -> Sequence[Any]:
    """Let the versions before this one that hold end, and return their rows."""
    found = await rows.select(connection, "matter_plans", "plan", number=number)
    held = [row for row in found if row.plan < plan and row.state in (3, 4, 5)]
    return [await change(connection, row, state=int(PlanState.SUPERSEDED)) for row in held]


def _edition(row: Any) -> dict[str, Any]:
    return {"number": row.number, "plan": row.plan, "edition": row.edition}
