"""The tables of the list of officials: what each entry says, and what it said before."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.storage.models import Code, Instant, Words
from services.kit.storage.sealing import SealedBytes
from services.mediation.models.base import MediationModel


class OfficialRow(MediationModel):
    """An entry: one account in one post of one unit."""

    __tablename__ = "officials"
    __table_args__ = (
        CheckConstraint("last_on IS NULL OR first_on <= last_on + 1"),
        Index("officials_account", "account"),
        {"comment": "Who an account is on paper, kept by the head of the unit; no figure about anybody."},
    )

    unit: Mapped[Code] = mapped_column(primary_key=True)
    official_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(server_default="1")
    account: Mapped[Code]
    sealed: Mapped[SealedBytes] = mapped_column(comment="Name and post, sealed under the key of the list.")
    signs: Mapped[bool] = mapped_column(comment="Whether they sign for the unit.")
    first_on: Mapped[date]
    last_on: Mapped[date | None]


class OfficialVersionRow(MediationModel):
    """What an entry says or said."""

    __tablename__ = "official_versions"
    __table_args__ = (
        ForeignKeyConstraint(("unit", "official_no"), ("officials.unit", "officials.official_no")),
        {"comment": "Every version of every entry, the newest too."},
    )

    unit: Mapped[Code] = mapped_column(primary_key=True)
    official_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sealed: Mapped[SealedBytes]
    signs: Mapped[bool]
    first_on: Mapped[date]
    last_on: Mapped[date | None]
    entered_at: Mapped[Instant]
    entered_by: Mapped[Words]
