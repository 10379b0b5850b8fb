"""EvidenceService's RPCs. Each reads the request, checks permission, decides, writes once, responds."""

from __future__ import annotations

import asyncio
import hmac
import time as wall
from collections.abc import AsyncIterator
from typing import Any

import structlog
from pb.mediation.v1 import evidence_pb2 as pb
from pb.mediation.v1 import evidence_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.mediation.course import Scope
from casework.papers.file_type import LARGEST, FileType, check_file
from services.kit.command import Work, command
from services.kit.composition import Parts
from services.kit.instants import instant
from services.kit.serving.access import Context, current_call
from services.kit.serving.uploads import Uploads
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.mediation import keys
from services.mediation.evidence import store, view
from services.mediation.evidence.files import Files
from services.mediation.fulfilment import store as fulfilment
from services.mediation.models.cases import Case
from services.mediation.models.evidence import Evidence
from services.mediation.servicer import Servicer
from services.mediation.sessions import standing
from services.mediation.sessions.record import party_of
from services.mediation.store import get as get_case
from services.mediation.store import lock as lock_case

log = structlog.get_logger()

_PART = 256 * 1024
_CLEANED_EVERY = 3600.0
_SPEAKS = frozenset({Scope.SPEAK})
"""Powers of an agent by which evidence is given and seen."""


class EvidenceServicer(Servicer, evidence_pb2_grpc.EvidenceServiceServicer):
    """Serves evidence files and notes of investigations."""

    body_key_name = "requests of evidence"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        if parts.settings.files is None:
            raise SystemExit("ACCORD_FILES: the folder of evidence files must be set")
        self._files = Files(parts.settings.files)
        self._content_key = parts.sealer.derive("content of evidence")
        self._uploads = Uploads(LARGEST)
        self._cleaned_at = 0.0
        self._cleaning: asyncio.Task[None] | None = None

    @command(pb.Evidence)
    async def CreateEvidence(self, request: pb.CreateEvidenceRequest, work: Work) -> pb.Evidence:
        """Store a file as evidence, encrypted under the case's key."""
        number = names.number_of(request.parent)
        case = await lock_case(work.connection, number)
        people = await standing.standing(work.connection, number)
        mine = await standing.admit(work.connection, work.call, case, people, _SPEAKS)
        given, content = request.evidence, request.content
        party = party_of(given.party, number) if given.party else 0
        if mine is not None and party not in mine:
            raise field_error("evidence.party", Reason.INVALID_FIELD, "the party you sign in for")
        if party and party not in people.parties:
            raise field_error("evidence.party", Reason.INVALID_FIELD, "no such party")
        await asyncio.to_thread(check_file, FileType(given.type), content)
        mac = await asyncio.to_thread(hmac.digest, self._content_key, number.encode() + b"\0" + content, "sha256")
        await store.must_be_new(work.connection, number, mac)
        under = await keys.writing(work.connection, self.sealer, case)
        # The file is stored before the row that names it: a failure between the two leaves an unknown file,
        # unreadable and removed later, never a row without its file.
        stored = await asyncio.to_thread(lambda: self._files.put(under.seal(content)))
        label = pb.Evidence(title=given.title, file_name=given.file_name)
        row = {
            "type": FileType(given.type),
            "party": party,
            "size": len(content),
            "stored_hash": stored,
            "content_mac": mac,
            "sealed": under.seal(label.SerializeToString()),
            "created_at": work.now,
            "created_by": work.actor,
        }
        added = await store.add(work.connection, number, **row)
        payload = {"evidence": added.evidence, "type": added.type.name, "size": len(content)}
        await work.append(NewEvent(number, "EvidenceStored", case.unit, payload))
        self._clean_sometimes()
        return view.evidence(added)

    async def UploadEvidence(self, request_iterator: AsyncIterator[Any], context: Context) -> pb.Evidence:
        """Store a file that comes in parts; permission is checked before anything is received."""
        first = await anext(aiter(request_iterator), None)
        if first is None or not first.HasField("header"):
            raise field_error("header", Reason.INVALID_FIELD, "needed in the first part")
        header, number = first.header, names.number_of(first.header.parent)
        async with self.database.begin() as connection:
            case = await get_case(connection, number)
            people = await standing.standing(connection, number)
            await standing.admit(connection, current_call(), case, people, _SPEAKS)
        async with self._uploads.received(first.chunk, request_iterator) as content:
            whole = pb.CreateEvidenceRequest(
                parent=header.parent, evidence=header.evidence, content=content, request_id=header.request_id
            )
            stored: pb.Evidence = await self.CreateEvidence(whole, context)
        return stored

    async def GetEvidence(self, request: pb.GetEvidenceRequest, context: Context) -> pb.Evidence:
        """Return a file's metadata, without its title."""
        async with self.database.begin() as connection:
            _, row = await self._evidence(connection, request.name)
        return view.evidence(row)

    async def ListEvidence(self, request: pb.ListEvidenceRequest, context: Context) -> pb.ListEvidenceResponse:
        """Return the files of a case; to a party, its own."""
        number, size = names.number_of(request.parent), request.page_size or 50
        behind = paging.read(request.page_token, "evidence", paging.number) or 0
        async with self.database.begin() as connection:
            case = await get_case(connection, number)
            people = await standing.standing(connection, number)
            mine = await standing.admit(connection, current_call(), case, people, _SPEAKS)
            parties = None if mine is None else sorted(mine)
            rows = await store.listed(connection, number, parties, behind, size + 1)
        reply = pb.ListEvidenceResponse(evidence=[view.evidence(row) for row in rows[:size]])
        reply.next_page_token = paging.following(rows, size, "evidence", lambda end: end.evidence)
        return reply

    async def DownloadEvidence(
        self, request: pb.DownloadEvidenceRequest, context: Context
    ) -> AsyncIterator[pb.DownloadEvidenceResponse]:
        """Return a file with its title, in parts, and log the access."""
        async with self.database.begin() as connection:
            case, row = await self._evidence(connection, request.name)
            await self.log_reading(connection, case, request.name, "ContentRead", subject=request.name)
        self.pulse.beat()
        under = keys.reading(self.sealer, case)
        content = await asyncio.to_thread(lambda: under.open(self._files.get(row.stored_hash)))
        evidence = view.evidence(row)
        evidence.MergeFromString(under.open(row.sealed))
        for start in range(0, len(content), _PART):
            yield pb.DownloadEvidenceResponse(
                evidence=None if start else evidence, chunk=content[start : start + _PART]
            )

    @command(pb.Investigation)
    async def CreateInvestigation(self, request: pb.CreateInvestigationRequest, work: Work) -> pb.Investigation:
        """Record an investigation, sealed."""
        number = names.number_of(request.parent)
        case = await lock_case(work.connection, number)
        await standing.admit(work.connection, work.call, case, await standing.standing(work.connection, number))
        under = await keys.writing(work.connection, self.sealer, case)
        when = instant(request.investigate_time) if request.HasField("investigate_time") else work.now
        if when > work.now:
            raise field_error("investigate_time", Reason.INVALID_FIELD, "not yet")
        row = await store.add_note(
            work.connection, number, sealed=under.seal(request.content.SerializeToString()), investigated_at=when,
            read_back=request.read_back, created_at=work.now, created_by=work.actor,
        )  # fmt: skip
        payload = {"investigation": row.investigation}
        await work.append(NewEvent(number, "InvestigationRecorded", case.unit, payload))
        return view.investigation(row)

    async def GetInvestigation(self, request: pb.GetInvestigationRequest, context: Context) -> pb.Investigation:
        """Return a note with its text, and log the access."""
        number = names.number_of(request.name)
        async with self.database.begin() as connection:
            case = await get_case(connection, number)
            await standing.admit(connection, current_call(), case, await standing.standing(connection, number))
            row = await store.get_note(connection, number, int(names.last(request.name)))
            await self.log_reading(connection, case, request.name, "ContentRead", subject=request.name)
        self.pulse.beat()
        answer = view.investigation(row)
        answer.content.ParseFromString(keys.reading(self.sealer, case).open(row.sealed))
        return answer

    async def ListInvestigations(
        self, request: pb.ListInvestigationsRequest, context: Context
    ) -> pb.ListInvestigationsResponse:
        """Return the notes of a case's investigations, without their texts."""
        number, size = names.number_of(request.parent), request.page_size or 50
        behind = paging.read(request.page_token, "investigations", paging.number) or 0
        async with self.database.begin() as connection:
            case = await get_case(connection, number)
            await standing.admit(connection, current_call(), case, await standing.standing(connection, number))
            rows = await store.listed_notes(connection, number, behind, size + 1)
        reply = pb.ListInvestigationsResponse(investigations=[view.investigation(row) for row in rows[:size]])
        reply.next_page_token = paging.following(rows, size, "investigations", lambda end: end.investigation)
        return reply

    async def clean(self) -> int:
        """Remove files an hour old that no case refers to; return how many."""
        candidates = await asyncio.to_thread(self._files.old)
        async with self.database.begin() as connection:
            kept = await store.kept(connection, candidates)
        return await asyncio.to_thread(self._files.clean, kept, candidates)

    def _clean_sometimes(self) -> None:
        if wall.monotonic() - self._cleaned_at < _CLEANED_EVERY and self._cleaned_at:
            return
        self._cleaned_at = wall.monotonic()
        self._cleaning = asyncio.create_task(self._clean_quietly())

    async def _clean_quietly(self) -> None:
        try:
            removed = await self.clean()
        except (CaseError, OSError) as error:
            log.warning("files not cleaned", error=type(error).__name__)
            return
        if removed:
            log.info("files cleaned", removed=removed)

    async def _evidence(self, connection: Connection, name: str) -> tuple[Case, Evidence]:
        """Return case and file, if the caller may see it: staff, the party that gave it, or to whom it is a proof."""
        number = names.number_of(name)
        case = await get_case(connection, number)
        people = await standing.standing(connection, number)
        mine = await standing.admit(connection, current_call(), case, people, _SPEAKS)
        row = await store.get(connection, number, int(names.last(name)))
        if (
            mine is not None
            and row.party not in mine
            and row.evidence not in await fulfilment.proofs_for(connection, number, mine)
        ):
            raise CaseError(Reason.NOT_FOUND, name)
        return case, row
