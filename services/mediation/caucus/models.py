"""The tables of the caucus compartment and of fact sheets. Only this room reads them."""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.case import Side
from casework.mediation.session import Manner
from services.kit.storage.models import Code, Count, Instant, Numbered, Words
from services.kit.storage.sealing import SealedBytes
from services.mediation.models.base import MediationModel


class CaucusNote(MediationModel):
    """A note of a side."""

    __tablename__ = "caucus_notes"
    __table_args__ = ({"comment": "Read by the mediator of record and that side alone."},)

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    side: Mapped[Side] = mapped_column(Numbered(Side), primary_key=True)
    note: Mapped[int] = mapped_column(primary_key=True)
    by_mediator: Mapped[bool]
    sealed: Mapped[SealedBytes]
    created_at: Mapped[Instant]
    mediator: Mapped[Words] = mapped_column(
        server_default="", comment="The mediator of record it was said to; empty where there was none."
    )


class CaucusOffer(MediationModel):
    """An offer of a side."""

    __tablename__ = "caucus_offers"
    __table_args__ = ({"comment": "Read by the mediator of record and that side alone."},)

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    side: Mapped[Side] = mapped_column(Numbered(Side), primary_key=True)
    offer: Mapped[int] = mapped_column(primary_key=True)
    by_mediator: Mapped[bool]
    sealed: Mapped[SealedBytes]
    created_at: Mapped[Instant]
    mediator: Mapped[Words] = mapped_column(server_default="")


class CaucusRead(MediationModel):
    """A reading of a side's entries."""

    __tablename__ = "caucus_reads"
    __table_args__ = (Index("caucus_reads_side", "number", "side", text("id DESC")),)

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"))
    side: Mapped[Side] = mapped_column(Numbered(Side))
    reader: Mapped[Words]
    read_at: Mapped[Instant]


class FactSheet(MediationModel):
    """A sheet of facts nobody disputes."""

    __tablename__ = "fact_sheets"

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    sheet: Mapped[int] = mapped_column(primary_key=True)
    sealed: Mapped[SealedBytes]
    created_at: Mapped[Instant]
    released_at: Mapped[Instant | None]


class FactSignature(MediationModel):
    """A party's signature on a sheet."""

    __tablename__ = "fact_signatures"
    __table_args__ = (ForeignKeyConstraint(["number", "sheet"], ["fact_sheets.number", "fact_sheets.sheet"]),)

    number: Mapped[Code] = mapped_column(primary_key=True)
    sheet: Mapped[int] = mapped_column(primary_key=True)
    party: Mapped[int] = mapped_column(primary_key=True)
    manner: Mapped[Manner] = mapped_column(Numbered(Manner))
    by_mediator: Mapped[bool]
    signed_at: Mapped[Instant]
