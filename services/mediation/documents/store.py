"""Statements of documents and dossiers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Integer, Text, and_, bindparam, not_, or_, select

from casework import names
from casework.papers.dossier import Filed
from casework.papers.forms import Form
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.mediation.models.consents import Mediation
from services.mediation.models.documents import Document, DocumentVersion, Dossier

_NUMBER, _DOCUMENT = bindparam("number", type_=Text), bindparam("document", type_=Integer)
_VERSION = bindparam("version", type_=Integer)
_OF_SUBJECT = select(Document).where(
    Document.number == _NUMBER,
    Document.form == bindparam("form"),
    Document.subject == bindparam("subject"),
    not_(Document.scanned),
)
_LISTED = (
    select(Document)
    .where(Document.number == _NUMBER, Document.document > bindparam("behind", type_=Integer))
    .order_by(Document.document)
    .limit(bindparam("limit", type_=Integer))
)
_OF_DOCUMENT = (DocumentVersion.number == _NUMBER, DocumentVersion.document == _DOCUMENT)
_MAKER = (
    select(DocumentVersion.made_by)
    .where(*_OF_DOCUMENT, or_(_VERSION == 0, DocumentVersion.version == _VERSION))
    .order_by(DocumentVersion.version.desc())
    .limit(1)
)
_NEWEST = (
    select(
        Document.document, Document.form, Document.document_number, Document.created_at, Document.scanned,
        Document.pages, DocumentVersion.sealed, DocumentVersion.stored_hash,
    )
    .join(
        DocumentVersion,
        and_(
            DocumentVersion.number == Document.number,
            DocumentVersion.document == Document.document,
            DocumentVersion.version == Document.version,
        ),
    )
    .where(Document.number == _NUMBER)
    .order_by(Document.document)
)  # fmt: skip
_DOSSIER = select(Dossier.document_number).where(Dossier.number == _NUMBER)
_MEDIATOR_UNIT = select(Mediation.mediator_unit).where(Mediation.number == _NUMBER)


async def of_subject(connection: Connection, number: str, form: Form, subject: int) -> Document | None:
    """Return the row of the filled form about this, None where it was not filled yet."""
    return (await connection.execute(_OF_SUBJECT, {"number": number, "form": form, "subject": subject})).first()


async def add(connection: Connection, number: str, at: datetime, by: str, **columns: object) -> Document:
    """Store a new document, numbered within its case, which must be locked; return its row."""
    return await rows.add(
        connection,
        Document,
        "document",
        {"number": number},
        rows.PAGED,
        created_at=at,
        updated_at=at,
        updated_by=by,
        **columns,
    )


async def change(connection: Connection, row: Document, language: str, size: int, at: datetime, by: str) -> Document:
    """Count a document's version up and return its new row."""
    key = {"number": row.number, "document": row.document}
    return await rows.update(connection, Document, key, language=language, size=size, updated_at=at, updated_by=by)


async def add_version(connection: Connection, row: Document, sealed: bytes, stored_hash: bytes) -> None:
    """Store what a version of a document says, sealed."""
    await rows.insert(
        connection, DocumentVersion, number=row.number, document=row.document, version=row.version, sealed=sealed,
        stored_hash=stored_hash, made_at=row.updated_at, made_by=row.updated_by,
    )  # fmt: skip


async def listed(connection: Connection, number: str, behind: int, limit: int) -> Sequence[Document]:
    """Return the rows of a case's documents, first filed first, after a number."""
    return await connection.execute(_LISTED, {"number": number, "behind": behind, "limit": limit})


async def get(connection: Connection, number: str, document: int) -> Document:
    """Return a document's row; NOT_FOUND where there is none."""
    return await rows.get(connection, Document, names.document_name(number, document), number=number, document=document)


async def maker(connection: Connection, number: str, document: int, version: int) -> str:
    """Return who made a version of a document, the newest for 0; empty where there is none."""
    parameters = {"number": number, "document": document, "version": version}
    return await connection.scalar(_MAKER, parameters) or ""


async def version(connection: Connection, number: str, document: int, version: int) -> DocumentVersion:
    """Return the row of a version of a document; NOT_FOUND where there is none."""
    name = names.document_name(number, document)
    return await rows.get(connection, DocumentVersion, name, number=number, document=document, version=version)


async def newest(connection: Connection, number: str) -> list[tuple[Filed, bytes, bytes]]:
    """Return every document of a case, first filed first, with its newest version, sealed, and its hash."""
    found = await connection.execute(_NEWEST, {"number": number})
    return [
        (Filed(document, form, given, at, scanned, pages), sealed, stored_hash)
        for document, form, given, at, scanned, pages, sealed, stored_hash in found
    ]


async def dossier_number(connection: Connection, number: str) -> str:
    """Return the number of a case's dossier; empty where it has none yet."""
    return await connection.scalar(_DOSSIER, {"number": number}) or ""


async def add_dossier(connection: Connection, number: str, unit: str, document_number: str, at: datetime) -> None:
    """Give a case's dossier its number."""
    await rows.insert(connection, Dossier, number=number, unit=unit, document_number=document_number, given_at=at)


async def mediator_unit(connection: Connection, number: str) -> str:
    """Return the unit of the mediator of record of a case; empty where there is none."""
    return await connection.scalar(_MEDIATOR_UNIT, {"number": number}) or ""
