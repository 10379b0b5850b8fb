"""Names, at the start, the units that the facts know and the list does not: what they have is reached from above."""

from __future__ import annotations

from functools import lru_cache

import structlog
from prometheus_client import Gauge
from sqlalchemy import ColumnElement, Integer, Select, column, func, select, true

from casework.case import Stage
from casework.door.report import OPEN
from casework.units import UnitTree, is_code
from services.kit.storage.database import Database
from services.kit.storage.events import heads_of
from services.kit.storage.verification import HEADS

MISSING = Gauge("accord_units_missing", "Units that have matters and are neither in the list nor retired.", ["open"])

_OPEN: dict[str, ColumnElement[bool]] = {
    "intake": column("state", Integer).in_(sorted(OPEN)),
    "mediation": column("stage", Integer) != Stage.CLOSED,
    "escalation": true(),
}
"""What an open matter is in the table of each service that carries the heads of its chains."""

log = structlog.get_logger()


@lru_cache
def _counted(service: str) -> Select[str, int, int]:
    heads = heads_of(HEADS[service])
    counts = (func.count(), func.count().filter(_OPEN[service]))
    return select(heads.c.unit, *counts).select_from(heads).group_by(heads.c.unit)


async def name_missing(database: Database, service: str, tree: UnitTree) -> dict[str, tuple[int, int]]:
    """Tell of each unit with matters that is not in the list any more how many it has, and how many of them are open.

    Return them by code.
    """
    async with database.begin() as connection:
        rows = await connection.execute(_counted(service))
    found = {unit: (every, still_open) for unit, every, still_open in rows if unit and unit not in tree}
    for unit, (every, still_open) in sorted(found.items()):
        successor = tree.successor(unit)
        heir = {"successor": successor} if successor else {}
        log.warning("a unit with matters is not in the list", unit=unit, retired=unit in tree.retired, matters=every,
                    open=still_open, reached_from=tree.parent(unit) if is_code(unit) else None, **heir)  # fmt: skip
    lost = {unit: counts for unit, counts in found.items() if unit not in tree.retired}
    MISSING.labels("true").set(sum(1 for _, still_open in lost.values() if still_open))
    MISSING.labels("false").set(sum(1 for _, still_open in lost.values() if not still_open))
    return found
