"""The tables of documents and dossiers, and of cases that were taken out as a portable file."""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.papers.forms import Form
from services.kit.storage.models import Code, Instant, Numbered, Small, Words
from services.kit.storage.sealing import SealedBytes
from services.mediation.models.base import MediationModel


class Dossier(MediationModel):
    """The number of a case's dossier."""

    __tablename__ = "dossiers"
    __table_args__ = (
        UniqueConstraint("unit", "document_number"),
        {"comment": "The number a case's dossier and agreement carry; given with the first document."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    unit: Mapped[Code]
    document_number: Mapped[Words]
    given_at: Mapped[Instant]


class Document(MediationModel):
    """A document of a case, filled or scanned."""

    __tablename__ = "documents"
    __table_args__ = (
        Index(
            "documents_one_a_subject", "number", "form", "subject", unique=True, postgresql_where=text("NOT scanned")
        ),
    )

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    document: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    form: Mapped[Form] = mapped_column(Numbered(Form))
    subject: Mapped[int] = mapped_column(
        comment="Number of what it is about within the case; 0 for the case as a whole."
    )
    scanned: Mapped[bool]
    document_number: Mapped[Words]
    language: Mapped[Words]
    pages: Mapped[int]
    size: Mapped[int]
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]
    updated_by: Mapped[Words]


class DocumentVersion(MediationModel):
    """What a version of a document says, sealed."""

    __tablename__ = "document_versions"
    __table_args__ = (
        ForeignKeyConstraint(["number", "document"], ["documents.number", "documents.document"]),
        {"comment": "Every version as it was made; unreadable once the data key of its case is gone."},
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    document: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    sealed: Mapped[SealedBytes]
    stored_hash: Mapped[bytes] = mapped_column(comment="SHA-256 of the sealed bytes; also in the case's history.")
    made_at: Mapped[Instant]
    made_by: Mapped[Words]


class TakeOut(MediationModel):
    """That a case was taken out as a portable file."""

    __tablename__ = "take_outs"
    __table_args__ = ({"comment": "That a case was taken out whole, by whom, on what ground and why; never changed."},)

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    take_out: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    ground: Mapped[Small]
    reason: Mapped[SealedBytes] = mapped_column(comment="Sealed under the key of the case: it is told in words.")
    taken_at: Mapped[Instant]
    taken_by: Mapped[Words]
