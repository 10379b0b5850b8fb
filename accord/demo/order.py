"""The order of what is told: nothing that a reader of a case's life would not believe."""

from __future__ import annotations

from datetime import datetime

from pb.clock.v1 import clock_pb2

from accord.demo.record import Record, Told
from services.kit.instants import instant

_ENDED = (clock_pb2.CLOCK_STATE_MET, clock_pb2.CLOCK_STATE_CANCELLED)


def oddities(record: Record) -> list[str]:
    """Return what does not follow: a clock overdue in the second in which it ended, or after its case was over."""
    ends = {
        each.name.rpartition("/")[2]: instant(each.stop_time)
        for each in record.clocks if each.state in _ENDED and each.HasField("stop_time")
    }  # fmt: skip
    found: list[str] = []
    for case, events in record.by_case().items():
        if case.startswith("cases/"):
            found += [f"{case}: {said}" for said in _of_one(events, ends)]
    return found


def _of_one(events: list[Told], ends: dict[str, datetime]) -> list[str]:
    found, closed = [], False
    for event in events:
        if event.kind in ("CaseClosed", "CaseReopened"):
            closed = event.kind == "CaseClosed"
        if event.kind != "ClockOverdue":
            continue
        clock = str(event.payload["clock"])
        end = ends.get(clock)
        if closed:
            found.append(f"{clock} overdue after the case was closed")
        elif end is not None and _second(event.since) >= _second(end):
            found.append(f"{clock} overdue at {event.since:%Y-%m-%d %H:%M:%S}, when it had ended")
    return found


def _second(at: datetime) -> datetime:
    return at.replace(microsecond=0)
