"""Service of an agreement that a party asks for."""

from __future__ import annotations

from pb.mediation.v1 import notices_pb2 as pb

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.mediation import notice as rules_of
from casework.mediation.agreement import AgreementState
from casework.mediation.course import Scope
from casework.mediation.notice import Channel, Quiet, Wishes
from services.kit import dates
from services.kit.command import Work, command
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.storage.events import NewEvent
from services.mediation import keys, record
from services.mediation.agreement import store as agreements
from services.mediation.models.cases import Case
from services.mediation.models.people import Party
from services.mediation.notices import contacts, store
from services.mediation.people import store as people
from services.mediation.people import view as shown
from services.mediation.servicer import Servicer

_RULE = "agreement_service"
"""The notice with which an agreement is served."""


class AskingRpcs(Servicer):
    """The RPC by which a party asks for service."""

    @command(pb.AskedService)
    async def AskForService(self, request: pb.AskForServiceRequest, work: Work) -> pb.AskedService:
        """Record that a party wants an agreement that binds served on it; the outbox does the rest."""
        case = await self.locked(request.name, work, closed=True)
        agreement, channel = names.ids_of(request.name)[0], Channel(request.channel)
        if names.number_of(request.party) != case.number:
            raise field_error("party", Reason.INVALID_FIELD, "of another case")
        party = await people.get_party(work.connection, case.number, names.party_of(request.party))
        await record.must_act_for(work.connection, work.call, party, frozenset({Scope.RECEIVE}))
        state = (await agreements.load(work.connection, case.number, agreement)).row.state
        if state is not AgreementState.EFFECTIVE:
            raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)
        if request.address:
            await self._send_there(work, case, party, channel, request.address)
        await self._must_be_reachable(work, request.party, channel)
        key = {"number": case.number, "agreement": agreement, "party": party.party, "channel": channel}
        await self._must_not_be_on_its_way(work, key, request.name)
        asked = await store.ask_for_service(work.connection, key, work.now, work.actor)
        payload = {"agreement": agreement, "party": party.party, "channel": channel.name}
        await work.append(NewEvent(case.number, "ServiceAsked", case.unit, payload))
        return pb.AskedService(
            agreement=request.name, party=request.party, ask_time=stamp(asked.asked_at), **numbers(channel=channel)
        )

    async def _send_there(self, work: Work, case: Case, party: Party, channel: Channel, address: str) -> None:
        """Keep where letters to a party go from now on, sealed with its other data."""
        if channel is not Channel.PAPER:
            raise field_error("address", Reason.INVALID_FIELD, "only for a letter")
        sealer = await keys.writing(work.connection, self.sealer, case)
        told = shown.details(sealer, party.sealed)
        told.service_address = address
        await people.change_party(
            work.connection, case.number, party.party, sealed=sealer.seal(told.SerializeToString())
        )
        payload = {"party": party.party, "changed": ["details"]}
        await work.append(NewEvent(case.number, "PartyChanged", case.unit, payload))

    async def _must_be_reachable(self, work: Work, name: str, channel: Channel) -> None:
        found = await contacts.find(work.connection, self.sealer, [name], dates.today(work.now))
        if name not in found:
            raise CaseError(Reason.NOT_FOUND, name)
        contact = found[name][0]
        known = {
            Channel.APP: contact.account, Channel.SMS: contact.phone, Channel.EMAIL: contact.email,
            Channel.PAPER: contact.postal_address,
        }  # fmt: skip
        never = frozenset(map(Channel, contact.preference.never_by))
        wishes = Wishes(frozenset(each for each, address in known.items() if address), never=never, quiet=Quiet(0, 0))
        rules_of.must_be_reachable(channel, wishes)

    @staticmethod
    async def _must_not_be_on_its_way(work: Work, key: dict[str, object], name: str) -> None:
        channel = key["channel"]
        assert isinstance(channel, Channel)
        before = await store.by_rule(work.connection, str(key["number"]), int(str(key["party"])), _RULE)
        states = [row.state for row in before if row.said.get("channel") == f"CONTACT_CHANNEL_{channel.name}"]
        asked = await store.asked_for_service(work.connection, key)
        if not rules_of.may_ask_again(work.now, asked.asked_at if asked else None, states):
            raise CaseError(Reason.ALREADY_EXISTS, name)
