"""The tables of evidence and investigations."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from casework.papers.file_type import FileType
from services.kit.storage.models import Code, Count, Instant, Numbered, Words
from services.kit.storage.sealing import SealedBytes
from services.mediation.models.base import MediationModel


class Evidence(MediationModel):
    """The metadata of a file."""

    __tablename__ = "evidence"
    __table_args__ = (
        UniqueConstraint("number", "content_mac", name="evidence_is_stored_once"),
        Index("evidence_file", "stored_hash"),
    )

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    evidence: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[FileType] = mapped_column(Numbered(FileType))
    party: Mapped[int]
    size: Mapped[Count]
    stored_hash: Mapped[bytes] = mapped_column(
        comment="SHA-256 of the encrypted file: its name in the folder of files."
    )
    content_mac: Mapped[bytes]
    sealed: Mapped[SealedBytes]
    created_at: Mapped[Instant]
    created_by: Mapped[Words]


class Investigation(MediationModel):
    """A note of an investigation."""

    __tablename__ = "investigations"

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    investigation: Mapped[int] = mapped_column(primary_key=True)
    sealed: Mapped[SealedBytes]
    investigated_at: Mapped[Instant]
    read_back: Mapped[bool]
    created_at: Mapped[Instant]
    created_by: Mapped[Words]
