"""Clocks as the contract has them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pb.clock.v1 import clock_pb2 as pb

from casework.clocks.explanation import ExplainedDay
from casework.clocks.rule import Rule
from casework.names import file_name, unit_name
from services.kit.clocks import clocks
from services.kit.clocks.clocks import Firing, read_rungs
from services.kit.clocks.models import LIVE, Clock
from services.kit.clocks.moves import Move
from services.kit.instants import stamp
from services.kit.numbers import numbers


def clock_name(service: str, clock: str) -> str:
    """Return `clocks/{service}/{clock}`."""
    return f"clocks/{service}/{clock}"


def clock(service: str, row: Clock, now: datetime, fired: Mapping[str, datetime] | None = None) -> pb.Clock:
    """Return a clock; `fired` says when its rungs fired, if that was looked up."""
    rungs = read_rungs(row.rungs)
    warning = next((at for _, at, kind, _ in rungs if kind == "warning"), None)
    return pb.Clock(
        name=clock_name(service, row.id),
        case=file_name(row.number),
        subject=row.subject,
        rule=row.rule,
        rule_version=row.rule_version,
        unit=unit_name(row.unit),
        start_time=stamp(row.started_at),
        remind_time=stamp(warning),
        raw_due_time=stamp(row.raw_due_at),
        due_time=stamp(row.due_at),
        provisional=row.provisional,
        stop_time=stamp(row.stopped_at),
        overdue=clocks.is_overdue(row, now),
        generation=row.generation,
        etag=str(row.generation),
        taken_by=row.taken_by,
        next_time=stamp(row.next_at) if row.state in LIVE else None,
        rungs=[
            pb.Rung(
                name=key, due_time=stamp(at), kind=kind, consequence=consequence,
                fire_time=stamp((fired or {}).get(key)),
            )
            for key, at, kind, consequence in rungs
        ],
        **numbers(state=row.state),
    )  # fmt: skip


def firing(service: str, fired: Firing) -> pb.Firing:
    """Return a rung that fired."""
    return pb.Firing(
        clock=clock_name(service, fired.clock),
        rung=fired.rung,
        kind=fired.kind,
        consequence=fired.consequence,
        rule=fired.rule,
        subject=fired.subject,
        unit=unit_name(fired.unit),
        due_time=stamp(fired.due_at),
        fire_time=stamp(fired.fired_at),
    )


def day(explained: ExplainedDay, language: str) -> pb.ExplainedDay:
    """Return a day of an explanation in the caller's language."""
    return pb.ExplainedDay(
        date=explained.date.isoformat(),
        verdict=str(explained.verdict),
        count=explained.number or 0,
        why=explained.why_en if language == "en" else explained.why_zh,
        provisional=explained.provisional,
    )


def explanation(shown: pb.Clock, rule: Rule, days: list[pb.ExplainedDay], language: str) -> pb.ExplainClockResponse:
    """Return a clock with its rule and every day of it."""
    return pb.ExplainClockResponse(
        clock=shown,
        title=rule.en if language == "en" else rule.zh,
        limit=f"{rule.n} {rule.unit}",
        basis=rule.basis,
        confidence=str(rule.confidence),
        to_be_confirmed=rule.to_be_confirmed,
        days=days,
    )


def move(service: str, moved: Move) -> pb.ClockMove:
    """Return how a clock would move."""
    return pb.ClockMove(
        clock=clock_name(service, moved.row.id),
        unit=unit_name(moved.row.unit),
        from_time=stamp(moved.row.due_at),
        to_time=stamp(moved.projection.due),
        from_version=f"{moved.old_rule.version}/{moved.row.calendar}",
        to_version=moved.rule.version,
    )
