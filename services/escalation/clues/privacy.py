"""RPCs for the legal rights of who gave a clue: the code, the own file, an erasure by two people after the term."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial

from pb.escalation.v1 import clues_pb2
from pb.mediation.v1 import erasure_pb2
from pb.privacy.v1 import clues_pb2 as pb
from pb.privacy.v1 import clues_pb2_grpc

from casework import names
from casework.door import second_factor
from casework.erasure import keep_until
from casework.errors import CaseError, Reason
from services.escalation import erasing, files, scope
from services.escalation.clues import codes, store
from services.escalation.models import Clue, ClueCode, File
from services.escalation.servicer import Servicer
from services.kit.command import Work, command
from services.kit.composition import Parts
from services.kit.erasing import Erasing, Matter
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.personal import Paper
from services.kit.saying import moment
from services.kit.serving.access import NO_PARTS, Call, Context, Part, current_call
from services.kit.serving.codes import INFORMANT, CodeMint
from services.kit.serving.limits import too_many
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent

_SESSION = 1800
"""Seconds for which a token to act is valid."""
_LOOKS, _NEWEST = 1000, 2**63 - 1
_READ = {True: ("查阅了提供人的信息", "who gave it"), False: ("查阅了内容", "what was told")}
_STATES = {
    clues_pb2.CLUE_STATE_REGISTERED: ("已登记", "registered"),
    clues_pb2.CLUE_STATE_VERIFYING: ("核查中", "being verified"),
    clues_pb2.CLUE_STATE_VERIFIED: ("已核查", "verified"),
    clues_pb2.CLUE_STATE_TRANSFERRED: ("已移送", "transferred"),
    clues_pb2.CLUE_STATE_HANDLING: ("办理中", "being handled"),
    clues_pb2.CLUE_STATE_HANDLED: ("已办理", "handled"),
    clues_pb2.CLUE_STATE_CLOSED: ("已办结", "closed"),
}


class CluePrivacyServicer(Servicer, clues_pb2_grpc.CluePrivacyServiceServicer):
    """Serves who gave a clue, by its code, and the erasure of clues."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._mint = CodeMint(parts.settings.codes_key_file)
        self._index_key = parts.sealer.derive(codes.KEY)
        self._erasing = Erasing(
            self.service, store.KEPT, store.told, erasing.erase, parts.erasures, parts.rules, finishes=True,
            reaches=(self.service,),
        )  # fmt: skip

    async def SignInByClue(self, request: pb.SignInByClueRequest, context: Context) -> pb.ClueSession:
        """Return a token for one clue; from the fifth wrong answer in a row the code is closed for a while."""
        current_call().require(names.ROOT_UNIT)
        index = codes.index_of(self._index_key, request.code)
        async with self.database.begin() as connection:
            row = await store.by_code(connection, index)
            file = await files.get(connection, row.number)
            # The words were erased with the clue: the code alone opens the certificate, and nothing else is left.
            refusal = await self._wrong(connection, row, file, request) if file.erased_at is None else None
        if refusal is not None:
            # Raised after the transaction, so that the wrong answer is counted.
            self.pulse.beat()
            raise refusal
        clue = names.file_name(row.number)
        token, until = self._mint.token(INFORMANT, clue, clue, _SESSION)
        return pb.ClueSession(access_token=token, expire_time=stamp(until), clue=clue)

    async def _wrong(
        self, connection: Connection, row: ClueCode, file: File, request: pb.SignInByClueRequest
    ) -> CaseError | None:
        """Return the error for a wrong answer, and count it; None if it is right."""
        now = self.time.now()
        if row.closed_until is not None and row.closed_until > now:
            return too_many((row.closed_until - now).total_seconds())
        if row.sealed is None:
            # It was not true, or could not be found out: nothing is left of it.
            return CaseError(Reason.DATA_ERASED, names.file_name(row.number))
        kept = clues_pb2.ClueSlip.FromString(files.reading(self.sealer, file).open(row.sealed))
        if second_factor.is_right(request.second_factor, kept.words, ""):
            if row.failed:
                await store.count_wrong(connection, row.number, 0, None)
            return None
        failed = row.failed + 1
        closed = second_factor.closed_for(failed)
        await store.count_wrong(connection, row.number, failed, now + closed if closed else None)
        if closed:
            told = [NewEvent(row.number, "ClueCodeClosed", file.unit)]
            await self.log.append(connection, told, at=now, actor="", trace="")
        return CaseError(Reason.SECOND_FACTOR_WRONG)

    async def ExportClue(self, request: pb.ExportClueRequest, context: Context) -> pb.ClueFile:
        """Return what somebody told, how far it is, and when it was read; never what was found or by whom."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.begin() as connection:
            row = await store.get(connection, number)
            _admit(call, row)
            if row.sealed_clue is None or row.sealed_reporter is None:
                raise CaseError(Reason.DATA_ERASED, request.name)
            opener = await self.opener(connection, number)
            told = clues_pb2.ClueReporter.FromString(opener.open(row.sealed_reporter))
            found = pb.ClueFile(
                name=request.name, export_time=stamp(self.time.now()),
                unit_display_name=self.rules.units.known(row.unit).name,
                description=opener.open(row.sealed_clue).decode(), reporter_name=told.reporter_name,
                reporter_contact=told.contact, register_time=stamp(row.registered_at),
                keep_until_time=stamp(self._until(row)), **numbers(state=row.state, result=row.result),
            )  # fmt: skip
            for event in await store.readings(connection, number, _NEWEST, _LOOKS):
                found.looks.append(
                    pb.ClueLook(
                        time=stamp(event.occurred_at),
                        reporter=store.READINGS[event.kind],
                        purpose=event.payload.get("purpose"),
                    )
                )
            await self.log_reading(connection, number, row.unit, "ClueFileExported")
        self.pulse.beat()
        return await asyncio.to_thread(_written, found, call.language)

    @command(erasure_pb2.CaseErasure)
    async def RequestClueErasure(self, request: pb.RequestClueErasureRequest, work: Work) -> erasure_pb2.CaseErasure:
        """Record the request for an erasure; in a dry run, return what would be erased and write nothing."""
        return await self._erasing.request(work, await self._locked(request.name, work), request)

    @command(erasure_pb2.CaseErasure)
    async def EraseClue(self, request: pb.EraseClueRequest, work: Work) -> erasure_pb2.CaseErasure:
        """Destroy the clue's key, as another person than the requester."""
        again = partial(self._found, work.connection, request.name)
        return await self._erasing.erase(work, await self._locked(request.name, work), request.etag, again)

    @command(erasure_pb2.CaseErasure)
    async def RefuseClueErasure(self, request: pb.RefuseClueErasureRequest, work: Work) -> erasure_pb2.CaseErasure:
        """Refuse the request."""
        return await self._erasing.refuse(work, await self._locked(request.name, work), request.etag)

    @command(erasure_pb2.CaseErasure)
    async def HoldClueData(self, request: pb.HoldClueDataRequest, work: Work) -> erasure_pb2.CaseErasure:
        """Place a hold; it prevents erasure on every ground."""
        return await self._erasing.hold(work, await self._locked(request.name, work), request.evidence)

    @command(erasure_pb2.CaseErasure)
    async def ReleaseClueData(self, request: pb.ReleaseClueDataRequest, work: Work) -> erasure_pb2.CaseErasure:
        """Lift every hold, as another person than those who placed them."""
        return await self._erasing.release(work, await self._locked(request.name, work), request.evidence)

    async def GetClueErasure(self, request: pb.GetClueErasureRequest, context: Context) -> erasure_pb2.CaseErasure:
        """Return the state of the erasure of a clue."""
        async with self.database.begin() as connection:
            matter = await self._seen(connection, request.name)
            return await self._erasing.answer(connection, matter, self.time.now())

    async def GetClueErasureCertificate(
        self, request: pb.GetClueErasureCertificateRequest, context: Context
    ) -> erasure_pb2.ErasureCertificate:
        """Return the certificate of an erasure that is complete."""
        async with self.database.begin() as connection:
            return await self._erasing.certificate(connection, await self._seen(connection, request.name))

    async def ListDueClueErasures(
        self, request: pb.ListDueClueErasuresRequest, context: Context
    ) -> pb.ListDueClueErasuresResponse:
        """Return clues whose retention is over, the longest expired first."""
        size, now = request.page_size or 50, self.time.now()
        within = scope.subtree(current_call().scope(names.last(request.unit) if request.unit else ""))
        behind = paging.read(request.page_token, "clue erasures", paging.instant, paging.key)
        years = {result: kept.years for result, kept in self.rules.clue_retention.items()}
        async with self.database.read() as connection:
            found = await store.due(connection, years, within, now, behind, size + 1)
        reply = pb.ListDueClueErasuresResponse(
            erasures=[
                erasure_pb2.CaseErasure(
                    case=names.file_name(row.number), keep_until_time=stamp(row.until),
                    retention_class=self.rules.clue_retention[row.result].key,
                )
                for row in found[:size]
            ]
        )  # fmt: skip
        reply.next_page_token = paging.following(found, size, "clue erasures", lambda end: (end.until, end.number))
        return reply

    async def _locked(self, name: str, work: Work) -> Matter:
        """Return a clue, its file locked, if the caller may act on it."""
        file = await self.locked(name, work)
        row = await store.get(work.connection, file.number)
        _admit(work.call, row)
        return self._matter(row, file)

    async def _seen(self, connection: Connection, name: str) -> Matter:
        """Return a clue, if the caller may read its erasure."""
        _admit(current_call(), await store.get(connection, names.number_of(name)))
        return await self._found(connection, name)

    async def _found(self, connection: Connection, name: str) -> Matter:
        row = await store.get(connection, names.number_of(name))
        return self._matter(row, await files.get(connection, row.number))

    def _matter(self, row: Clue, file: File) -> Matter:
        kept = self.rules.clue_retention.get(row.result) if row.result else None
        return Matter(
            names.file_name(row.number), row.number, row.unit, file.erased_at, (file.seq, file.head),
            closed=row.closed_at is not None, until=self._until(row), kept_as=kept.key if kept else "",
        )  # fmt: skip

    def _until(self, row: Clue) -> datetime | None:
        kept = self.rules.clue_retention.get(row.result) if row.result else None
        return keep_until(kept.years, row.closed_at) if kept else None


def _admit(call: Call, row: Clue) -> None:
    """Allow the call for the unit that keeps the clue, or for who came by its code; else PERMISSION_DENIED."""
    own = call.caller.matter == names.file_name(row.number)
    call.require(row.unit, frozenset({Part.holder}) if own else NO_PARTS)


def _written(found: pb.ClueFile, language: str) -> pb.ClueFile:
    """Return the file with its document in a language."""
    paper, english = Paper(language), language == "en"
    number = names.number_of(found.name).removeprefix("clues-")
    paper.facts(
        "", "",
        (("编号", "Number", number), ("登记单位", "Unit", found.unit_display_name),
         ("登记时间", "Registered", moment(found.register_time, language)),
         ("姓名", "Name", found.reporter_name), ("联系方式", "Contact", found.reporter_contact),
         ("进展", "How far it is", _STATES[found.state][english]),
         ("保存至", "Kept until", moment(found.keep_until_time, language))),
    )  # fmt: skip
    paper.lines("您反映的内容", "What you told", [found.description])
    paper.lines("查阅记录", "When it was read", [
        f"{moment(each.time, language)} {_READ[each.reporter][english]}" for each in found.looks
    ])  # fmt: skip
    paper.put(found, f"{number}-{paper.say('本人材料', 'own-file')}.docx")
    return found
