"""Statements of plan types."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert

from casework.mediation.plan import PlanTemplate
from casework.mediation.plans import data
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.mediation.plan_types.models import PlanType

_KEEP = (
    insert(PlanType)
    .values({each.name: bindparam(each.name) for each in PlanType.__table__.columns})
    .on_conflict_do_nothing(index_elements=list(PlanType.__table__.primary_key))
)


def name_of(plan: PlanTemplate) -> str:
    """Return `planTypes/{type}/versions/{version}`."""
    return f"planTypes/{plan.name}/versions/{plan.version}"


def key_of(name: str) -> tuple[str, str]:
    """Return type and version of a resource name."""
    _, kind, _, version = name.split("/")
    return kind, version


async def keep(connection: Connection, plan: PlanTemplate, at: datetime) -> None:
    """Store what a published version says, unless it is stored."""
    parameters = {
        "name": plan.name, "version": plan.version, "digest": data.digest(plan), "content": data.to_data(plan),
        "published_at": at,
    }  # fmt: skip
    await connection.execute(_KEEP, parameters)


async def kept(connection: Connection) -> Sequence[PlanType]:
    """Return every version that was published."""
    return (await rows.find(connection, PlanType, PlanType.name, PlanType.version)).all()
