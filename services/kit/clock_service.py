"""The clock service of a service: fires due rungs, lists and explains clocks, records what moves a clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import NoReturn, TypeVar

from google.protobuf.message import Message
from pb.clock.v1 import clock_pb2 as pb
from pb.clock.v1 import clock_pb2_grpc

from casework.clocks.admission import last_day_to_enter, pause_ended
from casework.clocks.calendar import LOCAL, Layer
from casework.clocks.explanation import explain
from casework.clocks.ledger import Cancelled, Entry, Extended, ExtensionRevoked, Met, Paused, Restarted, Resumed
from casework.clocks.rule import Consumer, ExtensionKind, Holder, Rule
from casework.clocks.rule_book import UnknownRule
from casework.errors import CaseError, Reason, field_error
from casework.names import ROOT_UNIT, clock_parts, file_name, last, number_of
from services.kit.clocks import clocks
from services.kit.clocks import ledger as clock_ledger
from services.kit.clocks import moves as clock_moves
from services.kit.clocks import view as clock_view
from services.kit.clocks.calendars import calendar_of
from services.kit.clocks.clockwork import Clockwork, NewClock
from services.kit.clocks.models import LIVE, Clock
from services.kit.clocks.moves import Candidate
from services.kit.clocks.sweep import sweep
from services.kit.command import Consequence, Versioned, Work, check_etag, command
from services.kit.instants import instant, stamp
from services.kit.serving.access import Call, Context, current_call
from services.kit.serving.businesstime import BusinessTime
from services.kit.storage import paging
from services.kit.storage.database import Connection, Database
from services.kit.storage.events import EventLog, NewEvent
from services.kit.storage.feed import FeedPulse
from services.kit.storage.listing import given, time_of

_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
_KINDS = {
    pb.EXTENSION_KIND_HEAD_APPROVAL: ExtensionKind.head_approval,
    pb.EXTENSION_KIND_ONCE: ExtensionKind.once,
    pb.EXTENSION_KIND_CONSENT_OF_ALL: ExtensionKind.consent_of_all,
    pb.EXTENSION_KIND_SUPERIOR_APPROVAL: ExtensionKind.superior_approval,
}
_APPLIED = 200
"""Clocks that one call of ApplyMoves moves: a transaction of a second or two."""

_AT_ONCE = pb.RevokeExtensionRequest
"""Entries that count from when they are recorded."""
_Move = (
    pb.StopClockRequest
    | pb.PauseClockRequest
    | pb.ResumeClockRequest
    | pb.RestartClockRequest
    | pb.ExtendClockRequest
    | pb.RevokeExtensionRequest
)

Kind = TypeVar("Kind", bound=Entry)


OpenMatter = Callable[[Connection, str], Awaitable[tuple[str, bool] | None]]
"""Returns the unit of a case on which clocks may be started, and whether it is closed; None if none may."""
Consents = Callable[[Connection, str], Awaitable[Mapping[str, datetime | None]]]
"""Returns when each party's consent to more time was recorded; None for a party that has not consented."""


@contextmanager
def _as_asked(request: Message) -> Iterator[None]:
    """Name refused fields as the request does: the entries of a ledger use other names."""
    fields = request.DESCRIPTOR.fields_by_name
    of = next((name for name in ("pause", "extension") if name in fields), "name")
    try:
        yield
    except CaseError as error:
        raise error.renamed({"at": "effective_time", "how": "kind", "of": of, "approver": "kind"}) from error


class ClockServicer(clock_pb2_grpc.ClockServiceServicer):
    """Serves the clocks one service owns.

    With `consents`, an extension by consent relies on the recorded consents of the parties alone.
    """

    def __init__(
        self, service: str, database: Database, time: BusinessTime, log: EventLog, pulse: FeedPulse,
        clockwork: Clockwork, pins: clock_ledger.Pins, open_matter: OpenMatter,
        consequences: Mapping[str, Consequence], consents: Consents | None = None,
    ) -> None:  # fmt: skip
        self._service = service
        self.database = database
        self.time = time
        self.log = log
        self.pulse = pulse
        self.clockwork = clockwork
        self.body_key = b""
        self.consequences = consequences
        self._consents = consents
        self._pins = pins
        self._open_matter = open_matter

    def _check(self, service: str) -> None:
        if service != self._service:
            raise field_error("service", Reason.INVALID_FIELD, f"this is {self._service}")

    def _id(self, name: str) -> str:
        _, service, clock = name.split("/", 2)
        if service != self._service:
            raise field_error("name", Reason.INVALID_FIELD, f"this is {self._service}")
        return clock

    def _work(self, connection: Connection, now: datetime, call: Call) -> Work:
        return Work(connection, now, call, self.log, self.clockwork, consequences=self.consequences)

    async def FireClocks(self, request: pb.FireClocksRequest, context: Context) -> pb.FireClocksResponse:
        """Fire every due rung of the case that has not fired; return when to ask again."""
        self._check(request.service)
        call, number, now = current_call(), number_of(request.case), self.time.now()
        async with self.database.begin() as connection:
            unit = await clocks.unit_of(connection, number)
            if unit is None:
                call.scope()
                return pb.FireClocksResponse()
            call.require(unit)
            # The case before its clocks, as commands lock them.
            await self.log.lock(connection, number)
            stale = request.generation and request.generation != (await clocks.standing(connection, number)).generation
            firings, events = ([], []) if stale else await clocks.fire(connection, number, now)
            if events:
                await self.log.append(connection, events, at=now, actor=call.caller.subject, trace=call.trace_parent)
            await self._work(connection, now, call).follow(firings)
            standing = await clocks.standing(connection, number)
            breaches = await clocks.breaches(connection, number)
            withdrawn = await clocks.breaches(connection, number, withdrawn=True)
        if events:
            self.pulse.beat()
        return pb.FireClocksResponse(
            firings=[clock_view.firing(self._service, firing) for firing in firings],
            overdue=[clock_view.firing(self._service, firing) for firing in breaches],
            withdrawn=[clock_view.firing(self._service, firing) for firing in withdrawn],
            next_time=stamp(standing.next_at),
            next_clock=clock_parts(standing.clock)[1],
            generation=standing.generation,
        )

    async def FireDueClocks(self, request: pb.FireDueClocksRequest, context: Context) -> pb.FireDueClocksResponse:
        """Fire the oldest rungs that are due, across all cases, oldest first."""
        self._check(request.service)
        call, now = current_call(), self.time.now()
        call.require(ROOT_UNIT)
        firings, more = await sweep(
            self.database, self.log, now, now - timedelta(seconds=request.grace_seconds), request.max_cases or 200,
            actor=call.caller.subject, trace=call.trace_parent,
            then=lambda connection, fired: self._work(connection, now, call).follow(fired),
        )  # fmt: skip
        if firings:
            self.pulse.beat()
        return pb.FireDueClocksResponse(firings=[clock_view.firing(self._service, each) for each in firings], more=more)

    async def ListClocks(self, request: pb.ListClocksRequest, context: Context) -> pb.ListClocksResponse:
        """Return clocks of the caller's units."""
        self._check(request.service)
        call, now = current_call(), self.time.now()
        scope = call.scope(last(request.unit))
        filters = given(
            running=request.running,
            overdue_by=request.overdue and now,
            number=request.case and number_of(request.case),
            numbers=[number_of(case) for case in request.cases] or None,
            rules=list(request.rules) or None,
            start=time_of(request, "start_time"),
            end=time_of(request, "end_time"),
            stopped_after=time_of(request, "stopped_after_time"),
            breached_after=time_of(request, "breached_after_time"),
        )
        async with self.database.read() as connection:
            page = await clocks.LISTED.read(connection, request, paging.subtree(scope), call.kept_from, filters)
        shown = [clock_view.clock(self._service, row, now) for row in page.rows]
        return pb.ListClocksResponse(clocks=shown, next_page_token=page.token, total_size=page.total)

    async def GetClock(self, request: pb.GetClockRequest, context: Context) -> pb.Clock:
        """Return a clock with its rungs and when they fired."""
        async with self.database.read() as connection:
            return await self._shown(connection, request.name)

    async def ExplainClock(self, request: pb.ExplainClockRequest, context: Context) -> pb.ExplainClockResponse:
        """Return every day from the start to the due date, once, with what was done with it and why."""
        language = current_call().language
        async with self.database.read() as connection:
            shown = await self._shown(connection, request.name)
            row = await clock_ledger.get(connection, self._id(request.name))
            rule = (await clock_ledger.rules_of(connection, [row.rule_hash]))[row.rule_hash]
            ledger = (await clock_ledger.ledgers_of(connection, [row.id]))[row.id]
            calendar = await calendar_of(connection, self.clockwork, row)
        days = explain(rule, ledger, calendar)
        return clock_view.explanation(shown, rule, [clock_view.day(each, language) for each in days], language)

    async def _shown(self, connection: Connection, name: str) -> pb.Clock:
        row = await clock_ledger.get(connection, self._id(name))
        current_call().require(row.unit)
        return clock_view.clock(self._service, row, self.time.now(), await clocks.fired(connection, row.id))

    @command(pb.Clock)
    async def StartClock(self, request: pb.StartClockRequest, work: Work) -> pb.Clock:
        """Start a legal clock on a case: an official recorded the event that starts it.

        A party's right or an authority's time limit may also begin after the case is closed, for example enforcement.
        """
        self._check(request.service)
        number = number_of(request.case)
        matter = await self._open_matter(work.connection, number)
        if matter is None:
            await self._refuse_closed(work, number)
        unit, closed = matter
        work.call.require(unit)
        await self.log.lock(work.connection, number)
        at = instant(request.effective_time) if request.HasField("effective_time") else work.now
        answerable = last(request.unit) if request.unit else unit
        if not work.call.access.knows(answerable):
            raise field_error("unit", Reason.UNKNOWN_UNIT, answerable)
        clock = await self._by_hand(work.connection, number, request, answerable, at, work.now)
        if closed and clock.rule.belongs_to not in (Holder.party, Holder.authority):
            await self._refuse_closed(work, number)
        await self._pins.keep_of([clock])
        await clocks.start(work.connection, work.now, work.actor, clock)
        next_at = clock.next_at
        payload = {"clock": clock.id, "rule": clock.rule.name, "unit": answerable, "due_at": clock.due_at}
        if wakes := next_at is not None and await clocks.is_next(work.connection, clock):
            payload["next_at"] = next_at
        await work.append(NewEvent(number, "ClockStarted", unit, payload, wakes=wakes))
        return clock_view.clock(self._service, await clock_ledger.get(work.connection, clock.id), work.now)

    async def _refuse_closed(self, work: Work, number: str) -> NoReturn:
        unit = await clocks.unit_of(work.connection, number)
        if unit is None:
            raise CaseError(Reason.NOT_FOUND, file_name(number))
        work.call.require(unit)
        raise CaseError(Reason.WRONG_STATE, f"{file_name(number)} does not wait here")

    async def _by_hand(
        self, connection: Connection, number: str, request: pb.StartClockRequest, unit: str, at: datetime, now: datetime
    ) -> NewClock:
        name = request.rule
        try:
            rule = self.clockwork.rules.get(name, unit, day := at.astimezone(LOCAL).date())
        except UnknownRule:
            raise field_error("rule", Reason.UNKNOWN_RULE, name) from None
        if rule.trigger.consumer is not Consumer.by_hand:
            raise field_error("rule", Reason.UNKNOWN_RULE, f"{name} is started by the service itself")
        if not rule.valid_on(day):
            _refuse_rule(rule, day)
        if at > now:
            raise field_error("effective_time", Reason.IN_THE_FUTURE)
        late = now.astimezone(LOCAL).date() > last_day_to_enter(rule, at, self.clockwork.calendars.of(unit))
        if late and not request.evidence:
            # The unit does not choose the date, so the bound for late entries does not apply; it must be verifiable.
            raise field_error("evidence", Reason.EVIDENCE_REQUIRED, at.astimezone(LOCAL).date().isoformat())
        key = f"{name}-{await clocks.how_many(connection, number, f'{name}-%') + 1}"
        clock = self.clockwork.new(number, key, rule, subject=file_name(number), unit=unit, at=at)
        return clock._replace(evidence=request.evidence)

    @command(pb.Clock)
    async def TakeStep(self, request: pb.TakeStepRequest, work: Work) -> pb.Clock:
        """Take on what a clock of the caller's own unit waits for."""
        return await self._give(request, work, work.call.caller.subject)

    @command(pb.Clock)
    async def AssignStep(self, request: pb.AssignStepRequest, work: Work) -> pb.Clock:
        """Give what a clock of the caller's own unit waits for to a colleague, or back to the unit."""
        return await self._give(request, work, request.user)

    async def _give(self, request: pb.TakeStepRequest | pb.AssignStepRequest, work: Work, official: str) -> pb.Clock:
        row = await self._locked(request, work)
        # Whoever supervises a unit does not do its work: only its own people take it on.
        work.call.require_person(row.unit == work.call.caller.unit)
        if row.state not in LIVE:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        await clocks.take(work.connection, row.number, clock_parts(row.id)[1], official)
        payload = {"clock": row.id, "unit": row.unit, "taken_by": official}
        await work.append(NewEvent(row.number, "StepTaken", row.unit, payload))
        return clock_view.clock(self._service, await clock_ledger.get(work.connection, row.id), work.now)

    @command(pb.Clock)
    async def StopClock(self, request: pb.StopClockRequest, work: Work) -> pb.Clock:
        """Stop a clock that was started manually, as of when it was met; rungs that were due before fire first."""
        row = await self._locked(request, work)
        rule = (await clock_ledger.rules_of(work.connection, [row.rule_hash]))[row.rule_hash]
        if rule.trigger.consumer is not Consumer.by_hand:
            raise field_error("name", Reason.CLOCK_NOT_BY_HAND, row.rule)
        return await self._enter(request, work, Met if request.met else Cancelled)

    @command(pb.Clock)
    async def PauseClock(self, request: pb.PauseClockRequest, work: Work) -> pb.Clock:
        """Pause a clock for a cause its rule allows."""
        return await self._enter(
            request, work, lambda **entry: Paused(**entry, cause=request.cause, evidence=request.evidence)
        )

    @command(pb.Clock)
    async def ResumeClock(self, request: pb.ResumeClockRequest, work: Work) -> pb.Clock:
        """Resume a paused clock: end the named pause, or the only one."""
        row = await self._locked(request, work)
        ledger = (await clock_ledger.ledgers_of(work.connection, [row.id]))[row.id]
        at = _effective(request, work)
        with _as_asked(request):
            of = pause_ended(ledger, at, request.pause, request.cause)
        if of is None and (request.pause or request.cause):
            raise field_error("pause" if request.pause else "cause", Reason.CLOCK_NOT_PAUSED)
        return await self._enter(request, work, lambda **entry: Resumed(**entry, of=of))

    @command(pb.Clock)
    async def ExtendClock(self, request: pb.ExtendClockRequest, work: Work) -> pb.Clock:
        """Extend a clock as its rule allows; the head of the unit approves."""
        how, approver = _KINDS[request.kind], ""
        claimed, parties, also = tuple(request.consents), tuple[str, ...](), tuple[str, ...]()
        if how in (ExtensionKind.head_approval, ExtensionKind.superior_approval):
            row = await clock_ledger.get(work.connection, self._id(request.name))
            above = how is ExtensionKind.superior_approval
            unit = work.call.access.superior(row.unit) if above else row.unit
            if not unit or not work.call.access.allows(work.call.caller, "clocks.approve", unit):
                raise field_error("kind", Reason.APPROVER_REQUIRED)
            # The superior organ need not be above the clock's unit: a city's bureau is not above a county's.
            also = (unit,) if above else ()
            approver = work.actor
        if how is ExtensionKind.consent_of_all and self._consents:
            claimed, parties = await self._agreed(self._consents, request, work)
        return await self._enter(
            request, work,
            lambda **entry: Extended(
                **entry, amount=request.amount, how=how, reason=request.reason, approver=approver,
                consents=claimed,
            ),
            parties, also,
        )  # fmt: skip

    async def _agreed(
        self, consents: Consents, request: Versioned, work: Work
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return whose consent was recorded since the last extension by consent, and whose is required."""
        row = await self._locked(request, work)
        ledger = (await clock_ledger.ledgers_of(work.connection, [row.id]))[row.id]
        before = [each.recorded_at for each in ledger if isinstance(each, Extended) and each.consents]
        said = await consents(work.connection, row.number)
        agreed = [party for party, at in said.items() if at and all(at > each for each in before)]
        return tuple(agreed), tuple(said)

    @command(pb.Clock)
    async def RestartClock(self, request: pb.RestartClockRequest, work: Work) -> pb.Clock:
        """Restart the clock from what interrupted it, if the rule allows this cause."""
        return await self._enter(
            request, work, lambda **entry: Restarted(**entry, cause=request.cause, evidence=request.evidence)
        )

    @command(pb.Clock)
    async def RevokeExtension(self, request: pb.RevokeExtensionRequest, work: Work) -> pb.Clock:
        """Revoke an extension."""
        clock = self._id(request.name)
        ledger = (await clock_ledger.ledgers_of(work.connection, [clock]))[clock]
        given = [each.seq for each in ledger if isinstance(each, Extended)]
        of = request.extension or (given[-1] if given else 0)
        return await self._enter(request, work, lambda **entry: ExtensionRevoked(**entry, of=of))

    async def _locked(self, request: Versioned, work: Work, also: Sequence[str] = ()) -> Clock:
        """Return the clock's row if the caller may act on it or for one of the units `also`; locks its case first."""
        seen = await clock_ledger.get(work.connection, self._id(request.name))
        work.call.require_any((seen.unit, *also))
        await self.log.lock(work.connection, seen.number)
        row = await clock_ledger.get(work.connection, seen.id, lock=True)
        check_etag(row.generation, request.etag)
        return row

    async def _enter(
        self, request: _Move, work: Work, entry: Callable[..., Kind], parties: Sequence[str] = (),
        also: Sequence[str] = (),
    ) -> pb.Clock:  # fmt: skip
        row = await self._locked(request, work, also)
        made = entry(seq=row.entries + 1, at=_effective(request, work), recorded_at=work.now, actor=work.actor)
        with _as_asked(request):
            change = await clock_ledger.record(work.connection, self.clockwork, row, made, work.now, parties=parties)
        await work.append(*change.events)
        return clock_view.clock(self._service, change.after, work.now)

    async def PreviewMoves(self, request: pb.PreviewMovesRequest, context: Context) -> pb.PreviewMovesResponse:
        """Return which running clocks of the caller's units would move, and from when to when."""
        self._check(request.service)
        scope = current_call().scope(last(request.unit))
        candidate = await self._candidate(request)
        shown, moved, kept = [], 0, 0
        async for move in clock_moves.moves(self.database, self.clockwork, candidate, _prefix(scope)):
            if not move.moves:
                kept += 1
                continue
            moved += 1
            shown.append(move)
        shown.sort(key=lambda move: (move.projection.due or clocks.NEVER, move.row.id))
        first = shown[: request.page_size or 100]
        return pb.PreviewMovesResponse(
            moves=[clock_view.move(self._service, move) for move in first],
            moved=moved, kept=kept, candidate=candidate.name,
        )  # fmt: skip

    @command(pb.ApplyMovesResponse)
    async def ApplyMoves(self, request: pb.ApplyMovesRequest, work: Work) -> pb.ApplyMovesResponse:
        """Apply what was previewed to some clocks, recording each; new clocks use the list from then on."""
        self._check(request.service)
        work.call.require(ROOT_UNIT)
        candidate = await self._candidate(request)
        if candidate.name != request.candidate:
            raise field_error("candidate", Reason.PREVIEW_STALE)
        layer = _layer(request.layer) if request.HasField("layer") else None
        if layer:
            await clock_moves.keep_layer(work.connection, layer, work.actor, request.reason, work.now)
        if request.rule:
            await self._pins.keep(self.clockwork.rules.versions(request.rule))
        batch: list[clock_moves.Move] = []
        async for move in clock_moves.moves(self.database, self.clockwork, candidate, ""):
            if len(batch) == _APPLIED:
                break
            batch.append(move)
        else:
            self.clockwork.lay(await clock_moves.applied_layers(work.connection))
        moved = await clock_moves.apply(
            work.connection, self.clockwork, self.log, candidate, batch, actor=work.actor, reason=request.reason,
            trace=work.call.trace_parent, now=work.now, fired=work.fired,
        )  # fmt: skip
        return pb.ApplyMovesResponse(done=len(batch), moved=moved, more=len(batch) == _APPLIED)

    async def _candidate(self, request: pb.PreviewMovesRequest | pb.ApplyMovesRequest) -> Candidate:
        layer = _layer(request.layer) if request.HasField("layer") else None
        async with self.database.begin() as connection:
            applied = await clock_moves.applied_layers(connection)
        if layer:
            # A layer that was applied already, and is now applied to more clocks, is not added twice.
            applied = [each for each in applied if (each.name, each.digest()) != (layer.name, layer.digest())]
        try:
            return Candidate.of(self.clockwork, applied, layer, request.rule)
        except UnknownRule:
            raise field_error("rule", Reason.UNKNOWN_RULE, request.rule) from None


def _refuse_rule(rule: Rule, day: date) -> NoReturn:
    """Raise RULE_NOT_IN_FORCE: an expired rule starts no clock; the error names its successor."""
    fault = field_error("rule", Reason.RULE_NOT_IN_FORCE)
    bound = f"valid to {rule.valid_to}" if rule.is_over(day) else f"valid from {rule.valid_from}"
    named = {"successor": rule.successor} if rule.is_over(day) and rule.successor else {}
    detail = f"{rule.name}: {bound}" + (f"; {rule.successor}" if named else "")
    raise CaseError(Reason.RULE_NOT_IN_FORCE, detail, fault.fields, field="rule", **named)


def _effective(request: _Move, work: Work) -> datetime:
    """Return when an entry takes effect: the given instant, or now."""
    if isinstance(request, _AT_ONCE) or not request.HasField("effective_time"):
        return work.now
    return instant(request.effective_time)


def _prefix(scope: str) -> str:
    return paging.subtree(scope).rstrip("%")


def _layer(given: pb.CalendarLayer) -> Layer:
    closed: dict[date, tuple[str, str]] = {}
    opened: dict[date, tuple[str, str]] = {}
    for index, day in enumerate(given.days):
        try:
            parsed = date.fromisoformat(day.date)
        except ValueError:
            raise field_error(f"layer.days[{index}].date", Reason.INVALID_FIELD, day.date) from None
        (opened if day.working else closed)[parsed] = (day.zh, day.en)
    try:
        return Layer(given.name, given.region, frozenset(given.years), closed, opened, given.source)
    except ValueError as error:
        raise field_error("layer", Reason.INVALID_FIELD, str(error)) from None
