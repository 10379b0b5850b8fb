"""The tables of special handling."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ARRAY, DateTime, ForeignKey, ForeignKeyConstraint, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.supervision.matters.consultation import Adoption, AskState, ConsultationState, Recusal
from casework.supervision.matters.lead import HandOverState, NoteKind
from casework.supervision.matters.monitoring import Finding, Interval, MonitoringState
from casework.supervision.matters.plan import Assessment, MeasureState, PlanState, Role
from casework.supervision.matters.task_force import ForceState, TaskState
from services.escalation.models import EscalationModel
from services.kit.storage.models import (
    Code,
    Count,
    Instant,
    Numbered,
    NumberedOrNone,
    Small,
    Words,
    clock_named,
    date_of,
)
from services.kit.storage.sealing import SealedBytes


class MatterPlan(EscalationModel):
    """A version of a matter's plan."""

    __tablename__ = "matter_plans"

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    plan: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[PlanState] = mapped_column(Numbered(PlanState))
    edition: Mapped[int] = mapped_column(
        server_default="1", comment="How often it was written: measures and checks are of this edition."
    )
    round: Mapped[int] = mapped_column(
        server_default="0", comment="How often it went round: its countersignatures are those of this round."
    )
    cost_fen: Mapped[Count]
    fallback: Mapped[Small]
    drafted_by: Mapped[list[str]] = mapped_column(
        ARRAY(Text), comment="Everybody who drafted or edited it: none of them approves it."
    )
    drafted_at: Mapped[Instant]
    submitted_at: Mapped[Instant | None]
    approved_by: Mapped[Words] = mapped_column(server_default="")
    approved_at: Mapped[Instant | None]
    executed_at: Mapped[Instant | None]
    assessed_by: Mapped[Words] = mapped_column(server_default="")
    assessed_at: Mapped[Instant | None]
    assessment: Mapped[Assessment | None] = mapped_column(
        NumberedOrNone(Assessment), nullable=False, server_default="0"
    )
    sealed: Mapped[SealedBytes]
    sealed_approval: Mapped[SealedBytes | None]
    sealed_assessment: Mapped[SealedBytes | None]


class PlanMeasure(EscalationModel):
    """A measure of a plan."""

    __tablename__ = "plan_measures"
    __table_args__ = (ForeignKeyConstraint(["number", "plan"], ["matter_plans.number", "matter_plans.plan"]),)

    number: Mapped[Code] = mapped_column(primary_key=True)
    plan: Mapped[int] = mapped_column(primary_key=True)
    edition: Mapped[int] = mapped_column(primary_key=True)
    measure: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[MeasureState] = mapped_column(Numbered(MeasureState))
    unit: Mapped[Code]
    kind: Mapped[Words]
    due_on: Mapped[date]
    evidence: Mapped[Words] = mapped_column(server_default="")
    reported_by: Mapped[Words] = mapped_column(server_default="")
    reported_at: Mapped[Instant | None]
    sealed: Mapped[SealedBytes]


class PlanPartyCheck(EscalationModel):
    """A rights check of a plan."""

    __tablename__ = "plan_party_checks"
    __table_args__ = (ForeignKeyConstraint(["number", "plan"], ["matter_plans.number", "matter_plans.plan"]),)

    number: Mapped[Code] = mapped_column(primary_key=True)
    plan: Mapped[int] = mapped_column(primary_key=True)
    edition: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    party: Mapped[Code]
    may_sue: Mapped[bool]
    told: Mapped[bool]
    consents: Mapped[bool]


class PlanCountersignature(EscalationModel):
    """A request to countersign a plan."""

    __tablename__ = "plan_countersignatures"
    __table_args__ = (ForeignKeyConstraint(["number", "plan"], ["matter_plans.number", "matter_plans.plan"]),)

    number: Mapped[Code] = mapped_column(primary_key=True)
    plan: Mapped[int] = mapped_column(primary_key=True)
    round: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    unit: Mapped[Code]
    role: Mapped[Role] = mapped_column(Numbered(Role))
    agrees: Mapped[bool] = mapped_column(server_default=text("false"))
    signed_by: Mapped[Words] = mapped_column(server_default="")
    signed_at: Mapped[Instant | None]
    sealed: Mapped[SealedBytes | None]


class TaskForce(EscalationModel):
    """A task force of a matter."""

    __tablename__ = "task_forces"

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    force: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[ForceState] = mapped_column(Numbered(ForceState))
    reason: Mapped[Words]
    ordered_by: Mapped[Words]
    ordered_at: Mapped[Instant]
    set_up_at: Mapped[Instant | None]
    leader_unit: Mapped[Code] = mapped_column(server_default="")
    leader_office: Mapped[Words] = mapped_column(server_default="")
    secretary_unit: Mapped[Code] = mapped_column(server_default="")
    secretary_office: Mapped[Words] = mapped_column(server_default="")
    dissolved_at: Mapped[Instant | None]
    dissolve_reason: Mapped[Words] = mapped_column(server_default="")


class ForceMember(EscalationModel):
    """A unit's membership in a task force."""

    __tablename__ = "force_members"
    __table_args__ = (
        ForeignKeyConstraint(["number", "force"], ["task_forces.number", "task_forces.force"]),
        Index("force_members_now", "number", "force", "unit", postgresql_where=text("until IS NULL"), unique=True),
    )

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    number: Mapped[Code]
    force: Mapped[int]
    unit: Mapped[Code]
    since: Mapped[Instant]
    until: Mapped[Instant | None]


class ForceMeeting(EscalationModel):
    """A meeting of a task force."""

    __tablename__ = "force_meetings"
    __table_args__ = (ForeignKeyConstraint(["number", "force"], ["task_forces.number", "task_forces.force"]),)

    number: Mapped[Code] = mapped_column(primary_key=True)
    meeting: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    force: Mapped[int]
    units: Mapped[list[str]] = mapped_column(ARRAY(Text))
    held_at: Mapped[Instant]
    minutes_by: Mapped[Words] = mapped_column(server_default="")
    minutes_at: Mapped[Instant | None]
    sealed: Mapped[SealedBytes | None]


class ForceTask(EscalationModel):
    """A task of a task force."""

    __tablename__ = "force_tasks"
    __table_args__ = (ForeignKeyConstraint(["number", "force"], ["task_forces.number", "task_forces.force"]),)

    number: Mapped[Code] = mapped_column(primary_key=True)
    task: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    force: Mapped[int]
    meeting: Mapped[int] = mapped_column(server_default="0")
    state: Mapped[TaskState] = mapped_column(Numbered(TaskState))
    unit: Mapped[Code]
    kind: Mapped[Words]
    due_on: Mapped[date]
    evidence: Mapped[Words] = mapped_column(server_default="")
    created_at: Mapped[Instant]
    reported_by: Mapped[Words] = mapped_column(server_default="")
    reported_at: Mapped[Instant | None]
    verified_by: Mapped[Words] = mapped_column(server_default="")
    verified_at: Mapped[Instant | None]
    sealed: Mapped[SealedBytes]


class Lead(EscalationModel):
    """The lead of a matter."""

    __tablename__ = "leads"
    __table_args__ = ({"comment": "The lead of a matter; who it is stands in holdings. There is no list by official."},)

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    unit: Mapped[Code]
    office: Mapped[Words]
    assigned_at: Mapped[Instant]
    first_look_at: Mapped[Instant | None]
    contact_at: Mapped[Instant | None]
    month: Mapped[int] = mapped_column(server_default="1", comment="The month whose note has the latest clock.")
    notes: Mapped[int] = mapped_column(server_default="0")
    ended_at: Mapped[Instant | None]


class LeadNote(EscalationModel):
    """A note of a lead official."""

    __tablename__ = "lead_notes"

    number: Mapped[Code] = mapped_column(ForeignKey("leads.number"), primary_key=True)
    note: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[NoteKind] = mapped_column(Numbered(NoteKind))
    form: Mapped[Small]
    by: Mapped[Words]
    at: Mapped[Instant]
    sealed: Mapped[SealedBytes]


class LeadHandOver(EscalationModel):
    """An offer of a lead to a successor."""

    __tablename__ = "lead_hand_overs"

    number: Mapped[Code] = mapped_column(ForeignKey("leads.number"), primary_key=True)
    hand_over: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[HandOverState] = mapped_column(Numbered(HandOverState))
    from_unit: Mapped[Code]
    to_unit: Mapped[Code]
    successor: Mapped[Code]
    office: Mapped[Words]
    reason: Mapped[Words]
    open_items: Mapped[list[str]] = mapped_column(ARRAY(Text))
    clocks: Mapped[list[str]] = mapped_column(ARRAY(Text))
    dues: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)))
    offered_at: Mapped[Instant]
    answered_at: Mapped[Instant | None]
    sealed: Mapped[SealedBytes]


class Expert(EscalationModel):
    """An expert of the pool."""

    __tablename__ = "experts"
    __table_args__ = (
        Index("experts_oldest", "registered_at", "number"),
        Index("experts_unit", "unit", postgresql_ops={"unit": "text_pattern_ops"}),
    )

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    unit: Mapped[Code]
    account: Mapped[Code]
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text))
    active: Mapped[bool]
    registered_at: Mapped[Instant]
    sealed: Mapped[SealedBytes]


class Consultation(EscalationModel):
    """A question to an expert."""

    __tablename__ = "consultations"

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    consultation: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[ConsultationState] = mapped_column(Numbered(ConsultationState))
    unit: Mapped[Code]
    field: Mapped[Words]
    party_units: Mapped[list[str]] = mapped_column(ARRAY(Text))
    clocks: Mapped[list[str]] = mapped_column(ARRAY(Text))
    seed: Mapped[Words] = mapped_column(
        server_default="", comment="Seed of the latest draw: the order follows from it and the names alone."
    )
    expert: Mapped[Code] = mapped_column(server_default="")
    asked_by: Mapped[Words]
    asked_at: Mapped[Instant]
    drawn_at: Mapped[Instant | None]
    opinion_by: Mapped[Words] = mapped_column(server_default="")
    opinion_at: Mapped[Instant | None]
    adoption: Mapped[Adoption | None] = mapped_column(NumberedOrNone(Adoption), nullable=False, server_default="0")
    adopted_by: Mapped[Words] = mapped_column(server_default="")
    adopted_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]
    end_reason: Mapped[Words] = mapped_column(server_default="")
    sealed: Mapped[SealedBytes]
    sealed_opinion: Mapped[SealedBytes | None]
    sealed_adoption: Mapped[SealedBytes | None]


class ConsultationConflict(EscalationModel):
    """A conflict that was declared beforehand."""

    __tablename__ = "consultation_conflicts"
    __table_args__ = (
        ForeignKeyConstraint(["number", "consultation"], ["consultations.number", "consultations.consultation"]),
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    consultation: Mapped[int] = mapped_column(primary_key=True)
    expert: Mapped[Code] = mapped_column(primary_key=True)
    reason: Mapped[Small]


class ExpertAsk(EscalationModel):
    """An expert's place in a draw."""

    __tablename__ = "expert_asks"
    __table_args__ = (
        ForeignKeyConstraint(["number", "consultation"], ["consultations.number", "consultations.consultation"]),
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    consultation: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    seed: Mapped[Words]
    expert: Mapped[Code] = mapped_column(ForeignKey("experts.number"))
    state: Mapped[AskState] = mapped_column(Numbered(AskState))
    reason: Mapped[Recusal | None] = mapped_column(NumberedOrNone(Recusal), nullable=False, server_default="0")
    asked_at: Mapped[Instant | None]
    answered_at: Mapped[Instant | None]


class Monitoring(EscalationModel):
    """The long-term monitoring of a matter."""

    __tablename__ = "monitorings"
    __table_args__ = (
        Index("monitorings_active", "number", postgresql_where=text("state = 1"), unique=True),
        Index("monitorings_next", "due_at", "number", "monitoring"),
    )

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    monitoring: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[MonitoringState] = mapped_column(Numbered(MonitoringState))
    unit: Mapped[Code] = mapped_column(comment="The unit that keeps the matter.")
    reason: Mapped[Words]
    interval_code: Mapped[Interval] = mapped_column(Numbered(Interval))
    begun_by: Mapped[Words]
    begun_at: Mapped[Instant]
    round: Mapped[int] = mapped_column(server_default="1")
    due_at: Mapped[Instant | None] = date_of()
    ended_by: Mapped[Words] = mapped_column(server_default="")
    ended_at: Mapped[Instant | None]
    sealed: Mapped[SealedBytes]
    sealed_end: Mapped[SealedBytes | None]
    due_clock: Mapped[Code | None] = clock_named("review-{monitoring}-{round}")


class MonitoringReview(EscalationModel):
    """A review of a monitoring."""

    __tablename__ = "monitoring_reviews"
    __table_args__ = (ForeignKeyConstraint(["number", "monitoring"], ["monitorings.number", "monitorings.monitoring"]),)

    number: Mapped[Code] = mapped_column(primary_key=True)
    monitoring: Mapped[int] = mapped_column(primary_key=True)
    review: Mapped[int] = mapped_column(primary_key=True)
    finding: Mapped[Finding] = mapped_column(Numbered(Finding))
    by: Mapped[Words]
    at: Mapped[Instant]
    sealed: Mapped[SealedBytes]
