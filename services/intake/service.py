"""Intake's RPCs. Each reads the request, checks permission, decides, writes once, responds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pb.intake.v1 import filing_pb2, intake_pb2_grpc, report_pb2
from pb.intake.v1 import intake_pb2 as pb

from casework import names
from casework.clocks.calendar import LOCAL
from casework.door import report as rules_of
from casework.door.complaint import lies_within, must_not_judge_itself
from casework.door.forward import ForwardState
from casework.door.likeness import prefecture_of
from casework.door.progress import at_door
from casework.door.report import LinkKind, ReportState
from casework.door.triage import CaseFacts
from casework.errors import CaseError, Reason, field_error
from services.intake import erasing, merging, record, store, view
from services.intake import reception as reception_
from services.intake.bulk import BulkReception
from services.intake.desk import limits, refusals, suggesting
from services.intake.directory import Beside
from services.intake.duplicates import store as duplicates
from services.intake.duplicates.search import Asked, Finder
from services.intake.filing import GATEWAY, Filing, Numbered, filed_by, is_nobody
from services.intake.forwards import ending
from services.intake.forwards import store as forwards
from services.intake.grids import rounds
from services.intake.guards.guard import FREE, Guards
from services.intake.links import answers
from services.intake.links import store as links
from services.intake.models import Report
from services.intake.partners import handing
from services.intake.partners import store as partners
from services.intake.reception import ACCEPT, GRADES, Reception
from services.intake.reporters import store as acts
from services.intake.reporters import view as told_by
from services.kit.clocks import clocks
from services.kit.clocks.models import Clock
from services.kit.clocks.progress import dates
from services.kit.command import Work, check_etag, command
from services.kit.composition import Parts
from services.kit.instants import stamp
from services.kit.servicer import Servicer
from services.kit.serving.access import Call, Context, current_call
from services.kit.serving.codes import HOLDER, REPORTER, CodeMint
from services.kit.serving.request import exclusions
from services.kit.storage import access_log, paging, requests
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.kit.storage.listing import given, time_of

_ALIKE_DAYS = 90
_SUGGESTIONS = 10
_MONTHS = 3
"""Months of probably identical matters that are shown before filing."""
_SESSION = 1800
"""Seconds for which whoever filed may act with the receipt without its second factor."""
_READING = 300
"""Seconds for which the holder of a receipt may read with one token."""


@dataclass(frozen=True, slots=True)
class _Door:
    """What is known before acceptance: dates, the reason of a refusal, whether it was reviewed, its open forward."""

    dates: Sequence[report_pb2.ProgressDate] = ()
    reason: str = ""
    reviewed: bool = False
    forwarded: ForwardState | None = None
    merging: bool = False


class IntakeServicer(Servicer, intake_pb2_grpc.IntakeServiceServicer):
    """Serves reports, from receipt to acceptance or refusal."""

    service = "intake"
    heads = "reports"
    body_key_name = "requests of intake"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._reception = Reception(parts.rules, parts.sealer, parts.clockwork)
        self._listed = parts.erasures
        self._numbers = store.Numbers(parts.database)
        self._mint = CodeMint(parts.settings.codes_key_file)
        self._body_key = parts.sealer.derive("requests of reporters")
        self._guards = Guards(parts.rules, parts.sealer, parts.database)
        self._finder = Finder(parts.rules, self._reception.signs)
        self._filing = Filing(self._reception, self._numbers, parts.rules, parts.time)
        self._bulk = BulkReception(parts.database, self._reception, self._numbers, parts.time, parts.pulse)

    async def _at_counter(self, request: pb.CreateReportRequest, call: Call) -> Numbered:
        """Check a report that somebody with an account files, and give it its number."""
        draft = self._reception.draft(request.report, self.time.now(), importing=False)
        reception_.must_be_of_its_own_source(request.report)
        # Whoever records a complaint at a counter may file it, though the unit above receives it.
        call.require(draft.filed_to)
        call.access.must_hold(call.caller, draft.door, draft.filed_to, "report.channel")
        if request.report.anonymity == filing_pb2.ANONYMITY_ALL and request.report.channel == report_pb2.CHANNEL_APP:
            raise field_error("report.anonymity", Reason.INVALID_FIELD, "POST /v1/reports:file records no account")
        return await self._filing.prepare(draft, call, call.caller.subject, requests.body_hash(request))

    @command(report_pb2.Report, before=_at_counter)
    async def CreateReport(self, request: pb.CreateReportRequest, work: Work, ready: Numbered) -> report_pb2.Report:
        """Receive a report and answer its receipt."""
        try:
            await rounds.admit(work.connection, work.call, request.report, work.now)
        except CaseError:
            self._filing.give_back(ready)
            raise
        answer = await self._filing.receive(ready, work)
        rounds.put(answer, await rounds.keep(work.connection, work.call, request.report, ready.number, work.now))
        return answer

    async def FileReport(self, request: pb.FileReportRequest, context: Context) -> pb.FiledReport:
        """Receive a report of somebody who needs no account; answer its receipt and a token to act by it."""
        report = await self._file(request, context)
        token, until = self._mint.token(REPORTER, report.name, names.case_name(names.number_of(report.name)), _SESSION)
        return pb.FiledReport(report=report, access_token=token, access_expire_time=stamp(until))

    async def _without_account(self, request: pb.FileReportRequest, call: Call) -> Numbered:
        """Check a report that somebody files for themselves, and give it its number."""
        caller = filed_by(request.report, call, request.request_id)
        draft = self._reception.draft(request.report, self.time.now(), importing=False, account=caller != GATEWAY)
        call.require(draft.filed_to)
        kind = self._filing.door(draft.filed_to, call)
        for field, wrong in (
            ("report.channel", request.report.channel != report_pb2.CHANNEL_APP),
            ("report.source", bool(request.report.source or request.report.source_id)),
        ):
            if wrong:
                raise field_error(field, Reason.INVALID_FIELD, "not for people who file for themselves")
        shown = request.report.challenge_solution
        passage = await self._guards.admit(kind, shown, caller, request.request_id) if is_nobody(call) else FREE
        # No part of what is said: whoever repeats a call need not have kept it.
        request.report.ClearField("challenge_solution")
        return await self._filing.prepare(draft, call, caller, requests.body_hash(request, self._body_key), passage)

    @command(report_pb2.Report, before=_without_account)
    async def _file(self, request: pb.FileReportRequest, work: Work, ready: Numbered) -> report_pb2.Report:
        """Receive a report; the token is no part of the answer that is stored."""
        return await self._filing.receive(ready, work)

    async def GetFilingChallenge(
        self, request: pb.GetFilingChallengeRequest, context: Context
    ) -> filing_pb2.FilingChallenge:
        """Answer what somebody without an account has to show at a door."""
        call, unit = current_call(), self._known_unit(request.unit, "unit")
        call.require(unit)
        return await self._guards.of(self._filing.door(unit, call)).challenge()

    async def FindSimilar(self, request: pb.FindSimilarRequest, context: Context) -> pb.FindSimilarResponse:
        """Return category and month of probably identical matters, except for private categories."""
        unit, category = self._known_unit(request.unit, "unit"), request.category.removeprefix("categories/")
        call = current_call()
        call.require(unit)
        self._filing.door(unit, call)
        if category not in self.rules.categories:
            raise field_error("category", Reason.UNKNOWN_CATEGORY, category)
        if not self.rules.filing.may_say(category):
            return pb.FindSimilarResponse()
        async with self.database.begin() as connection:
            asked = Asked(unit, self._signs(request.text, unit), category, request.area)
            found = await self._finder.known(connection, asked, self.time.now() - timedelta(days=_ALIKE_DAYS))
        months = list(dict.fromkeys(at.astimezone(LOCAL).strftime("%Y-%m") for at in found))[:_MONTHS]
        return pb.FindSimilarResponse(
            matters=[pb.SimilarMatter(category=request.category, month=each) for each in months]
        )

    async def ImportReports(
        self, request_iterator: AsyncIterator[Any], context: Context
    ) -> AsyncIterator[pb.ImportReportsResponse]:
        """Receive many reports; every row gets an answer."""
        call = current_call()
        call.scope()
        async for answer in self._bulk.answers(request_iterator, call):
            yield answer

    @exclusions.by_itself
    async def GetReport(self, request: pb.GetReportRequest, context: Context) -> report_pb2.Report:
        """Return a report without its sealed part."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.read() as connection:
            found = await store.read(connection, number, call.caller.subject)
            await exclusions.look_up(call, Beside(connection, found.kept), request)
            exclusions.admit(request, call)
            row = found.report
            if row is None:
                raise CaseError(Reason.NOT_FOUND, names.report_name(number))
            await record.admit(connection, call, row)
            shown = self._shown(connection, row)
            told = await answers.earlier(connection, row, self.rules, call.language, shown) if found.repeats else []
            seen = await rounds.seen(connection, number, row.channel) if found.in_grid else None
        answer = view.report(row, call.language, self.time.now())
        answer.earlier_answers.extend(told)
        rounds.put(answer, seen)
        return answer

    @staticmethod
    def _shown(connection: Connection, row: Report) -> answers.Shown:
        """Return what says of an earlier report whether the caller may read it; whoever reported both may."""
        call = current_call()

        async def shown(earlier: Report) -> bool | None:
            if call.caller.matter == names.report_name(row.number):
                return True
            if lies_within(earlier.about, call.caller.unit):
                return None
            return await record.may(connection, call, earlier, call.permission)

        return shown

    async def GetReportContent(self, request: pb.GetReportContentRequest, context: Context) -> report_pb2.ReportContent:
        """Return the sealed part, and log the access."""
        call, now = current_call(), self.time.now()
        number = names.number_of(request.name)
        async with self.database.begin() as connection:
            row = await store.get(connection, number)
            await record.admit(connection, call, row)
            erasing.must_be_there(row)
            await access_log.record(connection, call, now, number, names.report_name(number))
            event = NewEvent(number, "ContentRead", row.unit)
            await self.log.append(connection, [event], at=now, actor=call.caller.subject, trace=call.trace_parent)
            added, rated = await acts.additions(connection, number), await acts.rating(connection, number)
            # Papers of the case name who accepted it; nobody else needs the account.
            accepted_by = await store.accepted_by(connection, number) if "service" in call.caller.roles else ""
            handed = await partners.hand_overs(connection, number)
        self.pulse.beat()
        content = self._reception.open(number, row.sealed_key, row.sealed)
        sealer = self.sealer.under(number, row.sealed_key)
        told_by.put(content, sealer, added, rated)
        shown, numbers = (
            view.report(row, call.language, now),
            view.numbers(channel=row.channel, anonymity=row.anonymity),
        )
        content.MergeFrom(report_pb2.ReportContent(name=request.name, report=shown, accepted_by=accepted_by, **numbers))
        content.hand_overs.extend(map(handing.shown, handed))
        return content

    async def ListReports(self, request: pb.ListReportsRequest, context: Context) -> pb.ListReportsResponse:
        """Return reports of the caller's units."""
        call, now = current_call(), self.time.now()
        scope = call.scope(names.last(request.unit) if request.unit else "")
        filters = given(
            states=list(request.states) or None, source=request.source, overdue_by=request.overdue and now,
            categories=self.categories(request.categories, request.field), grades=list(request.grades) or None,
            channels=list(request.channels) or None, start=time_of(request, "start_time"),
            end=time_of(request, "end_time"),
        )  # fmt: skip
        async with self.database.read() as connection:
            page = await store.LISTED.read(connection, request, paging.subtree(scope), call.kept_from, filters)
        return pb.ListReportsResponse(
            reports=[view.report(row, call.language, now) for row in page.rows],
            next_page_token=page.token,
            total_size=page.total,
        )

    @command(report_pb2.Report)
    async def VerifyReport(self, request: pb.VerifyReportRequest, work: Work) -> report_pb2.Report:
        """Record whether the report was found to be true."""
        row = await self._locked(request.name, request.etag, work)
        to = ReportState.VERIFIED if request.founded else ReportState.UNFOUNDED
        state = rules_of.move(row.state, to)
        changed = await store.change(work.connection, row.number, work.now, state=state)
        await work.append(NewEvent(row.number, "ReportVerified", row.unit, {"state": state.name}))
        return view.report(changed, work.call.language, work.now)

    async def ListDuplicates(self, request: pb.ListDuplicatesRequest, context: Context) -> pb.ListDuplicatesResponse:
        """Return reports that may be about the same matter as this one."""
        async with self.database.begin() as connection:
            row = await store.get(connection, names.number_of(request.parent))
            await record.admit(connection, current_call(), row)
            signs, counted = await duplicates.signs_of(connection, row.number)
            if row.erased_at is None and (signs is None or prefecture_of(row.unit) != prefecture_of(row.number)):
                # Not worked out yet, or handed to another city, where signs are others.
                content = self._reception.open(row.number, row.sealed_key, row.sealed)
                signs, counted = self._signs(content.text, row.unit), False
            asked = Asked(row.unit, signs or [], row.category, row.area, row.number, counted)
            suggested = await self._suggested(connection, asked, request.page_size or _SUGGESTIONS)
        return pb.ListDuplicatesResponse(duplicates=suggested)

    async def FindDuplicates(self, request: pb.FindDuplicatesRequest, context: Context) -> pb.FindDuplicatesResponse:
        """Return reports that may be about the same matter as one that is not yet filed."""
        unit = self._known_unit(request.unit, "unit")
        current_call().require(unit)
        async with self.database.begin() as connection:
            asked = Asked(
                unit, self._signs(request.text, unit), request.category.removeprefix("categories/"), request.place.area
            )
            suggested = await self._suggested(connection, asked, request.max_results or _SUGGESTIONS)
        return pb.FindDuplicatesResponse(duplicates=suggested)

    def _signs(self, text: str, place: str) -> list[int]:
        """Return the signs of a text among the reports of a unit or number."""
        return self._reception.signs.signs(text, prefecture_of(place))

    async def _suggested(self, connection: Connection, asked: Asked, limit: int) -> list[report_pb2.Duplicate]:
        """Return those that may be suggested, with what the caller may read of them; the history of each records it."""
        call, now = current_call(), self.time.now()
        found = await self._finder.suggested(connection, asked, call, limit)
        readable = [each.row.number for each in found if each.readable]
        rows = {row.number: row for row in await store.with_content(connection, readable)}
        shown, looked = list[report_pb2.Duplicate](), list[NewEvent]()
        for each in found:
            row = each.row
            message = view.duplicate(each)
            if row.number in rows:
                content = self._reception.open(row.number, rows[row.number].sealed_key, rows[row.number].sealed)
                view.show_beside(message, each, content, self.rules)
            shown.append(message)
            looked.append(NewEvent(row.number, "LikenessShown", row.unit, {"scored": each.readable}))
            await access_log.record(connection, call, now, row.number, names.report_name(row.number))
        looked.sort(key=lambda event: event.number)
        await self.log.append(connection, looked, at=now, actor=call.caller.subject, trace=call.trace_parent)
        if looked:
            self.pulse.beat()
        return shown

    @command(pb.EraseReportDataResponse)
    async def EraseReportData(self, request: pb.EraseReportDataRequest, work: Work) -> pb.EraseReportDataResponse:
        """Erase a report and those merged into it; what was erased before is not counted again."""
        work.call.require(names.ROOT_UNIT)
        number = names.number_of(request.name)
        await store.get(work.connection, number)
        counts = await store.told(work.connection, number)
        if not request.validate_only:
            self._listed.add(number, work.now)
            found = await erasing.erase(work.connection, number, work.now)
            told = [NewEvent(each, "CaseDataErased", unit) for each, unit in found.items()]
            if told:
                await work.append(*told)
        reached = map(names.report_name, await store.matter(work.connection, number))
        return pb.EraseReportDataResponse(counts=counts, reports=reached)

    @command(report_pb2.Link)
    async def CreateLink(self, request: pb.CreateLinkRequest, work: Work) -> report_pb2.Link:
        """Record a person's decision on how two reports are related."""
        target = names.number_of(request.link.target)
        await store.lock_both(work.connection, names.number_of(request.parent), target)
        row = await self._locked(request.parent, "", work)
        other = await self._other(row, target, "link.target", work)
        link = request.link
        if link.kind == report_pb2.LINK_KIND_REPEAT:
            matter = await store.get(work.connection, other.merged_into) if other.merged_into else other
            closed = await record.case_is_closed(work.connection, matter.number)
            rules_of.may_repeat(row.received_at, other.received_at, matter.state, closed)
        if link.kind == report_pb2.LINK_KIND_DISTINCT:
            rules_of.may_be_told_apart(row.merged_into, other.merged_into, row.number, other.number)
        await links.link(work.connection, row.number, target, LinkKind(link.kind), link.reason, work.actor, work.now)
        kind = report_pb2.LinkKind.Name(link.kind).removeprefix("LINK_KIND_")
        payload = {"target": names.report_name(target), "kind": kind, "reason": link.reason}
        await work.append(NewEvent(row.number, "ReportLinked", row.unit, payload))
        return report_pb2.Link(
            name=f"{request.parent}/links/{target}", target=link.target, kind=link.kind, reason=link.reason,
            create_time=stamp(work.now),
        )  # fmt: skip

    @command(report_pb2.Report)
    async def MergeReport(self, request: pb.MergeReportRequest, work: Work) -> report_pb2.Report:
        """Merge a report into another one, whose clocks run on; this one's are cancelled."""
        target = names.number_of(request.target)
        # Of two simultaneous merges into each other, the second must see the first.
        await store.lock_both(work.connection, names.number_of(request.name), target)
        row = await self._locked(request.name, request.etag, work)
        other = await self._other(row, target, "target", work)
        await ending.must_be_none(work, row)
        changed = await merging.merge(work, row, other, request.reason)
        return view.report(changed, work.call.language, work.now)

    @command(report_pb2.Report)
    async def UnmergeReport(self, request: pb.UnmergeReportRequest, work: Work) -> report_pb2.Report:
        """Undo a merge: the report awaits acceptance again, and its limit runs from its receipt as before.

        What two units merged by consent either of them separates again.
        """
        number = names.number_of(request.name)
        before = await store.get(work.connection, number)
        if before.merged_into:
            await store.lock_both(work.connection, number, before.merged_into)
        row = await store.lock(work.connection, number)
        await self._may_separate(row, before.merged_into, work)
        check_etag(row.version, request.etag)
        if row.state is not ReportState.MERGED or row.merged_into != before.merged_into:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        target = row.merged_into
        other = await store.get(work.connection, target)
        rules_of.may_give_back(other.state, await record.case_is_closed(work.connection, target))
        await ending.undo(work, row)
        state = await store.state_before_merge(work.connection, number)
        # It is back where it was: had it not been merged, no case would have taken it along to another unit.
        unit = await store.unit_before_merge(work.connection, number) or row.unit
        await store.change(work.connection, number, work.now, state=state, merged_into="", decided_at=None, unit=unit)
        await store.bring_back(work.connection, number, target, work.now)
        await links.link(work.connection, number, target, LinkKind.DISTINCT, request.reason, work.actor, work.now)
        told = {"state": state.name, "target": names.report_name(target), "reason": request.reason}
        given_up = {"report": names.report_name(number), "reason": request.reason}
        undone = NewEvent(target, "MergeUndone", other.unit, given_up)
        if row.withdrawn_at is not None:
            # Its reporter withdrew it meanwhile: nobody has to decide on it.
            over = ReportState.WITHDRAWN
            changed = await store.change(work.connection, number, work.now, state=over, decided_at=row.withdrawn_at)
            ended = NewEvent(number, "ReportWithdrawn", unit, {"state": over.name}, wakes=True)
            await work.append(NewEvent(number, "ReportUnmerged", unit, told | {"state": over.name}), undone, ended)
            return view.report(changed, work.call.language, work.now)
        limit = row.triage.get("acceptance", {}).get("limit", ACCEPT)
        clock = await work.start_clock(
            number, f"{ACCEPT}-{row.version + 1}", limit, subject=names.report_name(number), unit=unit,
            at=row.received_at,
        )  # fmt: skip
        changed = await store.change(work.connection, number, work.now, **clock.shown())
        await work.append(NewEvent(number, "ReportUnmerged", unit, told, wakes=True), undone)
        return view.report(changed, work.call.language, work.now)

    @command(report_pb2.Report)
    async def TriageReport(self, request: pb.TriageReportRequest, work: Work) -> report_pb2.Report:
        """Correct the given facts, keep the others, and grade again; if another limit applies, start it."""
        row = await self._locked(request.name, request.etag, work)
        rules_of.may_change_facts(row.state)
        scope, urgency = request.scope or row.scope, request.urgency or row.urgency
        facts = CaseFacts(
            request.people_affected if request.HasField("people_affected") else row.people,
            request.amount_fen if request.HasField("amount_fen") else row.amount_fen,
            reception_.SCOPES[scope], reception_.URGENCIES[urgency],
            request.danger if request.HasField("danger") else row.danger, row.category,
        )  # fmt: skip
        triage, acceptance = self.rules.triage.evaluate(facts), self.rules.acceptance.evaluate(facts)
        clock = await limits.anew(work, row, acceptance)
        moved = clock.shown() if clock else {}
        changed = await store.change(
            work.connection, row.number, work.now, people=facts.people_affected, amount_fen=facts.amount_fen,
            scope=scope, urgency=urgency, danger=facts.danger,
            grade=GRADES[triage.grade], triage=reception_.triage_json(triage, acceptance, work.now), **moved,
        )  # fmt: skip
        payload = {
            "grade": triage.grade,
            "rule": triage.rule,
            "version": triage.version,
            "row": triage.row,
            "inputs": triage.inputs,
            "acceptance": acceptance.limit,
        }
        if clock:
            payload["due_at"] = clock.due_at
        await work.append(NewEvent(row.number, "ReportTriaged", row.unit, payload))
        return view.report(changed, work.call.language, work.now)

    @command(report_pb2.Report)
    async def AcceptReport(self, request: pb.AcceptReportRequest, work: Work) -> report_pb2.Report:
        """Accept a report; its case is opened by the workflow."""
        row = await self._locked(request.name, request.etag, work)
        unit = self._known_unit(request.unit, "unit") if request.unit else row.unit
        work.call.require(unit)
        must_not_judge_itself(row.about, unit)
        state = rules_of.move(row.state, ReportState.ACCEPTED)
        await ending.must_be_none(work, row)
        changed = await store.change(work.connection, row.number, work.now, state=state, unit=unit, decided_at=work.now)
        await work.stop(row.number, f"{ACCEPT}%")
        content = self._reception.open(row.number, row.sealed_key, row.sealed) if row.erased_at is None else None
        found = await suggesting.suggested(work.connection, row, self.rules, content, work.now)
        payload = {"state": state.name, "unit": unit, "category": row.category, "grade": row.grade}
        payload |= suggesting.recorded(found, unit)
        await work.append(NewEvent(row.number, "ReportAccepted", unit, payload, wakes=True))
        return view.report(changed, work.call.language, work.now)

    @command(report_pb2.Report)
    async def DeclineReport(self, request: pb.DeclineReportRequest, work: Work) -> report_pb2.Report:
        """Decline a report, with a reason and another route."""
        row = await self._locked(request.name, request.etag, work)
        state = rules_of.move(row.state, ReportState.DECLINED)
        erasing.must_be_there(row)
        await ending.must_be_none(work, row)
        content = self._reception.open(row.number, row.sealed_key, row.sealed)
        content.refusal.CopyFrom(refusals.said(request, row, self.rules))
        sealed = self.sealer.under(row.number, row.sealed_key).seal(content.SerializeToString())
        changed = await store.change(
            work.connection, row.number, work.now, state=state, route=request.route, decided_at=work.now, sealed=sealed
        )
        await work.stop(row.number, f"{ACCEPT}%")
        route = report_pb2.Route.Name(request.route).removeprefix("ROUTE_")
        payload = {"state": state.name, "reason": request.reason, "route": route}
        await work.append(NewEvent(row.number, "ReportDeclined", row.unit, payload, wakes=True))
        return view.report(changed, work.call.language, work.now)

    async def GetReceipt(self, request: pb.GetReceiptRequest, context: Context) -> report_pb2.Receipt:
        """Return what the holder of a receipt code may see."""
        call, code = current_call(), names.last(request.name)
        index = self._reception.receipt_index(code)
        async with self.database.read() as connection:
            row = await store.by_receipt(connection, index)
            call.require(row.unit)
            # A merged report shows the progress of the one it was merged into.
            matter = await store.get(connection, row.merged_into) if row.merged_into else row
            door = await self._at_door(connection, matter) if matter.state is not ReportState.ACCEPTED else _Door()
            told = await answers.earlier(connection, row, self.rules, call.language, answers.to_both)
        step = at_door(
            matter.state, reviewed=door.reviewed, erased=row.erased_at is not None, forwarded=door.forwarded,
            merging=door.merging,
        )  # fmt: skip
        answer = view.receipt(row, matter, code, call.language, self.rules, step)
        answer.earlier_answers.extend(told)
        answer.progress.dates.extend(door.dates)
        answer.progress.reason = door.reason
        if matter.state is ReportState.DECLINED and matter.erased_at is None:
            said = self._reception.open(matter.number, matter.sealed_key, matter.sealed).refusal
            if row.merged_into:
                # It was said to whoever filed the other report.
                said.ClearField("explanation")
            notice = refusals.told(said, matter, self.rules, call.language, reviewed=door.reviewed)
            answer.progress.refusal.CopyFrom(notice)
        answer.access_token, until = self._mint.token(HOLDER, answer.report, answer.case, _READING)
        answer.access_expire_time.FromDatetime(until)
        return answer

    async def _at_door(self, connection: Connection, matter: Report) -> _Door:
        """Return what is known of a matter that is not a case."""
        review = await acts.review(connection, matter.number)
        refusal = await acts.refusal(connection, matter.number) if matter.route else None
        running = [each for each in await clocks.live(connection, matter.number) if _is_ours(each)]
        due = await dates(connection, self.clockwork, running, self.time.now(), current_call().language)
        reason = review.reason if review and review.reason else refusal[1] if refusal else ""
        asked = await forwards.open_one(connection, matter.number)
        forwarded, merging_ = (asked.state, bool(asked.target)) if asked is not None else (None, False)
        return _Door(due, reason, review is not None, forwarded, merging_)

    async def _locked(self, name: str, etag: str, work: Work) -> Report:
        """Return the row to change, locked, if the caller may; the permission is checked before the version."""
        row = await store.lock(work.connection, names.number_of(name))
        await record.admit(work.connection, work.call, row)
        check_etag(row.version, etag)
        return row

    @staticmethod
    async def _may_separate(row: Report, target: str, work: Work) -> None:
        """Allow the call to the unit that has both reports, and to the one that gave its own by consent."""
        by_consent = await forwards.merged_by(work.connection, row.number)
        if by_consent is not None:
            await record.admit(work.connection, work.call, row, row.unit, by_consent.unit)
            return
        await record.admit(work.connection, work.call, row)
        if target:
            await record.admit(work.connection, work.call, await store.get(work.connection, target))

    async def _other(self, row: Report, target: str, field: str, work: Work) -> Report:
        if target == row.number:
            raise field_error(field, Reason.SAME_REPORT)
        other = await store.get(work.connection, target)
        await record.admit(work.connection, work.call, other)
        return other

    def _known_unit(self, name: str, field: str) -> str:
        unit = names.last(name)
        if unit not in self.rules.units:
            raise field_error(field, Reason.UNKNOWN_UNIT, unit)
        return unit


def _is_ours(clock: Clock) -> bool:
    """Return whether a clock is about acceptance: reporters do not see the rights and duties of others."""
    return clock.rule.startswith(ACCEPT) or clock.rule == "decline_review"
