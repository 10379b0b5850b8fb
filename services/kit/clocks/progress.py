"""The progress of a case, as every service shows it: what comes next, what is due when and why, and what moved it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pb.intake.v1 import report_pb2 as pb

from casework.clocks.rule import Rule
from casework.clocks.sentence import changes, sentence
from casework.door.progress import PHASE_WORDS, NextStep, possible
from services.kit.clocks import clocks
from services.kit.clocks import ledger as clock_ledger
from services.kit.clocks.calendars import calendar_of
from services.kit.clocks.clockwork import Clockwork
from services.kit.clocks.models import Clock
from services.kit.instants import NEVER, stamp
from services.kit.numbers import numbers
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


def progress(step: NextStep, report: str, language: str, *, withdrawn: bool = False) -> pb.Progress:
    """Return phase, next step and turn in words; with the actions of the holder of the receipt of `report`."""
    zh, en = PHASE_WORDS[step.phase]
    actions = [
        pb.PossibleAction(action=each.verb, words=each.words(language), call=f"POST /v1/{report}:{each.verb}")
        for each in (possible(step, withdrawn=withdrawn) if report else ())
    ]
    return pb.Progress(
        phase_words=en if language == "en" else zh,
        next_step=step.words(language),
        actions=actions,
        **numbers(phase=step.phase, turn=step.turn),
    )
