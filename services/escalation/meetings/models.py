"""The tables of meetings, of the parts of a review, and of schedules."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ARRAY, ForeignKey, Index, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.supervision.meetings.meeting import DecisionState, MeetingState
from casework.supervision.meetings.review import Refusal, ReplyKind, Result
from services.escalation.models import EscalationModel
from services.kit.storage.models import Code, Instant, Numbered, NumberedOrNone, Small, Words, clock_named, date_of
from services.kit.storage.sealing import SealedBytes


class ReviewReply(EscalationModel):
    """A written reply of a unit in a review."""

    __tablename__ = "review_replies"
    __table_args__ = ({"comment": "What units say in writing: answers, decisions, the final notice; the text sealed."},)

    number: Mapped[Code] = mapped_column(ForeignKey("reviews.number"), primary_key=True)
    reply: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    kind: Mapped[ReplyKind] = mapped_column(Numbered(ReplyKind))
    result: Mapped[Result | None] = mapped_column(NumberedOrNone(Result), nullable=False, server_default="0")
    unit: Mapped[Code]
    drafted_by: Mapped[Code]
    drafted_at: Mapped[Instant]
    served_by: Mapped[Code] = mapped_column(server_default="")
    served_at: Mapped[Instant | None]
    medium: Mapped[Small] = mapped_column(server_default="0")
    sealed: Mapped[SealedBytes]


class ReviewAppeal(EscalationModel):
    """A request of the person in a review."""

    __tablename__ = "review_appeals"
    __table_args__ = ({"comment": "What the person asked for, late ones too; the reasons sealed."},)

    number: Mapped[Code] = mapped_column(ForeignKey("reviews.number"), primary_key=True)
    appeal: Mapped[int] = mapped_column(primary_key=True)
    reply: Mapped[int]
    asked_by: Mapped[Small]
    recorded_by: Mapped[Code]
    received_at: Mapped[Instant]
    posted_at: Mapped[Instant | None]
    refusal: Mapped[Refusal | None] = mapped_column(NumberedOrNone(Refusal), nullable=False, server_default="0")
    unit: Mapped[Code] = mapped_column(server_default="")
    due_at: Mapped[Instant | None] = date_of()
    sealed: Mapped[SealedBytes]
    due_clock: Mapped[Code | None] = clock_named("review-{appeal}")


class ReviewHearing(EscalationModel):
    """A hearing of a review."""

    __tablename__ = "review_hearings"
    __table_args__ = ({"comment": "Hearings of a review: their time is not counted where the rule says so."},)

    number: Mapped[Code] = mapped_column(ForeignKey("reviews.number"), primary_key=True)
    hearing: Mapped[int] = mapped_column(primary_key=True)
    appeal: Mapped[int]
    notice: Mapped[Words]
    record: Mapped[Words] = mapped_column(server_default="")
    began_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]


class MeetingSeries(EscalationModel):
    """A series of dispatch meetings."""

    __tablename__ = "meeting_series"
    __table_args__ = (
        Index("meeting_series_unit", "unit", postgresql_where=text("ended_at IS NULL"), unique=True),
        {"comment": "Series of dispatch meetings; a unit has one at a time."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    unit: Mapped[Code]
    rule: Mapped[Words]
    began_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]


class Meeting(EscalationModel):
    """A dispatch meeting."""

    __tablename__ = "meetings"
    __table_args__ = (
        Index("meetings_newest", text("prepared_at DESC"), text("number DESC")),
        Index("meetings_period", "series", "period", unique=True),
        {"comment": "Dispatch meetings: a period of a series has one, whoever prepared it and how often."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[MeetingState] = mapped_column(Numbered(MeetingState))
    series: Mapped[Code] = mapped_column(ForeignKey("meeting_series.number"))
    period: Mapped[Code]
    unit: Mapped[Code]
    rule_version: Mapped[Words]
    agenda_items: Mapped[int] = mapped_column(server_default="0")
    attendees: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    prepared_at: Mapped[Instant]
    held_at: Mapped[Instant | None]
    minutes_due_at: Mapped[Instant | None] = date_of("minutes_due_clock")
    minutes_at: Mapped[Instant | None]
    minutes_sealed: Mapped[SealedBytes | None]
    closed_at: Mapped[Instant | None]
    minutes_due_clock: Mapped[Code | None] = clock_named("minutes-1")


class AgendaItem(EscalationModel):
    """An item of a meeting's agenda."""

    __tablename__ = "agenda_items"
    __table_args__ = ({"comment": "What a meeting was to look at, as the ledger stood when it was prepared."},)

    number: Mapped[Code] = mapped_column(ForeignKey("meetings.number"), primary_key=True)
    item: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[Code]
    unit: Mapped[Code]
    reasons: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    due_on: Mapped[date | None]


class MeetingDecision(EscalationModel):
    """A decision of a meeting."""

    __tablename__ = "meeting_decisions"
    __table_args__ = (
        Index("meeting_decisions_due", "due_at", "number", "decision"),
        Index("meeting_decisions_open", "meeting_unit", postgresql_where=text("done_at IS NULL")),
        {"comment": "What meetings decided: one unit does it by a day, another one verifies it."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("meetings.number"), primary_key=True)
    decision: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[DecisionState] = mapped_column(Numbered(DecisionState))
    item: Mapped[int] = mapped_column(server_default="0")
    meeting_unit: Mapped[Code]
    unit: Mapped[Code]
    verifier: Mapped[Code]
    due_at: Mapped[Instant | None] = date_of()
    returned: Mapped[int] = mapped_column(server_default="0")
    decided_at: Mapped[Instant]
    reported_at: Mapped[Instant | None]
    reported_by: Mapped[Code] = mapped_column(server_default="")
    evidence: Mapped[Words] = mapped_column(server_default="")
    done_at: Mapped[Instant | None]
    sealed: Mapped[SealedBytes]
    due_clock: Mapped[Code | None] = clock_named("decision-{decision}")


class Schedule(EscalationModel):
    """A schedule without a series."""

    __tablename__ = "schedules"
    __table_args__ = ({"comment": "What comes round again without a series of its own, and since when."},)

    schedule: Mapped[Code] = mapped_column(primary_key=True)
    began_at: Mapped[Instant]


class ScheduleRun(EscalationModel):
    """A period that was done."""

    __tablename__ = "schedule_runs"
    __table_args__ = ({"comment": "Which times were done: each once, whatever failed in between."},)

    schedule: Mapped[Code] = mapped_column(primary_key=True)
    period: Mapped[Code] = mapped_column(primary_key=True)
    done_at: Mapped[Instant]
