"""DocumentService's RPCs."""

from __future__ import annotations

import asyncio
import hashlib

from pb.mediation.v1 import documents_pb2 as pb
from pb.mediation.v1 import documents_pb2_grpc, people_pb2

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.papers.documents import DossierSource
from casework.papers.filling import Filling, fill, lacks
from casework.papers.forms import FORMS, NOT_SCANNED, About, Form, FormRule, Made
from casework.papers.scan import WORD, media_type_of
from casework.papers.wording import CHINESE
from services.kit.command import Work, command
from services.kit.serving.access import Call, Context, current_call
from services.kit.storage import access_log, paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.kit.storage.sealing import SealError
from services.mediation import keys, record
from services.mediation import store as cases
from services.mediation.documents import dossier, numbers, store, view
from services.mediation.documents.render import rendered
from services.mediation.documents.source.case import source_of
from services.mediation.models.cases import Case
from services.mediation.models.documents import Document
from services.mediation.servicer import Servicer

_PART = 3_000_000


class DocumentServicer(Servicer, documents_pb2_grpc.DocumentServiceServicer):
    """Fills, files and hands out the documents of cases."""

    body_key_name = "requests of documents"

    @command(pb.Document)
    async def GenerateDocument(self, request: pb.GenerateDocumentRequest, work: Work) -> pb.Document:
        """Fill a form from the case; filled again, it is a new version with the number it had."""
        number, rule = names.number_of(request.parent), FORMS[Form(request.form)]
        connection, case = work.connection, await cases.lock(work.connection, number)
        await _require(connection, work.call, case)
        subject = _subject(request, rule)
        held = await store.dossier_number(connection, number)
        source = await source_of(connection, self.rules, self.sealer, case, held, work.now)
        languages = self._languages(request.companion_language, source)
        lacking = lacks(rule, source, subject)
        if lacking:
            raise CaseError(Reason.FACTS_MISSING, ", ".join(lacking), lacking=",".join(lacking))
        row = await store.of_subject(connection, number, rule.form, subject)
        unit_name = self.rules.units.known(case.unit).name
        # The numbers' row is locked from here to the commit: everything that can be refused was refused before.
        given = (
            row.document_number
            if row
            else await numbers.of_document(connection, rule, case, subject, unit_name, work.now)
        )
        filled = [
            (language, fill(rule, Filling(source, subject, given, work.now, self.rules.documents.wordings[language])))
            for language in languages
        ]
        content = await asyncio.to_thread(rendered, self.rules.documents, rule.form, filled)
        companion = languages[-1] if len(languages) > 1 else ""
        if row:
            row = await store.change(connection, row, companion, len(content), work.now, work.actor)
        else:
            row = await store.add(
                connection, number, work.now, work.actor, form=rule.form, subject=subject, scanned=False,
                document_number=given, language=companion, pages=0, size=len(content),
            )  # fmt: skip
        await self._file(work, case, row, content, WORD, "DocumentGenerated")
        name = names.document_name(number, row.document)
        await access_log.record(connection, work.call, work.now, number, name, people_pb2.PURPOSE_DOCUMENT)
        return view.document(row)

    @command(pb.Document)
    async def AddScannedDocument(self, request: pb.AddScannedDocumentRequest, work: Work) -> pb.Document:
        """File a scan; never one of an identity document, of which only the result of a check is kept."""
        number, form = names.number_of(request.parent), Form(request.form)
        case = await cases.lock(work.connection, number)
        await _require(work.connection, work.call, case)
        if form in NOT_SCANNED:
            raise field_error("form", Reason.FORM_NOT_MADE_SO, form.name)
        media_type = media_type_of(request.content)
        row = await store.add(
            work.connection, number, work.now, work.actor, form=form, subject=0, scanned=True, document_number="",
            language="", pages=request.pages, size=len(request.content),
        )  # fmt: skip
        await self._file(work, case, row, request.content, media_type, "DocumentScanned")
        return view.document(row)

    async def ListDocuments(self, request: pb.ListDocumentsRequest, context: Context) -> pb.ListDocumentsResponse:
        """Answer the documents of a case, first filed first."""
        number, size = names.number_of(request.parent), request.page_size or 100
        behind = paging.read(request.page_token, "documents", paging.number) or 0
        async with self.database.begin() as connection:
            await _require(connection, current_call(), await cases.get(connection, number))
            rows = await store.listed(connection, number, behind, size + 1)
        reply = pb.ListDocumentsResponse(documents=map(view.document, rows[:size]))
        reply.next_page_token = paging.following(rows, size, "documents", lambda end: end.document)
        return reply

    async def GetDocument(self, request: pb.GetDocumentRequest, context: Context) -> pb.Document:
        """Answer a document with its content, on record."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.begin() as connection:
            case = await cases.get(connection, number)
            document = int(names.last(request.name))
            await _require(connection, call, case, await store.maker(connection, number, document, request.version))
            row = await store.get(connection, number, document)
            found = await store.version(connection, number, row.document, request.version or row.version)
            content = self._open(case, found.sealed, found.stored_hash)
            name = names.document_name(number, row.document)
            await access_log.record(connection, call, self.time.now(), number, name, people_pb2.PURPOSE_DOCUMENT)
        return view.opened(row, found.version, content)

    async def GetDossier(self, request: pb.GetDossierRequest, context: Context) -> pb.Dossier:
        """Answer the dossier, or a part of its file, on record."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.begin() as connection:
            case = await cases.get(connection, number)
            await _require(connection, call, case)
            held = await store.dossier_number(connection, number)
            source = await source_of(connection, self.rules, self.sealer, case, held, self.time.now())
            documents = [
                (filed, self._open(case, sealed, stored_hash))
                for filed, sealed, stored_hash in await store.newest(connection, number)
            ]
            await access_log.record(
                connection, call, self.time.now(), number, request.name, people_pb2.PURPOSE_DOCUMENT
            )
        languages = self._languages("", source)
        built = await asyncio.to_thread(dossier.build, self.rules.documents, source, languages, documents)
        digest = hashlib.sha256(built.content).hexdigest()
        if request.sha256 and request.sha256 != digest:
            raise CaseError(Reason.ETAG_MISMATCH, etag=digest)
        end = request.offset + (request.max_bytes or _PART)
        return pb.Dossier(
            name=request.name,
            document_number=held,
            entries=built.entries,
            missing=[pb.DocumentForm.Name(form) for form in built.missing],
            content=built.content[request.offset : end],
            size=len(built.content),
            sha256=digest,
            next_offset=end if end < len(built.content) else 0,
            file_name=f"{number}-卷宗.zip",
        )

    def _languages(self, asked: str, source: DossierSource) -> list[str]:
        """Return the languages of a document, Chinese first; UNKNOWN_LANGUAGE for a companion nobody can make."""
        book = self.rules.documents
        if asked and not book.offers(asked):
            raise field_error("companion_language", Reason.UNKNOWN_LANGUAGE, asked)
        companion = asked or (source.language if book.offers(source.language) else "")
        return [CHINESE, companion] if companion and companion != CHINESE else [CHINESE]

    async def _file(self, work: Work, case: Case, row: Document, content: bytes, media_type: str, kind: str) -> None:
        """Store a version, sealed, and tell of it; the history holds the hash of what was stored."""
        told = pb.DocumentContent(
            content=content, media_type=media_type, sha256=hashlib.sha256(content).hexdigest()
        ).SerializeToString()
        sealed = (await keys.writing(work.connection, self.sealer, case)).seal(told)
        stored_hash = hashlib.sha256(sealed).digest()
        await store.add_version(work.connection, row, sealed, stored_hash)
        payload = {
            "document": row.document,
            "version": row.version,
            "form": row.form.name,
            "stored_hash": stored_hash.hex(),
        }
        await work.append(NewEvent(case.number, kind, case.unit, payload))

    def _open(self, case: Case, sealed: bytes, stored_hash: bytes) -> pb.DocumentContent:
        """Return what a version says; SealError where it is not what was stored."""
        if hashlib.sha256(sealed).digest() != stored_hash:
            raise SealError(f"{case.number}: a document is not what was stored")
        return pb.DocumentContent.FromString(keys.reading(self.sealer, case).open(sealed))


async def _require(connection: Connection, call: Call, case: Case, made_by: str = "") -> None:
    """Let the call go on for the accountable unit, for that of the mediator of record, and for who made it."""
    other = await store.mediator_unit(connection, case.number)
    await record.admit(connection, call, case, made_by=made_by, beside=(other,))


def _subject(request: pb.GenerateDocumentRequest, rule: FormRule) -> int:
    """Return the number of what the document is about; the field at fault where form and subject do not fit."""
    if rule.made is not Made.FILLED:
        raise field_error("form", Reason.FORM_NOT_MADE_SO, rule.form.name)
    if rule.about is About.CASE:
        if request.subject:
            raise field_error("subject", Reason.INVALID_FIELD, rule.form.name)
        return 0
    head, _, number = request.subject.rpartition("/")
    if head != f"{request.parent}/{rule.about}":
        raise field_error("subject", Reason.INVALID_FIELD, f"{request.parent}/{rule.about}/*")
    return int(number)
