"""The tables of rooms, sessions and their records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from asyncpg import Range
from sqlalchemy import (
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSTZRANGE, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from casework.mediation.session import AttendeeRole, Manner, Presence, SessionKind, SessionState, SignerRole, Venue
from services.kit.storage.models import Code, Count, Instant, Numbered, NumberedOrNone, Small, Words
from services.kit.storage.sealing import SealedBytes
from services.mediation.models.base import MediationModel


class Period(NamedTuple):
    """From one instant to another, which is no part of it."""

    start: datetime
    end: datetime


class During(TypeDecorator[Period]):
    """A period, stored as a range."""

    impl = TSTZRANGE
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Period | None], Range | None]:
        """Return what makes a range of a period."""
        return lambda period: None if period is None else Range(period.start, period.end)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Range], Period]:
        """Return what makes a period of a range."""
        return lambda found: Period(found.lower, found.upper)


class Room(MediationModel):
    """A room of a unit."""

    __tablename__ = "rooms"

    room: Mapped[Code] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    unit: Mapped[Code]
    kind: Mapped[Small]
    display_name: Mapped[Words]
    capacity: Mapped[int]
    accessible: Mapped[bool]
    closed_at: Mapped[Instant | None]
    updated_at: Mapped[Instant]


class RoomBooking(MediationModel):
    """A time for which a room is taken for something other than a session."""

    __tablename__ = "room_bookings"
    __table_args__ = (
        ExcludeConstraint(
            ("room", "="), ("during", "&&"), name="room_bookings_are_apart", using="gist",
            where=text("cancelled_at IS NULL"),
        ),
        {"comment": "What rooms are taken for beside sessions: no case, no person."},
    )  # fmt: skip

    room: Mapped[Code] = mapped_column(ForeignKey("rooms.room"), primary_key=True)
    booking: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(server_default="1")
    during: Mapped[Period] = mapped_column(During)
    purpose: Mapped[Small]
    booked_at: Mapped[Instant]
    cancelled_at: Mapped[Instant | None]


class Session(MediationModel):
    """A session of a mediation."""

    __tablename__ = "sessions"
    __table_args__ = (
        ExcludeConstraint(
            ("room", "="), ("during", "&&"), name="sessions_room_is_free", using="gist",
            where=text(f"room IS NOT NULL AND state IN ({SessionState.SCHEDULED:d}, {SessionState.OPEN:d})"),
        ),
    )  # fmt: skip

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    session: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    kind: Mapped[SessionKind] = mapped_column(Numbered(SessionKind))
    venue: Mapped[Venue] = mapped_column(Numbered(Venue))
    room: Mapped[Code | None] = mapped_column(ForeignKey("rooms.room"))
    during: Mapped[Period] = mapped_column(During)
    state: Mapped[SessionState] = mapped_column(Numbered(SessionState))
    parties: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    language: Mapped[Words]
    interpreter: Mapped[bool]
    sealed: Mapped[SealedBytes | None]
    scheduled_by: Mapped[Words]
    started_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]
    updated_at: Mapped[Instant]


class Attendance(MediationModel):
    """That somebody came to a session, or did not."""

    __tablename__ = "attendances"
    __table_args__ = (ForeignKeyConstraint(["number", "session"], ["sessions.number", "sessions.session"]),)

    number: Mapped[Code] = mapped_column(primary_key=True)
    session: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[AttendeeRole] = mapped_column(Numbered(AttendeeRole), primary_key=True)
    party: Mapped[int] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    presence: Mapped[Presence] = mapped_column(Numbered(Presence))
    arrived_at: Mapped[Instant | None]
    left_at: Mapped[Instant | None]
    sealed: Mapped[SealedBytes | None]
    member: Mapped[int] = mapped_column(
        server_default="0", comment="Number of the member of the panel; 0 for others and for the mediator of record."
    )


class JointWish(MediationModel):
    """What a party, asked alone, wants of joint sessions."""

    __tablename__ = "joint_wishes"
    __table_args__ = (Index("joint_wishes_case", "number", "party", "id"),)

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"))
    party: Mapped[int]
    wished: Mapped[bool]
    recorded_at: Mapped[Instant]
    recorded_by: Mapped[Words]


class TimeWish(MediationModel):
    """When a party could come to a session instead; its last word."""

    __tablename__ = "time_wishes"
    __table_args__ = (
        ForeignKeyConstraint(["number", "session"], ["sessions.number", "sessions.session"]),
        {"comment": "When a party could come to a session instead; its last word."},
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    session: Mapped[int] = mapped_column(primary_key=True)
    party: Mapped[int] = mapped_column(primary_key=True)
    times: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)))
    asked_at: Mapped[Instant]
    asked_by: Mapped[Words]


class SessionRecord(MediationModel):
    """A version of a session's record."""

    __tablename__ = "session_records"
    __table_args__ = (
        ForeignKeyConstraint(["number", "session"], ["sessions.number", "sessions.session"]),
        {"comment": "Every version of a record stays; what was confirmed and signed is one of them."},
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    session: Mapped[int] = mapped_column(primary_key=True)
    record: Mapped[int] = mapped_column(primary_key=True)
    sealed: Mapped[SealedBytes]
    written_by: Mapped[Words]
    written_at: Mapped[Instant]


class RecordSignature(MediationModel):
    """A read-back or a signature under a version of a record."""

    __tablename__ = "record_signatures"
    __table_args__ = (
        ForeignKeyConstraint(
            ["number", "session", "record"],
            ["session_records.number", "session_records.session", "session_records.record"],
        ),
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    session: Mapped[int] = mapped_column(primary_key=True)
    record: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[SignerRole] = mapped_column(Numbered(SignerRole), primary_key=True)
    party: Mapped[int] = mapped_column(primary_key=True)
    member: Mapped[int] = mapped_column(
        primary_key=True,
        server_default="0",
        comment="Number of the member of the panel; 0 for others and for the mediator of record.",
    )
    read_back: Mapped[bool] = mapped_column(primary_key=True)
    manner: Mapped[Manner | None] = mapped_column(NumberedOrNone(Manner), nullable=False)
    language: Mapped[Words]
    signed_at: Mapped[Instant]
    recorded_by: Mapped[Words]


class RecordRefusal(MediationModel):
    """That a party refused to sign a version of a record."""

    __tablename__ = "record_refusals"
    __table_args__ = (
        ForeignKeyConstraint(
            ["number", "session", "record"],
            ["session_records.number", "session_records.session", "session_records.record"],
        ),
        {"comment": "That a party refused to sign a version of a record, with what it said to it."},
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    session: Mapped[int] = mapped_column(primary_key=True)
    record: Mapped[int] = mapped_column(primary_key=True)
    party: Mapped[int] = mapped_column(primary_key=True)
    sealed: Mapped[SealedBytes | None]
    refused_at: Mapped[Instant]
    recorded_by: Mapped[Words]
