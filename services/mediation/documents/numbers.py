"""The number of a case: one for its dossier and its agreement, given when the first document needs it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from casework.forms import FormRule
from casework.numbering import Series
from services.kit.database import Connection
from services.mediation import numbering
from services.mediation.documents import store


async def of_case(connection: Connection, case: Any, unit_name: str, now: datetime) -> str:
    """Return the number of a case's dossier and agreement; given here where the case, which is locked, has none."""
    held = await store.dossier_number(connection, case.number)
    if held:
        return held
    given = await numbering.take(connection, Series.AGREEMENT, case.unit, unit_name, now)
    await store.add_dossier(connection, case.number, case.unit, given, now)
    return given


async def of_document(connection: Connection, rule: FormRule, case: Any, unit_name: str, now: datetime) -> str:
    """Return the number of a new document: its own for a letter, otherwise the case's."""
    if rule.series is Series.AGREEMENT:
        return await of_case(connection, case, unit_name, now)
    return await numbering.take(connection, rule.series, case.unit, unit_name, now)
