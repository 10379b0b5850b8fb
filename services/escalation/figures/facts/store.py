"""SQL of the read model: facts are written over older ones, never over newer ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from services.kit.storage.database import Connection, text

# Of a matter that has a case, the case says whose it is and whether it is over.
_REPORTS = text("""
    INSERT INTO case_facts (number, unit, place, door, category, grade, state, received_at, accepted_at, declined_at,
                            closed_at, about, report_seq)
    SELECT number, unit, place, door, category, grade, state, received_at, accepted_at, declined_at, closed_at, about,
           seq
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (
        number text, unit text, place text, door text, category text, grade smallint, state text,
        received_at timestamptz, accepted_at timestamptz, declined_at timestamptz, closed_at timestamptz,
        about text, seq bigint)
    ON CONFLICT (number) DO UPDATE SET
        about = excluded.about, place = excluded.place, door = excluded.door, state = excluded.state,
        received_at = excluded.received_at,
        accepted_at = excluded.accepted_at, declined_at = excluded.declined_at, report_seq = excluded.report_seq,
        unit = CASE case_facts.case_seq WHEN 0 THEN excluded.unit ELSE case_facts.unit END,
        category = CASE case_facts.case_seq WHEN 0 THEN excluded.category ELSE case_facts.category END,
        grade = CASE case_facts.case_seq WHEN 0 THEN excluded.grade ELSE case_facts.grade END,
        closed_at = CASE case_facts.case_seq WHEN 0 THEN excluded.closed_at ELSE case_facts.closed_at END
    WHERE case_facts.report_seq <= excluded.report_seq RETURNING number
""")
_CASE_COLUMNS = (
    "unit", "category", "grade", "stage", "opened_at", "closed_at", "last_closed_at", "outcome", "mediation",
    "mediation_ended_at", "notices", "notices_served", "performance", "answers", "satisfied", "visits", "recurred",
    "reopenings", "case_seq",
)  # fmt: skip
_CASES = text(f"""
    INSERT INTO case_facts (number, place, door, received_at, {", ".join(_CASE_COLUMNS)})
    SELECT number, '', '', received_at, {", ".join(_CASE_COLUMNS)}
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (
        number text, received_at timestamptz, unit text, category text, grade smallint, stage text,
        opened_at timestamptz, closed_at timestamptz, last_closed_at timestamptz, outcome text, mediation text,
        mediation_ended_at timestamptz, notices integer, notices_served integer, performance text, answers integer,
        satisfied integer, visits integer, recurred boolean, reopenings integer, case_seq bigint)
    ON CONFLICT (number) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _CASE_COLUMNS)}
    WHERE case_facts.case_seq <= excluded.case_seq RETURNING number
""")
_CLOCK_COLUMNS = (
    "number", "rule", "unit", "subject", "state", "started_at", "due_at", "next_at", "stopped_at", "seq",
)  # fmt: skip
_CLOCKS = text(f"""
    INSERT INTO clock_facts (service, clock, {", ".join(_CLOCK_COLUMNS)})
    SELECT service, clock, {", ".join(_CLOCK_COLUMNS)}
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (
        service text, clock text, number text, rule text, unit text, subject text, state smallint,
        started_at timestamptz, due_at timestamptz, next_at timestamptz, stopped_at timestamptz, seq bigint)
    ON CONFLICT (service, clock) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _CLOCK_COLUMNS)}
    WHERE clock_facts.seq <= excluded.seq RETURNING clock
""")


async def record(
    connection: Connection,
    reports: Iterable[Mapping[str, Any]],
    cases: Iterable[Mapping[str, Any]],
    clocks: Iterable[Mapping[str, Any]],
) -> int:
    """Write facts, and return how many rows that changed or renewed. No key may come twice."""
    written = 0
    for statement, rows in ((_REPORTS, reports), (_CASES, cases), (_CLOCKS, clocks)):
        if told := list(rows):
            written += len(await connection.execute(statement, {"rows": orjson.dumps(told).decode()}))
    return written
