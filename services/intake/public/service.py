"""The RPCs of what is public of reports. Nothing else of a report can get out here: the statements read no more."""

from __future__ import annotations

from datetime import datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp
from pb.intake.v1 import public_pb2 as pb
from pb.intake.v1 import public_pb2_grpc

from casework import names
from casework.door.programs.public import LONGEST_SPAN
from casework.errors import Reason, field_error
from services.intake.filing import door_of
from services.intake.public import store, view
from services.intake.public.store import Shown, Span
from services.kit.instants import instant, stamp
from services.kit.servicer import Servicer
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging

_SPAN = timedelta(days=LONGEST_SPAN)


class PublicReportServicer(Servicer, public_pb2_grpc.PublicReportServiceServicer):
    """Serves what is public of reports."""

    service = "intake"
    heads = "reports"

    async def ListPublicServices(
        self, request: pb.ListPublicServicesRequest, context: Context
    ) -> pb.ListPublicServicesResponse:
        """Return the kinds of matter that programs may file."""
        if request.unit:
            self._open(request.unit)
        else:
            current_call().require(names.ROOT_UNIT)
        rules, language = self.rules.public, current_call().language
        kinds = [(each, rules.kind_of(each.id)) for each in rules.offered(self.rules.categories)]
        return pb.ListPublicServicesResponse(
            services=[view.service(each, kind, self.rules, language) for each, kind in kinds if kind],
            contact=rules.contact[language == "en"],
            key_service=rules.keys[language == "en"],
            change_time=stamp(rules.changed),
        )

    async def ListPublicReports(
        self, request: pb.ListPublicReportsRequest, context: Context
    ) -> pb.ListPublicReportsResponse:
        """Return public matters of a unit and below, newest first."""
        unit, size = self._open(request.unit), request.page_size or 50
        asked = [each.removeprefix("categories/") for each in request.categories]
        for place, each in enumerate(asked):
            if each not in self.rules.categories:
                raise field_error(f"categories[{place}]", Reason.UNKNOWN_CATEGORY, each)
        before = self._behind(request.page_token, "public reports") + request.skip
        span = self._span(request, unit, asked, before, size)
        statuses = set(request.statuses)
        over = pb.PUBLIC_STATUS_CLOSED in statuses if len(statuses) == 1 else None
        async with self.database.read() as connection:
            if request.numbers:
                # Wherever they are now, and whatever their category was when they were filed.
                everything = self.rules.public.among(self.rules.categories, ())
                rows = await store.named(connection, request.numbers, everything)
            else:
                rows = await store.listed(connection, span, over)
        more = not request.numbers and len(rows) > size
        return pb.ListPublicReportsResponse(
            reports=self._shown(rows[:size] if more else rows),
            next_page_token=paging.token("public reports", before + size) if more else "",
        )

    async def ListPublicUpdates(
        self, request: pb.ListPublicUpdatesRequest, context: Context
    ) -> pb.ListPublicUpdatesResponse:
        """Return what became of public matters of a unit and below, oldest first."""
        unit, size = self._open(request.unit), request.page_size or 50
        before = self._behind(request.page_token, "public updates") + request.skip
        span = self._span(request, unit, (), before, size)
        async with self.database.read() as connection:
            found = await store.updates(connection, span)
            rows = await store.named(connection, sorted({each.number for each in found}), span.categories)
        known, language = {row.number: row for row in rows}, current_call().language
        told = [view.update(each, known[each.number], language) for each in found[:size] if each.number in known]
        token = paging.token("public updates", before + size) if len(found) > size else ""
        return pb.ListPublicUpdatesResponse(updates=told, next_page_token=token)

    def _open(self, name: str) -> str:
        """Return the unit of a name at which people file without an account."""
        call, unit = current_call(), self.known(name, "unit")
        call.require(unit)
        door_of(self.rules, unit, call)
        return unit

    @staticmethod
    def _behind(page_token: str, kind: str) -> int:
        return paging.read(page_token, kind, paging.number) or 0

    def _span(
        self,
        request: pb.ListPublicReportsRequest | pb.ListPublicUpdatesRequest,
        unit: str,
        asked: list[str] | tuple[()],
        before: int,
        size: int,
    ) -> Span:
        """Return which matters are asked for: of at most 90 days, of public categories alone."""
        now = self.time.now()
        start, end = _given(request, "start_time"), _given(request, "end_time")
        if end is None:
            # A day's grace: what is received while a program reads is not missed.
            end = now + timedelta(days=1) if start is None else min(start + _SPAN, now + timedelta(days=1))
        start = end - _SPAN if start is None else start
        if not timedelta(0) <= end - start <= _SPAN:
            raise field_error("start_time", Reason.INVALID_FIELD, f"0 … {LONGEST_SPAN} days before end_time")
        categories = self.rules.public.among(self.rules.categories, asked)
        return Span(paging.subtree(unit), categories, start, end, min(before, 2**31 - 1), size + 1)

    def _shown(self, rows: list[Shown]) -> list[pb.PublicReport]:
        language = current_call().language
        kinds = {row.category: self.rules.public.kind_of(row.category) for row in rows}
        return [view.report(row, kind, self.rules, language) for row in rows if (kind := kinds[row.category])]


def _given(request: pb.ListPublicReportsRequest | pb.ListPublicUpdatesRequest, field: str) -> datetime | None:
    if not request.HasField(field):
        return None
    given: Timestamp = getattr(request, field)
    return instant(given)
