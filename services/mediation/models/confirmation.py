"""The table of judicial confirmation."""

from __future__ import annotations

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from casework.mediation.confirmation import ConfirmationState
from services.kit.storage.models import Code, Instant, Numbered, Words
from services.mediation.models.base import MediationModel


class Confirmation(MediationModel):
    """A joint application to a court, and its result."""

    __tablename__ = "confirmations"
    __table_args__ = (ForeignKeyConstraint(["number", "agreement"], ["agreements.number", "agreements.agreement"]),)

    number: Mapped[Code] = mapped_column(primary_key=True)
    agreement: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[ConfirmationState] = mapped_column(Numbered(ConfirmationState))
    court: Mapped[Words]
    applied_at: Mapped[Instant]
    applied_by: Mapped[Words]
    resulted_at: Mapped[Instant | None]
    result_evidence: Mapped[Words] = mapped_column(server_default="")
