"""The other routes of a case: chosen by its category and declared facts, dated by its clocks."""

from __future__ import annotations

from casework.door.routes import OpenRoute
from services.kit.rules import Rules
from services.kit.storage.database import Connection
from services.mediation.consents import store
from services.mediation.models.cases import Case


async def open_in(connection: Connection, rules: Rules, case: Case) -> list[OpenRoute]:
    """Return every open route of a case; a mandatory first step comes first."""
    facts = await store.facts(connection, case.number)
    return rules.routes.open(case.category, facts, await store.running(connection, case.number))
