"""Names, at the start, the units that the facts know and the list does not: what they have is reached from above."""

from __future__ import annotations

import structlog
from prometheus_client import Gauge

from casework.units import UnitTree, is_code
from services.kit.storage.database import Database, text
from services.kit.storage.verification import HEADS

MISSING = Gauge("accord_units_missing", "Units that have matters and are neither in the list nor retired.", ["open"])

OPEN = {"intake": "state IN (1, 2, 3)", "mediation": "stage <> 4", "escalation": "true"}
"""What an open matter is in the table of each service that carries the heads of its chains."""

log = structlog.get_logger()


async def name_missing(
    database: Database, service: str, open_matter: str, tree: UnitTree
) -> dict[str, tuple[int, int]]:
    """Tell of each unit with matters that is not in the list any more how many it has, and how many of them are open.

    `open_matter` is SQL for a matter that is open. Return them by code.
    """
    query = text(f"SELECT unit, count(*) AS all, count(*) FILTER (WHERE {open_matter}) AS open FROM {HEADS[service]} "
                 "GROUP BY unit")  # fmt: skip
    async with database.begin() as connection:
        rows = await connection.execute(query)
    found = {row.unit: (int(row.all), int(row.open)) for row in rows if row.unit and row.unit not in tree}
    for unit, (every, still_open) in sorted(found.items()):
        successor = tree.successor(unit)
        heir = {"successor": successor} if successor else {}
        log.warning("a unit with matters is not in the list", unit=unit, retired=unit in tree.retired, matters=every,
                    open=still_open, reached_from=tree.parent(unit) if is_code(unit) else None, **heir)  # fmt: skip
    lost = {unit: counts for unit, counts in found.items() if unit not in tree.retired}
    MISSING.labels("true").set(sum(1 for _, still_open in lost.values() if still_open))
    MISSING.labels("false").set(sum(1 for _, still_open in lost.values() if not still_open))
    return found
