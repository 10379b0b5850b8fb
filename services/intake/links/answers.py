"""The earlier answers that a repeated matter points to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pb.intake.v1 import report_pb2 as pb

from casework import names
from casework.door.progress import answer_words
from casework.door.report import ReportState
from services.intake import store
from services.intake.links import store as links
from services.intake.models import Report
from services.kit.instants import stamp
from services.kit.rules import Rules
from services.kit.storage import standings
from services.kit.storage.database import Connection
from services.kit.storage.models import CaseStanding

Shown = Callable[[Report], Awaitable[bool | None]]
"""Whether the caller may read a report; None if it must not be known that there is one."""


async def to_both(earlier: Report) -> bool:
    """Return that an earlier answer is shown: a person decided that it was given to the same person."""
    return True


async def earlier(
    connection: Connection, row: Report, rules: Rules, language: str, shown: Shown
) -> list[pb.EarlierAnswer]:
    """Return the earlier answers to a report that repeats a matter."""
    numbers = await links.repeats(connection, row.number)
    if not numbers:
        return []
    rows = await store.some(connection, numbers)
    heads = rows | await store.some(connection, [each.merged_into for each in rows.values() if each.merged_into])
    of = await standings.of(connection, [each.merged_into or each.number for each in rows.values()])
    found = []
    for number in numbers:
        one = rows[number]
        readable = await shown(one)
        if readable is None:
            continue
        matter = heads[one.merged_into or number]
        answer = _answer(one, matter, of.get(matter.number), rules, language) if readable else pb.EarlierAnswer()
        found.append(answer)
    return found


def _answer(
    row: Report, matter: Report, standing: CaseStanding | None, rules: Rules, language: str
) -> pb.EarlierAnswer:
    closed = standing is not None and standing.closed
    outcome, closed_at = (standing.outcome, standing.closed_at) if standing is not None and closed else (None, None)
    at = matter.decided_at if matter.state is ReportState.DECLINED else closed_at or matter.closed_at
    return pb.EarlierAnswer(
        readable=True,
        report=names.report_name(row.number),
        case=names.case_name(matter.number) if matter.state is ReportState.ACCEPTED else "",
        unit_display_name=rules.units.known(matter.unit).name,
        outcome=answer_words(matter.state, outcome, language, closed=closed),
        answer_time=stamp(at),
    )
