"""The table of published plan types."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from services.kit.storage.models import Code, Instant, Json, Words
from services.mediation.models.base import MediationModel


class PlanType(MediationModel):
    """A version of a plan type that was published."""

    __tablename__ = "plan_types"
    __table_args__ = ({"comment": "What each published version of a plan type says; never changed."},)

    name: Mapped[Code] = mapped_column(primary_key=True)
    version: Mapped[Code] = mapped_column(primary_key=True)
    digest: Mapped[Words]
    content: Mapped[Json]
    published_at: Mapped[Instant]
