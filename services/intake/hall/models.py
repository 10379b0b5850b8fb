"""The tables of halls: how each is set up, who is on duty, the tickets."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.door.hall import TicketState
from services.intake.models import IntakeModel
from services.kit.storage.models import Code, Instant, Json, Numbered, Small, Words


class Hall(IntakeModel):
    """The hall of a unit. Its row is locked while a ticket is drawn or called."""

    __tablename__ = "halls"
    __table_args__ = ({"comment": "Windows, queues, hours and postings of the hall of each unit."},)

    unit: Mapped[Code] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    settings: Mapped[Json] = mapped_column(comment="As accord.intake.v1.Hall is written in JSON.")
    updated_by: Mapped[Words]
    updated_at: Mapped[Instant]


class Duty(IntakeModel):
    """Who is on duty at a posting on a day."""

    __tablename__ = "hall_duties"
    __table_args__ = (
        Index("hall_duties_day", "unit", "day"),
        Index("hall_duties_named", "day", postgresql_where=text("officer <> ''")),
        {"comment": "Accounts on duty; emptied when the day is over: no record of who sat where."},
    )

    unit: Mapped[Code] = mapped_column(ForeignKey("halls.unit"), primary_key=True)
    posting: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    officer: Mapped[Code]


class Ticket(IntakeModel):
    """A place in a queue on one day."""

    __tablename__ = "hall_tickets"
    __table_args__ = (
        Index("hall_tickets_drawn", "unit", "day", "drawn_no", unique=True),
        {"comment": "Places in queues: no name, no account, neither of who drew nor of who called."},
    )

    unit: Mapped[Code] = mapped_column(ForeignKey("halls.unit"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    letter: Mapped[Code] = mapped_column(primary_key=True)
    ticket_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(server_default="1")
    drawn_no: Mapped[int] = mapped_column(comment="Counts all tickets of the hall on that day: two may have one time.")
    queue: Mapped[Code] = mapped_column(comment="Where it waits: another than its letter once it was moved.")
    state: Mapped[TicketState] = mapped_column(Numbered(TicketState))
    manner: Mapped[Small]
    window_no: Mapped[int] = mapped_column(server_default="0")
    calls: Mapped[int] = mapped_column(server_default="0")
    drawn_at: Mapped[Instant]
    called_at: Mapped[Instant | None]
    report: Mapped[Code] = mapped_column(server_default="")
