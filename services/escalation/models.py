"""The tables of escalation that several of its rooms read."""

from __future__ import annotations

from sqlalchemy import Identity, Index, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.escalation.base import EscalationModel
from services.kit.storage.models import Code, Count, Instant, Small, Words
from services.kit.storage.sealing import WrappedKey


class File(EscalationModel):
    """A file of supervision, or what is kept here of a case that was escalated."""

    __tablename__ = "files"
    __table_args__ = (
        PrimaryKeyConstraint("number", name="matters_pkey"),
        Index("files_opened", "opened_at", postgresql_where=text("opened_at IS NOT NULL")),
        {"comment": "One row a case that was escalated and a file of supervision: head of its chain, data key."},
    )

    number: Mapped[Code]
    seq: Mapped[Count] = mapped_column(server_default="0")
    head: Mapped[bytes] = mapped_column(server_default=text("decode(repeat('00', 32), 'hex')"))
    last: Mapped[int] = mapped_column(server_default="0")
    unit: Mapped[Code] = mapped_column(
        server_default="", comment="Whose file it is; empty for a case, whose unit mediation knows."
    )
    opened_at: Mapped[Instant | None]
    sealed_key: Mapped[WrappedKey | None]
    erased_at: Mapped[Instant | None]


class Holding(EscalationModel):
    """That an official holds a part of a file in a role, or did."""

    __tablename__ = "holdings"
    __table_args__ = (
        Index("holdings_now", "number", "subject", "role", unique=True, postgresql_where=text("until IS NULL")),
        Index("holdings_official", "official", "unit", postgresql_where=text("until IS NULL")),
        {"comment": "Who holds what inside a unit: found by a hand-over, never listed across units."},
    )

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    number: Mapped[Code]
    subject: Mapped[Code]
    role: Mapped[Words]
    unit: Mapped[Code]
    official: Mapped[Code]
    since: Mapped[Instant]
    until: Mapped[Instant | None]


class CaseFact(EscalationModel):
    """What supervision counts of a case."""

    __tablename__ = "case_facts"
    __table_args__ = (
        Index("case_facts_window", "received_at", postgresql_include=["place", "unit", "category"]),
        Index("case_facts_received", "received_at", "number"),
        Index("case_facts_unit", "unit", "received_at"),
        Index("case_facts_open", "unit", "received_at", "number", postgresql_where=text("closed_at IS NULL")),
        Index("case_facts_opened", "opened_at", postgresql_where=text("opened_at IS NOT NULL")),
        Index("case_facts_closed", "closed_at", "number", postgresql_where=text("closed_at IS NOT NULL")),
        Index(
            "case_facts_ended", "unit",
            postgresql_where=text("last_closed_at IS NOT NULL OR mediation_ended_at IS NOT NULL"),
        ),
        {"comment": "What supervision counts, taken over from the other services: no names, no texts."},
    )  # fmt: skip

    number: Mapped[Code] = mapped_column(primary_key=True)
    unit: Mapped[Code]
    place: Mapped[Code]
    door: Mapped[Words]
    category: Mapped[Words]
    grade: Mapped[Small] = mapped_column(server_default="0")
    received_at: Mapped[Instant]
    closed_at: Mapped[Instant | None] = mapped_column(
        comment="When it was over: closed, declined or merged; unset while it is open."
    )
    about: Mapped[Code] = mapped_column(server_default="", comment="The unit complained of; empty for none.")
    state: Mapped[Words] = mapped_column(server_default="")
    stage: Mapped[Words] = mapped_column(server_default="")
    accepted_at: Mapped[Instant | None]
    declined_at: Mapped[Instant | None]
    opened_at: Mapped[Instant | None]
    last_closed_at: Mapped[Instant | None] = mapped_column(
        comment="When its case was closed the last time, whatever came after."
    )
    outcome: Mapped[Words] = mapped_column(server_default="")
    mediation: Mapped[Words] = mapped_column(server_default="")
    mediation_ended_at: Mapped[Instant | None]
    notices: Mapped[int] = mapped_column(server_default="0")
    notices_served: Mapped[int] = mapped_column(server_default="0")
    performance: Mapped[Words] = mapped_column(server_default="")
    answers: Mapped[int] = mapped_column(server_default="0")
    satisfied: Mapped[int] = mapped_column(server_default="0")
    visits: Mapped[int] = mapped_column(server_default="0")
    recurred: Mapped[bool] = mapped_column(server_default=text("false"))
    reopenings: Mapped[int] = mapped_column(server_default="0")
    report_seq: Mapped[Count] = mapped_column(
        server_default="0", comment="Event of intake up to which the facts go: older ones change nothing."
    )
    case_seq: Mapped[Count] = mapped_column(
        server_default="0", comment="Event of mediation up to which the facts go; 0 while there is no case."
    )
