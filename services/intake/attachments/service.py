"""AttachmentService's RPCs: a partner's file is checked whole, then sealed with the report of its item."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from typing import Any

from pb.intake.v1 import attachments_pb2 as pb
from pb.intake.v1 import attachments_pb2_grpc

from casework import names
from casework.door.report import must_be_under_way
from casework.errors import Reason, field_error
from casework.papers.file_type import LARGEST, MEDIA_TYPES, FileType, check_file
from services.intake import erasing, record
from services.intake import store as reports
from services.intake.attachments import store
from services.intake.models import Attachment, Report
from services.intake.partners import store as partners
from services.kit.composition import Parts
from services.kit.instants import stamp
from services.kit.servicer import Servicer
from services.kit.serving.access import Call, Context, current_call
from services.kit.serving.uploads import Uploads
from services.kit.storage import access_log, requests
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent

_PART = 256 * 1024
_TYPES = {media_type: kind for kind, media_type in MEDIA_TYPES.items()}


class AttachmentServicer(Servicer, attachments_pb2_grpc.AttachmentServiceServicer):
    """Serves what partners attach to their items."""

    service = "intake"
    heads = "reports"
    body_key_name = "attachments of partners"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._uploads = Uploads(LARGEST)

    async def UploadAttachment(self, request_iterator: AsyncIterator[Any], context: Context) -> pb.Attachment:
        """Attach a file; permission and item are checked before anything is received."""
        first = await anext(aiter(request_iterator), None)
        if first is None or not first.HasField("header"):
            raise field_error("header", Reason.INVALID_FIELD, "needed in the first part")
        call, header = current_call(), first.header
        partner = self.known(header.parent, "header.parent")
        call.require(partner)
        async with self.database.read() as connection:
            number = await _report_of(connection, partner, header.number)
        kind = _TYPES.get(header.media_type)
        if kind is None:
            raise field_error("header.media_type", Reason.FILE_REFUSED, header.media_type)
        async with self._uploads.received(first.chunk, request_iterator) as content:
            await asyncio.to_thread(check_file, kind, content, "header.media_type")
            row = await self._add(number, header, kind, content, call)
        self.pulse.beat()
        return _shown(row)

    async def _add(
        self, number: str, header: pb.AttachmentHeader, kind: FileType, content: bytes, call: Call
    ) -> Attachment:
        """Store a file once, by the number or name it has at the partner."""
        partner = names.last(header.parent)
        key = hmac.digest(self.body_key, header.attachment_id.encode(), "sha256")
        body = await asyncio.to_thread(hmac.digest, self.body_key, number.encode() + key + content, "sha256")
        async with self.database.begin() as connection:
            report = await reports.lock(connection, number)
            row = await store.known(connection, number, partner, key)
            if row is not None:
                if row.body != body:
                    raise requests.reused("header.attachment_id")
                return row
            await _must_be_open(connection, report)
            named = pb.AttachmentPart(title=header.title, file_name=header.file_name)
            sealer, now = self.sealer.under(number, report.sealed_key), self.time.now()
            row = await store.add(
                connection, number, partner=partner, key=key, body=body, type=kind, size=len(content),
                named=sealer.seal(named.SerializeToString()), sealed=await asyncio.to_thread(sealer.seal, content),
                added_at=now,
            )  # fmt: skip
            event = NewEvent(number, "AttachmentAdded", report.unit, {"attachment": row.attachment, "partner": partner})
            await self.log.append(connection, [event], at=now, actor=call.caller.subject, trace=call.trace_parent)
        return row

    async def ListAttachments(self, request: pb.ListAttachmentsRequest, context: Context) -> pb.ListAttachmentsResponse:
        """Return what was attached to a report and to those merged into it."""
        async with self.database.read() as connection:
            report = await reports.get(connection, names.number_of(request.parent))
            await record.admit(connection, current_call(), report)
            erasing.must_be_there(report)
            found = await store.of_matter(connection, report.number)
        return pb.ListAttachmentsResponse(attachments=map(_shown, found))

    async def DownloadAttachment(
        self, request: pb.DownloadAttachmentRequest, context: Context
    ) -> AsyncIterator[pb.AttachmentPart]:
        """Return an attachment with its title, in parts, and log the access."""
        call, now, number = current_call(), self.time.now(), names.number_of(request.name)
        async with self.database.begin() as connection:
            report = await reports.get(connection, number)
            await record.admit(connection, call, report)
            erasing.must_be_there(report)
            row = await store.get(connection, number, int(names.last(request.name)))
            await access_log.record(connection, call, now, number, request.name)
            event = NewEvent(number, "ContentRead", report.unit)
            await self.log.append(connection, [event], at=now, actor=call.caller.subject, trace=call.trace_parent)
        self.pulse.beat()
        opener = self.sealer.under(number, report.sealed_key)
        content = await asyncio.to_thread(opener.open, row.sealed)
        part = pb.AttachmentPart.FromString(opener.open(row.named))
        part.name, part.media_type = request.name, MEDIA_TYPES[row.type]
        for start in range(0, len(content), _PART):
            part.chunk = content[start : start + _PART]
            yield part
            part = pb.AttachmentPart()


async def _report_of(connection: Connection, partner: str, number: str) -> str:
    """Return the report of an item that was taken in; NOT_FOUND naming the number."""
    item = (await partners.known(connection, partner, {number})).get(number)
    if item is None or not item.report:
        raise field_error("header.number", Reason.NOT_FOUND, number)
    return item.report


async def _must_be_open(connection: Connection, report: Report) -> None:
    """Raise unless the matter of a report is under way."""
    erasing.must_be_there(report)
    must_be_under_way(report.state, await record.case_is_closed(connection, report.merged_into or report.number))


def _shown(row: Attachment) -> pb.Attachment:
    return pb.Attachment(
        name=f"{names.report_name(row.number)}/attachments/{row.attachment}", partner=names.unit_name(row.partner),
        media_type=MEDIA_TYPES[row.type], size=row.size, create_time=stamp(row.added_at),
    )  # fmt: skip
