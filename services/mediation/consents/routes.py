"""The other routes in a case: chosen by its kind and declared facts, dated by its clocks."""

from __future__ import annotations

from typing import Any

from casework.door.routes import OpenRoute
from services.kit.rules import Rules
from services.kit.storage.database import Connection, text

_FACTS = text("SELECT matter_facts FROM mediations WHERE number = :number")
_DUE = text("SELECT rule, max(due_at) AS due_at FROM clocks WHERE number = :number AND state IN (1, 4) GROUP BY rule")


async def open_in(connection: Connection, rules: Rules, case: Any) -> list[OpenRoute]:
    """Return every route that is open in a case, what must come first ahead."""
    facts = await connection.scalar(_FACTS, {"number": case.number}) or []
    running = {row.rule: row.due_at for row in await connection.execute(_DUE, {"number": case.number})}
    return rules.routes.open(case.category, facts, running)
