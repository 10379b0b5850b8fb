"""At the start of the service: what is published is kept, and must be what was published."""

from __future__ import annotations

from collections.abc import Mapping

from casework.errors import CaseError, Reason
from casework.mediation.plan import PlanBook, PlanState, PlanTemplate
from casework.mediation.plans import data
from services.kit.composition import Parts
from services.kit.storage.database import Connection
from services.mediation.plan_types import store
from services.mediation.plan_types.models import PlanType


async def keep(parts: Parts) -> None:
    """Keep every published version; end the process if one was changed since it was published."""
    plans = [each for each in parts.rules.plans.versions.values() if each.state is not PlanState.DRAFT]
    async with parts.database.begin() as connection:
        for plan in plans:
            await store.keep(connection, plan, parts.time.now())
        known = await types(connection)
    for plan in plans:
        if known[plan.name, plan.version].digest != data.digest(plan):
            raise SystemExit(
                f"rules/plans: {plan.name} {plan.version} was published with other content, and cases were opened "
                "with it; put that back, and publish what is different as a new version"
            )


async def types(connection: Connection) -> Mapping[tuple[str, str], PlanType]:
    """Return every version that was published, by type and version."""
    return {(row.name, row.version): row for row in await store.kept(connection)}


def known(book: PlanBook, kept: Mapping[tuple[str, str], PlanType]) -> dict[tuple[str, str], PlanTemplate]:
    """Return every version there is: those of the rule files, and retired ones whose file is gone."""
    gone = {key: data.from_data(row.content, PlanState.RETIRED) for key, row in kept.items()}
    return gone | book.versions


async def find(connection: Connection, book: PlanBook, name: str) -> PlanTemplate:
    """Return a version by its resource name; NOT_FOUND where there is none."""
    found = known(book, await types(connection)).get(store.key_of(name))
    if found is None:
        raise CaseError(Reason.NOT_FOUND, name)
    return found
