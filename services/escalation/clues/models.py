"""The table of what clues were used for; clues themselves are read by the registers as well."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from services.escalation.models import EscalationModel
from services.kit.storage.models import Code, Instant


class ClueUse(EscalationModel):
    """What a clue was used for."""

    __tablename__ = "clue_uses"
    __table_args__ = ({"comment": "What came of a clue: a report, a case, a letter, a warning, by name."},)

    number: Mapped[Code] = mapped_column(ForeignKey("clues.number"), primary_key=True)
    target: Mapped[Code] = mapped_column(primary_key=True)
    used_at: Mapped[Instant]
