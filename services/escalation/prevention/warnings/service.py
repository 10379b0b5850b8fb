"""RPCs of early warning: reporting, verifying, assessing, warning, measures, closing."""

from __future__ import annotations

from datetime import datetime

import orjson
from pb.escalation.v1 import warnings_pb2 as pb
from pb.escalation.v1 import warnings_pb2_grpc

from casework import names
from casework.door.triage import CaseFacts, Scope, Triage, Urgency
from casework.errors import CaseError, Reason, field_error
from casework.supervision.prevention import warning as rules_of
from casework.supervision.prevention.warning import WarningState
from services.escalation.models import File
from services.escalation.prevention.warnings import store, view
from services.escalation.prevention.warnings.models import HazardWarning
from services.escalation.servicer import Servicer
from services.kit import dates
from services.kit.clocks.clockwork import NOTHING_DUE, NewClock
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.serving.access import Call, Context, current_call
from services.kit.storage import paging
from services.kit.storage.events import NewEvent

_UNTOLD = "reporter"
"""Named in the history instead of the account that reported a hazard."""
_SCOPES, _URGENCIES = list(Scope), list(Urgency)


class WarningServicer(Servicer, warnings_pb2_grpc.WarningServiceServicer):
    """Serves warnings."""

    @command(pb.Warning)
    async def ReportHazard(self, request: pb.ReportHazardRequest, work: Work) -> pb.Warning:
        """Record a report of a hazard or trend; the reporter is sealed and not in the history either."""
        unit, place = names.last(request.unit), names.last(request.place)
        self._check(unit, place, request.category)
        work.call.require(unit)
        file = await self.opened(work, "warnings", unit)
        sealer = await self.seal(work, file)
        reporter, work.told_by = work.actor, _UNTOLD
        row = await store.add(
            work.connection, file.number, state=WarningState.REPORTED, kind=request.kind, urgent=request.urgent,
            unit=unit, place=place, category=request.category.removeprefix("categories/"), reported_at=work.now,
            sealed_hazard=sealer.seal(request.description.encode()), sealed_reporter=sealer.seal(reporter.encode()),
        )  # fmt: skip
        clock = await self._begin(work, row)
        row = await store.change(work.connection, row, **clock.shown())
        return await self._told(work, row, "HazardReported", hazard=row.kind.name, urgent=row.urgent)

    async def GetWarning(self, request: pb.GetWarningRequest, context: Context) -> pb.Warning:
        """Return a warning to the investigating unit, or to the warned department."""
        call = current_call()
        async with self.database.read() as connection:
            row = await store.get(connection, names.number_of(request.name))
        call.require_any(_knowing(row))
        return view.warning(row, call.language)

    async def ListWarnings(self, request: pb.ListWarningsRequest, context: Context) -> pb.ListWarningsResponse:
        """Return warnings of the caller's units, urgent ones first, then oldest first."""
        call, size = current_call(), request.page_size or 50
        scope = call.scope(names.last(request.unit))
        behind = paging.read(request.page_token, "warnings", paging.number, paging.instant, paging.key)
        async with self.database.read() as connection:
            found = await store.listed(connection, paging.subtree(scope), request.open, behind, size + 1)
        reply = pb.ListWarningsResponse(warnings=[view.warning(row, call.language) for row in found[:size]])
        reply.next_page_token = paging.following(
            found, size, "warnings", lambda end: (int(end.urgent), end.reported_at, end.number)
        )
        return reply

    async def GetWarningText(self, request: pb.GetWarningTextRequest, context: Context) -> pb.WarningText:
        """Return the texts; to the warned department only the warning and its own answer."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.begin() as connection:
            row = await store.get(connection, number)
            call.require_any(_knowing(row))
            told = {"demand": row.sealed_demand, "measures": row.sealed_measures}
            if _may(call, row.unit):
                told |= {"description": row.sealed_hazard, "finding": row.sealed_finding}
            opener = await self.opener(connection, number)
            await self.log_reading(connection, number, row.unit, "WarningTextRead")
        self.pulse.beat()
        return pb.WarningText(
            name=request.name, **{part: opener.open(data).decode() for part, data in told.items() if data}
        )

    async def GetHazardReporter(self, request: pb.GetHazardReporterRequest, context: Context) -> pb.HazardReporter:
        """Return the reporter, for questions; never to anybody of the place or of the warned department."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.begin() as connection:
            row = await store.get(connection, number)
            call.require(row.unit)
            call.require_person(not rules_of.is_concerned(call.caller.unit, row.place, row.addressee))
            if row.sealed_reporter is None:
                raise CaseError(Reason.DATA_ERASED, request.name)
            account = (await self.opener(connection, number)).open(row.sealed_reporter).decode()
            await self.log_reading(connection, number, row.unit, "HazardReporterRead")
        self.pulse.beat()
        return pb.HazardReporter(name=request.name, account=account)

    @command(pb.Warning)
    async def TakeUpHazard(self, request: pb.TakeUpHazardRequest, work: Work) -> pb.Warning:
        """Record that somebody has set out."""
        row, _ = await self._warning(request, work)
        rules_of.must_be(row.state, WarningState.REPORTED)
        if row.taken_up_at is not None:
            raise CaseError(Reason.ALREADY_EXISTS, request.name)
        row = await store.change(work.connection, row, taken_up_at=work.now)
        await work.stop(row.number, "respond-1")
        return await self._told(work, row, "HazardTakenUp")

    @command(pb.Warning)
    async def VerifyHazard(self, request: pb.VerifyHazardRequest, work: Work) -> pb.Warning:
        """Record the result of the verification. Of an unfounded report only number and place remain."""
        row, file = await self._warning(request, work)
        to = WarningState.VERIFIED if request.founded else WarningState.DISMISSED
        state = rules_of.move(row.state, to)
        opener = await self.opener(work.connection, row.number)
        assert row.sealed_reporter is not None, "it stays until a report is dismissed"
        if opener.open(row.sealed_reporter).decode() == work.actor:
            raise CaseError(Reason.SAME_PERSON)
        await work.stop(row.number, "respond-1", met=row.taken_up_at is None)
        await work.stop(row.number, "verify-1")
        if state is WarningState.DISMISSED:
            row = await store.change(work.connection, row, state=state, closed_at=work.now, **NOTHING_DUE)
            await store.erase(work.connection, row)
            return await self._told(work, row, "HazardDismissed")
        clock = await self._clock(work, row, "assess-1", "assess_hazard")
        row = await store.change(
            work.connection, row, state=state, verified_at=work.now, **clock.shown(),
            sealed_finding=await self._sealed(work, file, request.finding),
        )  # fmt: skip
        return await self._told(work, row, "HazardVerified")

    @command(pb.Warning)
    async def AssessHazard(self, request: pb.AssessHazardRequest, work: Work) -> pb.Warning:
        """Grade it by the table for all matters: by declared facts, not by anything about persons."""
        row, _ = await self._warning(request, work)
        rules_of.must_be(row.state, WarningState.VERIFIED)
        state = rules_of.move(row.state, WarningState.ASSESSED)
        found = self.rules.triage.evaluate(
            CaseFacts(
                request.people_affected, request.amount_fen, _SCOPES[request.scope - 1],
                _URGENCIES[request.urgency - 1], request.danger, row.category,
            )
        )  # fmt: skip
        await work.stop(row.number, "assess-1")
        level = rules_of.LEVELS[found.grade]
        row = await store.change(
            work.connection, row, state=state, assessed_at=work.now, level=level, assessment=_kept(found)
        )
        row = await self._to_be_drafted(work, row)
        return await self._told(work, row, "HazardAssessed", level=str(found.grade), by_row=found.row)

    @command(pb.Warning)
    async def WarnDepartment(self, request: pb.WarnDepartmentRequest, work: Work) -> pb.Warning:
        """Draft the warning to a department."""
        row, file = await self._warning(request, work)
        state = rules_of.move(row.state, WarningState.DRAFTED)
        addressee = self.known(request.addressee, "addressee")
        if addressee == row.unit:
            raise field_error("addressee", Reason.INVALID_FIELD, addressee)
        until = dates.term(request, "due_date", work.now)
        await work.stop(row.number, f"warn-{row.round}")
        clock = await self._clock(work, row, f"approve-{row.round}", "approve_warning")
        row = await store.change(
            work.connection, row, state=state, addressee=addressee, drafted_by=work.actor, measures_until=until,
            **clock.shown(), sealed_demand=await self._sealed(work, file, request.demand),
        )  # fmt: skip
        return await self._told(work, row, "WarningDrafted", addressee=addressee)

    @command(pb.Warning)
    async def ApproveWarning(self, request: pb.ApproveWarningRequest, work: Work) -> pb.Warning:
        """Approve a warning and serve it, or send it back; not by whoever drafted it."""
        row, _ = await self._warning(request, work)
        rules_of.must_be(row.state, WarningState.DRAFTED)
        if row.drafted_by == work.actor:
            raise CaseError(Reason.SAME_PERSON)
        await work.stop(row.number, f"approve-{row.round}")
        if not request.approved:
            state = rules_of.move(row.state, WarningState.ASSESSED)
            row = await store.change(work.connection, row, state=state, round=row.round + 1)
            row = await self._to_be_drafted(work, row)
            return await self._told(work, row, "WarningSentBack")
        row = await self._warned(work, row, warned_at=work.now)
        return await self._told(work, row, "DepartmentWarned", addressee=row.addressee)

    @command(pb.Warning)
    async def ReportWarningMeasures(self, request: pb.ReportWarningMeasuresRequest, work: Work) -> pb.Warning:
        """Report, for the department, what was done."""
        row, file = await self._warning(request, work, department=True)
        state = rules_of.move(row.state, WarningState.MEASURES_REPORTED)
        await work.stop(row.number, f"measures-{row.returned + 1}")
        clock = await self._clock(work, row, f"check-{row.returned + 1}", "check_measures")
        row = await store.change(
            work.connection, row, state=state, measures_by=work.actor, measures_at=work.now, **clock.shown(),
            sealed_measures=await self._sealed(work, file, request.measures),
        )  # fmt: skip
        return await self._told(work, row, "WarningMeasuresReported", evidence=request.evidence)

    @command(pb.Warning)
    async def CloseWarning(self, request: pb.CloseWarningRequest, work: Work) -> pb.Warning:
        """Close a warning, after another person has checked its measures; or ask for more."""
        row, _ = await self._warning(request, work)
        before = row.state
        rules_of.move(before, WarningState.CLOSED, linked=bool(row.target))
        if row.measures_by == work.actor:
            raise CaseError(Reason.SAME_PERSON)
        if before is WarningState.MEASURES_REPORTED and not request.sufficient:
            await work.stop(row.number, f"check-{row.returned + 1}")
            row = await self._warned(work, row, returned=row.returned + 1, measures_until=None)
            return await self._told(work, row, "WarningMeasuresReturned", returned=row.returned)
        await work.stop(row.number, "%")
        row = await store.change(work.connection, row, state=WarningState.CLOSED, closed_at=work.now, **NOTHING_DUE)
        return await self._told(work, row, "WarningClosed")

    @command(pb.Warning)
    async def LinkWarning(self, request: pb.LinkWarningRequest, work: Work) -> pb.Warning:
        """Link a warning to the case or matter that came of it."""
        row, _ = await self._warning(request, work)
        if row.state in rules_of.OVER | {WarningState.REPORTED}:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        row = await store.change(work.connection, row, target=request.target)
        return await self._told(work, row, "WarningLinked", target=request.target)

    # --- what they have in common -------------------------------------------------------------------------------------

    def _check(self, unit: str, place: str, category: str) -> None:
        if unit not in self.rules.units:
            raise field_error("unit", Reason.UNKNOWN_UNIT, unit)
        if not self.rules.units.contains(unit, place):
            raise field_error("place", Reason.UNKNOWN_UNIT, place)
        if category.removeprefix("categories/") not in self.rules.categories:
            raise field_error("category", Reason.UNKNOWN_CATEGORY, category)

    async def _warning(self, request: Versioned, work: Work, *, department: bool = False) -> tuple[HazardWarning, File]:
        """Return a warning's row and file, locked, if the caller may act on it and means this version."""
        file = await self.locked(request.name, work)
        row = await store.get(work.connection, file.number)
        if department:
            # For the warned department itself; before the warning nobody may report.
            work.call.require(row.addressee if row.addressee in _knowing(row) else row.unit)
        else:
            work.call.require(row.unit)
        check_etag(row.version, request.etag)
        return row, file

    async def _sealed(self, work: Work, file: File, told: str) -> bytes | None:
        return (await self.seal(work, file)).seal(told.encode()) if told else None

    async def _begin(self, work: Work, row: HazardWarning) -> NewClock:
        """Start the clocks of a report and return the one of its verification."""
        if not row.urgent:
            return await self._clock(work, row, "verify-1", "verify_hazard")
        await self._clock(work, row, "respond-1", "respond_hazard_urgent")
        until = rules_of.same_night(work.now)
        return await self._clock(work, row, "verify-1", "verify_hazard_urgent", until=until)

    async def _to_be_drafted(self, work: Work, row: HazardWarning) -> HazardWarning:
        rule = "warn_department_high" if row.level == rules_of.LEVELS["high"] else "warn_department"
        clock = await self._clock(work, row, f"warn-{row.round}", rule)
        return await store.change(work.connection, row, **clock.shown())

    async def _warned(self, work: Work, row: HazardWarning, **columns: object) -> HazardWarning:
        state = rules_of.move(row.state, WarningState.WARNED)
        row = await store.change(work.connection, row, state=state, **columns)
        clock = await self._clock(
            work, row, f"measures-{row.returned + 1}", "warning_measures", unit=row.addressee, until=row.measures_until
        )
        return await store.change(work.connection, row, **clock.shown())

    @staticmethod
    async def _clock(
        work: Work, row: HazardWarning, key: str, rule: str, *, unit: str = "", until: datetime | None = None
    ) -> NewClock:
        subject = names.file_name(row.number)
        return await work.start_clock(
            row.number, key, rule, subject=subject, unit=unit or row.unit, at=work.now, until=until
        )

    @staticmethod
    async def _told(work: Work, row: HazardWarning, kind: str, **payload: object) -> pb.Warning:
        state = {"state": row.state.name}
        await work.append(NewEvent(row.number, kind, row.unit, {**state, **payload}))
        return view.warning(row, work.call.language)


def _knowing(row: HazardWarning) -> tuple[str, ...]:
    """Return the units that may see a warning: the investigating one, and the department once it was warned."""
    told = row.addressee and row.state in rules_of.TOLD_TO_DEPARTMENT and row.warned_at
    return (row.unit, row.addressee) if told else (row.unit,)


def _may(call: Call, unit: str) -> bool:
    return call.access.allows(call.caller, call.permission, unit)


def _kept(found: Triage) -> str:
    """Return what is stored of an assessment, enough to check it by hand."""
    told = {"rule": found.rule, "version": found.version, "row": found.row, "zh": found.reason_zh,
            "en": found.reason_en, "inputs": found.inputs}  # fmt: skip
    return orjson.dumps(told).decode()
