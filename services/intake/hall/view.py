"""Halls, days, tickets and boards as they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from pb.intake.v1 import hall_pb2 as pb

from casework import names
from casework.clocks.calendar import LOCAL
from casework.door import hall as rules_of
from casework.door.hall import Hours, TicketState
from casework.units import UnitTree
from services.intake.hall.models import Hall, Ticket
from services.intake.hall.setup import Setup
from services.kit import dates
from services.kit.instants import stamp
from services.kit.numbers import numbers


def hall(row: Hall, setup: Setup) -> pb.Hall:
    """Return a hall as it is set up."""
    shown = pb.Hall()
    shown.CopyFrom(setup.hall)
    shown.name, shown.etag = f"halls/{row.unit}", str(row.version)
    return shown


def hours(found: Iterable[Hours]) -> list[pb.DayHours]:
    """Return hours of a day."""
    return [pb.DayHours(opens=rules_of.clock(opens), closes=rules_of.clock(closes)) for opens, closes in found]


def present(
    unit: str, setup: Setup, day: date, duties: Mapping[int, str], units: UnitTree, language: str
) -> list[pb.Presence]:
    """Return who is at which window on a day."""
    return [
        pb.Presence(
            posting=each.posting,
            department=each.department or names.unit_name(unit),
            department_name=unit_title(names.last(each.department) or unit, units, language),
            window=each.window,
            hours=hours(found),
            officer=duties.get(each.posting, ""),
        )
        for each, found in setup.present(day)
    ]


def unit_title(unit: str, units: UnitTree, language: str) -> str:
    """Return the name of a unit; of a department that every area has, in English where asked."""
    department = units.departments.get(unit.partition("-")[2])
    return department.en if language == "en" and department else units.known(unit).name


def title(queue: pb.HallQueue | None, language: str) -> str:
    """Return what a queue is for; empty for one that the hall no longer has."""
    if queue is None:
        return ""
    return queue.title_en if language == "en" and queue.title_en else queue.title


def ticket(row: Ticket, setup: Setup, ahead: int, today: date, language: str, report: str) -> pb.Ticket:
    """Return a ticket, with the number of the report it led to as far as it may be shown."""
    queue = next((each for each in setup.hall.queues if each.letter == row.queue), None)
    state = rules_of.shown_state(row.state, row.day, today)
    number = rules_of.written(row.letter, row.ticket_no)
    return pb.Ticket(
        name=f"halls/{row.unit}/tickets/{row.day}-{number}",
        number=number,
        spoken=rules_of.spoken(row.letter, row.ticket_no, english=language == "en"),
        queue=row.queue,
        queue_title=title(queue, language),
        ahead=ahead if state is TicketState.WAITING else 0,
        window=row.window_no,
        calls=row.calls,
        draw_time=stamp(row.drawn_at),
        call_time=stamp(row.called_at),
        report=names.report_name(report) if report else "",
        **numbers(state=state, manner=row.manner),
    )


def board(
    unit: str, setup: Setup, tickets: Sequence[Ticket], now: datetime, units: UnitTree, language: str
) -> pb.Board:
    """Return the board of a hall: numbers, and departments without persons."""
    today, open_today = dates.today(now), setup.hours(dates.today(now))
    called = sorted(
        (each for each in tickets if each.state is TicketState.CALLED),
        key=lambda each: each.called_at or now, reverse=True,
    )  # fmt: skip
    waiting: dict[str, list[Ticket]] = {each.letter: [] for each in setup.hall.queues}
    for each in tickets:
        if each.state is TicketState.WAITING:
            waiting.setdefault(each.queue, []).append(each)
    by_letter = {each.letter: each for each in setup.hall.queues}
    return pb.Board(
        name=f"halls/{unit}/board",
        date=dates.shown(today),
        open_now=rules_of.is_open(open_today, now.astimezone(LOCAL)),
        hours=hours(open_today),
        calls=[
            pb.BoardCall(
                number=rules_of.written(each.letter, each.ticket_no), window=each.window_no,
                call_time=stamp(each.called_at),
            )
            for each in called
        ],
        queues=[
            pb.BoardQueue(
                letter=letter, title=title(by_letter.get(letter), language), waiting=len(found),
                next_number=rules_of.written(found[0].letter, found[0].ticket_no) if found else "",
            )
            for letter, found in waiting.items()
        ],
        present=present(unit, setup, today, {}, units, language),
    )  # fmt: skip
