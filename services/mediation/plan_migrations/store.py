"""Statements of migrations and their reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Integer, Select, Text, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert

from casework.case import Stage
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.mediation.models.cases import Case
from services.mediation.plan_migrations.models import PlanMigration, PlanMigrationRow

_ID = bindparam("migration", type_=Integer)
_UNIT = bindparam("unit", type_=Text)
_LIMIT = bindparam("limit", type_=Integer)
_BEHIND = bindparam("behind", type_=Text)
_LOCK = select(PlanMigration).where(PlanMigration.migration == _ID).with_for_update()
_IS_LEFT = (
    Case.plan == bindparam("type", type_=Text),
    Case.plan_version == bindparam("version", type_=Text),
    Case.stage != Stage.CLOSED,
    Case.unit.like(_UNIT),
)
_LEFT = select(Case).where(*_IS_LEFT, Case.number > _BEHIND).order_by(Case.number).limit(_LIMIT)
_HOW_MANY = select(func.count()).select_from(Case).where(*_IS_LEFT)
_KEEP = insert(PlanMigrationRow).values({
    each.name: bindparam(each.name) for each in PlanMigrationRow.__table__.columns
})  # fmt: skip
_KEEP = _KEEP.on_conflict_do_update(
    index_elements=list(PlanMigrationRow.__table__.primary_key),
    set_={name: _KEEP.excluded[name] for name in ("obstacle", "plan_version", "tried_at")},
)
_REASONS = select(PlanMigration.migration, PlanMigration.reason).where(
    PlanMigration.migration == any_(bindparam("migrations", type_=ARRAY(Integer)))
)


def name_of(migration: int) -> str:
    """Return `planMigrations/{migration}`."""
    return f"planMigrations/{migration}"


async def add(connection: Connection, **columns: object) -> PlanMigration:
    """Store a migration and return its row."""
    return await rows.insert(connection, PlanMigration, **columns)


async def get(connection: Connection, migration: int) -> PlanMigration:
    """Return a migration; NOT_FOUND where there is none."""
    return await rows.get(connection, PlanMigration, name_of(migration), migration=migration)


async def lock(connection: Connection, migration: int) -> PlanMigration:
    """Return a migration, locked: its batches run one after another."""
    found = (await connection.execute(_LOCK, {"migration": migration})).first()
    return rows.not_found(found, name_of(migration))


async def change(connection: Connection, row: PlanMigration, **columns: object) -> PlanMigration:
    """Change columns of a migration and return its new row."""
    return await rows.update(connection, PlanMigration, {"migration": row.migration}, **columns)


async def left(connection: Connection, row: PlanMigration, units: str, behind: str, limit: int) -> Sequence[Case]:
    """Return running cases of a unit pattern that are pinned to the old version, by number."""
    parameters = {"type": row.from_type, "version": row.from_version, "unit": units}
    return (await connection.execute(_LEFT, {**parameters, "behind": behind, "limit": limit})).all()


async def how_many_left(connection: Connection, row: PlanMigration, units: str) -> int:
    """Return how many there are."""
    parameters = {"type": row.from_type, "version": row.from_version, "unit": units}
    return await connection.scalar(_HOW_MANY, parameters) or 0


async def keep_row(
    connection: Connection, migration: int, number: str, obstacle: str, plan_version: int, at: datetime
) -> PlanMigrationRow:
    """Store what became of a case."""
    row = {
        "migration": migration, "number": number, "obstacle": obstacle, "plan_version": plan_version, "tried_at": at,
    }  # fmt: skip
    await connection.execute(_KEEP, row)
    return PlanMigrationRow(**row)


@lru_cache(maxsize=2)
def _rows(obstacles: bool) -> Select[PlanMigrationRow]:
    found = select(PlanMigrationRow).where(PlanMigrationRow.migration == _ID, PlanMigrationRow.number > _BEHIND)
    if obstacles:
        found = found.where(PlanMigrationRow.obstacle != "")
    return found.order_by(PlanMigrationRow.number).limit(_LIMIT)


async def report(
    connection: Connection, migration: int, obstacles: bool, behind: str, limit: int
) -> Sequence[PlanMigrationRow]:
    """Return rows of a report, by number of the case."""
    parameters = {"migration": migration, "behind": behind, "limit": limit}
    return (await connection.execute(_rows(obstacles), parameters)).all()


@lru_cache(maxsize=2)
def _listed(behind: bool) -> Select[PlanMigration]:
    found = select(PlanMigration).where(PlanMigration.unit.like(_UNIT))
    if behind:
        found = found.where(PlanMigration.migration < _ID)
    return found.order_by(PlanMigration.migration.desc()).limit(_LIMIT)


async def listed(connection: Connection, units: str, behind: int | None, limit: int) -> Sequence[PlanMigration]:
    """Return migrations of a unit pattern, newest first."""
    parameters = {"unit": units, "limit": limit, **({} if behind is None else {"migration": behind})}
    return (await connection.execute(_listed(behind is not None), parameters)).all()


async def reasons(connection: Connection, migrations: Iterable[int]) -> dict[int, str]:
    """Return the reasons of migrations, by number."""
    found = await connection.execute(_REASONS, {"migrations": sorted(set(migrations))})
    return dict(list(found))
