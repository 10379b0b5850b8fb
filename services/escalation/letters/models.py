"""The tables of supervision letters."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from casework.supervision.letters.letter import Failure, LetterKind, LetterState, Objection, Part
from services.escalation.models import EscalationModel
from services.kit.storage.models import Code, Count, Instant, Numbered, Small, Words, date_of
from services.kit.storage.sealing import SealedBytes


class Letter(EscalationModel):
    """A letter without its text."""

    __tablename__ = "letters"
    __table_args__ = (
        CheckConstraint(
            "approved_at IS NULL OR (approver <> '' AND cardinality(drafters) > 0 AND approver <> ALL (drafters))",
            name="letters_signed",
        ),
        CheckConstraint("served_at IS NULL OR approved_at IS NOT NULL", name="letters_served_once_signed"),
        CheckConstraint("kind <> 3 OR approved_at IS NULL OR heard", name="letters_circular_heard"),
        Index("letters_oldest", "drafted_at", "number"),
        Index("letters_drafts", "drafted_at", "number", postgresql_where=text("state = 1")),
        Index("letters_ladder", "unit", "subject", "kind"),
        Index("letters_number", "document_number", unique=True, postgresql_where=text("document_number <> ''")),
        {"comment": "Supervision letters without their words: none signed by a drafter, none served unsigned."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[LetterState] = mapped_column(Numbered(LetterState))
    kind: Mapped[LetterKind] = mapped_column(Numbered(LetterKind))
    issuer: Mapped[Code]
    unit: Mapped[Code]
    subject: Mapped[Code]
    copies: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    interview_on: Mapped[date | None]
    due_on: Mapped[date | None]
    rule: Mapped[Words] = mapped_column(server_default="")
    proposed: Mapped[bytes | None] = mapped_column(
        comment="What a rule proposed: words of the rule, until a person takes the draft up."
    )
    drafters: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    document_number: Mapped[Words] = mapped_column(server_default="")
    approver: Mapped[Words] = mapped_column(server_default="")
    office: Mapped[Small] = mapped_column(server_default="0")
    manner: Mapped[Small] = mapped_column(server_default="0")
    heard: Mapped[bool] = mapped_column(server_default=text("false"))
    deemed: Mapped[bool] = mapped_column(server_default=text("false"))
    held_on: Mapped[date | None]
    evidence: Mapped[Words] = mapped_column(server_default="")
    replied_by: Mapped[Words] = mapped_column(server_default="")
    objection: Mapped[Objection] = mapped_column(Numbered(Objection), server_default="0")
    failure: Mapped[Failure] = mapped_column(Numbered(Failure), server_default="0")
    previous: Mapped[Code] = mapped_column(server_default="")
    next: Mapped[Code] = mapped_column(server_default="")
    transferred_to: Mapped[Code] = mapped_column(server_default="")
    drafted_at: Mapped[Instant]
    approved_at: Mapped[Instant | None]
    served_at: Mapped[Instant | None]
    received_at: Mapped[Instant | None]
    reply_due_at: Mapped[Instant | None] = date_of("reply_due_clock")
    object_due_at: Mapped[Instant | None] = date_of("object_due_clock")
    replied_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]
    reply_due_clock: Mapped[Code] = mapped_column(server_default="")
    object_due_clock: Mapped[Code] = mapped_column(server_default="")


class LetterReader(EscalationModel):
    """A unit that a letter is shown to."""

    __tablename__ = "letter_readers"
    __table_args__ = (
        Index("letter_readers_unit", "unit", "number"),
        {"comment": "Units a letter is shown to: its issuer, and those it was served on."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("letters.number"), primary_key=True)
    unit: Mapped[Code] = mapped_column(primary_key=True)


class LetterText(EscalationModel):
    """A part of the texts of a letter."""

    __tablename__ = "letter_texts"
    __table_args__ = (
        Index("letter_texts_part", "number", "part", "id"),
        {"comment": "What is written in and around a letter, sealed; the latest of a part counts."},
    )

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    number: Mapped[Code] = mapped_column(ForeignKey("letters.number"))
    part: Mapped[Part] = mapped_column(Numbered(Part))
    sealed: Mapped[SealedBytes]
    at: Mapped[Instant]
    by: Mapped[Words]


class RuleDraft(EscalationModel):
    """A draft made by a rule."""

    __tablename__ = "letter_rule_drafts"
    __table_args__ = ({"comment": "What a rule has drafted: once a unit, matter and kind, whatever came of it."},)

    unit: Mapped[Code] = mapped_column(primary_key=True)
    subject: Mapped[Code] = mapped_column(primary_key=True)
    kind: Mapped[LetterKind] = mapped_column(Numbered(LetterKind), primary_key=True, autoincrement=False)
    at: Mapped[Instant]
