"""PredecessorService's RPCs: a portable case file is checked whole, then taken in whole, or not at all."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from typing import Any, BinaryIO

from google.protobuf.json_format import ParseDict, ParseError
from pb.intake.v1 import predecessors_pb2 as pb
from pb.intake.v1 import predecessors_pb2_grpc, report_pb2

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.papers.portable.checking import Checked, Signed, check
from casework.papers.portable.container import ContainerError, content
from casework.papers.portable.writing import TAGS
from services.intake import erasing, record, store
from services.intake.filing import Filing, Numbered
from services.intake.models import Report
from services.intake.predecessors import store as predecessors
from services.intake.predecessors.models import Predecessor
from services.intake.reception import PORTABLE_CASE, Draft, Reception
from services.kit.command import Work
from services.kit.composition import Parts
from services.kit.instants import stamp
from services.kit.servicer import Servicer
from services.kit.serving import validation
from services.kit.serving.access import Call, Context, current_call
from services.kit.serving.errors import invalid
from services.kit.serving.limits import too_many
from services.kit.signatures import Trusted, judge
from services.kit.storage import access_log
from services.kit.storage.database import Connection

_LARGEST = 256 * 1024 * 1024
_ROOM = 4 * _LARGEST
"""Bytes of files that are coming in, all together; more are refused."""
_PART = 1024 * 1024
_MOST = 4 * 1024 * 1024
"""Bytes of its data that are read here: what was reported, and the people."""
_PEOPLE = 50
_AT_ONCE = 2
_ROLES = {"SIDE_APPLICANT": report_pb2.PARTY_ROLE_APPLICANT, "SIDE_RESPONDENT": report_pb2.PARTY_ROLE_RESPONDENT}


class PredecessorServicer(Servicer, predecessors_pb2_grpc.PredecessorServiceServicer):
    """Serves portable case files that come in."""

    service = "intake"
    heads = "reports"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._reception = Reception(parts.rules, parts.sealer, parts.clockwork)
        self._filing = Filing(self._reception, store.Numbers(parts.database), parts.rules, parts.time)
        self._trusted = Trusted(parts.settings.portable_trust_file)
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._on_disk = 0

    async def ImportPortableCase(self, request_iterator: AsyncIterator[Any], context: Context) -> pb.Predecessor:
        """Take a portable case file in as a new report; permission is checked before anything is received."""
        first = await anext(aiter(request_iterator), None)
        if first is None or not first.HasField("header"):
            raise field_error("header", Reason.INVALID_FIELD, "needed in the first part")
        call, header = current_call(), first.header
        call.require(self.known(header.unit, "header.unit"))
        with tempfile.TemporaryFile() as file:
            # A slow sender keeps nobody from a turn: it takes one when all of its file is there.
            size = await self._received(file, first.chunk, request_iterator)
            try:
                async with self._turns:
                    return await self._checked(file, size, header, call)
            finally:
                self._on_disk -= size

    async def _checked(self, file: BinaryIO, size: int, header: pb.PortableCaseHeader, call: Call) -> pb.Predecessor:
        """Take a file in that is here whole, if it holds; one that came in before is answered with."""
        found = await asyncio.to_thread(check, file, judge(self._trusted.keys))
        _must_hold(found, call.language)
        async with self.database.begin() as connection:
            known = await predecessors.of_digest(connection, found.files[TAGS].sha256)
            if known is not None:
                return await self._again(connection, call, known)
        report = await asyncio.to_thread(_reported, file, found, header)
        return await self._take(file, size, found, self._draft(report, call), call)

    async def GetPredecessor(self, request: pb.GetPredecessorRequest, context: Context) -> pb.Predecessor:
        """Return from where a report came."""
        async with self.database.begin() as connection:
            _, row = await self._seen(connection, request.name)
        return _shown(row)

    async def DownloadPredecessor(
        self, request: pb.DownloadPredecessorRequest, context: Context
    ) -> AsyncIterator[pb.PredecessorPart]:
        """Stream the file as it came in, and log the access."""
        async with self.database.begin() as connection:
            report, row = await self._seen(connection, request.name)
            erasing.must_be_there(report)
            await access_log.record(connection, current_call(), self.time.now(), row.number, request.name)
        yield pb.PredecessorPart(file_name=f"{row.origin_number}-portable.zip", media_type="application/zip")
        opener, part = self.sealer.under(row.number, report.sealed_key), 1
        while True:
            async with self.database.read() as connection:
                sealed = await predecessors.part(connection, row.number, part)
            if sealed is None:
                return
            whole = await asyncio.to_thread(opener.open, sealed)
            for start in range(0, len(whole), _PART // 4):
                yield pb.PredecessorPart(chunk=whole[start : start + _PART // 4])
            part += 1

    async def _received(self, file: BinaryIO, chunk: bytes, parts: AsyncIterator[Any]) -> int:
        """Write a file that comes in parts to the disk, and return its size, which stays counted."""
        size = 0
        try:
            size += await self._write(file, chunk)
            async for part in parts:
                if part.HasField("header"):
                    raise field_error("header", Reason.INVALID_FIELD, "in the first part alone")
                if size + len(part.chunk) > _LARGEST:
                    raise field_error("chunk", Reason.INVALID_FIELD, "more than 256 MiB")
                size += await self._write(file, part.chunk)
            if not size:
                raise field_error("chunk", Reason.INVALID_FIELD, "empty")
        except BaseException:
            self._on_disk -= size
            raise
        return size

    async def _write(self, file: BinaryIO, chunk: bytes) -> int:
        """Write a part, if there is room for it beside the others that come in, and return its size."""
        if self._on_disk + len(chunk) > _ROOM:
            raise too_many(1)
        await asyncio.to_thread(file.write, chunk)
        self._on_disk += len(chunk)
        return len(chunk)

    def _draft(self, report: report_pb2.Report, call: Call) -> Draft:
        """Return the report, checked like any other that is filed at this unit's counter."""
        if faults := validation.faults_of(report, "report."):
            raise invalid(faults)
        draft = self._reception.draft(report, self.time.now(), importing=False)
        call.access.must_hold(call.caller, draft.door, draft.filed_to, "report.channel")
        return draft

    async def _take(self, file: BinaryIO, size: int, found: Checked, draft: Draft, call: Call) -> pb.Predecessor:
        """Store the report and the file in one transaction; whoever was a moment earlier is answered with."""
        ready, digest = await self._filing.prepare(draft, call, call.caller.subject, b""), found.files[TAGS].sha256
        try:
            async with self.database.begin() as connection:
                work = Work(connection, ready.at, call, self.log, self.clockwork)
                await self._filing.receive(ready, work)
                row = await predecessors.add(
                    connection, ready.number, origin_number=names.number_of(str(found.about["case"])), key=found.key,
                    key_owner=self._trusted.owner(found.key), digest=digest, size=size, events=found.events,
                    imported_at=ready.at, imported_by=call.caller.subject,
                )  # fmt: skip
                await self._keep(connection, ready, file)
        except CaseError as error:
            async with self.database.begin() as connection:
                known = await predecessors.of_digest(connection, digest)
                if known is None or error.reason is not Reason.ALREADY_EXISTS:
                    raise
                return await self._again(connection, call, known)
        self.pulse.beat()
        return _shown(row)

    async def _keep(self, connection: Connection, ready: Numbered, file: BinaryIO) -> None:
        """Store the file in parts, sealed under the key of its report."""
        sealer, part = self.sealer.under(ready.number, ready.received.row["sealed_key"]), 0
        file.seek(0)
        while chunk := await asyncio.to_thread(file.read, _PART):
            part += 1
            await predecessors.add_part(connection, ready.number, part, await asyncio.to_thread(sealer.seal, chunk))

    async def _again(self, connection: Connection, call: Call, row: Predecessor) -> pb.Predecessor:
        """Return what came in before, to whoever may take it in where it is now."""
        await record.admit(connection, call, await store.get(connection, row.number))
        return _shown(row)

    async def _seen(self, connection: Connection, name: str) -> tuple[Report, Predecessor]:
        report = await store.get(connection, names.number_of(name))
        await record.admit(connection, current_call(), report)
        return report, await predecessors.get(connection, report.number)


def _must_hold(found: Checked, language: str) -> None:
    """Raise what does not hold; a key that is not on the list by its id."""
    if found.signed is Signed.UNKNOWN_KEY:
        raise CaseError(Reason.PORTABLE_KEY_UNKNOWN, found.key, key=found.key)
    if not found.sound:
        last = found.findings[-1]
        raise field_error("chunk", Reason.PORTABLE_CASE_BROKEN, last.en if language == "en" else last.zh)


def _reported(file: BinaryIO, found: Checked, header: pb.PortableCaseHeader) -> report_pb2.Report:
    """Return the report of a case from elsewhere: what was told, and the people; unit and kind are decided here."""
    try:
        told = ParseDict(_data(file, found, "report"), report_pb2.ReportContent(), ignore_unknown_fields=True)
        people = [_person(each) for each in _data(file, found, "people")["parties"]]
    except (ContainerError, ParseError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise field_error("chunk", Reason.PORTABLE_CASE_BROKEN, "data/report.json, data/people.json") from None
    number = names.number_of(str(found.about["case"]))
    report = report_pb2.Report(
        channel=report_pb2.CHANNEL_DEPARTMENT, unit=header.unit, category=header.category,
        text=told.text or f"可携案卷 {number}", wish=told.wish, happened=told.happened,
        place=report_pb2.Place(address=told.address), parties=[each for each in people if each][:_PEOPLE],
        source=PORTABLE_CASE, source_id=found.files[TAGS].sha256,
    )  # fmt: skip
    for name in ("happen_time", "minor"):
        if told.HasField(name):
            getattr(report, name).CopyFrom(getattr(told, name))
    return report


def _data(file: BinaryIO, found: Checked, name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(content(file, found.files[f"data/{name}.json"], _MOST))
    return told


def _person(told: dict[str, Any]) -> report_pb2.Party | None:
    """Return a party of the case there as the report names it; None for third persons and for who is not named."""
    details, role = told["details"], _ROLES.get(told["party"].get("side", ""))
    if role is None or not details.get("displayName"):
        return None
    return report_pb2.Party(
        role=role, display_name=details["displayName"], phone=details.get("phone", ""),
        organisation=told["party"].get("kind") == "PARTY_KIND_ORGANISATION",
    )  # fmt: skip


def _shown(row: Predecessor) -> pb.Predecessor:
    report = names.report_name(row.number)
    return pb.Predecessor(
        name=f"{report}/predecessor", report=report, origin_number=row.origin_number, key=row.key,
        key_owner=row.key_owner, digest=row.digest, size=row.size, events=row.events,
        import_time=stamp(row.imported_at), imported_by=row.imported_by,
    )  # fmt: skip
