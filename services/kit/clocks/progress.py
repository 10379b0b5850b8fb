"""The dates of a matter as people are told them: what is due, when, why then, what moved it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pb.intake.v1 import report_pb2 as pb

from casework.clocks.rule import Rule
from casework.clocks.sentence import changes, sentence
from services.kit.clocks import clocks
from services.kit.clocks import ledger as clock_ledger
from services.kit.clocks.calendars import calendar_of
from services.kit.clocks.clockwork import Clockwork
from services.kit.clocks.models import Clock
from services.kit.instants import NEVER, stamp
from services.kit.storage.database import Connection


async def dates(
    connection: Connection, clockwork: Clockwork, rows: Sequence[Clock], now: datetime, language: str
) -> list[pb.ProgressDate]:
    """Return the dates of these clocks, the next one first."""
    rows = sorted(rows, key=lambda row: row.due_at or NEVER)
    rules = await clock_ledger.rules_of(connection, {row.rule_hash for row in rows})
    ledgers = await clock_ledger.ledgers_of(connection, [row.id for row in rows])
    found = []
    for row in rows:
        rule: Rule = rules[row.rule_hash]
        ledger = ledgers[row.id]
        calendar = await calendar_of(connection, clockwork, row)
        found.append(
            pb.ProgressDate(
                title=rule.en if language == "en" else rule.zh,
                due_time=stamp(row.due_at),
                overdue=clocks.is_overdue(row, now),
                provisional=row.provisional,
                explanation=sentence(rule, ledger, calendar, language),
                basis=rule.basis,
                changes=[
                    pb.DateChange(
                        reason=each.en if language == "en" else each.zh,
                        start_time=stamp(each.since),
                        end_time=stamp(each.until),
                    )
                    for each in changes(rule, ledger)
                ],
            )
        )
    return found
