"""RPCs of screening campaigns: prepared, started, checks and findings recorded, ended with a report."""

from __future__ import annotations

from pb.escalation.v1 import campaigns_pb2 as pb
from pb.escalation.v1 import campaigns_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.supervision.prevention import campaign as rules_of
from casework.supervision.prevention.campaign import CampaignKind, CampaignState, CheckAnswer, FindingState
from services.escalation.models import File
from services.escalation.prevention.campaigns import rounds, store, view
from services.escalation.prevention.campaigns.models import Campaign, CampaignPlace
from services.escalation.servicer import Servicer
from services.kit import dates
from services.kit.clocks.clockwork import NOTHING_DUE
from services.kit.command import Named, Versioned, Work, check_etag, command
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent


class CampaignServicer(Servicer, campaigns_pb2_grpc.CampaignServiceServicer):
    """Serves campaigns."""

    @command(pb.Campaign)
    async def CreateCampaign(self, request: pb.CreateCampaignRequest, work: Work) -> pb.Campaign:
        """Create a campaign; its title and checklist are sealed."""
        unit, places = self.known(request.unit, "unit"), [names.last(each) for each in request.places]
        work.call.require(unit)
        for index, place in enumerate(places):
            if not self.rules.units.contains(unit, place):
                raise field_error(f"places[{index}]", Reason.UNKNOWN_UNIT, place)
        categories = [each.removeprefix("categories/") for each in request.categories]
        for index, category in enumerate(categories):
            if category not in self.rules.categories:
                raise field_error(f"categories[{index}]", Reason.UNKNOWN_CATEGORY, category)
        start, end = dates.read(request.start_date, "start_date"), dates.read(request.end_date, "end_date")
        rules_of.check_period(CampaignKind(request.kind), start, end, request.round_days, dates.today(work.now))
        file = await self.opened(work, "campaigns", unit)
        row = await store.add(
            work.connection, file.number, places, state=CampaignState.DRAFT, kind=request.kind, unit=unit,
            categories=categories, start_on=start, end_on=end, round_days=request.round_days,
            item_count=len(request.items), created_at=work.now,
            sealed=await self._seal(work, file, pb.CampaignText(title=request.title, items=request.items)),
        )  # fmt: skip
        return await self._told(work, row, "CampaignCreated", runs=row.kind.name, places=len(places))

    async def GetCampaign(self, request: pb.GetCampaignRequest, context: Context) -> pb.Campaign:
        """Return a campaign to the leading unit, or to one that checks its places."""
        async with self.database.read() as connection:
            row, places = await self._seen(connection, request.name)
            return view.campaign(row, places)

    async def ListCampaigns(self, request: pb.ListCampaignsRequest, context: Context) -> pb.ListCampaignsResponse:
        """Return campaigns that the caller's units lead or check for, newest first."""
        size = request.page_size or 50
        scope = current_call().scope(names.last(request.unit))
        behind = paging.read(request.page_token, "campaigns", paging.instant, paging.key)
        async with self.database.read() as connection:
            found = await store.listed(connection, paging.subtree(scope), request.open, behind, size + 1)
            places = await store.places(connection, [row.number for row in found[:size]])
        shown = [view.campaign(row, _visible(row, places[row.number])) for row in found[:size]]
        reply = pb.ListCampaignsResponse(campaigns=shown)
        reply.next_page_token = paging.following(found, size, "campaigns", lambda end: (end.created_at, end.number))
        return reply

    async def GetCampaignText(self, request: pb.GetCampaignTextRequest, context: Context) -> pb.CampaignText:
        """Return title, checklist and report."""
        async with self.database.begin() as connection:
            row, _ = await self._seen(connection, request.name)
            opener, found = await self.opener(connection, row.number), pb.CampaignText()
            for data in (row.sealed, row.sealed_report):
                if data is not None:
                    found.MergeFromString(opener.open(data))
            await self.log_reading(connection, row.number, row.unit, "CampaignTextRead")
        self.pulse.beat()
        found.name = request.name
        return found

    @command(pb.Campaign)
    async def AssignPlaces(self, request: pb.AssignPlacesRequest, work: Work) -> pb.Campaign:
        """Assign places to units."""
        row, _ = await self._own(request, work)
        rules_of.must_be(row.state, CampaignState.DRAFT, CampaignState.RUNNING)
        known = {each.place for each in (await store.places(work.connection, [row.number]))[row.number]}
        assigned: dict[str, str] = {}
        for index, each in enumerate(request.places):
            place, unit = names.last(each.place), names.last(each.unit)
            if place not in known:
                raise CaseError(Reason.PLACE_NOT_IN_CAMPAIGN, place)
            if not self.rules.units.contains(row.unit, unit):
                raise field_error(f"places[{index}].unit", Reason.UNKNOWN_UNIT, unit)
            assigned[place] = unit
        await store.assign(work.connection, row.number, assigned)
        row = await store.change(work.connection, row, unit=row.unit)
        return await self._told(work, row, "PlacesAssigned", places=len(assigned))

    @command(pb.Campaign)
    async def StartCampaign(self, request: pb.StartCampaignRequest, work: Work) -> pb.Campaign:
        """Start a campaign: the first round of a rolling one begins, or the period."""
        row, _ = await self._own(request, work)
        rules_of.must_be(row.state, CampaignState.DRAFT)
        if row.end_on < dates.today(work.now):
            raise CaseError(Reason.WRONG_STATE, CampaignState.DRAFT.name, state=CampaignState.DRAFT.name)
        row = await store.change(work.connection, row, state=CampaignState.RUNNING, started_at=work.now)
        row = await rounds.begin(work, row, max(row.start_on, dates.today(work.now)))
        return await self._told(work, row, "CampaignStarted", round=row.round)

    @command(pb.CampaignCheck)
    async def RecordCheck(self, request: pb.RecordCheckRequest, work: Work) -> pb.CampaignCheck:
        """Record a check at a place: only the answers to the checklist."""
        row, unit = await self._at_place(request, names.last(request.place), work)
        if len(request.answers) != row.item_count:
            raise field_error("answers", Reason.INVALID_FIELD, f"{row.item_count}")
        check = await store.check(
            work.connection, row.number, round=row.round, place=names.last(request.place), unit=unit,
            answers=list(request.answers), recorded_by=work.actor, recorded_at=work.now,
        )  # fmt: skip
        wrong = sum(int(each) == CheckAnswer.NOT_IN_ORDER for each in request.answers)
        payload = {"check": check.check_no, "round": row.round, "place": check.place, "not_in_order": wrong}
        await work.append(NewEvent(row.number, "CheckRecorded", row.unit, payload))
        return view.check(check)

    async def ListChecks(self, request: pb.ListChecksRequest, context: Context) -> pb.ListChecksResponse:
        """Return the checks of a campaign, oldest first, by place; who made them is not shown."""
        size, behind = request.page_size or 50, paging.read(request.page_token, "checks") or 0
        async with self.database.read() as connection:
            row, places = await self._seen(connection, request.parent)
            asked = {names.last(request.place)} if request.place else {each.place for each in places}
            wanted = sorted(asked & {each.place for each in places})
            found = await store.checks(connection, row.number, wanted, behind, size + 1)
        reply = pb.ListChecksResponse(checks=[view.check(each) for each in found[:size]])
        reply.next_page_token = paging.following(found, size, "checks", lambda end: end.check_no)
        return reply

    @command(pb.Finding)
    async def RecordFinding(self, request: pb.RecordFindingRequest, work: Work) -> pb.Finding:
        """Record a finding; the file's workflow passes it to intake."""
        file = await self.locked(request.name, work)
        check = await store.get_check(work.connection, file.number, names.ids_of(request.name)[0])
        row, unit = await self._at_place(request, check.place, work)
        category = request.category.removeprefix("categories/")
        if category not in self.rules.categories:
            raise field_error("category", Reason.UNKNOWN_CATEGORY, category)
        sealer = await self.seal(work, file)
        found = await store.find(
            work.connection, row.number, check_no=check.check_no, round=check.round, place=check.place, unit=unit,
            category=category, people_affected=request.people_affected, danger=request.danger, recorded_at=work.now,
            sealed=sealer.seal(request.text.encode()),
        )  # fmt: skip
        subject = f"{names.file_name(row.number)}/findings/{found.finding}"
        await work.start_clock(
            row.number, f"finding-{found.finding}", "hand_over_finding", subject=subject, unit=row.unit, at=work.now
        )
        payload = {"finding": found.finding, "check": check.check_no, "place": check.place}
        await work.append(NewEvent(row.number, "FindingRecorded", row.unit, payload, wakes=True))
        return view.finding(found)

    async def ListFindings(self, request: pb.ListFindingsRequest, context: Context) -> pb.ListFindingsResponse:
        """Return the findings of a campaign, oldest first."""
        size, behind = request.page_size or 50, paging.read(request.page_token, "findings") or 0
        async with self.database.read() as connection:
            row, places = await self._seen(connection, request.parent)
            wanted = [each.place for each in places]
            found = await store.findings(connection, row.number, wanted, request.pending, behind, size + 1)
        reply = pb.ListFindingsResponse(findings=[view.finding(each) for each in found[:size]])
        reply.next_page_token = paging.following(found, size, "findings", lambda end: end.finding)
        return reply

    async def GetFindingContent(self, request: pb.GetFindingContentRequest, context: Context) -> pb.FindingContent:
        """Return the text of a finding."""
        async with self.database.begin() as connection:
            row = await store.get(connection, names.number_of(request.name))
            found = await store.get_finding(connection, row.number, names.ids_of(request.name)[0])
            current_call().require_any((row.unit, found.unit))
            told = (await self.opener(connection, row.number)).open(found.sealed).decode()
            await self.log_reading(connection, row.number, row.unit, "FindingRead", finding=found.finding)
        self.pulse.beat()
        unit = names.unit_name(found.unit)
        return pb.FindingContent(name=request.name, finding=view.finding(found), unit=unit, text=told)

    @command(pb.Finding)
    async def ConfirmFinding(self, request: pb.ConfirmFindingRequest, work: Work) -> pb.Finding:
        """Record the report made of a finding; a repeat does not change it."""
        file = await self.locked(request.name, work)
        row = await store.get(work.connection, file.number)
        work.call.require(row.unit)
        found = await store.get_finding(work.connection, row.number, names.ids_of(request.name)[0])
        if found.state is FindingState.HANDED_OVER:
            raise CaseError(Reason.ALREADY_EXISTS, request.name)
        found = await store.handed_over(work.connection, found, request.report, work.now)
        await work.stop(row.number, f"finding-{found.finding}")
        payload = {"finding": found.finding, "report": request.report}
        await work.append(NewEvent(row.number, "FindingHandedOver", row.unit, payload))
        return view.finding(found)

    async def GetCampaignProgress(
        self, request: pb.GetCampaignProgressRequest, context: Context
    ) -> pb.CampaignProgress:
        """Return the progress of the current round, by place."""
        async with self.database.read() as connection:
            row, places = await self._seen(connection, request.name)
            wanted = [each.place for each in places]
            return view.progress(row, await store.progress(connection, row.number, row.round, wanted))

    @command(pb.Campaign)
    async def EndCampaign(self, request: pb.EndCampaignRequest, work: Work) -> pb.Campaign:
        """End a campaign with its report; all findings must have arrived in intake."""
        row, file = await self._own(request, work)
        rules_of.must_be(row.state, CampaignState.RUNNING, CampaignState.REPORTING)
        if await store.pending(work.connection, row.number):
            raise CaseError(Reason.FINDINGS_OPEN)
        await work.stop(row.number, "%")
        row = await store.change(
            work.connection, row, state=CampaignState.ENDED, ended_at=work.now, **NOTHING_DUE,
            sealed_report=await self._seal(work, file, pb.CampaignText(report=request.report)),
        )  # fmt: skip
        return await self._told(work, row, "CampaignEnded", checks=row.checks, findings=row.findings)

    # --- what they have in common -------------------------------------------------------------------------------------

    async def _own(self, request: Versioned, work: Work) -> tuple[Campaign, File]:
        """Return row and file, locked, if the caller acts for the leading unit."""
        file = await self.locked(request.name, work)
        row = await store.get(work.connection, file.number)
        work.call.require(row.unit)
        check_etag(row.version, request.etag)
        return row, file

    async def _at_place(self, request: Named, place: str, work: Work) -> tuple[Campaign, str]:
        """Return the running campaign and the unit of a place, if the caller is of that unit or one above."""
        file = await self.locked(request.name, work)
        row = await store.get(work.connection, file.number)
        unit = await store.unit_at(work.connection, row.number, place)
        work.call.require_any((unit or row.unit, row.unit))
        if unit is None:
            raise CaseError(Reason.PLACE_NOT_IN_CAMPAIGN, place)
        rules_of.must_be(row.state, CampaignState.RUNNING, CampaignState.REPORTING)
        return row, unit

    async def _seen(self, connection: Connection, name: str) -> tuple[Campaign, list[CampaignPlace]]:
        """Return a campaign and those of its places that the caller may see."""
        row = await store.get(connection, names.number_of(name))
        places = (await store.places(connection, [row.number]))[row.number]
        current_call().require_any({row.unit, *(each.unit for each in places)})
        return row, _visible(row, places)

    async def _seal(self, work: Work, file: File, text: pb.CampaignText) -> bytes:
        return (await self.seal(work, file)).seal(text.SerializeToString())

    async def _campaign(self, connection: Connection, row: Campaign) -> pb.Campaign:
        return view.campaign(row, (await store.places(connection, [row.number]))[row.number])

    async def _told(self, work: Work, row: Campaign, kind: str, **payload: object) -> pb.Campaign:
        await work.append(NewEvent(row.number, kind, row.unit, {"state": row.state.name, **payload}))
        return await self._campaign(work.connection, row)


def _visible(row: Campaign, places: list[CampaignPlace]) -> list[CampaignPlace]:
    """Return the places that a caller may see: all for the leading unit, otherwise the unit's own."""
    call = current_call()
    if call.access.allows(call.caller, call.permission, row.unit):
        return places
    return [each for each in places if call.access.allows(call.caller, call.permission, each.unit)]
