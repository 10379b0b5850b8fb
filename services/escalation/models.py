"""The tables of escalation that several of its packages read."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Computed, ForeignKey, Identity, Index, MetaData, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.door.clue import ClueFinding, ClueResult, ClueSource, ClueState
from casework.supervision.matters.matter import AssignmentState, MatterState, Part
from casework.supervision.meetings.review import ReviewState
from casework.supervision.raising.escalation import EscalationState, RaisedTo
from services.kit.storage.models import (
    Code,
    Codes,
    Count,
    Instant,
    Model,
    Numbered,
    NumberedOrNone,
    Small,
    Words,
    date_of,
)
from services.kit.storage.sealing import SealedBytes, WrappedKey


class EscalationModel(Model):
    """A table of escalation's own."""

    __abstract__ = True
    metadata = MetaData()


class File(EscalationModel):
    """A file of supervision, or of an escalated case."""

    __tablename__ = "files"
    __table_args__ = (
        PrimaryKeyConstraint("number", name="matters_pkey"),
        Index("files_opened", "opened_at", postgresql_where=text("opened_at IS NOT NULL")),
        Index("files_unit", "unit", postgresql_where=text("unit <> ''::text")),
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
    """A present or past holder of a part of a file, in a role."""

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


class Escalation(EscalationModel):
    """The escalation of a case or file to a unit or an office."""

    __tablename__ = "escalations"
    __table_args__ = (
        Index("escalations_newest", text("created_at DESC"), text("number DESC"), text("escalation DESC")),
    )

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    escalation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[EscalationState] = mapped_column(Numbered(EscalationState))
    mode: Mapped[RaisedTo] = mapped_column(Numbered(RaisedTo))
    from_unit: Mapped[Code]
    to_unit: Mapped[Code]
    reason: Mapped[Words]
    subject: Mapped[Words]
    created_at: Mapped[Instant]
    acknowledged_at: Mapped[Instant | None]
    resolved_at: Mapped[Instant | None]
    ladder: Mapped[Words | None] = mapped_column(
        ForeignKey("ladders.hash"), comment="The ladder it is pinned to; none for what is older than the ladders."
    )
    ladder_name: Mapped[Words] = mapped_column(server_default="")
    ladder_version: Mapped[Words] = mapped_column(server_default="")
    office: Mapped[Words] = mapped_column(server_default="")
    origin: Mapped[Code] = mapped_column(
        server_default="", comment="The unit its climb began in; its history is of that unit and those above."
    )
    climbed_from: Mapped[int] = mapped_column(server_default="0")
    category: Mapped[Words] = mapped_column(server_default="")
    grade: Mapped[Small] = mapped_column(server_default="0")
    about: Mapped[Code] = mapped_column(server_default="", comment="The unit complained of; it is never told.")
    told: Mapped[Codes] = mapped_column(server_default="{}")
    returns: Mapped[int] = mapped_column(server_default="0")
    return_unit: Mapped[Code] = mapped_column(server_default="")
    return_reason: Mapped[Words] = mapped_column(server_default="")
    returned_at: Mapped[Instant | None]
    sealed_explanation: Mapped[SealedBytes | None]
    sealed_expectation: Mapped[SealedBytes | None]


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
    merged_into: Mapped[Code] = mapped_column(
        server_default="", comment="The matter its report was merged into; empty for none."
    )
    report_seq: Mapped[Count] = mapped_column(
        server_default="0", comment="Event of intake up to which the facts go: older ones change nothing."
    )
    case_seq: Mapped[Count] = mapped_column(
        server_default="0", comment="Event of mediation up to which the facts go; 0 while there is no case."
    )


class Matter(EscalationModel):
    """A matter of the ledger."""

    __tablename__ = "matters"
    __table_args__ = (
        PrimaryKeyConstraint("number", name="matters_pkey1"),
        Index("matters_agenda", "keeper", postgresql_where=text("struck_off_at IS NULL")),
        Index("matters_keeper", "keeper", "urgent_on", "number"),
        Index("matters_source", "source", postgresql_where=text("source <> ''"), unique=True),
        Index("matters_unit", "unit", "urgent_on", "number"),
        Index("matters_urgent", "urgent_on", "number"),
        {"comment": "The ledger of matters: kept by a county, city or province, answered for by a unit."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"))
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[MatterState] = mapped_column(Numbered(MatterState))
    level: Mapped[Words]
    keeper: Mapped[Code]
    unit: Mapped[Code] = mapped_column(server_default="")
    grade: Mapped[Small] = mapped_column(server_default="0")
    category: Mapped[Words] = mapped_column(server_default="")
    case_number: Mapped[Code] = mapped_column(server_default="")
    returned: Mapped[int] = mapped_column(server_default="0")
    due_on: Mapped[date | None] = date_of("plan_clock")
    registered_at: Mapped[Instant]
    struck_off_at: Mapped[Instant | None]
    place: Mapped[Code] = mapped_column(server_default="")
    source: Mapped[Code] = mapped_column(
        server_default="", comment="Number of the case or warning it comes from; empty where it stands for itself."
    )
    lead: Mapped[Code] = mapped_column(server_default="")
    entry: Mapped[int] = mapped_column(
        server_default="1", comment="How often it has been on the ledger: 2 after a relapse."
    )
    turns: Mapped[int] = mapped_column(server_default="0", comment="Clocks of progress started so far.")
    checks: Mapped[int] = mapped_column(server_default="0", comment="Requests to strike it off made so far.")
    requested_by: Mapped[Words] = mapped_column(server_default="")
    plan_at: Mapped[Instant | None]
    progress_at: Mapped[Instant | None]
    sealed: Mapped[SealedBytes | None]
    urgent_on: Mapped[date] = mapped_column(
        Computed(
            "CASE WHEN (struck_off_at IS NULL) THEN COALESCE(due_on, '9999-12-29'::date) ELSE '9999-12-30'::date END",
            persisted=True,
        ),
        comment="Where it stands in a list: what is struck off behind all others. "
        "Not the last day there is: that means infinity.",
    )
    plan_clock: Mapped[Code | None] = mapped_column(
        Computed(
            "((number || '.'::text) || CASE WHEN (unit = ''::text) THEN ('plan'::text || "
            "CASE WHEN (entry = 1) THEN ''::text ELSE ('-'::text || (entry)::text) END) ELSE ''::text END)",
            persisted=True,
        )
    )


class MatterAssignment(EscalationModel):
    """A unit's part in a matter."""

    __tablename__ = "matter_assignments"
    __table_args__ = (
        Index("matter_assignments_unit", "unit", "number"),
        {"comment": "Parts of units in a matter: measures (sealed), a deadline, a clock."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("matters.number"), primary_key=True)
    assignment: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    entry: Mapped[int]
    part: Mapped[Part] = mapped_column(Numbered(Part))
    state: Mapped[AssignmentState] = mapped_column(Numbered(AssignmentState))
    unit: Mapped[Code]
    due_on: Mapped[date]
    clock: Mapped[Code] = mapped_column(comment="Key of its clock in the matter.")
    extended: Mapped[bool] = mapped_column(server_default=text("false"))
    sealed: Mapped[SealedBytes]
    assigned_at: Mapped[Instant]
    progress_at: Mapped[Instant | None]
    finished_at: Mapped[Instant | None]


class Review(EscalationModel):
    """The review of the answer to a petition."""

    __tablename__ = "reviews"
    __table_args__ = (
        Index("reviews_case", "case_number", unique=True),
        Index("reviews_receipt", "receipt_index", unique=True),
        Index("reviews_urgent", text("COALESCE(due_at, '9999-01-01 00:00:00+00'::timestamp with time zone)"), "number"),
        {"comment": "The review of the answer to a petition: one a case, from the answer to the final notice."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[ReviewState] = mapped_column(Numbered(ReviewState))
    case_number: Mapped[Code]
    unit: Mapped[Code]
    turn: Mapped[Code] = mapped_column(comment="The unit that acts next, or at whose counter the person may ask.")
    due_at: Mapped[Instant | None] = date_of()
    lapsed: Mapped[bool] = mapped_column(server_default=text("false"))
    receipt_index: Mapped[bytes] = mapped_column(comment="Keyed hash of the receipt code, which is nowhere stored.")
    opened_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]
    due_clock: Mapped[Code] = mapped_column(server_default="")


class Clue(EscalationModel):
    """A clue about a matter or a unit."""

    __tablename__ = "clues"
    __table_args__ = (
        Index("clues_due", text("COALESCE(due_at, '9999-01-01 00:00:00+00'::timestamp with time zone)"), "number"),
        Index("clues_registered", "unit", "registered_at", "number"),
        {"comment": "Clues: who gave one and what was said are sealed. No person is a column here."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[ClueState] = mapped_column(Numbered(ClueState))
    source: Mapped[ClueSource] = mapped_column(Numbered(ClueSource))
    unit: Mapped[Code]
    about: Mapped[Code] = mapped_column(server_default="", comment="The unit it is about; empty for none.")
    place: Mapped[Code]
    category: Mapped[Words]
    verifier: Mapped[Code] = mapped_column(server_default="")
    finding: Mapped[ClueFinding | None] = mapped_column(NumberedOrNone(ClueFinding), server_default="0", nullable=False)
    addressee: Mapped[Code] = mapped_column(server_default="")
    returned: Mapped[int] = mapped_column(server_default="0")
    declined: Mapped[Words] = mapped_column(server_default="", comment="Why the last transfer was sent back.")
    result: Mapped[ClueResult | None] = mapped_column(NumberedOrNone(ClueResult), server_default="0", nullable=False)
    turns: Mapped[int] = mapped_column(server_default="0", comment="Clocks of its steps started so far.")
    verified_by: Mapped[Words] = mapped_column(server_default="")
    handled_by: Mapped[Words] = mapped_column(server_default="")
    handle_until: Mapped[Instant | None] = mapped_column(comment="The end that the transfer set for its handling.")
    due_at: Mapped[Instant | None] = date_of()
    registered_at: Mapped[Instant]
    verified_at: Mapped[Instant | None]
    transferred_at: Mapped[Instant | None]
    handled_at: Mapped[Instant | None]
    closed_at: Mapped[Instant | None]
    sealed_clue: Mapped[SealedBytes | None]
    sealed_reporter: Mapped[SealedBytes | None] = mapped_column(
        comment="Who gave it; never shown to the unit it is about, nor outside the unit that keeps it."
    )
    sealed_instruction: Mapped[SealedBytes | None]
    sealed_finding: Mapped[SealedBytes | None]
    sealed_transfer: Mapped[SealedBytes | None]
    sealed_handling: Mapped[SealedBytes | None]
    sealed_return: Mapped[SealedBytes | None]
    sealed_earlier: Mapped[SealedBytes | None] = mapped_column(
        comment="What earlier verifications found: a later one is made without it."
    )
    due_clock: Mapped[Code] = mapped_column(server_default="")


class ClueCode(EscalationModel):
    """The code by which who gave a clue comes back."""

    __tablename__ = "clue_codes"
    __table_args__ = ({"comment": "Codes of clues, sealed; the index finds one and tells nothing."},)

    number: Mapped[Code] = mapped_column(ForeignKey("clues.number"), primary_key=True)
    code_index: Mapped[bytes] = mapped_column(unique=True, comment="Keyed hash of the code.")
    sealed: Mapped[SealedBytes | None]
    failed: Mapped[Small] = mapped_column(server_default="0", comment="Wrong answers in a row.")
    closed_until: Mapped[Instant | None]
