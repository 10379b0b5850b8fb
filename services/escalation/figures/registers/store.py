"""SQL of the four lists and four ledgers: each is a query over what is recorded anyway; and the fixes of rules.

A query gives lines of one form: unit, instant, key, number, subject, what, due_at, category, grade, outcome,
performance. The conditions on unit and instant are pushed into each part of it, where an index serves them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import Any

from casework import names
from services.escalation.scope import Range
from services.kit.storage import rows
from services.kit.storage.database import Connection, text
from services.kit.storage.rows import not_found


class Register(IntEnum):
    """A list or a ledger; the numbers are those of the contract."""

    RESPONSIBILITY = 1
    TASK = 2
    PROBLEM = 3
    INSTITUTION = 4
    WORK = 5
    LEAD = 6
    JUDGEMENT = 7
    DISPOSAL = 8


LEDGERS = frozenset({Register.WORK, Register.LEAD, Register.JUDGEMENT, Register.DISPOSAL})
"""Shown newest first; the lists oldest first."""
_LOOKED_AT = "'assessments', 'meetings', 'warnings', 'consultations', 'clusters', 'reviews'"
"""Files in which somebody looked at how things stand."""


def _line(at: str, key: str, what: str, unit: str = "unit", number: str = "number", subject: str = "''",
          due: str = "NULL::timestamptz", facts: bool = False) -> str:  # fmt: skip
    told = (
        "category, grade, mediation AS outcome, performance"
        if facts
        else "'' AS category, 0 AS grade, '' AS outcome, '' AS performance"
    )
    return (
        f"SELECT {unit} AS unit, {at} AS at, {key} AS key, {number} AS number, {subject} AS subject, {what} AS what, "
        f"{due} AS due_at, {told}"
    )


_CLOCK_KEY = "service || '/' || clock"
_SOURCES = {
    Register.RESPONSIBILITY: (
        _line("received_at", "number", "lower(CASE WHEN stage <> '' THEN stage ELSE state END)", facts=True)
        + " FROM case_facts WHERE closed_at IS NULL",
        "SELECT unit, registered_at, number, number, '', level, NULL, category, grade, '', '' "
        "FROM matters WHERE struck_off_at IS NULL AND unit <> ''",
    ),
    Register.TASK: (
        _line("started_at", _CLOCK_KEY, "rule", subject="subject", due="due_at")
        + " FROM work_clocks WHERE state IN (1, 4)",
    ),
    Register.PROBLEM: (
        _line("due_at", _CLOCK_KEY, "'overdue-' || rule", subject="subject", due="due_at")
        + " FROM work_clocks WHERE state IN (1, 4) AND due_at < :now",
        _line("last_closed_at", "number || '/recurred'", "'recurred'", facts=True)
        + " FROM case_facts WHERE recurred AND last_closed_at IS NOT NULL",
        _line("last_closed_at", "number || '/not-performed'", "'not-performed'", facts=True)
        + " FROM case_facts WHERE performance IN ('NOT', 'PART') AND last_closed_at IS NOT NULL",
        _line("registered_at", "number || '/returned'", "'returned'")
        + " FROM matters WHERE returned > 0 AND struck_off_at IS NULL AND unit <> ''",
    ),
    Register.INSTITUTION: (
        _line("proposed_at", "number", "CASE state WHEN 1 THEN 'proposed' WHEN 2 THEN 'adopted' ELSE 'dropped' END",
              subject="problem") + " FROM rule_fixes",
    ),
    Register.WORK: (
        _line("stopped_at", _CLOCK_KEY, "rule", subject="subject", due="due_at")
        + " FROM work_clocks WHERE state = 2 AND stopped_at IS NOT NULL",
    ),
    Register.LEAD: (_line("received_at", "number", "door", facts=True) + " FROM case_facts",),
    Register.JUDGEMENT: (
        _line("compiled_at", "unit || '/' || day", "'digest'", number="''",
              subject="'units/' || unit || '/digests/' || day")
        + " FROM digests JOIN digest_days USING (day)",
        _line("opened_at", "number", "split_part(number, '-', 1)")
        + f" FROM files WHERE opened_at IS NOT NULL AND split_part(number, '-', 1) IN ({_LOOKED_AT})",
    ),
    Register.DISPOSAL: (
        _line("closed_at", "number", "lower(CASE WHEN outcome <> '' THEN outcome ELSE state END)", facts=True)
        + " FROM case_facts WHERE closed_at IS NOT NULL",
    ),
}  # fmt: skip
_LIST = """
    SELECT * FROM ({source}) AS lines WHERE unit >= :low AND unit < :high {behind}
    ORDER BY at {order}, key COLLATE "C" {order} LIMIT :limit
"""


async def listed(
    connection: Connection, register: Register, units: Range, behind: tuple[datetime, str] | None, now: datetime,
    limit: int,
) -> Sequence[Any]:  # fmt: skip
    """Return lines of a register: of a list oldest first, of a ledger newest first."""
    newest_first = register in LEDGERS
    parameters: dict[str, Any] = {**units, "now": now, "limit": limit}
    where = ""
    if behind:
        where = f'AND (at, key COLLATE "C") {"<" if newest_first else ">"} (CAST(:at AS timestamptz), :key)'
        parameters |= {"at": behind[0], "key": behind[1]}
    query = _LIST.format(
        source=" UNION ALL ".join(_SOURCES[register]), behind=where, order="DESC" if newest_first else "ASC"
    )
    return (await connection.execute(text(query), parameters)).all()


async def propose(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a new fix and return its row."""
    return await rows.insert(connection, "rule_fixes", number=number, **columns)


async def fix(connection: Connection, number: str) -> Any:
    """Return a fix; NOT_FOUND where there is none."""
    found = await rows.select(connection, "rule_fixes", "number", number=number)
    return not_found(found.first(), names.file_name(number))


async def decide(connection: Connection, number: str, **columns: Any) -> Any:
    """Change columns of a fix and return its new row."""
    return await rows.update(connection, "rule_fixes", {"number": number}, **columns)
