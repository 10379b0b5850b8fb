"""The RPCs by which links are read, and two reports side by side."""

from __future__ import annotations

from collections.abc import Iterable

from pb.intake.v1 import links_pb2 as pb
from pb.intake.v1 import links_pb2_grpc

from casework import names
from casework.door import likeness
from casework.door.complaint import lies_within
from casework.door.likeness import prefecture_of
from casework.errors import Reason, field_error
from services.intake import record, store
from services.intake.duplicates.search import READ
from services.intake.links import store as links
from services.intake.links import view
from services.intake.links.view import Side
from services.intake.models import Link, Report
from services.intake.reception import Reception
from services.kit.composition import Parts
from services.kit.servicer import Servicer
from services.kit.serving.access import Context, current_call
from services.kit.storage import access_log, paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent

GET = "reports.get"


class LinkServicer(Servicer, links_pb2_grpc.LinkServiceServicer):
    """Serves links, read from both sides."""

    service = "intake"
    heads = "reports"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._reception = Reception(parts.rules, parts.sealer, parts.clockwork)

    async def ListLinks(self, request: pb.ListLinksRequest, context: Context) -> pb.ListLinksResponse:
        """Return the links of a report in both directions, newest first."""
        call, size = current_call(), request.page_size or 50
        behind = paging.read(request.page_token, "links", paging.instant, paging.key, paging.key)
        async with self.database.read() as connection:
            row = await store.get(connection, names.number_of(request.parent))
            await record.admit(connection, call, row)
            found = await links.of(connection, row.number, behind, size + 1)
            shown = await self._linked(connection, row, found[:size])
        reply = pb.ListLinksResponse(links=shown)
        reply.next_page_token = paging.following(
            found, size, "links", lambda end: (end.created_at, end.number, end.target)
        )
        return reply

    async def CompareReports(self, request: pb.CompareReportsRequest, context: Context) -> pb.ReportComparison:
        """Return two reports side by side, each as far as the caller may read it; texts that were read are logged."""
        call, now = current_call(), self.time.now()
        if request.name == request.other:
            raise field_error("other", Reason.SAME_REPORT)
        async with self.database.begin() as connection:
            row = await store.get(connection, names.number_of(request.name))
            other = await store.get(connection, names.number_of(request.other))
            sides = []
            for each in (row, other):
                await record.admit(connection, call, each)
                sides.append(await self._side(connection, each))
            read = [NewEvent(each.row.number, "ContentRead", each.row.unit) for each in sides if each.content]
            read.sort(key=lambda event: event.number)
            await self.log.append(connection, read, at=now, actor=call.caller.subject, trace=call.trace_parent)
            found = await self._linked(connection, row, await links.between(connection, row.number, other.number))
        if read:
            self.pulse.beat()
        one, two = sides
        same, different = view.compared(one, two)
        return pb.ReportComparison(
            one=view.side(one, self.rules, call.language, now), other=view.side(two, self.rules, call.language, now),
            same=same, different=different, text_similarity=self._alike(one, two), links=found,
        )  # fmt: skip

    async def _side(self, connection: Connection, row: Report) -> Side:
        """Return a report, with its content if the caller may read that; the reading is in the access log."""
        call = current_call()
        if row.erased_at is not None or not await record.may(connection, call, row, READ):
            return Side(row, None)
        await access_log.record(connection, call, self.time.now(), row.number, names.report_name(row.number))
        return Side(row, self._reception.open(row.number, row.sealed_key, row.sealed))

    def _alike(self, one: Side, other: Side) -> float:
        """Return how much of two texts is common."""
        if one.content is None or other.content is None:
            return 0.0
        keyed, city = self._reception.signs, prefecture_of(one.row.number)
        every = {keyed.every(city)}
        first, second = (set(keyed.signs(each.content.text, city)) - every for each in (one, other) if each.content)
        if not first or not second:
            return 0.0
        return round(likeness.share(len(first & second), len(first), len(second)), 4)

    async def _linked(self, connection: Connection, row: Report, found: Iterable[Link]) -> list[pb.LinkedReport]:
        """Return links as they are seen from a report; a complaint about the caller's own unit is not among them."""
        call, now, found = current_call(), self.time.now(), list(found)
        rows = await store.some(connection, (_other(each, row) for each in found))
        shown = []
        for each in found:
            other = rows[_other(each, row)]
            if lies_within(other.about, call.caller.unit):
                continue
            readable = await record.may(connection, call, other, GET)
            shown.append(view.linked(each, row, other if readable else None, self.rules, call.language, now))
        return shown


def _other(link: Link, row: Report) -> str:
    return link.target if link.number == row.number else link.number
