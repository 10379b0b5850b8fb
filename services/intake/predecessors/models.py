"""The tables of portable case files that came in."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models import IntakeModel
from services.kit.storage.models import Code, Count, Instant, Words
from services.kit.storage.sealing import SealedBytes


class Predecessor(IntakeModel):
    """From where a report came as a portable case file."""

    __tablename__ = "predecessors"
    __table_args__ = ({"comment": "From where a report came as a portable case file; never changed."},)

    number: Mapped[Code] = mapped_column(ForeignKey("reports.number"), primary_key=True)
    origin_number: Mapped[Words] = mapped_column(comment="Number of the case there.")
    key: Mapped[Words] = mapped_column(comment="Id of the key that signed it.")
    key_owner: Mapped[Words]
    digest: Mapped[Code] = mapped_column(unique=True, comment="SHA-256 of its signed list: it is taken in once.")
    size: Mapped[Count]
    events: Mapped[int]
    imported_at: Mapped[Instant]
    imported_by: Mapped[Words]


class PredecessorPart(IntakeModel):
    """A part of a portable case file that came in."""

    __tablename__ = "predecessor_parts"
    __table_args__ = ({"comment": "The files, in parts, sealed under the data key of their reports; never changed."},)

    number: Mapped[Code] = mapped_column(ForeignKey("predecessors.number"), primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sealed: Mapped[SealedBytes]
