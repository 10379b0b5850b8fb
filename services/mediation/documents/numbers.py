"""The number of a case: one for its dossier and its agreement, given when the first document needs it."""

from __future__ import annotations

from datetime import datetime

from casework.mediation.docking import Letter
from casework.papers.forms import Form, FormRule
from casework.papers.numbering import Series
from services.kit.storage import numbering
from services.kit.storage.database import Connection
from services.mediation.docking import store as dockings
from services.mediation.documents import store
from services.mediation.models.cases import Case

_SENT = {
    Form.DOCKING_RECEIPT: Letter.RECEIPT, Form.DOCKING_REFUSAL: Letter.RETURN, Form.RESULT_FEEDBACK: Letter.RETURN,
}  # fmt: skip


async def of_case(connection: Connection, case: Case, mark: str, now: datetime) -> str:
    """Return the number of a case's dossier and agreement; given here where the case, which is locked, has none."""
    held = await store.dossier_number(connection, case.number)
    if held:
        return held
    given = await numbering.take(connection, Series.AGREEMENT, case.unit, mark, now)
    await store.add_dossier(connection, case.number, case.unit, given, now)
    return given


async def of_document(
    connection: Connection, rule: FormRule, case: Case, subject: int, mark: str, now: datetime
) -> str:
    """Return the number of a new document: its own for a letter, otherwise the case's.

    A letter that was sent already, in a docking, has the number it went out with.
    """
    if rule.series is Series.AGREEMENT:
        return await of_case(connection, case, mark, now)
    sent = await _sent(connection, rule, case, subject)
    return sent or await numbering.take(connection, rule.series, case.unit, mark, now)


async def expected(connection: Connection, rule: FormRule, case: Case, subject: int, mark: str, now: datetime) -> str:
    """Return the number that `of_document` would give now, without giving it."""
    if rule.series is Series.AGREEMENT:
        known = await store.dossier_number(connection, case.number)
    else:
        known = await _sent(connection, rule, case, subject)
    return known or await numbering.expected(connection, rule.series, case.unit, mark, now)


async def _sent(connection: Connection, rule: FormRule, case: Case, subject: int) -> str:
    letter = _SENT.get(rule.form)
    return "" if letter is None else await dockings.reference(connection, case.number, subject, letter)
