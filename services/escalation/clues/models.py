"""The tables of what clues were used for, and of their erasures; clues themselves are read by the registers as well."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from services.escalation.models import EscalationModel
from services.kit.storage.models import Code, Instant
from services.kit.storage.tables.erasure_tables import ErasureRow, HoldRow, ReachRow


class ClueUse(EscalationModel):
    """What a clue was used for."""

    __tablename__ = "clue_uses"
    __table_args__ = ({"comment": "What came of a clue: a report, a case, a letter, a warning, by name."},)

    number: Mapped[Code] = mapped_column(ForeignKey("clues.number"), primary_key=True)
    target: Mapped[Code] = mapped_column(primary_key=True)
    used_at: Mapped[Instant]


class ClueErasure(ErasureRow, EscalationModel):
    """The erasure of a clue."""

    __tablename__ = "clue_erasures"

    number: Mapped[Code] = mapped_column(ForeignKey("clues.number"), primary_key=True)


class ClueReach(ReachRow, EscalationModel):
    """What an erasure of a clue reaches."""

    __tablename__ = "clue_erasure_reach"

    number: Mapped[Code] = mapped_column(ForeignKey("clue_erasures.number"), primary_key=True)


class ClueHold(HoldRow, EscalationModel):
    """A hold on a clue's data."""

    __tablename__ = "clue_holds"
    __table_args__ = ({"comment": "While one stands nothing of the clue is erased, on whatever ground."},)

    number: Mapped[Code] = mapped_column(ForeignKey("clues.number"), primary_key=True)
