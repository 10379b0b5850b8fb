"""The RPCs of people: stored sealed, shown masked, unmasked for a stated purpose, each access logged."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pb.mediation.v1 import people_pb2 as pb
from pb.mediation.v1 import people_pb2_grpc

from casework import case as rules_of_case
from casework import names
from casework.case import Side, Stage
from casework.errors import Reason, field_error
from casework.mediation import age
from casework.mediation.choosing import MatterRole
from casework.mediation.course import (
    ACTING,
    Beside,
    CompanionRole,
    MediationState,
    PartyKind,
    Scope,
    check_companion,
    must_be,
)
from services.kit import dates
from services.kit import looks as looks_in_words
from services.kit.command import Work, check_etag, command
from services.kit.composition import Parts
from services.kit.serving import masks
from services.kit.serving.access import Context, current_call
from services.kit.storage import access_log, paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.kit.storage.sealing import CaseSealer
from services.mediation import keys, record
from services.mediation.course import mediating
from services.mediation.models.cases import Case
from services.mediation.models.people import Companion
from services.mediation.people import named, store, view
from services.mediation.people.adding import MAX_PEOPLE, Adding
from services.mediation.safeguards import store as safeguards
from services.mediation.servicer import Servicer

_BESIDE_ROLES = {CompanionRole.AGENT: MatterRole.AGENT, CompanionRole.INTERPRETER: MatterRole.INTERPRETER}


def minor_until(told: pb.PartyDetails, kind: PartyKind, case: Case, now: datetime) -> date | None:
    """Return when a party who was a minor when the case came comes of age; a field error if the date is impossible."""
    if kind is PartyKind.ORGANISATION:  # whose number may look like that of a person
        return None
    age.check_birth(told.birth_date, told.id_number, dates.today(now), "party.details.birth_date")
    born = age.birth_of(told.birth_date, told.id_number)
    return age.comes_of_age(born) if born and age.is_minor(born, dates.today(case.received_at)) else None


class PeopleServicer(Servicer, people_pb2_grpc.PeopleServiceServicer):
    """Serves parties, companions, the access log."""

    body_key_name = "requests of people"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._adding = Adding(parts.sealer)

    @command(pb.Party)
    async def CreateParty(self, request: pb.CreatePartyRequest, work: Work) -> pb.Party:
        """Add a party, sealed. A running mediation goes back to asking: the new party has not consented."""
        case = await self._case(request.parent, work)
        self._take_details(case, request)
        self._check_unit(request.party.details, "party.details.unit")
        until = minor_until(request.party.details, PartyKind(request.party.kind), case, work.now)
        rules_of_case.must_not_be(case.stage, Stage.CLOSED)
        mediation = await mediating.begin(work, case)
        if mediation.state is MediationState.AGREED:
            must_be(MediationState.AGREED, MediationState.PROPOSED)
        row = await self._adding.party(
            work, case, request.party.details, side=Side(request.party.side), kind=PartyKind(request.party.kind),
            member=request.party.member, needs_guardian=request.party.needs_support, minor_until=until,
        )  # fmt: skip
        if row.party > MAX_PEOPLE:
            raise field_error("party", Reason.INVALID_FIELD, f"at most {MAX_PEOPLE}")
        await mediating.restate(work, case, self.sealer)
        return view.party(row)

    async def GetParty(self, request: pb.GetPartyRequest, context: Context) -> pb.Party:
        """Return a party, masked; this is logged."""
        async with self.database.begin() as connection:
            case = await self._read(connection, request.name)
            row = await store.get_party(connection, case.number, names.index_of(request.name))
            await access_log.record(connection, current_call(), self.time.now(), case.number, request.name)
        return view.masked_party(row, self._opener(case))

    async def ListParties(self, request: pb.ListPartiesRequest, context: Context) -> pb.ListPartiesResponse:
        """Return the parties of a case, masked; this is logged."""
        size, behind = request.page_size or 50, paging.read(request.page_token, "parties", paging.number) or 0
        async with self.database.begin() as connection:
            case = await self._read(connection, request.parent)
            rows = await store.list_parties(connection, case.number, behind, size + 1)
            await access_log.record(connection, current_call(), self.time.now(), case.number)
        opener = self._opener(case)
        reply = pb.ListPartiesResponse(parties=[view.masked_party(row, opener) for row in rows[:size]])
        reply.next_page_token = paging.following(rows, size, "parties", lambda end: end.party)
        return reply

    @command(pb.Party)
    async def UpdateParty(self, request: pb.UpdatePartyRequest, work: Work) -> pb.Party:
        """Change a party. If it turns out to need support, what it said without support does not count."""
        asked = request.party
        case = await self._case(asked.name, work, "party.name")
        row = await store.get_party(work.connection, case.number, names.index_of(asked.name))
        check_etag(row.version, asked.etag)
        paths = masks.changes(request, view.party(row))
        columns: dict[str, Any] = {}
        if "details" in paths:
            if not asked.HasField("details"):
                raise field_error("party.details", Reason.INVALID_FIELD)
            self._check_unit(asked.details, "party.details.unit")
            sealer = await keys.writing(work.connection, self.sealer, case)
            # Fields left out stay: a child with a new name keeps its date of birth, and stays a child.
            before = view.details(sealer, row.sealed)
            asked.details.CopyFrom(masks.merged(request, "details", before))
            if not asked.details.display_name:
                raise field_error("party.details.display_name", Reason.INVALID_FIELD)
            columns["sealed"] = sealer.seal(asked.details.SerializeToString())
            columns["minor_until"] = minor_until(asked.details, row.kind, case, work.now)
            columns["phone_index"] = self._adding.phone_index(asked.details.phone)
            if (before.display_name, before.id_number) != (asked.details.display_name, asked.details.id_number):
                # Whoever was checked was somebody else, on paper at least.
                await store.forget_check(work.connection, row, work.now, work.actor)
        if "needs_support" in paths:
            columns["needs_guardian"] = asked.needs_support
        changed = await store.change_party(work.connection, case.number, row.party, **columns)
        payload = {"party": row.party, "changed": paths}
        await work.append(NewEvent(case.number, "PartyChanged", case.unit, payload))
        await mediating.restate(work, case, self.sealer)
        return view.party(changed)

    @command(pb.Party)
    async def CheckIdentity(self, request: pb.CheckIdentityRequest, work: Work) -> pb.Party:
        """Record the result of an identity check."""
        case = await self._case(request.name, work)
        row = await store.get_party(work.connection, case.number, names.index_of(request.name))
        await store.add_check(
            work.connection, row, document=request.document, matches=request.matches, checked_at=work.now,
            checked_by=work.actor,
        )  # fmt: skip
        document = pb.IdentityDocument.Name(request.document)
        payload = {"party": row.party, "document": document, "matches": request.matches}
        await work.append(NewEvent(case.number, "PartyIdentityChecked", case.unit, payload))
        return view.party(row)

    async def UnmaskParty(self, request: pb.UnmaskPartyRequest, context: Context) -> pb.PartyDetails:
        """Return what identifies a party, and log it; a hidden address only to protect somebody from danger."""
        async with self.database.begin() as connection:
            case = await self._read(connection, request.name)
            number, party = case.number, names.index_of(request.name)
            row = await store.get_party(connection, number, party)
            opener = keys.reading(self.sealer, case)
            found = view.details(opener, row.sealed)
            told = await safeguards.screening(connection, opener, number, party)
            if told and told.hide_address and request.purpose != pb.PURPOSE_SAFETY:
                found.ClearField("address")
                found.ClearField("service_address")
            now = self.time.now()
            await access_log.record(connection, current_call(), now, number, request.name, request.purpose)
        return found

    async def FindCasesByPhone(
        self, request: pb.FindCasesByPhoneRequest, context: Context
    ) -> pb.FindCasesByPhoneResponse:
        """Return the newest open case of this unit with a party of this name and number; this is logged.

        For a person at the counter who lost the receipt. Other matters of that person, or other units', must not be
        looked up: so only the caller's own unit, only the newest case, and both name and number.
        """
        call, now = current_call(), self.time.now()
        unit = names.last(request.unit) if request.unit else call.caller.unit
        call.require(unit)
        call.require_person(unit == call.caller.unit)
        index = self._adding.phone_index(request.phone)
        assert index is not None, "the contract asks for a number"
        async with self.database.begin() as connection:
            found = await store.by_phone(connection, index, unit)
            numbers = [row.number for row in found if self._is_called(row, request.display_name)][:1]
            for number in numbers or [""]:
                await access_log.record(connection, call, now, number, purpose=request.purpose)
        return pb.FindCasesByPhoneResponse(cases=[names.case_name(number) for number in numbers])

    @command(pb.Companion)
    async def CreateCompanion(self, request: pb.CreateCompanionRequest, work: Work) -> pb.Companion:
        """Add somebody who accompanies parties; of representatives at most five of a side."""
        case, asked = await self._case(request.parent, work), request.companion
        if not asked.HasField("details"):
            raise field_error("companion.details", Reason.INVALID_FIELD)
        if any(not name.startswith(f"{request.parent}/") for name in asked.parties):
            raise field_error("companion.parties", Reason.INVALID_FIELD)
        role = CompanionRole(asked.role)
        parties = sorted({names.party_of(name) for name in asked.parties})
        today = dates.today(work.now)
        others = await store.besides(work.connection, case.number, today)
        scopes = sorted(set(asked.scopes))
        until = dates.read(asked.last_day, "companion.last_day") if asked.HasField("last_day") else None
        found = Beside(role, frozenset(parties), frozenset(map(Scope, scopes)), until is not None and until < today)
        standing = await store.standing(work.connection, case.number)
        check_companion(found, standing, list(others.values()))
        await self._take_role(work, case.number, asked.user, role)
        sides = {person.side for person in standing.people if person.party in parties}
        if asked.user and role is not CompanionRole.INTERPRETER and len(sides) == 1:
            await store.keep_side(work.connection, case.number, asked.user, sides.pop(), work.now)
        sealer = await keys.writing(work.connection, self.sealer, case)
        row = await store.add_companion(
            work.connection, case.number, work.now, role=role, parties=parties, scopes=scopes,
            subject=asked.user, sealed=sealer.seal(asked.details.SerializeToString()), last_day=until,
        )  # fmt: skip
        payload = {"companion": row.companion, "role": role.name, "parties": parties}
        await work.append(NewEvent(case.number, "CompanionAdded", case.unit, payload))
        return view.companion(row)

    async def ListCompanions(self, request: pb.ListCompanionsRequest, context: Context) -> pb.ListCompanionsResponse:
        """Return who accompanies the parties of a case, masked; to a party, who accompanies it; this is logged."""
        call = current_call()
        size, behind = request.page_size or 50, paging.read(request.page_token, "companions", paging.number) or 0
        async with self.database.begin() as connection:
            case = await self._read(connection, request.parent)
            own = await store.names_of(connection, case.number, call.caller.subject) if record.is_party(call) else None
            of = None if own is None else [names.party_of(name) for name in own]
            rows = await store.list_companions(connection, case.number, behind, size + 1, of)
            await access_log.record(connection, call, self.time.now(), case.number)
        opener = self._opener(case)
        reply = pb.ListCompanionsResponse(companions=[view.masked_companion(row, opener) for row in rows[:size]])
        reply.next_page_token = paging.following(rows, size, "companions", lambda end: end.companion)
        return reply

    @command(pb.Companion)
    async def EndCompanion(self, request: pb.EndCompanionRequest, work: Work) -> pb.Companion:
        """End a companion's role; what was said in their presence stands."""
        case = await self._case(request.name, work)
        row = await store.get_companion(work.connection, case.number, names.index_of(request.name))
        if record.is_party(work.call):
            work.call.require_person(await self._may_end(work, row))
        if row.ended_at is None:
            row = await store.end_companion(work.connection, case.number, row.companion, work.now)
            payload = {"companion": row.companion}
            await work.append(NewEvent(case.number, "CompanionEnded", case.unit, payload))
        return view.companion(row)

    @staticmethod
    async def _may_end(work: Work, row: Companion) -> bool:
        """Return whether somebody without an office may end a role: an agent its own, a party that of its own agent.

        Others elected a representative as well: the office ends that (民法典 art. 173: the principal revokes, the agent
        resigns).
        """
        subject = work.call.caller.subject
        if subject in (row.subject, names.companion_name(row.number, row.companion)):
            return row.role in ACTING
        own = set(await store.names_of(work.connection, row.number, subject))
        parties = {names.party_name(row.number, party) for party in row.parties}
        return row.role is CompanionRole.AGENT and parties <= own

    async def UnmaskCompanion(self, request: pb.UnmaskCompanionRequest, context: Context) -> pb.PartyDetails:
        """Return what identifies a companion, and log it."""
        async with self.database.begin() as connection:
            case = await self._read(connection, request.name)
            row = await store.get_companion(connection, case.number, names.index_of(request.name))
            found = view.details(keys.reading(self.sealer, case), row.sealed)
            now = self.time.now()
            await access_log.record(connection, current_call(), now, case.number, request.name, request.purpose)
        return found

    async def ListAccessLog(self, request: pb.ListAccessLogRequest, context: Context) -> pb.ListAccessLogResponse:
        """Return who accessed the people of a case, newest first; to a party, its own data and the case only."""
        size = request.page_size or 50
        behind = paging.read(request.page_token, looks_in_words.PAGES) or 2**63 - 1
        async with self.database.begin() as connection:
            case = await self._read(connection, request.parent)
            own = None
            if record.is_party(call := current_call()):
                own = await store.names_of(connection, case.number, call.caller.subject)
            rows = await access_log.listed(connection, case.number, behind, size + 1, own)
            entries = await self.told(connection, case, rows[:size])
        reply = pb.ListAccessLogResponse(entries=entries)
        reply.next_page_token = paging.following(rows, size, looks_in_words.PAGES, lambda end: end.id)
        return reply

    async def _take_role(self, work: Work, number: str, user: str, role: CompanionRole) -> None:
        """Hold an account to one role in the case: a companion never mediates it, nor the reverse."""
        matter_role = _BESIDE_ROLES.get(role, MatterRole.COMPANION)
        if user:
            await store.must_be_allowed(work.connection, number, user, matter_role)
            await store.bar(work.connection, number, user, [MatterRole.MEDIATOR], work.now)

    def _is_called(self, found: store.Called, name: str) -> bool:
        opener = keys.opening(self.sealer, found.number, found.key, found.erased_at)
        opened = view.details(opener, found.sealed)
        return "".join(opened.display_name.split()) == "".join(name.split())

    def _take_details(self, case: Case, request: pb.CreatePartyRequest) -> None:
        """Take the details from the report, if requested. A reporter who wished not to be named is asked first."""
        party = request.party
        if party.HasField("details") == request.from_reporter:
            raise field_error("party.details", Reason.INVALID_FIELD)
        content = keys.content_of(self.sealer, case)
        if request.from_reporter:
            party.details.CopyFrom(named.reporter(content))
            if not party.details.display_name:
                raise field_error("from_reporter", Reason.INVALID_FIELD)
        if named.is_kept(party.details, content) and not request.reporter_agreed:
            raise field_error("reporter_agreed", Reason.REPORTER_NOT_NAMED)

    def _check_unit(self, details: pb.PartyDetails, field: str) -> None:
        if details.unit and names.last(details.unit) not in self.rules.units:
            raise field_error(field, Reason.UNKNOWN_UNIT, details.unit)

    def _opener(self, case: Case) -> CaseSealer | None:
        """Return what opens a case's columns; None where all of them were erased."""
        return keys.reading(self.sealer, case) if case.sealed_key is not None else None

    @staticmethod
    async def _case(name: str, work: Work, field: str = "") -> Case:
        """Return the case of a name, locked, if the caller may act in it."""
        if field and not name:
            raise field_error(field, Reason.INVALID_FIELD)
        return await record.locked(work, name)

    @staticmethod
    async def _read(connection: Connection, name: str) -> Case:
        return await record.seen(connection, name)
