"""The tables of agreements, their clauses, and notices of rights."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, ForeignKeyConstraint, SmallInteger, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from casework.mediation.agreement import AgreementState, ClauseKind, Extent, Form, Question, Signer
from casework.mediation.session import Manner
from services.kit.storage.models import Code, Count, Instant, Numbered, Small, Words, clock_named, date_of
from services.kit.storage.sealing import SealedBytes
from services.mediation.models.base import MediationModel


def _of_agreement() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["number", "agreement"], ["agreements.number", "agreements.agreement"])


class Agreement(MediationModel):
    """An agreement, from its draft on."""

    __tablename__ = "agreements"

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    agreement: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[AgreementState] = mapped_column(Numbered(AgreementState))
    extent: Mapped[Extent] = mapped_column(Numbered(Extent))
    form: Mapped[Form] = mapped_column(Numbered(Form))
    sealed: Mapped[SealedBytes] = mapped_column(
        comment="Statement and the text of each clause, sealed under the case's data key."
    )
    drafted_at: Mapped[Instant]
    drafted_by: Mapped[Words]
    third_interests: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger), server_default="{}")
    third_settled: Mapped[bool | None]
    third_at: Mapped[Instant | None]
    countersigned_at: Mapped[Instant | None]
    countersigned_by: Mapped[Words] = mapped_column(server_default="")
    seal_at: Mapped[Instant | None]
    seal_by: Mapped[Words] = mapped_column(server_default="")
    document_number: Mapped[Words] = mapped_column(server_default="")
    effective_at: Mapped[Instant | None]
    confirm_due_at: Mapped[Instant | None] = date_of("confirm_due_clock")
    confirm_due_clock: Mapped[Code | None] = clock_named("confirmation-{agreement}")


class AgreementAnswer(MediationModel):
    """An answer to a question of the checklist."""

    __tablename__ = "agreement_answers"
    __table_args__ = (_of_agreement(),)

    number: Mapped[Code] = mapped_column(primary_key=True)
    agreement: Mapped[int] = mapped_column(primary_key=True)
    question: Mapped[Question] = mapped_column(Numbered(Question), primary_key=True)
    yes: Mapped[bool]
    answered_at: Mapped[Instant]
    answered_by: Mapped[Words]


class AgreedClause(MediationModel):
    """A clause: who does what for whom."""

    __tablename__ = "clauses"
    __table_args__ = (_of_agreement(),)

    number: Mapped[Code] = mapped_column(primary_key=True)
    agreement: Mapped[int] = mapped_column(primary_key=True)
    clause: Mapped[int] = mapped_column(primary_key=True)
    performer: Mapped[int]
    beneficiary: Mapped[int]
    kind: Mapped[ClauseKind] = mapped_column(Numbered(ClauseKind))
    amount: Mapped[Count]


class Part(MediationModel):
    """A part of a clause with a day of its own, and what was performed of it."""

    __tablename__ = "instalments"
    __table_args__ = (
        ForeignKeyConstraint(
            ["number", "agreement", "clause"], ["clauses.number", "clauses.agreement", "clauses.clause"]
        ),
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    agreement: Mapped[int] = mapped_column(primary_key=True)
    clause: Mapped[int] = mapped_column(primary_key=True)
    instalment: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    amount: Mapped[Count]
    due_on: Mapped[date | None]
    due_at: Mapped[Instant | None] = date_of()
    paid: Mapped[Count] = mapped_column(server_default="0")
    begun: Mapped[bool] = mapped_column(server_default=text("false"))
    performed_on: Mapped[date | None]
    defaulted_at: Mapped[Instant | None]
    default_reason: Mapped[Small] = mapped_column(server_default="0")
    due_clock: Mapped[Code | None] = clock_named("performance-{agreement}-{clause}-{instalment}")


class Signature(MediationModel):
    """A party's signature under an agreement."""

    __tablename__ = "signatures"
    __table_args__ = (_of_agreement(),)

    number: Mapped[Code] = mapped_column(primary_key=True)
    agreement: Mapped[int] = mapped_column(primary_key=True)
    party: Mapped[int] = mapped_column(primary_key=True)
    signer: Mapped[Signer] = mapped_column(Numbered(Signer))
    manner: Mapped[Manner] = mapped_column(Numbered(Manner))
    signed_at: Mapped[Instant]
    recorded_by: Mapped[Words]


class RightsNotice(MediationModel):
    """A notice of rights made out to a party."""

    __tablename__ = "rights_notices"

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    party: Mapped[int] = mapped_column(primary_key=True)
    made_at: Mapped[Instant]
    served_at: Mapped[Instant | None]
    medium: Mapped[Small] = mapped_column(server_default="0")
    evidence: Mapped[Words] = mapped_column(server_default="")
    served_by: Mapped[Words] = mapped_column(server_default="")
