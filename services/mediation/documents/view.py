"""What is shown of documents: metadata always, the content to whoever may read it."""

from __future__ import annotations

from typing import Any

from pb.mediation.v1 import documents_pb2 as pb

from casework import names
from casework.papers.forms import FORMS, About, Form
from casework.papers.scan import EXTENSIONS
from services.kit.instants import stamp


def document(row: Any) -> pb.Document:
    """Return a document without anything of what it says."""
    form = Form(row.form)
    about = FORMS[form].about
    subject = f"{names.case_name(row.number)}/{about}/{row.subject}" if about is not About.CASE and row.subject else ""
    return pb.Document(
        name=names.document_name(row.number, row.document),
        etag=str(row.version),
        form=row.form,
        subject=subject,
        document_number=row.document_number,
        companion_language=row.language,
        scanned=row.scanned,
        pages=row.pages,
        size=row.size,
        create_time=stamp(row.created_at),
        update_time=stamp(row.updated_at),
        filed_by=row.updated_by,
    )


def opened(row: Any, version: int, content: pb.DocumentContent) -> pb.Document:
    """Return a document with its content."""
    found = document(row)
    found.etag = str(version)
    found.content, found.media_type, found.sha256 = content.content, content.media_type, content.sha256
    found.size = len(content.content)
    found.file_name = f"{row.number}-{row.document}-{FORMS[Form(row.form)].zh}.{EXTENSIONS[content.media_type]}"
    return found
