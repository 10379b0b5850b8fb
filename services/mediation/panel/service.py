"""The RPCs of the panel: second mediators and assessors, each added, agreed to, asked and ended alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pb.mediation.v1 import panel_pb2 as pb
from pb.mediation.v1 import panel_pb2_grpc

from casework import case as rules_of_case
from casework import names
from casework.case import Stage
from casework.errors import CaseError, Reason, field_error
from casework.mediation import choosing
from casework.mediation import course as rules_of
from casework.mediation.choosing import (
    BARRED_TO_ASSESSOR,
    BARRED_TO_MEDIATOR,
    PANEL_LIVE,
    LeavingReason,
    PanelRole,
    PanelState,
)
from casework.mediation.course import MediationState
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.serving.access import Context, current_call
from services.kit.storage import access_log
from services.kit.storage.database import Connection
from services.mediation import keys, record
from services.mediation.consents import store as mediations
from services.mediation.mediators import store as mediators
from services.mediation.models.cases import Case
from services.mediation.models.consents import Mediation
from services.mediation.models.mediators import PanelMember
from services.mediation.panel import asking, store, view
from services.mediation.people import store as people
from services.mediation.servicer import Servicer

GET = "panels.get"
APPOINTS = "mediations.appointMediator"
"""The permission of whoever appoints a second mediator, and ends a part."""
_MOST = 100
"""Members a case may have, past ones included."""
_GOES_ON = (MediationState.CONSENTED, MediationState.MEDIATING)


class PanelServicer(Servicer, panel_pb2_grpc.PanelServiceServicer):
    """Serves the panel."""

    body_key_name = "requests of mediators"

    @command(pb.PanelMember)
    async def AddPanelMember(self, request: pb.AddPanelMemberRequest, work: Work) -> pb.PanelMember:
        """Ask a second mediator, or propose an assessor to the parties."""
        case, row = await self._mediation(request.parent, work)
        rules_of.must_be(row.state, *_GOES_ON)
        asked, role = request.member, PanelRole(request.member.role)
        _must_fit(asked, role)
        if len(await store.of_case(work.connection, case.number)) >= _MOST:
            raise field_error("member", Reason.INVALID_FIELD, f"at most {_MOST}")
        against = await mediators.against(work.connection, self.sealer, case, row.round)
        if role is PanelRole.SECOND_MEDIATOR:
            work.call.access.must_hold(work.call.caller, APPOINTS, case.unit, "member.role")
            mediator = await mediators.get(work.connection, names.last(asked.mediator))
            return view.member(await asking.second(work, case, row, mediator, against, "member.mediator"))
        if asked.user:
            if asked.user == row.mediator or await people.names_of(work.connection, case.number, asked.user):
                raise field_error("member.user", Reason.ALREADY_EXISTS, "is the mediator, or a party")
            await asking.must_not_be_on_it(work, case, asked.user, "member.user")
            choosing.must_be_free(asked.user, "", against)
        sealer = await keys.writing(work.connection, self.sealer, case)
        said = pb.PanelMember(display_name=asked.display_name, capacity=asked.capacity)
        member = await store.add(
            work.connection, case.number, role=role, subject=asked.user, state=PanelState.PROPOSED,
            sealed=sealer.seal(said.SerializeToString()), added_by=work.actor, added_at=work.now,
        )  # fmt: skip
        await asking.tell(work, case, member, "PanelMemberProposed")
        return view.member(member)

    async def GetPanelMember(self, request: pb.GetPanelMemberRequest, context: Context) -> pb.PanelMember:
        """Return a member with its name; this is logged."""
        async with self.database.begin() as connection:
            case = await record.seen(connection, request.name)
            row = await store.get(connection, case.number, names.index_of(request.name, "panel"))
            (shown,) = await self._named(connection, case, [row])
        return shown

    async def ListPanel(self, request: pb.ListPanelRequest, context: Context) -> pb.ListPanelResponse:
        """Return the panel of a case, with names to who may read a member; with `cases/-` where the caller is on it."""
        call = current_call()
        async with self.database.begin() as connection:
            if request.parent == "cases/-":
                call.require(call.caller.unit)
                found = await store.own(connection, call.caller.subject)
                return pb.ListPanelResponse(members=[view.member(each.row) for each in found])
            case = await record.seen(connection, request.parent)
            rows = list(await store.of_case(connection, case.number))
            if not await record.allows(connection, replace(call, permission=GET), case, on_record=False):
                return pb.ListPanelResponse(members=[view.member(each) for each in rows])
            return pb.ListPanelResponse(members=await self._named(connection, case, rows))

    @command(pb.PanelMember)
    async def AgreePanelMember(self, request: pb.AgreePanelMemberRequest, work: Work) -> pb.PanelMember:
        """Record a party's yes or no. Nothing says whose no it was."""
        case, row = await self._mediation(request.name, work)
        member = await store.get(work.connection, case.number, names.index_of(request.name, "panel"))
        if names.number_of(request.party) != case.number:
            raise field_error("party", Reason.INVALID_FIELD, "of another case")
        party = await people.get_party(work.connection, case.number, names.index_of(request.party))
        record.must_be_own(work.call, party)
        rules_of.must_be(row.state, *_GOES_ON)
        rules_of.must_be_there(party.withdrawn_at)
        choosing.must_be_on_panel(member.state, *PANEL_LIVE)
        if not request.agreed:
            if record.is_party(work.call):
                work.told_by = record.A_PARTY
            return view.member(await asking.leave(work, case, member, PanelState.REPLACED, None), party=True)
        standing = await people.standing(work.connection, case.number)
        agreed, before = sorted({*member.agreed, party.party}), member.state
        state = choosing.answered(before, standing.present, agreed, has_account=bool(member.subject))
        there = work.now if state is not before and state is PanelState.ACCEPTED else None
        member = await store.change(
            work.connection, member, agreed=agreed, state=state, accepted_at=member.accepted_at or there
        )
        await asking.tell(work, case, member, "PanelMemberAgreed", party=party.party)
        if state is not before and state is PanelState.ASKED:
            await asking.ask(work, case, member)
        if there is not None:
            await asking.tell(work, case, member, "PanelMemberJoined")
        return view.member(member, party=record.is_party(work.call))

    @command(pb.PanelMember)
    async def AcceptPanelMember(self, request: pb.AcceptPanelMemberRequest, work: Work) -> pb.PanelMember:
        """Accept; whoever discloses a conflict does not take part (人民调解法 15; 特邀 15)."""
        case, row, member = await self._asked(request, work)
        told, second = request.disclosure, member.role is PanelRole.SECOND_MEDIATOR
        disclosed = {"kin": told.kin, "interest": told.interest, "prior_role": told.prior_role}
        # The parties knew of an assessor's kinship when they agreed: relatives may be invited (人民调解法 20).
        if told.interest or told.prior_role or (told.kin and second):
            member = await store.change(work.connection, member, **disclosed)
            return view.member(await asking.leave(work, case, member, PanelState.DISCLOSED, LeavingReason.CONFLICT))
        against = await mediators.against(work.connection, self.sealer, case, row.round)
        if member.accepted_at is not None:
            # Asked again, since a party joined: the own part is what bars them from others.
            against = replace(against, barred=against.barred - {member.subject})
        choosing.must_be_free(member.subject, member.unit, against)
        await asking.stop(work, case, member)
        barred = BARRED_TO_MEDIATOR if second else BARRED_TO_ASSESSOR
        await people.bar(work.connection, case.number, member.subject, sorted(barred), work.now)
        member = await store.change(work.connection, member, state=PanelState.ACCEPTED, accepted_at=work.now)
        await asking.tell(work, case, member, "PanelMemberJoined")
        return view.member(member)

    @command(pb.PanelMember)
    async def DeclinePanelMember(self, request: pb.DeclinePanelMemberRequest, work: Work) -> pb.PanelMember:
        """Decline."""
        case, _, member = await self._asked(request, work)
        return view.member(await asking.leave(work, case, member, PanelState.DECLINED, None))

    @command(pb.PanelMember)
    async def EndPanelMember(self, request: pb.EndPanelMemberRequest, work: Work) -> pb.PanelMember:
        """End a member's part; sessions go on with the others."""
        case = await record.locked(work, request.name)
        member = await store.get(work.connection, case.number, names.index_of(request.name, "panel"))
        access, caller = work.call.access, work.call.caller
        work.call.require_person(
            (bool(member.subject) and member.subject == work.actor) or access.allows(caller, APPOINTS, case.unit)
        )
        check_etag(member.version, request.etag)
        choosing.must_be_on_panel(member.state, *PANEL_LIVE)
        return view.member(await asking.leave(work, case, member, PanelState.ENDED, LeavingReason(request.reason)))

    async def _mediation(self, name: str, work: Work) -> tuple[Case, Mediation]:
        """Return case, locked and not closed, and mediation, if the caller may act in it."""
        case = await record.locked(work, name)
        rules_of_case.must_not_be(case.stage, Stage.CLOSED)
        return case, await mediations.get(work.connection, case.number)

    async def _asked(self, request: Versioned, work: Work) -> tuple[Case, Mediation, PanelMember]:
        """Return case, mediation and member, if the caller is the one who was asked."""
        case, row = await self._mediation(request.name, work)
        member = await store.get(work.connection, case.number, names.index_of(request.name, "panel"))
        check_etag(member.version, request.etag)
        if not member.subject or member.subject != work.actor:
            raise CaseError(Reason.NOT_ASKED)
        rules_of.must_be(row.state, *_GOES_ON)
        choosing.must_be_on_panel(member.state, PanelState.ASKED)
        return case, row, member

    async def _named(self, connection: Connection, case: Case, rows: Iterable[PanelMember]) -> list[pb.PanelMember]:
        """Return members with their names; reading the name of an assessor is logged."""
        found, party = list(rows), record.is_party(current_call())
        opener = None
        if any(each.sealed is not None for each in found) and case.erased_at is None:
            opener = keys.reading(self.sealer, case)
            await access_log.record(connection, current_call(), self.time.now(), case.number)
        entries = {
            each.mediator: (await mediators.get(connection, each.mediator)).display_name
            for each in found if each.mediator
        }  # fmt: skip
        return [view.named(each, entries.get(each.mediator, ""), opener, party=party) for each in found]


def _must_fit(asked: pb.PanelMember, role: PanelRole) -> None:
    """Raise INVALID_FIELD where a member of this role lacks a field, or has one of the other role."""
    second = role is PanelRole.SECOND_MEDIATOR
    for field, needed in (("mediator", second), ("display_name", not second), ("capacity", not second)):
        if bool(getattr(asked, field)) != needed:
            raise field_error(f"member.{field}", Reason.INVALID_FIELD, "needed" if needed else "not of this role")
    if second and asked.user:
        raise field_error("member.user", Reason.INVALID_FIELD, "not of this role")
