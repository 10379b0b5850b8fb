"""Documents as messages: metadata always, the content for callers who may read it."""

from __future__ import annotations

from pb.mediation.v1 import documents_pb2 as pb

from casework import names
from casework.papers.forms import FORMS, About
from casework.papers.scan import EXTENSIONS
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.mediation.models.documents import Document


def document(row: Document) -> pb.Document:
    """Return a document without its content."""
    about = FORMS[row.form].about
    subject = f"{names.case_name(row.number)}/{about}/{row.subject}" if about is not About.CASE and row.subject else ""
    return pb.Document(
        name=names.document_name(row.number, row.document),
        etag=str(row.version),
        subject=subject,
        document_number=row.document_number,
        companion_language=row.language,
        scanned=row.scanned,
        pages=row.pages,
        size=row.size,
        create_time=stamp(row.created_at),
        update_time=stamp(row.updated_at),
        filed_by=row.updated_by,
        **numbers(form=row.form),
    )


def opened(row: Document, version: int, content: pb.DocumentContent) -> pb.Document:
    """Return a document with its content."""
    found = document(row)
    found.etag = str(version)
    found.content, found.media_type, found.sha256 = content.content, content.media_type, content.sha256
    found.size = len(content.content)
    found.file_name = f"{row.number}-{row.document}-{FORMS[row.form].zh}.{EXTENSIONS[content.media_type]}"
    return found
