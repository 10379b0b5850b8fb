"""The RPCs of the list of officials: who an account is on paper, kept by the head of the unit."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from pb.mediation.v1 import officials_pb2 as pb
from pb.mediation.v1 import officials_pb2_grpc

from casework import names
from casework.errors import CaseError, FieldFault, Reason, field_error
from casework.officials import check_term
from services.kit import dates
from services.kit.command import Work, check_etag, command
from services.kit.rules.officials import read_officials
from services.kit.serving import masks
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.sealing import SealedBytes
from services.mediation.officials import store, view
from services.mediation.officials.models import OfficialRow
from services.mediation.servicer import Servicer


class OfficialServicer(Servicer, officials_pb2_grpc.OfficialServiceServicer):
    """Serves the list of officials."""

    body_key_name = "requests of officials"

    @command(pb.Official)
    async def CreateOfficial(self, request: pb.CreateOfficialRequest, work: Work) -> pb.Official:
        """Enter a person; an account has one post a day in a unit."""
        asked = request.official
        unit = self.known(asked.unit, "official.unit")
        work.call.require(unit)
        first = dates.read(asked.first_date, "official.first_date")
        last = dates.read(asked.last_date, "official.last_date") if asked.HasField("last_date") else None
        await self._check(work, unit, asked.account, first, last)
        row = await store.add(
            work.connection, unit, work.now, work.actor, account=asked.account,
            sealed=self._sealed(unit, asked.person), signs=asked.signs, first_on=first, last_on=last,
        )  # fmt: skip
        return view.official(row, dates.today(work.now))

    @command(pb.ImportOfficialsResponse)
    async def ImportOfficials(self, request: pb.ImportOfficialsRequest, work: Work) -> pb.ImportOfficialsResponse:
        """Enter the people of a CSV file, all of them or none; what is there already is left as it is."""
        try:
            listed = sorted(read_officials(request.content, self.rules.units), key=lambda each: (each.unit, each.since))
        except ValueError as error:
            fault = FieldFault("content", f"文件有误：{error}", str(error))
            raise CaseError(Reason.INVALID_FIELD, "content", (fault,), field="content") from None
        for unit in {each.unit for each in listed}:
            work.call.require(unit)
        entered = 0
        for each in listed:
            there = await store.others(work.connection, each.unit, each.account)
            if any(row.first_on == each.since and row.last_on != each.since - timedelta(days=1) for row in there):
                continue
            check_term(each.since, each.until, [view.term(self.sealer, row) for row in there], "content.")
            person = pb.OfficialPerson(display_name=each.display_name, post=each.post)
            await store.add(
                work.connection, each.unit, work.now, work.actor, account=each.account, signs=each.signs,
                sealed=self._sealed(each.unit, person), first_on=each.since, last_on=each.until,
            )  # fmt: skip
            entered += 1
        return pb.ImportOfficialsResponse(entered=entered, repeated_count=len(listed) - entered)

    async def GetOfficial(self, request: pb.GetOfficialRequest, context: Context) -> pb.Official:
        """Return an entry with what it said before."""
        current_call().require(store.split(request.name)[0])
        async with self.database.read() as connection:
            row = await store.get(connection, request.name)
            versions = await store.versions(connection, row)
        return view.shown(self.sealer, row, dates.today(self.time.now()), versions)

    async def ListOfficials(self, request: pb.ListOfficialsRequest, context: Context) -> pb.ListOfficialsResponse:
        """Return the list of the caller's units; to whoever may not read it, their own entries."""
        call, size, today = current_call(), request.page_size or 50, dates.today(self.time.now())
        scope = call.scope(names.last(request.unit))
        behind = paging.read(request.page_token, "officials", paging.key, paging.number) or ("", 0)
        own = "" if call.access.allows(call.caller, "officials.get", scope) else call.caller.subject
        async with self.database.read() as connection:
            found = await store.listed(
                connection, paging.subtree(scope), own, today, behind, size + 1,
                ended=request.include_ended, signing=request.signing_only,
            )  # fmt: skip
        reply = pb.ListOfficialsResponse(officials=[view.shown(self.sealer, row, today) for row in found[:size]])
        reply.next_page_token = paging.following(found, size, "officials", lambda end: (end.unit, end.official_no))
        return reply

    @command(pb.Official)
    async def UpdateOfficial(self, request: pb.UpdateOfficialRequest, work: Work) -> pb.Official:
        """Correct an entry; what it said before is kept."""
        asked = request.official
        if not asked.name:
            raise field_error("official.name", Reason.INVALID_FIELD)
        work.call.require(store.split(asked.name)[0])
        row = await store.get(work.connection, asked.name, locked=True)
        check_etag(row.version, asked.etag)
        today = dates.today(work.now)
        columns = self._corrected(request, row, today)
        first, last = columns.get("first_on", row.first_on), columns.get("last_on", row.last_on)
        await self._check(work, row.unit, row.account, first, last, but=row.official_no)
        return view.official(await store.change(work.connection, row, work.now, work.actor, **columns), today)

    @command(pb.Official)
    async def EndOfficial(self, request: pb.EndOfficialRequest, work: Work) -> pb.Official:
        """End an entry with a day; with the day before its first one if it was a mistake."""
        work.call.require(store.split(request.name)[0])
        row = await store.get(work.connection, request.name, locked=True)
        check_etag(row.version, request.etag)
        last = dates.read(request.last_date, "last_date")
        earliest = row.first_on - timedelta(days=1)
        if last < earliest or (row.last_on is not None and last > row.last_on):
            raise field_error("last_date", Reason.INVALID_FIELD, f"{earliest} … {row.last_on or ''}")
        row = await store.change(work.connection, row, work.now, work.actor, last_on=last)
        return view.official(row, dates.today(work.now))

    def _corrected(self, request: pb.UpdateOfficialRequest, row: OfficialRow, today: date) -> dict[str, Any]:
        """Return the columns that a correction changes."""
        asked, columns = request.official, dict[str, Any]()
        paths = masks.changes(request, view.official(row, today))
        if "person" in paths:
            whole = masks.merged(request, "person", view.person(self.sealer, row))
            for name in ("display_name", "post"):
                if not getattr(whole, name):
                    raise field_error(f"official.person.{name}", Reason.INVALID_FIELD)
            columns["sealed"] = self._sealed(row.unit, whole)
        if "signs" in paths:
            columns["signs"] = asked.signs
        if "first_date" in paths:
            columns["first_on"] = dates.read(asked.first_date, "official.first_date")
        if "last_date" in paths:
            has_end = asked.HasField("last_date")
            columns["last_on"] = dates.read(asked.last_date, "official.last_date") if has_end else None
        return columns

    def _sealed(self, unit: str, person: pb.OfficialPerson) -> SealedBytes:
        return view.key(self.sealer, unit).seal(person.SerializeToString())

    async def _check(
        self, work: Work, unit: str, account: str, first: date, last: date | None, but: int = 0
    ) -> None:  # fmt: skip
        """Refuse a term that is none, or in which the account has another post of the unit."""
        there = await store.others(work.connection, unit, account, but)
        check_term(first, last, [view.term(self.sealer, each) for each in there])
