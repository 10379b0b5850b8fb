"""The tables of figures, and the views they count from."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, MetaData, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.supervision.figures.assessment import AssessmentState, ObjectionState, RuleFixState
from services.escalation.models import EscalationModel
from services.kit.clocks.models import ClockState
from services.kit.storage.models import Code, Count, Instant, Json, Model, Numbered, Words, clock_named, date_of
from services.kit.storage.sealing import SealedBytes


class View(Model):
    """A view; its definition is in the migrations."""

    __abstract__ = True
    metadata = MetaData()


class WorkClock(View):
    """A clock of any service."""

    __tablename__ = "work_clocks"

    service: Mapped[Code] = mapped_column(primary_key=True)
    clock: Mapped[Code] = mapped_column(primary_key=True)
    number: Mapped[Code]
    rule: Mapped[Words]
    unit: Mapped[Code]
    subject: Mapped[Code]
    state: Mapped[ClockState] = mapped_column(Numbered(ClockState))
    started_at: Mapped[Instant]
    due_at: Mapped[Instant | None]
    next_at: Mapped[Instant | None]
    stopped_at: Mapped[Instant | None]
    kind: Mapped[Code]
    taken_by: Mapped[Words]
    revision: Mapped[int]


class MatterUnit(View):
    """The unit that a number belongs to."""

    __tablename__ = "matter_units"

    number: Mapped[Code] = mapped_column(primary_key=True)
    unit: Mapped[Code]
    category: Mapped[Words]
    grade: Mapped[int]


class ClockFact(EscalationModel):
    """A clock of intake or mediation, as reported."""

    __tablename__ = "clock_facts"
    __table_args__ = (
        Index("clock_facts_number", "number"),
        Index("clock_facts_rule", "rule", "due_at"),
        Index("clock_facts_taken", "stopped_at", "clock", postgresql_where=text("state = 2")),
        Index("clock_facts_taken_by", "taken_by", postgresql_where=text("state IN (1, 4) AND taken_by <> ''")),
        Index("clock_facts_own", "taken_by", "stopped_at", postgresql_where=text("state IN (2, 3) AND taken_by <> ''")),
        Index("clock_facts_work", "unit", "due_at", postgresql_where=text("state IN (1, 4)")),
        {"comment": "The clocks of intake and mediation; whether one is overdue is asked of its dates."},
    )

    service: Mapped[Code] = mapped_column(primary_key=True)
    clock: Mapped[Code] = mapped_column(primary_key=True)
    number: Mapped[Code]
    rule: Mapped[Words]
    unit: Mapped[Code]
    subject: Mapped[Code]
    state: Mapped[ClockState] = mapped_column(Numbered(ClockState))
    started_at: Mapped[Instant]
    due_at: Mapped[Instant | None]
    next_at: Mapped[Instant | None]
    stopped_at: Mapped[Instant | None]
    taken_by: Mapped[Words] = mapped_column(server_default="")
    seq: Mapped[Count] = mapped_column(comment="Event of its case up to which the facts go: older ones change nothing.")


class DigestDay(EscalationModel):
    """A day whose digests are stored."""

    __tablename__ = "digest_days"
    __table_args__ = ({"comment": "The claim that the digests of a day are kept once."},)

    day: Mapped[date] = mapped_column(primary_key=True)
    as_of_at: Mapped[Instant]
    compiled_at: Mapped[Instant]


class Digest(EscalationModel):
    """The digest of a unit and a day."""

    __tablename__ = "digests"
    __table_args__ = (
        Index("digests_day", "day", "unit"),
        {"comment": "What a unit and all below it had before it on a day: counts, and whom it waited for."},
    )

    unit: Mapped[Code] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(ForeignKey("digest_days.day"), primary_key=True)
    content: Mapped[Json]


class Assessment(EscalationModel):
    """An assessment of units."""

    __tablename__ = "assessments"
    __table_args__ = (Index("assessments_newest", text("created_at DESC"), text("number DESC")),)

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[AssessmentState] = mapped_column(Numbered(AssessmentState))
    unit: Mapped[Code]
    period: Mapped[Words]
    created_at: Mapped[Instant]
    created_by: Mapped[Words]
    published_at: Mapped[Instant | None]
    published_by: Mapped[Words] = mapped_column(server_default="")
    objection_due_at: Mapped[Instant | None] = date_of("objection_due_clock")
    final_at: Mapped[Instant | None]
    final_by: Mapped[Words] = mapped_column(server_default="")
    objection_due_clock: Mapped[Code | None] = clock_named("objection-1")


class AssessmentResult(EscalationModel):
    """A result of an assessment."""

    __tablename__ = "assessment_results"
    __table_args__ = (Index("assessment_results_unit", "unit", "number"),)

    number: Mapped[Code] = mapped_column(ForeignKey("assessments.number"), primary_key=True)
    unit: Mapped[Code] = mapped_column(primary_key=True)
    place: Mapped[int]
    version: Mapped[int] = mapped_column(server_default="1")
    indicator: Mapped[Words] = mapped_column(primary_key=True)
    rule: Mapped[Json] = mapped_column(comment="The whole rule it was counted by: a later edit moves nothing.")
    numerator: Mapped[int]
    denominator: Mapped[int]
    peers: Mapped[Json] = mapped_column(comment="[[numerator, denominator], ...] of the peers with enough matters.")
    before: Mapped[Json]
    corrected: Mapped[bool] = mapped_column(server_default=text("false"))


class AssessmentObjection(EscalationModel):
    """An objection of an assessed unit."""

    __tablename__ = "assessment_objections"

    number: Mapped[Code] = mapped_column(ForeignKey("assessments.number"), primary_key=True)
    objection: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[ObjectionState] = mapped_column(Numbered(ObjectionState))
    unit: Mapped[Code]
    indicator: Mapped[Words]
    sealed: Mapped[SealedBytes | None]
    objected_at: Mapped[Instant]
    objected_by: Mapped[Words]
    due_at: Mapped[Instant | None] = date_of()
    decided_at: Mapped[Instant | None]
    decided_by: Mapped[Words] = mapped_column(server_default="")
    reason: Mapped[Words] = mapped_column(server_default="")
    due_clock: Mapped[Code | None] = clock_named("decision-{objection}")


class AssessmentCorrection(EscalationModel):
    """A corrected figure."""

    __tablename__ = "assessment_corrections"
    __table_args__ = (
        ForeignKeyConstraint(
            ["number", "objection"], ["assessment_objections.number", "assessment_objections.objection"]
        ),
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    objection: Mapped[int] = mapped_column(primary_key=True)
    unit: Mapped[Code]
    indicator: Mapped[Words]
    old_numerator: Mapped[int]
    old_denominator: Mapped[int]
    numerator: Mapped[int]
    denominator: Mapped[int]
    corrected_at: Mapped[Instant]
    corrected_by: Mapped[Words]


class RuleFix(EscalationModel):
    """A proposal to change a rule."""

    __tablename__ = "rule_fixes"
    __table_args__ = (Index("rule_fixes_unit", "unit", "proposed_at"),)

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[RuleFixState] = mapped_column(Numbered(RuleFixState))
    unit: Mapped[Code]
    problem: Mapped[Code]
    rule: Mapped[Words]
    sealed: Mapped[SealedBytes]
    proposed_at: Mapped[Instant]
    proposed_by: Mapped[Words]
    decided_at: Mapped[Instant | None]
    decided_by: Mapped[Words] = mapped_column(server_default="")
    reason: Mapped[Words] = mapped_column(server_default="")
