"""RPCs of clues: registering, verifying, transferring, handling, using, closing, and who read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from pb.escalation.v1 import clues_pb2 as pb
from pb.escalation.v1 import clues_pb2_grpc

from casework import names
from casework.door import clue as rules_of
from casework.door.clue import ClueFinding, ClueResult, ClueState
from casework.errors import CaseError, Reason, field_error
from services.escalation import files
from services.escalation.clues import codes, store, view
from services.escalation.clues.store import Wanted
from services.escalation.models import Clue, File
from services.escalation.servicer import Servicer
from services.kit import dates
from services.kit.clocks.clockwork import NOTHING_DUE
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.composition import Parts
from services.kit.instants import NEVER, stamp
from services.kit.serving.access import Call, Context, current_call
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.kit.storage.models import Event
from services.kit.storage.sealing import CaseSealer

_UNTOLD = "reporter"
"""Named in the history instead of an account of another unit that registered a clue."""
_LAST = 2**63 - 1
_MOST = 10
"""Verifications of a clue."""
_USES = 100
"""Things that a clue was used for."""


class ClueServicer(Servicer, clues_pb2_grpc.ClueServiceServicer):
    """Serves clues."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._index_key = parts.sealer.derive(codes.KEY)

    async def RegisterClue(self, request: pb.RegisterClueRequest, context: Context) -> pb.Clue:
        """Return the registered clue with its code; the code itself is only in the sealed part."""
        answer = await self._register(request, context)
        number = names.number_of(answer.name)
        async with self.database.read() as connection:
            row, file = await store.slip(connection, number), await files.get(connection, number)
        if row is not None and row.sealed is not None and file.erased_at is None:
            kept = pb.ClueSlip.FromString(files.reading(self.sealer, file).open(row.sealed))
            answer.code, answer.words = kept.code, kept.words
        return answer

    @command(pb.Clue)
    async def _register(self, request: pb.RegisterClueRequest, work: Work) -> pb.Clue:
        """Register a clue; who gave it is sealed. An account of another unit is not in the history either."""
        unit, place = self.known(request.unit, "unit"), self.known(request.place, "place")
        about = self.known(request.about_unit, "about_unit") if request.about_unit else ""
        category = request.category.removeprefix("categories/")
        work.call.require(unit)
        if not self.rules.units.contains(unit, place):
            raise field_error("place", Reason.UNKNOWN_UNIT, place)
        if category not in self.rules.categories:
            raise field_error("category", Reason.UNKNOWN_CATEGORY, category)
        rules_of.must_be_kept_above(unit, about)
        file = await self.opened(work, "clues", unit)
        told = pb.ClueReporter(reporter_name=request.reporter_name, contact=request.reporter_contact)
        if work.call.caller.unit != unit:
            told.account, work.told_by = work.actor, _UNTOLD
        sealer = await self.seal(work, file)
        row = await store.add(
            work.connection, file.number, state=ClueState.REGISTERED, source=request.source, unit=unit, about=about,
            place=place, category=category, registered_at=work.now,
            sealed_clue=sealer.seal(request.description.encode()),
            sealed_reporter=sealer.seal(told.SerializeToString()),
        )  # fmt: skip
        slip = codes.slip()
        index = codes.index_of(self._index_key, slip.code)
        await store.keep_code(work.connection, row.number, index, sealer.seal(slip.SerializeToString()))
        row = await self._next(work, row, "assign", "clue_assign")
        return await self._told(work, row, "ClueRegistered", source=row.source.name)

    async def GetClue(self, request: pb.GetClueRequest, context: Context) -> pb.Clue:
        """Return a clue to the unit that keeps it, the one that verifies it, and the one it was transferred to."""
        async with self.database.read() as connection:
            row = await store.get(connection, names.number_of(request.name))
            current_call().require_any(_knowing(row))
            return await self._shown(connection, row)

    async def ListClues(self, request: pb.ListCluesRequest, context: Context) -> pb.ListCluesResponse:
        """Return clues of the caller's units, the next due first."""
        size = request.page_size or 50
        wanted = Wanted(
            current_call().scope(names.last(request.unit)), self.time.now(), request.state, request.source,
            names.last(request.about_unit), request.open, request.overdue,
        )  # fmt: skip
        behind = paging.read(request.page_token, "clues", paging.instant, paging.key)
        async with self.database.read() as connection:
            found = await store.listed(connection, wanted, behind, size + 1)
            uses = await store.uses(connection, [row.number for row in found[:size]])
            total = await store.counted(connection, wanted)
        call = current_call()
        shown = [view.clue(row, uses[row.number], wanted.now, kept=_keeps(call, row)) for row in found[:size]]
        reply = pb.ListCluesResponse(clues=shown, total_size=total)
        reply.next_page_token = paging.following(found, size, "clues", lambda end: (end.due_at or NEVER, end.number))
        return reply

    async def GetClueText(self, request: pb.GetClueTextRequest, context: Context) -> pb.ClueText:
        """Return the texts that the caller's unit may read; the reading is an event of the clue."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.begin() as connection:
            row = await store.get(connection, number)
            call.require_any(_knowing(row))
            told = _readable(call, row)
            opener = await self.opener(connection, number)
            await self.log_reading(connection, number, row.unit, "ClueTextRead")
        self.pulse.beat()
        return pb.ClueText(
            name=request.name, **{part: opener.open(data).decode() for part, data in told.items() if data},
            earlier_findings=_earlier(opener, row) if _decides(call, row) else [],
        )  # fmt: skip

    async def GetClueReporter(self, request: pb.GetClueReporterRequest, context: Context) -> pb.ClueReporter:
        """Return who gave a clue, to officials of the unit that keeps it; the reading is an event with its purpose."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.begin() as connection:
            row = await store.get(connection, number)
            call.require(row.unit)
            if row.sealed_reporter is None:
                raise CaseError(Reason.DATA_ERASED, request.name)
            told = pb.ClueReporter.FromString((await self.opener(connection, number)).open(row.sealed_reporter))
            purpose = pb.ClueReadingPurpose.Name(request.purpose).removeprefix("CLUE_READING_PURPOSE_")
            await self.log_reading(connection, number, row.unit, "ClueReporterRead", purpose=purpose)
        self.pulse.beat()
        told.name = request.name
        return told

    async def ListClueReadings(
        self, request: pb.ListClueReadingsRequest, context: Context
    ) -> pb.ListClueReadingsResponse:
        """Return who read the texts or the reporter of a clue, latest first."""
        size, behind = request.page_size or 50, paging.read(request.page_token, "clue-readings")
        async with self.database.read() as connection:
            row = await store.get(connection, names.number_of(request.parent))
            current_call().require(row.unit)
            found = await store.readings(connection, row.number, _LAST if behind is None else behind, size + 1)
        shown = [_reading(each) for each in found[:size]]
        reply = pb.ListClueReadingsResponse(readings=shown)
        reply.next_page_token = paging.following(found, size, "clue-readings", lambda end: end.id)
        return reply

    @command(pb.Clue)
    async def AssignClue(self, request: pb.AssignClueRequest, work: Work) -> pb.Clue:
        """Assign the verification to a unit of the keeper's area, also anew; never to the unit the clue is about."""
        row, file = await self._kept(request, work)
        state = rules_of.move(row.state, ClueState.VERIFYING)
        unit = rules_of.verifier(names.last(request.verifier), row.unit, row.about, self.rules.units)
        until = dates.term(request, "due_date", work.now)
        row = await store.change(
            work.connection, row, state=state, verifier=unit, finding=None, verified_at=None, sealed_finding=None,
            sealed_instruction=await self._sealed(work, file, request.instruction),
            sealed_earlier=await self._set_aside(work, row, file),
        )  # fmt: skip
        row = await self._next(work, row, "verify", "clue_verify", unit=unit, until=until)
        return await self._told(work, row, "ClueAssigned", verifier=unit)

    @command(pb.Clue)
    async def ReportClueVerification(self, request: pb.ReportClueVerificationRequest, work: Work) -> pb.Clue:
        """Report what was found, for the unit that verifies; whoever registered the clue from outside may not."""
        row, file = await self._of(request, work, _verifier)
        state = rules_of.move(row.state, ClueState.VERIFIED)
        if await self._account(work, row) == work.actor:
            raise CaseError(Reason.SAME_PERSON)
        row = await store.change(
            work.connection, row, state=state, finding=request.finding, verified_at=work.now, verified_by=work.actor,
            sealed_finding=await self._sealed(work, file, request.text),
        )  # fmt: skip
        row = await self._next(work, row, "decide", "clue_decide")
        return await self._told(work, row, "ClueVerified", finding=ClueFinding(request.finding).name)

    @command(pb.Clue)
    async def TransferClue(self, request: pb.TransferClueRequest, work: Work) -> pb.Clue:
        """Transfer a clue; the unit it is about gets it only once it was found to be true."""
        row, file = await self._kept(request, work)
        state = rules_of.move(row.state, ClueState.TRANSFERRED)
        rules_of.may_transfer(row.finding)
        unit = rules_of.addressee(self.known(request.addressee, "addressee"), row.unit, row.about, row.finding)
        row = await store.change(
            work.connection, row, state=state, addressee=unit, transferred_at=work.now, declined="",
            handle_until=dates.term(request, "due_date", work.now),
            sealed_transfer=await self._sealed(work, file, request.text),
        )  # fmt: skip
        row = await self._next(work, row, "answer", "clue_answer", unit=unit)
        return await self._told(work, row, "ClueTransferred", addressee=unit)

    @command(pb.Clue)
    async def AnswerClueTransfer(self, request: pb.AnswerClueTransferRequest, work: Work) -> pb.Clue:
        """Accept a transferred clue, or send it back: then it is where it was before."""
        row, _ = await self._of(request, work, _addressee)
        rules_of.must_be(row.state, ClueState.TRANSFERRED)
        if request.accepted:
            row = await store.change(work.connection, row, state=ClueState.HANDLING)
            row = await self._next(work, row, "handle", "clue_handle", unit=row.addressee, until=row.handle_until)
            return await self._told(work, row, "ClueTransferAccepted")
        if not request.reason:
            raise field_error("reason", Reason.REASON_REQUIRED)
        state = ClueState.VERIFIED if row.finding else ClueState.REGISTERED
        row = await store.change(work.connection, row, state=state, addressee="", declined=request.reason)
        again = ("decide", "clue_decide") if row.finding else ("assign", "clue_assign")
        row = await self._next(work, row, *again)
        return await self._told(work, row, "ClueTransferDeclined")

    @command(pb.Clue)
    async def ReportClueHandling(self, request: pb.ReportClueHandlingRequest, work: Work) -> pb.Clue:
        """Report how a transferred clue was handled, for the unit it was transferred to."""
        row, file = await self._of(request, work, _addressee)
        state = rules_of.move(row.state, ClueState.HANDLED)
        row = await store.change(
            work.connection, row, state=state, handled_at=work.now, handled_by=work.actor,
            sealed_handling=await self._sealed(work, file, request.text),
        )  # fmt: skip
        row = await self._next(work, row, "use", "clue_use")
        return await self._told(work, row, "ClueHandled", evidence=request.evidence)

    @command(pb.Clue)
    async def ReturnClue(self, request: pb.ReturnClueRequest, work: Work) -> pb.Clue:
        """Return a clue whose handling is not sufficient to the unit that handled it."""
        row, file = await self._kept(request, work)
        rules_of.must_be(row.state, ClueState.HANDLED)
        until = dates.term(request, "due_date", work.now)
        row = await store.change(
            work.connection, row, state=rules_of.move(row.state, ClueState.HANDLING), returned=row.returned + 1,
            sealed_return=await self._sealed(work, file, request.text),
        )  # fmt: skip
        row = await self._next(work, row, "handle", "clue_handle", unit=row.addressee, until=until)
        return await self._told(work, row, "ClueReturned", returned=row.returned)

    @command(pb.Clue)
    async def UseClue(self, request: pb.UseClueRequest, work: Work) -> pb.Clue:
        """Record what a clue was used for; access to it was checked before."""
        row, _ = await self._kept(request, work)
        if row.state is ClueState.CLOSED:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        if request.target == request.name:
            raise field_error("target", Reason.INVALID_FIELD, request.target)
        uses = (await store.uses(work.connection, [row.number]))[row.number]
        if any(each.target == request.target for each in uses):
            raise field_error("target", Reason.ALREADY_EXISTS, request.target)
        if len(uses) >= _USES:
            raise CaseError(Reason.TOO_MANY, str(_USES))
        await store.use(work.connection, row, request.target, work.now)
        row = await store.change(work.connection, row, turns=row.turns)
        return await self._told(work, row, "ClueUsed", target=request.target)

    @command(pb.Clue)
    async def CloseClue(self, request: pb.CloseClueRequest, work: Work) -> pb.Clue:
        """Close a clue with a result that agrees with its facts; not by whoever verified or handled it."""
        row, _ = await self._kept(request, work)
        result = ClueResult(request.result)
        uses = (await store.uses(work.connection, [row.number]))[row.number]
        state = rules_of.closed_with(result, row.state, row.finding, uses=len(uses))
        if work.actor in (row.verified_by, row.handled_by):
            raise CaseError(Reason.SAME_PERSON)
        await work.stop(row.number, "%")
        row = await store.change(work.connection, row, state=state, result=result, closed_at=work.now, **NOTHING_DUE)
        if result in rules_of.ERASED:
            await store.erase(work.connection, row)
        return await self._told(work, row, "ClueClosed", result=result.name)

    # --- what they have in common -------------------------------------------------------------------------------------

    async def _kept(self, request: Versioned, work: Work) -> tuple[Clue, File]:
        """Return a clue's row and file, locked, for the unit that keeps it."""
        return await self._of(request, work, lambda row: row.unit)

    async def _of(self, request: Versioned, work: Work, whose: Callable[[Clue], str]) -> tuple[Clue, File]:
        """Return a clue's row and file, locked, if the caller may act for a unit with a part in it."""
        file = await self.locked(request.name, work)
        row = await store.get(work.connection, file.number)
        work.call.require(whose(row))
        check_etag(row.version, request.etag)
        return row, file

    async def _account(self, work: Work, row: Clue) -> str:
        """Return the account of another unit that registered a clue; empty if the unit that keeps it did."""
        if row.sealed_reporter is None:
            return ""
        opener = await self.opener(work.connection, row.number)
        return pb.ClueReporter.FromString(opener.open(row.sealed_reporter)).account

    async def _set_aside(self, work: Work, row: Clue, file: File) -> bytes | None:
        """Return the findings of the verifications so far, sealed apart: a new one is made without them."""
        if row.sealed_finding is None:
            return row.sealed_earlier
        sealer = await self.seal(work, file)
        earlier = _earlier(sealer, row)
        if len(earlier) == _MOST - 1:
            raise field_error("verifier", Reason.INVALID_FIELD, f"verified {_MOST} times")
        told = pb.ClueText(earlier_findings=[*earlier, sealer.open(row.sealed_finding).decode()])
        return sealer.seal(told.SerializeToString())

    async def _sealed(self, work: Work, file: File, told: str) -> bytes | None:
        return (await self.seal(work, file)).seal(told.encode()) if told else None

    @staticmethod
    async def _next(
        work: Work, row: Clue, step: str, rule: str, *, unit: str = "", until: datetime | None = None
    ) -> Clue:
        """End the clock of the step that was taken, start the one of the next, and show its date."""
        await work.stop(row.number, "%")
        turn = row.turns + 1
        clock = await work.start_clock(
            row.number, f"{step}-{turn}", rule, subject=names.file_name(row.number), unit=unit or row.unit, at=work.now,
            until=until,
        )  # fmt: skip
        return await store.change(work.connection, row, turns=turn, **clock.shown())

    async def _shown(self, connection: Connection, row: Clue) -> pb.Clue:
        uses = (await store.uses(connection, [row.number]))[row.number]
        return view.clue(row, uses, self.time.now(), kept=_keeps(current_call(), row))

    async def _told(self, work: Work, row: Clue, kind: str, **payload: object) -> pb.Clue:
        await work.append(NewEvent(row.number, kind, row.unit, {"state": row.state.name, **payload}))
        return await self._shown(work.connection, row)


def _reading(event: Event) -> pb.ClueReading:
    purpose = event.payload.get("purpose")
    return pb.ClueReading(
        read_time=stamp(event.occurred_at), account=event.actor, reporter=store.READINGS[event.kind], purpose=purpose
    )


def _verifier(row: Clue) -> str:
    """Return the unit that verifies a clue; the one that keeps it while none does."""
    return row.verifier or row.unit


def _addressee(row: Clue) -> str:
    """Return the unit a clue was transferred to; the one that keeps it while it was not."""
    return row.addressee if row.state in rules_of.SHOWN_TO_ADDRESSEE and row.addressee else row.unit


def _knowing(row: Clue) -> tuple[str, ...]:
    """Return the units that may see a clue: that keep it, verify it, and got it transferred."""
    return tuple(filter(None, (row.unit, row.verifier, _addressee(row))))


def _keeps(call: Call, row: Clue) -> bool:
    """Return whether the caller sees a clue for the unit that keeps it, and not for one that has a part in it."""
    return call.access.allows(call.caller, "clues.get", row.unit)


def _decides(call: Call, row: Clue) -> bool:
    """Return whether the caller decides on a clue, for the unit that keeps it."""
    return call.access.allows(call.caller, "clues.assign", row.unit)


def _earlier(opener: CaseSealer, row: Clue) -> Sequence[str]:
    """Return what the verifications before the last one found, oldest first."""
    if row.sealed_earlier is None:
        return []
    return pb.ClueText.FromString(opener.open(row.sealed_earlier)).earlier_findings


def _readable(call: Call, row: Clue) -> dict[str, bytes | None]:
    """Return the texts that a caller may read, by the unit in whose name they have permission."""

    def may(permission: str, unit: str) -> bool:
        return bool(unit) and call.access.allows(call.caller, permission, unit)

    told: dict[str, bytes | None] = {}
    decides = _decides(call, row)
    if decides or (row.state is ClueState.VERIFYING and may("clues.verify", row.verifier)):
        told |= {"description": row.sealed_clue, "instruction": row.sealed_instruction, "finding": row.sealed_finding}
    if decides or (row.addressee and may("clues.handle", _addressee(row))):
        told |= {"transfer": row.sealed_transfer, "handling": row.sealed_handling, "return_reason": row.sealed_return}
    return told
