"""DocumentService's RPCs."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from pb.mediation.v1 import documents_pb2 as pb
from pb.mediation.v1 import documents_pb2_grpc, people_pb2

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.papers.documents import DossierSource
from casework.papers.filling import Filling, fill, lacks
from casework.papers.forms import FORMS, NOT_SCANNED, About, Form, FormRule, Made
from casework.papers.scan import WORD, media_type_of
from casework.papers.sheets import Sheet
from casework.papers.wording import CHINESE
from services.kit.command import Keyed, Work, command
from services.kit.serving.access import Call, Context, current_call
from services.kit.storage import access_log, paging, requests
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
Number = Callable[[Connection, FormRule, Case, int, str, datetime], Awaitable[str]]
"""Gives a new document its number."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A form filled from a case: its text in each language, Chinese first; its document, if there is one already."""

    rule: FormRule
    subject: int
    row: Document | None
    given: str
    sheets: list[tuple[str, Sheet]]

    @property
    def companion(self) -> str:
        """The language beside Chinese; empty if there is none."""
        return self.sheets[-1][0] if len(self.sheets) > 1 else ""


@dataclass(frozen=True, slots=True)
class Rendered(Keyed[pb.Document]):
    """A form rendered before its transaction: the text it was rendered from, and the file. Empty if refused."""

    sheets: list[tuple[str, Sheet]] = field(default_factory=list)
    content: bytes = b""


class DocumentServicer(Servicer, documents_pb2_grpc.DocumentServiceServicer):
    """Fills, files and hands out the documents of cases."""

    body_key_name = "requests of documents"

    async def _rendered(self, request: pb.GenerateDocumentRequest, call: Call) -> Rendered:
        """Render the form as the case and the next number are now, so that no transaction is held meanwhile."""
        key = (call.caller.subject, requests.body_hash(request, self.body_key), pb.Document)
        try:
            async with self.database.begin(snapshot=True) as connection:
                case = await cases.get(connection, names.number_of(request.parent))
                unit = await store.mediator_unit(connection, case.number)
                if not await record.allows(connection, call, case, beside=(unit,), on_record=False):
                    return Rendered(*key)
                form = await self._filled(connection, request, case, self.time.now(), numbers.expected)
        except CaseError:
            # The transaction finds the same, and refuses it.
            return Rendered(*key)
        return Rendered(*key, form.sheets, await self._render(form))

    @command(pb.Document, before=_rendered)
    async def GenerateDocument(self, request: pb.GenerateDocumentRequest, work: Work, ready: Rendered) -> pb.Document:
        """Fill a form from the case; filled again, it is a new version with the number it had."""
        connection, case = work.connection, await cases.lock(work.connection, names.number_of(request.parent))
        await _require(connection, work.call, case)
        form = await self._filled(connection, request, case, work.now, numbers.of_document)
        # It is rendered in here only if another document took the number meanwhile, or the case changed.
        content = ready.content if ready.sheets == form.sheets else await self._render(form)
        if form.row:
            row = await store.change(connection, form.row, form.companion, len(content), work.now, work.actor)
        else:
            row = await store.add(
                connection, case.number, work.now, work.actor, form=form.rule.form, subject=form.subject, scanned=False,
                document_number=form.given, language=form.companion, pages=0, size=len(content),
            )  # fmt: skip
        await self._file(work, case, row, content, WORD, "DocumentGenerated")
        name = names.document_name(case.number, row.document)
        await access_log.record(connection, work.call, work.now, case.number, name, people_pb2.PURPOSE_DOCUMENT)
        return view.document(row)

    async def _filled(
        self, connection: Connection, request: pb.GenerateDocumentRequest, case: Case, now: datetime, new_number: Number
    ) -> Filled:
        """Return the form filled from the case, under the number that it has or that `new_number` gives."""
        rule = FORMS[Form(request.form)]
        subject = _subject(request, rule)
        held = await store.dossier_number(connection, case.number)
        source = await source_of(connection, self.rules, self.sealer, case, held, now)
        languages = self._languages(request.companion_language, source)
        lacking = lacks(rule, source, subject)
        if lacking:
            raise CaseError(Reason.FACTS_MISSING, ", ".join(lacking), lacking=",".join(lacking))
        row = await store.of_subject(connection, case.number, rule.form, subject)
        # A number's row is locked from here to the commit: everything that can be refused was refused before.
        given = (
            row.document_number
            if row
            else await new_number(connection, rule, case, subject, self.mark_of(case.unit), now)
        )
        wordings = self.rules.documents.wordings
        sheets = [(each, fill(rule, Filling(source, subject, given, now, wordings[each]))) for each in languages]
        return Filled(rule, subject, row, given, sheets)

    async def _render(self, form: Filled) -> bytes:
        return await asyncio.to_thread(rendered, self.rules.documents, form.rule.form, form.sheets)

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
        """Return the documents of a case, first filed first."""
        number, size = names.number_of(request.parent), request.page_size or 100
        behind = paging.read(request.page_token, "documents", paging.number) or 0
        async with self.database.begin() as connection:
            await _require(connection, current_call(), await cases.get(connection, number))
            rows = await store.listed(connection, number, behind, size + 1)
        reply = pb.ListDocumentsResponse(documents=map(view.document, rows[:size]))
        reply.next_page_token = paging.following(rows, size, "documents", lambda end: end.document)
        return reply

    async def GetDocument(self, request: pb.GetDocumentRequest, context: Context) -> pb.Document:
        """Return a document with its content, and log it."""
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
        """Return the dossier, or a part of its file, and log it."""
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
        """Store a version, sealed, and append its event, which has the hash of what was stored."""
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
        """Return the content of a version; SealError if it is not what was stored."""
        if hashlib.sha256(sealed).digest() != stored_hash:
            raise SealError(f"{case.number}: a document is not what was stored")
        return pb.DocumentContent.FromString(keys.reading(self.sealer, case).open(sealed))


async def _require(connection: Connection, call: Call, case: Case, made_by: str = "") -> None:
    """Allow the call for the accountable unit, for that of the mediator of record, and for the author."""
    other = await store.mediator_unit(connection, case.number)
    await record.admit(connection, call, case, made_by=made_by, beside=(other,))


def _subject(request: pb.GenerateDocumentRequest, rule: FormRule) -> int:
    """Return the number of the document's subject; a field error if form and subject do not match."""
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
