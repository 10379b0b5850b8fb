"""The other routes in a case: chosen by its kind and declared facts, dated by its clocks."""

from __future__ import annotations

from casework.door.routes import OpenRoute
from services.kit.rules import Rules
from services.kit.storage.database import Connection
from services.mediation.consents import store
from services.mediation.models.cases import Case


async def open_in(connection: Connection, rules: Rules, case: Case) -> list[OpenRoute]:
    """Return every route that is open in a case, what must come first ahead."""
    facts = await store.facts(connection, case.number)
    return rules.routes.open(case.category, facts, await store.running(connection, case.number))
