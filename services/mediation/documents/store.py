"""SQL of documents and dossiers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from casework import names
from casework.errors import CaseError, Reason
from casework.papers.forms import Form
from services.kit.storage.database import Connection, text

_OF_SUBJECT = text("""
    SELECT * FROM documents WHERE number = :number AND form = :form AND subject = :subject AND NOT scanned
""")
_ADD = text("""
    INSERT INTO documents (number, document, form, subject, scanned, document_number, language, pages, size,
                           created_at, updated_at, updated_by)
    SELECT :number, coalesce(max(document), 0) + 1, :form, :subject, :scanned, :document_number, :language, :pages,
           :size, :at, :at, :by
    FROM documents WHERE number = :number RETURNING *
""")
_AGAIN = text("""
    UPDATE documents SET version = version + 1, language = :language, size = :size, updated_at = :at, updated_by = :by
    WHERE number = :number AND document = :document RETURNING *
""")
_ADD_VERSION = text("""
    INSERT INTO document_versions (number, document, version, sealed, stored_hash, made_at, made_by)
    VALUES (:number, :document, :version, :sealed, :stored_hash, :at, :by)
""")
_LISTED = text("""
    SELECT * FROM documents WHERE number = :number AND document > :behind ORDER BY document LIMIT :limit
""")
_GET = text("SELECT * FROM documents WHERE number = :number AND document = :document")
_VERSION = text("""
    SELECT * FROM document_versions WHERE number = :number AND document = :document AND version = :version
""")
_MAKER = text("""
    SELECT made_by FROM document_versions WHERE number = :number AND document = :document AND :version IN (0, version)
    ORDER BY version DESC LIMIT 1
""")
_NEWEST = text("""
    SELECT documents.*, sealed, stored_hash FROM documents JOIN document_versions USING (number, document, version)
    WHERE number = :number ORDER BY document
""")
_DOSSIER = text("SELECT document_number FROM dossiers WHERE number = :number")
_ADD_DOSSIER = text("""
    INSERT INTO dossiers (number, unit, document_number, given_at)
    VALUES (:number, :unit, :document_number, :at)
""")


async def of_subject(connection: Connection, number: str, form: Form, subject: int) -> Any:
    """Return the row of the filled form about this, None where it was not filled yet."""
    key = {"number": number, "form": int(form), "subject": subject}
    return (await connection.execute(_OF_SUBJECT, key)).first()


async def add(connection: Connection, **columns: Any) -> Any:
    """Store a new document, numbered within its case, which must be locked; return its row."""
    return (await connection.execute(_ADD, columns)).one()


async def change(connection: Connection, row: Any, language: str, size: int, at: datetime, by: str) -> Any:
    """Count a document's version up and return its new row."""
    values = {"number": row.number, "document": row.document, "language": language, "size": size, "at": at, "by": by}
    return (await connection.execute(_AGAIN, values)).one()


async def add_version(connection: Connection, row: Any, sealed: bytes, stored_hash: bytes) -> None:
    """Store what a version of a document says, sealed."""
    values = {
        "number": row.number, "document": row.document, "version": row.version, "sealed": sealed,
        "stored_hash": stored_hash, "at": row.updated_at, "by": row.updated_by,
    }  # fmt: skip
    await connection.execute(_ADD_VERSION, values)


async def listed(connection: Connection, number: str, behind: int, limit: int) -> Sequence[Any]:
    """Return the rows of a case's documents, first filed first, behind a number."""
    return (await connection.execute(_LISTED, {"number": number, "behind": behind, "limit": limit})).all()


async def get(connection: Connection, number: str, document: int) -> Any:
    """Return a document's row; NOT_FOUND where there is none."""
    row = (await connection.execute(_GET, {"number": number, "document": document})).first()
    if row is None:
        raise CaseError(Reason.NOT_FOUND, names.document_name(number, document))
    return row


async def maker(connection: Connection, number: str, document: int, version: int) -> str:
    """Return who made a version of a document, the newest for 0; empty where there is none."""
    parameters = {"number": number, "document": document, "version": version}
    return await connection.scalar(_MAKER, parameters) or ""


async def version(connection: Connection, number: str, document: int, version: int) -> Any:
    """Return the row of a version of a document; NOT_FOUND where there is none."""
    key = {"number": number, "document": document, "version": version}
    row = (await connection.execute(_VERSION, key)).first()
    if row is None:
        raise CaseError(Reason.NOT_FOUND, names.document_name(number, document))
    return row


async def newest(connection: Connection, number: str) -> Sequence[Any]:
    """Return every document of a case with what its newest version says, first filed first."""
    return (await connection.execute(_NEWEST, {"number": number})).all()


async def dossier_number(connection: Connection, number: str) -> str:
    """Return the number of a case's dossier; empty where it has none yet."""
    return str(await connection.scalar(_DOSSIER, {"number": number}) or "")


async def add_dossier(connection: Connection, number: str, unit: str, document_number: str, at: datetime) -> None:
    """Give a case's dossier its number."""
    values = {"number": number, "unit": unit, "document_number": document_number, "at": at}
    await connection.execute(_ADD_DOSSIER, values)
