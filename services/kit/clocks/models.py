"""The tables of clocks, which every service has."""

from __future__ import annotations

from enum import IntEnum

from sqlalchemy import Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.storage.models import NOW, Code, Instant, Json, Model, Numbered, Words


class ClockState(IntEnum):
    """What a clock is doing; the numbers are those of the contract."""

    RUNNING = 1
    MET = 2
    CANCELLED = 3
    PAUSED = 4


LIVE = (ClockState.RUNNING, ClockState.PAUSED)
"""States of a clock that has not ended."""
_LIVE = f"state IN ({', '.join(str(state.value) for state in LIVE)})"


class Clock(Model):
    """A clock as last projected from its rule, its ledger and its calendar."""

    __tablename__ = "clocks"
    __table_args__ = (
        Index("clocks_case", "number"),
        Index("clocks_due", text("COALESCE(due_at, '9999-01-01 00:00:00+00'::timestamp with time zone)"), "id"),
        Index("clocks_taken_by", "taken_by", postgresql_where=text(f"{_LIVE} AND taken_by <> ''")),
        Index("clocks_next", "next_at", "id", postgresql_where=text(f"{_LIVE} AND next_at IS NOT NULL")),
    )  # fmt: skip

    id: Mapped[Code] = mapped_column(primary_key=True)
    number: Mapped[Code]
    subject: Mapped[Words]
    rule: Mapped[Words]
    rule_version: Mapped[Words]
    unit: Mapped[Code]
    state: Mapped[ClockState] = mapped_column(Numbered(ClockState))
    started_at: Mapped[Instant]
    due_at: Mapped[Instant | None]
    stopped_at: Mapped[Instant | None]
    rule_hash: Mapped[Words]
    region: Mapped[Code]
    calendar: Mapped[Words]
    raw_due_at: Mapped[Instant | None]
    provisional: Mapped[bool] = mapped_column(server_default=text("false"))
    rungs: Mapped[Json] = mapped_column(
        comment="[[key, instant, kind, consequence], ...] in order of time, as last projected."
    )
    next_at: Mapped[Instant | None] = mapped_column(
        comment="Earliest rung that has not fired; of a stopped clock, as it was when it stopped."
    )
    generation: Mapped[int] = mapped_column(server_default="1")
    entries: Mapped[int] = mapped_column(server_default="1")
    taken_by: Mapped[Words] = mapped_column(
        server_default="", comment="Account of the official who took the step on; empty while it is the whole unit's."
    )


class ClockEntry(Model):
    """An entry of a clock's ledger."""

    __tablename__ = "clock_entries"
    __table_args__ = ({"comment": "The ledger of each clock: nothing else moves a date."},)

    clock: Mapped[Code] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[Words]
    at: Mapped[Instant]
    recorded_at: Mapped[Instant]
    actor: Mapped[Words]
    data: Mapped[Json]


class ClockRung(Model):
    """A rung of a clock that fired."""

    __tablename__ = "clock_rungs"
    __table_args__ = (
        Index("clock_rungs_case", "number", postgresql_where=text("consequence = 'escalate'")),
        {"comment": "The claim that a rung fires once."},
    )

    clock: Mapped[Code] = mapped_column(primary_key=True)
    rung: Mapped[Words] = mapped_column(primary_key=True)
    number: Mapped[Code]
    kind: Mapped[Words]
    consequence: Mapped[Words]
    due_at: Mapped[Instant]
    fired_at: Mapped[Instant]
    unit: Mapped[Code]


class ClockWithdrawal(Model):
    """A breach that was withdrawn."""

    __tablename__ = "clock_withdrawals"
    __table_args__ = ({"comment": "Breaches that were reported and turned out to be none, by which entry."},)

    clock: Mapped[Code] = mapped_column(primary_key=True)
    rung: Mapped[Words] = mapped_column(primary_key=True)
    seq: Mapped[int]
    withdrawn_at: Mapped[Instant]


class ClockRule(Model):
    """The whole content of a rule that clocks are pinned to."""

    __tablename__ = "clock_rules"
    __table_args__ = (
        {"comment": "Whole contents of rules that clocks are pinned to: editing a rule file moves nothing."},
    )

    hash: Mapped[Words] = mapped_column(primary_key=True)
    name: Mapped[Words]
    version: Mapped[Words]
    content: Mapped[Json]
    pinned_at: Mapped[Instant] = mapped_column(server_default=NOW)


class ClockCalendar(Model):
    """The whole calendar that clocks are pinned to."""

    __tablename__ = "clock_calendars"
    __table_args__ = ({"comment": "Whole calendars that clocks are pinned to: a list applied later moves nothing."},)

    version: Mapped[Words] = mapped_column(primary_key=True)
    content: Mapped[Json]
    pinned_at: Mapped[Instant] = mapped_column(server_default=NOW)


class CalendarLayer(Model):
    """A calendar applied while the service ran."""

    __tablename__ = "calendar_layers"
    __table_args__ = (
        UniqueConstraint("digest"),
        {"comment": "Calendars applied while the service ran, over those of its rule files."},
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    digest: Mapped[Words]
    content: Mapped[Json]
    actor: Mapped[Words]
    reason: Mapped[Words]
    applied_at: Mapped[Instant]
