"""CaucusService's RPCs.

Access depends on the person, never on role and unit alone: see `casework.mediation.caucus.may_read`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pb.mediation.v1 import caucus_pb2 as pb
from pb.mediation.v1 import caucus_pb2_grpc

from casework import names
from casework.case import Side
from casework.errors import CaseError, Reason, field_error
from casework.mediation.caucus import is_released, may_read, must_be_released, side_of
from casework.mediation.choosing import MatterRole
from casework.mediation.session import Manner
from services.kit.command import Work, command
from services.kit.serving.access import PARTIES, Call, Context, current_call
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.kit.storage.sealing import CaseSealer
from services.mediation import keys, record
from services.mediation.caucus import store, view
from services.mediation.caucus.models import CaucusNote, CaucusOffer
from services.mediation.models.cases import Case
from services.mediation.people import store as roles
from services.mediation.servicer import Servicer
from services.mediation.sessions import standing
from services.mediation.sessions.record import party_of
from services.mediation.sessions.standing import Standing
from services.mediation.store import get as get_case
from services.mediation.store import lock as lock_case

MEDIATOR = "mediator"
Entry = TypeVar("Entry", CaucusNote, CaucusOffer)
_ACTOR = "caucus"
"""The actor of all events of the compartment: nobody may learn which side spoke to the mediator."""


class CaucusServicer(Servicer, caucus_pb2_grpc.CaucusServiceServicer):
    """Serves the caucus compartment and the sheets of undisputed facts."""

    body_key_name = "requests of caucuses"

    @command(pb.CaucusNote)
    async def WriteCaucusNote(self, request: pb.WriteCaucusNoteRequest, work: Work) -> pb.CaucusNote:
        """Store a note of a side."""
        case, people, side = await self._written(request, work)
        sealed = await self._seal(work, case, side, "note", request.note.SerializeToString())
        row = await store.add_note(
            work.connection, case.number, side, by_mediator=self._is_mediator(work, people), sealed=sealed,
            created_at=work.now, mediator=people.mediator,
        )  # fmt: skip
        await self._told(work, case)
        return view.note(row)

    async def ListCaucusNotes(self, request: pb.ListCaucusNotesRequest, context: Context) -> pb.ListCaucusNotesResponse:
        """Return the notes of a side with their texts, and log who read them."""
        async with self.database.begin() as connection:
            case, people, side = await self._read(connection, request.parent)
            told = await store.notes(connection, case.number, side)
            rows = await self._handed_over(connection, people, side, told)
        reply = pb.ListCaucusNotesResponse(notes=[view.note(row) for row in rows], withheld=len(told) - len(rows))
        under = keys.reading(self.sealer, case) if rows else None
        for note, row in zip(reply.notes, rows, strict=True):
            note.MergeFromString(_opened(under, side, "note", row.sealed))
        return reply

    @command(pb.CaucusOffer)
    async def MakeCaucusOffer(self, request: pb.MakeCaucusOfferRequest, work: Work) -> pb.CaucusOffer:
        """Store an offer of a side."""
        case, people, side = await self._written(request, work)
        sealed = await self._seal(work, case, side, "offer", request.offer.SerializeToString())
        row = await store.add_offer(
            work.connection, case.number, side, by_mediator=self._is_mediator(work, people), sealed=sealed,
            created_at=work.now, mediator=people.mediator,
        )  # fmt: skip
        await self._told(work, case)
        return view.offer(row)

    async def ListCaucusOffers(
        self, request: pb.ListCaucusOffersRequest, context: Context
    ) -> pb.ListCaucusOffersResponse:
        """Return the offers of a side with their terms, and log who read them."""
        async with self.database.begin() as connection:
            case, people, side = await self._read(connection, request.parent)
            told = await store.offers(connection, case.number, side)
            rows = await self._handed_over(connection, people, side, told)
        reply = pb.ListCaucusOffersResponse(offers=[view.offer(row) for row in rows], withheld=len(told) - len(rows))
        under = keys.reading(self.sealer, case) if rows else None
        for offer, row in zip(reply.offers, rows, strict=True):
            offer.MergeFromString(_opened(under, side, "offer", row.sealed))
        return reply

    async def ListCaucusReads(self, request: pb.ListCaucusReadsRequest, context: Context) -> pb.ListCaucusReadsResponse:
        """Return who has read a side's entries."""
        async with self.database.begin() as connection:
            number, side = names.number_of(request.parent), side_of(names.last(request.parent))
            await get_case(connection, number)
            people = await standing.standing(connection, number)
            _admit_side(current_call(), people, side)
            rows = await store.reads(connection, number, side)
        return pb.ListCaucusReadsResponse(reads=[view.read(row) for row in rows])

    @command(pb.PartyBinding)
    async def BindParty(self, request: pb.BindPartyRequest, work: Work) -> pb.PartyBinding:
        """Bind a party to its account: by the mediator of record, or by the counter while there is none.

        The compartment opens only to an account that the mediator bound.
        """
        number, party = names.number_of(request.name), int(names.last(request.name))
        case = await lock_case(work.connection, number)
        people = await standing.standing(work.connection, number)
        by_mediator = self._is_mediator(work, people)
        may = by_mediator or (not people.mediator and await record.allows(work.connection, work.call, case))
        work.call.require_person(may)
        if party not in people.parties:
            raise CaseError(Reason.NOT_FOUND, request.name)
        others = {side for each, side in people.parties_of(request.subject).items() if each != party}
        if request.subject == people.mediator or others - {people.parties[party].side}:
            raise field_error("subject", Reason.INVALID_FIELD, "stands on another side of this case")
        if request.subject:
            # Somebody who once mediated the case is never a party to it, nor the reverse.
            await roles.must_be_allowed(work.connection, number, request.subject, MatterRole.PARTY)
            await roles.bar(work.connection, number, request.subject, [MatterRole.MEDIATOR], work.now)
            await roles.keep_side(work.connection, number, request.subject, people.parties[party].side, work.now)
        await store.bind(work.connection, number, party, request.subject, by_mediator)
        await work.append(NewEvent(number, "PartyBound", case.unit, {"party": party, "bound": bool(request.subject)}))
        return pb.PartyBinding(name=request.name, bound=bool(request.subject))

    @command(pb.FactSheet)
    async def DraftFactSheet(self, request: pb.DraftFactSheetRequest, work: Work) -> pb.FactSheet:
        """Draft a sheet of facts. It is never changed: a new wording is a new sheet, with its own signatures."""
        number = names.number_of(request.parent)
        case = await lock_case(work.connection, number)
        people = await standing.standing(work.connection, number)
        work.call.require_person(self._is_mediator(work, people))
        under = await keys.writing(work.connection, self.sealer, case)
        row = await store.add_sheet(
            work.connection, number, under.seal(_mark(0, "facts") + request.facts.encode()), work.now
        )
        await work.append(NewEvent(number, "FactSheetDrafted", case.unit, {"sheet": row.sheet}))
        return view.sheet(row, [])

    async def GetFactSheet(self, request: pb.GetFactSheetRequest, context: Context) -> pb.FactSheet:
        """Return a sheet: to mediator and parties; once all have signed, to everybody who may read the case."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.begin() as connection:
            case = await get_case(connection, number)
            people = await standing.standing(connection, number)
            row = await store.sheet(connection, number, int(names.last(request.name)))
            if not _is_inside(call, people):
                await standing.admit(connection, call, case, people)
                must_be_released(row.released_at is not None)
            if row.released_at is not None:
                read = NewEvent(number, "ContentRead", case.unit, {"subject": request.name})
                await self.log.append(
                    connection, [read], at=self.time.now(), actor=call.caller.subject, trace=call.trace_parent
                )
            signatures = await store.signatures(connection, row)
        self.pulse.beat()
        answer = view.sheet(row, signatures)
        answer.facts = _opened(keys.reading(self.sealer, case), 0, "facts", row.sealed).decode()
        return answer

    @command(pb.FactSheet)
    async def SignFactSheet(self, request: pb.SignFactSheetRequest, work: Work) -> pb.FactSheet:
        """Sign a sheet for a party; with the last signature it may leave the compartment."""
        number = names.number_of(request.name)
        case = await lock_case(work.connection, number)
        people = await standing.standing(work.connection, number)
        row = await store.sheet(work.connection, number, int(names.last(request.name)))
        by_mediator, party = self._signer(request, work, people)
        if party not in people.sides:
            raise field_error("party", Reason.INVALID_FIELD, "no such party, or withdrawn")
        await store.sign(work.connection, row, party, Manner(request.manner), by_mediator, work.now)
        signatures = await store.signatures(work.connection, row)
        payload: dict[str, object] = {"sheet": row.sheet, "signatures": len(signatures)}
        if row.released_at is None and is_released(people.sides, {each.party for each in signatures}):
            row = await store.release(work.connection, row, work.now)
            payload["released"] = True
        await work.append(NewEvent(number, "FactSheetSigned", case.unit, payload))
        return view.sheet(row, signatures)

    def _signer(self, request: pb.SignFactSheetRequest, work: Work, people: Standing) -> tuple[bool, int]:
        """Return whether the mediator records it, and for which party; a party signs for itself only."""
        asked = party_of(request.party, names.number_of(request.name)) if request.party else 0
        if self._is_mediator(work, people):
            work.call.require_person(True)
            return True, asked
        mine = people.parties_of(work.actor) if PARTIES & work.call.caller.roles else {}
        work.call.require_person(bool(mine) and (not asked or asked in mine))
        if not asked and len(mine) > 1:
            raise field_error("party", Reason.INVALID_FIELD, "which of those you sign in for")
        if Manner(request.manner) is not Manner.ELECTRONIC:
            raise field_error("manner", Reason.INVALID_FIELD, "who signs in signs electronically")
        return False, asked or next(iter(mine))

    async def _written(
        self, request: pb.WriteCaucusNoteRequest | pb.MakeCaucusOfferRequest, work: Work
    ) -> tuple[Case, Standing, Side]:
        """Return the locked case, its people and the side, if the caller may write there."""
        number, side = names.number_of(request.parent), side_of(names.last(request.parent))
        case = await lock_case(work.connection, number)
        people = await standing.standing(work.connection, number)
        _admit_side(work.call, people, side)
        people.must_be_live()
        return case, people, side

    @staticmethod
    async def _handed_over(
        connection: Connection, people: Standing, side: Side, told: Sequence[Entry]
    ) -> Sequence[Entry]:
        """Return the entries of a side that the caller may read: to a mediator, its own and those handed over."""
        mediator = current_call().caller.subject
        if people.mediation is None or mediator != people.mediator:
            return told
        if await roles.handed_over(connection, people.mediation, side):
            return told
        return [row for row in told if row.mediator in ("", mediator)]

    async def _read(self, connection: Connection, parent: str) -> tuple[Case, Standing, Side]:
        """Return case, people and side, if the caller may read there; this is logged."""
        number, side = names.number_of(parent), side_of(names.last(parent))
        call = current_call()
        case = await get_case(connection, number)
        people = await standing.standing(connection, number)
        _admit_side(call, people, side)
        await store.add_read(connection, number, side, call.caller.subject, self.time.now())
        return case, people, side

    async def _seal(self, work: Work, case: Case, side: Side, kind: str, data: bytes) -> bytes:
        under = await keys.writing(work.connection, self.sealer, case)
        return under.seal(_mark(side, kind) + data)

    async def _told(self, work: Work, case: Case) -> None:
        """Append an event that there is one more entry, and nothing else: not whose, which or by whom."""
        count = await store.count(work.connection, case.number)
        event = NewEvent(case.number, "CaucusKept", case.unit, {"entries": count})
        await self.log.append(work.connection, [event], at=work.now, actor=_ACTOR, trace="")

    @staticmethod
    def _is_mediator(work: Work, people: Standing) -> bool:
        return _is_mediator(work.call, people)


def _is_mediator(call: Call, people: Standing) -> bool:
    return MEDIATOR in call.caller.roles and bool(call.caller.subject) and call.caller.subject == people.mediator


def _is_inside(call: Call, people: Standing) -> bool:
    """Allow the call for the mediator of record and the parties; return whether the caller is one of them."""
    inside = _is_mediator(call, people) or (
        bool(PARTIES & call.caller.roles) and bool(people.parties_of(call.caller.subject))
    )
    if inside:
        call.require_person(True)
    return inside


def _admit_side(call: Call, people: Standing, side: Side) -> None:
    """Allow the call for the mediator of record, or for an account of this side and no other."""
    roles, subject = call.caller.roles, call.caller.subject
    mediator = people.mediator if MEDIATOR in roles else ""
    sides = people.confided_to(subject).values() if PARTIES & roles else ()
    call.require_person(may_read(subject, mediator, side, sides))


def _mark(side: int, kind: str) -> bytes:
    """Return the prefix of an entry, so that one moved to another side or kind cannot be opened there."""
    return f"{kind}/{side}\0".encode()


def _opened(under: CaseSealer | None, side: int, kind: str, sealed: bytes) -> bytes:
    assert under is not None
    data, mark = under.open(sealed), _mark(side, kind)
    if not data.startswith(mark):
        raise RuntimeError(f"an entry of {kind} lies where it was not put")
    return data[len(mark) :]
