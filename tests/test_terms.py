"""Time limits of a mediation: they start with it, once a round, change only by their rule, and end it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.type.date_pb2 import Date
from pb.clock.v1 import clock_pb2
from pb.clock.v1.clock_pb2_grpc import ClockServiceStub
from pb.feed.v1 import feed_pb2
from pb.feed.v1.feed_pb2_grpc import FeedServiceStub
from pb.intake.v1 import report_pb2
from pb.mediation.v1 import agreement_pb2, agreement_pb2_grpc, case_pb2, consent_pb2, content_pb2, mediation_pb2
from pb.mediation.v1.consent_pb2_grpc import ConsentServiceStub
from pb.mediation.v1.content_pb2_grpc import CaseContentServiceStub
from pb.mediation.v1.mediation_pb2_grpc import MediationServiceStub
from pb.mediation.v1.mediators_pb2_grpc import MediatorServiceStub
from pb.mediation.v1.people_pb2_grpc import PeopleServiceStub

from accord.embedded.stack import Stack
from tests.case_people import Act, enter
from tests.conftest import COUNTY, request_id
from tests.rpcs import call
from tests.still import Still, standing_still

pytestmark = pytest.mark.fault("A13", "F3")
RUNNING, EXTENSION = clock_pb2.CLOCK_STATE_RUNNING, 3


class Standing(Act):
    """Acts in one case of a mediation service that stands still."""

    def __init__(self, still: Still, case: str) -> None:
        channel = still.channel
        clients: Any = SimpleNamespace(
            as_=lambda role, unit=COUNTY, sub=None, **_: still.as_(role, unit, sub),
            people=PeopleServiceStub(channel), consents=ConsentServiceStub(channel),
            mediators=MediatorServiceStub(channel),
        )  # fmt: skip
        super().__init__(clients, case)
        self.still = still

    async def begun(self) -> str:
        """Bring the case into mediation and return its mediator."""
        await self.two_sides()
        name = await enter(self.clients, f"units/{COUNTY}")
        for party in (1, 2):
            await self.choose(party, name)
        await self.accept(name)
        return name

    async def to(self, instant: str) -> consent_pb2.Mediation:
        """Let the time come, let what is due fire, and return the mediation."""
        self.still.to(instant)
        await self.still.fire(self.case.split("/")[1])
        return await self.mediation()

    async def clocks(self) -> dict[str, clock_pb2.Clock]:
        """Return the terms of the case that run, by rule."""
        request = clock_pb2.ListClocksRequest(service="mediation", case=self.case, page_size=100, running=True)
        found = await ClockServiceStub(self.still.channel).ListClocks(request, **self.still.as_("auditor", "62"))
        return {each.rule: each for each in found.clocks if ".mediation-" in each.name}

    async def refused(self, verb: str, role: str = "handler", **fields: Any) -> str:
        """Try to move a clock by hand, and return the reason of the refusal."""
        request = getattr(clock_pb2, f"{verb}Request")(request_id=request_id(), **fields)
        path = f"/accord.clock.v1.ClockService/{verb}"
        answer = await call(self.still.channel, path, request.SerializeToString(), **self.still.as_(role, COUNTY))
        return answer.reason

    async def corrected(self, category: str) -> None:
        """Let the desk correct what kind of matter it is."""
        request = content_pb2.RefreshCaseContentRequest(
            name=self.case, content=report_pb2.ReportContent(text="拖欠工资。"), category=f"categories/{category}",
            request_id=request_id(),
        )  # fmt: skip
        stub = CaseContentServiceStub(self.still.channel)
        await stub.RefreshCaseContent(request, **self.still.as_service())

    async def told(self, kind: str) -> list[dict[str, Any]]:
        """Return what the events of a kind say."""
        request = feed_pb2.ListEventsRequest(service="mediation", case=self.case, page_size=1000)
        found = (
            await FeedServiceStub(self.still.channel).ListEvents(request, **self.still.as_("auditor", "62"))
        ).events
        return [MessageToDict(each.payload) for each in found if each.type == kind]

    async def ending(self) -> agreement_pb2.Ending:
        """Return how the mediation ended."""
        request = agreement_pb2.GetEndingRequest(name=f"{self.case}/ending")
        stub = agreement_pb2_grpc.AgreementServiceStub(self.still.channel)
        found: agreement_pb2.Ending = await stub.GetEnding(request, **self.still.as_("handler", COUNTY))
        return found


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return mediation standing still."""
    async with standing_still(stack, "mediation") as found:
        yield found


async def opened(still: Still, running: int, category: str) -> Standing:
    """Open a case on 2 March 2026, a Monday."""
    still.to("2026-03-02T09:00")
    name = f"cases/{COUNTY}-2016-{running:06d}"
    case = case_pb2.Case(name=name, unit=f"units/{COUNTY}", category=f"categories/{category}", grade=2, channel=1)
    request = mediation_pb2.CreateCaseRequest(case=case, request_id=request_id())
    await MediationServiceStub(still.channel).CreateCase(request, **still.as_service())
    return Standing(still, name)


async def is_released(act: Standing) -> None:
    """Check that everybody is let go, with every route."""
    ending = await act.ending()
    assert ending.ground == agreement_pb2.END_GROUND_TERM_EXPIRED
    assert len(ending.notices) == 2
    assert ending.routes
    assert await act.clocks() == {}
    (event,) = await act.told("MediationEnded")
    assert event["ground"] == "END_GROUND_TERM_EXPIRED"


@pytest.mark.parametrize(
    ("running", "category", "rules", "before", "end"),
    [
        (1, "neighbour", {"mediation_term"}, "2026-04-02T23:59:59", "2026-04-03T00:00"),
        (2, "labour", {"mediation_term", "labour_mediation"}, "2026-03-17T23:59:59", "2026-03-18T00:00"),
        # Thirty working days: the general month is over before, and the law's own term runs on.
        (3, "medical", {"mediation_term", "medical_mediation"}, "2026-04-14T23:59:59", "2026-04-15T00:00"),
    ],
)
async def test_the_terms_begin_by_themselves_and_their_end_releases_everybody(
    still: Still, running: int, category: str, rules: set[str], before: str, end: str
) -> None:
    act = await opened(still, running, category)
    await act.begun()
    assert set(await act.clocks()) == rules
    assert (await act.to(before)).state == consent_pb2.MEDIATION_STATE_MEDIATING
    assert (await act.to(end)).state == consent_pb2.MEDIATION_STATE_NOT_AGREED
    await is_released(act)


async def test_a_corrected_category_brings_the_term_of_its_law_from_the_beginning(still: Still) -> None:
    act = await opened(still, 9, "neighbour")
    await act.begun()
    still.to("2026-03-06T09:00")
    for category, rule in (("medical", "medical_mediation"), ("neighbour", ""), ("labour", "labour_mediation")):
        await act.corrected(category)
        assert set(await act.clocks()) == {"mediation_term", *([rule] if rule else [])}, category
    assert (await act.to("2026-03-17T23:59:59")).state == consent_pb2.MEDIATION_STATE_MEDIATING
    assert (await act.to("2026-03-18T00:00")).state == consent_pb2.MEDIATION_STATE_NOT_AGREED
    await is_released(act)


async def test_nobody_prolongs_a_term_by_stopping_and_starting_it(still: Still) -> None:
    act = await opened(still, 4, "labour")
    await act.begun()
    for rule, clock in (await act.clocks()).items():
        assert await act.refused("StopClock", name=clock.name, met=False) == "CLOCK_NOT_BY_HAND"
        started = await act.refused("StartClock", service="mediation", case=act.case, rule=rule)
        assert started == "UNKNOWN_RULE"
        more = await act.refused("ExtendClock", name=clock.name, amount=1, kind=EXTENSION)
        assert more == "CONSENT_MISSING"


async def test_everybodys_consent_moves_the_term_and_another_mediator_does_not(still: Still) -> None:
    act = await opened(still, 5, "neighbour")
    await act.begun()
    (first,) = (await act.clocks()).values()
    still.to("2026-03-20T09:00")
    await act.replace(1)
    (same,) = (await act.clocks()).values()
    assert (same.name, same.due_time) == (first.name, first.due_time)
    for party in (1, 2):
        await act.say(party, step=3)
    assert await act.refused("ExtendClock", name=first.name, amount=1, kind=EXTENSION) == ""
    assert (await act.to("2026-04-03T00:00")).state == consent_pb2.MEDIATION_STATE_CONSENTED
    # Whether or not a mediator was found by then: nobody is kept.
    assert (await act.to("2026-05-07T00:00")).state == consent_pb2.MEDIATION_STATE_NOT_AGREED
    await is_released(act)


async def test_silence_to_a_proposal_of_mediation_is_not_waited_for_without_end(still: Still) -> None:
    act = await opened(still, 6, "neighbour")
    await act.add(1)
    await act.add(2)
    await act.say(1)
    assert set(await act.clocks()) == {"mediation_answer"}
    assert (await act.to("2026-03-11T23:59:59")).state == consent_pb2.MEDIATION_STATE_PROPOSED
    assert (await act.to("2026-03-12T00:00")).state == consent_pb2.MEDIATION_STATE_NOT_AGREED
    await is_released(act)


async def test_a_new_round_has_a_term_of_its_own(still: Still) -> None:
    act = await opened(still, 7, "neighbour")
    await act.begun()
    await act.to("2026-04-03T00:00")
    request = consent_pb2.ProposeMediationRequest(name=act.mediation_name, request_id=request_id())
    await act.clients.consents.ProposeMediation(request, **act.clerk)
    assert set(await act.clocks()) == {"mediation_answer"}
    await act.say(1)
    await act.say(2)
    (clock,) = (await act.clocks()).values()
    assert (clock.rule, clock.name.rpartition("-")[2]) == ("mediation_term", "2")


async def test_a_draft_that_nobody_signs_is_over_after_ten_working_days(still: Still) -> None:
    act = await opened(still, 8, "neighbour")
    mediator = await act.begun()
    clause = agreement_pb2.Clause(
        performer=act.of(2),
        beneficiary=act.of(1),
        kind=agreement_pb2.CLAUSE_KIND_ACT,
        content="修好天花板。",
        due_date=Date(year=2026, month=5, day=4),
    )
    draft = agreement_pb2.Agreement(
        extent=1, form=1, clauses=[clause], statement=agreement_pb2.AgreementStatement(facts="漏水。")
    )
    request = agreement_pb2.DraftAgreementRequest(parent=act.case, agreement=draft, request_id=request_id())
    stub = agreement_pb2_grpc.AgreementServiceStub(still.channel)
    await stub.DraftAgreement(request, **still.as_("mediator", COUNTY, mediator.rpartition("/")[2]))
    assert "agreement_answer" in await act.clocks()
    assert (await act.to("2026-03-16T23:59:59")).state == consent_pb2.MEDIATION_STATE_MEDIATING
    assert (await act.to("2026-03-17T00:00")).state == consent_pb2.MEDIATION_STATE_NOT_AGREED
    await is_released(act)
