"""Doing things with the people of a case in tests: short calls, each with a request id of its own."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from pb.mediation.v1 import case_pb2, consent_pb2, mediators_pb2, people_pb2, safeguards_pb2

from tests.conftest import Clients, request_id
from tests.world_people import consent, mediator, party, screening


async def refused(call: Awaitable[Any], reason: str, field: str = "") -> None:
    """Check that a call is refused for this reason, and where one is given, that this field is at fault."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in rpc_status.from_call(error.value).details:
        detail.Unpack(info)
        detail.Unpack(bad)
    assert info.reason == reason, error.value
    if field:
        assert [fault.field for fault in bad.field_violations] == [field]


async def new_case(clients: Clients, **fields: Any) -> case_pb2.Case:
    """Return a case of neighbours, opened."""
    return await clients.accept(await clients.file_report("楼上漏水，天花板泡坏了。", **fields))


class Act:
    """Acts in one case."""

    def __init__(self, clients: Clients, case: str) -> None:
        self.clients = clients
        self.case = case
        self.mediation_name = f"{case}/mediation"
        self.clerk = clients.as_("clerk")

    def of(self, party: int) -> str:
        """Return a party's name."""
        return f"{self.case}/parties/{party}"

    async def add(self, side: int = 1, **fields: Any) -> people_pb2.Party:
        """Add a party."""
        request = people_pb2.CreatePartyRequest(parent=self.case, party=party(side, **fields), request_id=request_id())
        added: people_pb2.Party = await self.clients.people.CreateParty(request, **self.clerk)
        return added

    async def accompany(self, companion: people_pb2.Companion) -> people_pb2.Companion:
        """Add a companion."""
        request = people_pb2.CreateCompanionRequest(parent=self.case, companion=companion, request_id=request_id())
        added: people_pb2.Companion = await self.clients.people.CreateCompanion(request, **self.clerk)
        return added

    async def say(self, party: int, step: int = 1, given: bool = True, **fields: Any) -> consent_pb2.Consent:
        """Record what a party says."""
        request = consent_pb2.RecordConsentRequest(
            parent=self.of(party), consent=consent(step, given, **fields), request_id=request_id()
        )
        kept: consent_pb2.Consent = await self.clients.consents.RecordConsent(request, **self.clerk)
        return kept

    async def withdraw(self, party: int) -> consent_pb2.Withdrawal:
        """Let a party leave."""
        request = consent_pb2.WithdrawPartyRequest(name=self.of(party), request_id=request_id())
        told: consent_pb2.Withdrawal = await self.clients.consents.WithdrawParty(request, **self.clerk)
        return told

    async def mediation(self) -> consent_pb2.Mediation:
        """Return the mediation."""
        request = consent_pb2.GetMediationRequest(name=self.mediation_name)
        found: consent_pb2.Mediation = await self.clients.consents.GetMediation(request, **self.clerk)
        return found

    async def two_sides(self) -> None:
        """Add two parties who consent."""
        await self.add(1)
        await self.add(2)
        await self.say(1)
        await self.say(2)

    async def choose(self, party: int, name: str) -> consent_pb2.Mediation:
        """Choose a mediator for a party."""
        request = mediators_pb2.ChooseMediatorRequest(name=self.of(party), mediator=name, request_id=request_id())
        row: consent_pb2.Mediation = await self.clients.mediators.ChooseMediator(request, **self.clerk)
        return row

    async def accept(self, name: str, **disclosed: bool) -> consent_pb2.Mediation:
        """Accept as the mediator, whose user has the name's last part."""
        said = mediators_pb2.Disclosure(**{**dict.fromkeys(("kin", "interest", "prior_role"), False), **disclosed})
        request = mediators_pb2.AcceptMediationRequest(
            name=self.mediation_name, disclosure=said, request_id=request_id()
        )
        access = self.clients.as_("mediator", sub=name.rpartition("/")[2])
        row: consent_pb2.Mediation = await self.clients.mediators.AcceptMediation(request, **access)
        return row

    async def decline(self, name: str) -> consent_pb2.Mediation:
        """Decline as the mediator."""
        request = mediators_pb2.DeclineMediationRequest(name=self.mediation_name, request_id=request_id())
        access = self.clients.as_("mediator", sub=name.rpartition("/")[2])
        row: consent_pb2.Mediation = await self.clients.mediators.DeclineMediation(request, **access)
        return row

    async def replace(self, party: int) -> consent_pb2.Mediation:
        """Replace the mediator at a party's request."""
        request = mediators_pb2.ReplaceMediatorRequest(name=self.of(party), request_id=request_id())
        row: consent_pb2.Mediation = await self.clients.mediators.ReplaceMediator(request, **self.clerk)
        return row

    async def appoint(self, name: str) -> consent_pb2.Mediation:
        """Appoint a mediator."""
        request = mediators_pb2.AppointMediatorRequest(name=self.mediation_name, mediator=name, request_id=request_id())
        row: consent_pb2.Mediation = await self.clients.mediators.AppointMediator(
            request, **self.clients.as_("duty_officer")
        )
        return row

    async def screen(self, party: int, **told: Any) -> safeguards_pb2.Screened:
        """Ask a party in private."""
        request = safeguards_pb2.ScreenPartyRequest(
            name=self.of(party), screening=screening(**told), request_id=request_id()
        )
        done: safeguards_pb2.Screened = await self.clients.safeguards.ScreenParty(request, **self.clerk)
        return done

    async def unmask(self, party: int, purpose: int = people_pb2.PURPOSE_CONTACT) -> people_pb2.PartyDetails:
        """Show what identifies a party."""
        request = people_pb2.UnmaskPartyRequest(name=self.of(party), purpose=purpose)
        found: people_pb2.PartyDetails = await self.clients.people.UnmaskParty(request, **self.clerk)
        return found

    async def log(self) -> list[people_pb2.AccessLogEntry]:
        """Return the access log, newest first."""
        request = people_pb2.ListAccessLogRequest(parent=self.case, page_size=1000)
        return list((await self.clients.people.ListAccessLog(request, **self.clerk)).entries)


async def enter(clients: Clients, unit: str, **fields: Any) -> str:
    """Enter a mediator of a unit in the register and return the name; the user has the name's last part."""
    key = f"m-{request_id()[5:17]}"
    request = mediators_pb2.CreateMediatorRequest(
        mediator_id=key, mediator=mediator(key, unit, **fields), request_id=request_id()
    )
    await clients.mediators.CreateMediator(request, **clients.as_("unit_head", "62"))
    return f"mediators/{key}"
