"""An expired rule starts no new clock; clocks already running by it continue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest
from pb.clock.v1 import clock_pb2
from pb.clock.v1.clock_pb2_grpc import ClockServiceStub
from pb.mediation.v1 import case_pb2, mediation_pb2
from pb.mediation.v1.mediation_pb2_grpc import MediationServiceStub

from accord.embedded.stack import Stack
from casework.clocks.rule_book import RuleBook
from tests.conftest import COUNTY, request_id
from tests.rpcs import Answer, call
from tests.still import Still, shipped_rules, standing_still
from tests.test_calendar import SHIPPED

pytestmark = pytest.mark.fault("A10")


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return mediation standing still."""
    async with standing_still(stack, "mediation") as found:
        yield found


async def opened(still: Still, running: int) -> str:
    """Open a case in this moment and return its name."""
    name = f"cases/{COUNTY}-2018-{running:06d}"
    case = case_pb2.Case(name=name, unit=f"units/{COUNTY}", category="categories/labour", grade=2, channel=1)
    request = mediation_pb2.CreateCaseRequest(case=case, request_id=request_id())
    await MediationServiceStub(still.channel).CreateCase(request, **still.as_service())
    return name


async def start(still: Still, case: str, rule: str) -> Answer:
    """Try to start a clock by hand, and return what came back."""
    request = clock_pb2.StartClockRequest(service="mediation", case=case, rule=rule, request_id=request_id())
    path = "/accord.clock.v1.ClockService/StartClock"
    return await call(still.channel, path, request.SerializeToString(), **still.as_("handler", COUNTY))


@pytest.mark.parametrize(
    ("rule", "last_day", "first_day", "successor"),
    [
        ("court_delegated", "2024-12-31T10:00", "2025-01-01T00:30", "court_entrusted"),
        ("consumer_mediation_repealed", "2026-04-14T23:59", "2026-04-15T00:00", "consumer_mediation"),
        ("consumer_mediation_notice_repealed", "2026-04-14T23:59", "2026-04-15T00:00", "consumer_mediation_notice"),
    ],
)
async def test_a_rule_starts_on_its_last_day_and_then_is_refused_naming_the_one_that_holds(
    still: Still, rule: str, last_day: str, first_day: str, successor: str
) -> None:
    still.to(last_day)
    case = await opened(still, sum(map(ord, rule)))
    assert (await start(still, case, rule)).reason == ""
    still.to(first_day)
    refused = await start(still, case, rule)
    assert (refused.reason, refused.fields) == ("RULE_NOT_IN_FORCE", ["rule"])
    assert refused.details["ErrorInfo"].metadata["successor"] == successor
    # What was started while it held runs on by it.
    request = clock_pb2.ListClocksRequest(service="mediation", case=case, running=True)
    found = (await ClockServiceStub(still.channel).ListClocks(request, **still.as_("auditor", "62"))).clocks
    assert [each.state for each in found if each.rule == rule] == [clock_pb2.CLOCK_STATE_RUNNING]


async def test_a_rule_that_is_not_yet_in_force_starts_nothing(still: Still) -> None:
    still.to("2026-02-27T10:00")
    refused = await start(still, await opened(still, 77), "commercial_award_annulment")
    assert (refused.reason, refused.fields) == ("RULE_NOT_IN_FORCE", ["rule"])


def test_a_service_that_asks_for_a_rule_that_is_over_gets_the_one_that_holds() -> None:
    book: RuleBook = shipped_rules(SHIPPED).clocks
    assert book.in_force("court_delegated", "620102", date(2024, 12, 31)).name == "court_delegated"
    assert book.in_force("court_delegated", "620102", date(2025, 1, 1)).name == "court_entrusted"
    assert all(rule.successor for rule in book if rule.valid_to)
