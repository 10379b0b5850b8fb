"""Other routes: chosen by kind and facts from one list, each with its time limit, legal basis and date."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pb.clock.v1 import clock_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import agreement_pb2, agreement_pb2_grpc, consent_pb2

from casework.door.routes import RouteBook
from tests.case_people import Act, new_case, refused
from tests.conftest import Clients, request_id
from tests.still import shipped_rules
from tests.test_calendar import SHIPPED

pytestmark = pytest.mark.fault("D17", "F4")


@pytest.fixture(scope="module")
def book() -> RouteBook:
    return shipped_rules(SHIPPED).routes


def keys(book: RouteBook, category: str, *facts: str) -> list[str]:
    return [each.route.key for each in book.open(category, facts)]


def kinds(book: RouteBook, category: str, *facts: str) -> list[str]:
    return [str(each.route.kind) for each in book.open(category, facts)]


def test_over_labour_arbitration_comes_first_but_for_what_a_court_takes_at_once(book: RouteBook) -> None:
    assert keys(book, "labour/wage-arrears")[0] == "labour_arbitration"
    assert "court" not in kinds(book, "labour")
    for fact in ("wage_note", "wage_agreement", "clear_money_claim", "ended_by_award"):
        assert "court" in kinds(book, "labour", fact), fact
    told = book.open("labour", ())[0].route
    assert "民法典" not in told.basis, "the limitation is that of arbitration"


def test_title_is_decided_by_the_government_first(book: RouteBook) -> None:
    for category, facts in (("land/forest", ()), ("homestead/title", ()), ("land", ("title_dispute",))):
        first = book.open(category, facts)[0].route
        assert (str(first.kind), first.first) == ("administration", True), category
        assert "court" not in keys(book, category, *facts)
    assert "land_arbitration" in keys(book, "land/contracted")


def test_an_arbitration_clause_excludes_the_court(book: RouteBook) -> None:
    for category in ("contract/loan", "business", "property/fees", "neighbour"):
        assert keys(book, category)[0] == "court", category
        with_clause = book.open(category, ["arbitration_clause"])
        assert with_clause[0].route.key == "arbitration_clause"
        assert "court" not in [str(each.route.kind) for each in with_clause], category


def test_review_is_a_route_against_administrative_acts_alone(book: RouteBook) -> None:
    reviews = {"administrative_review", "review_first"}
    for category in ("neighbour", "labour", "medical", "land", "expropriation", "grievance"):
        assert not reviews & set(keys(book, category)), category
    assert {"administrative_review", "administrative_suit"} <= set(keys(book, "expropriation", "administrative_act"))
    assert keys(book, "grievance", "administrative_act", "review_first")[0] == "review_first"


def test_a_petition_is_no_route_for_what_can_be_litigated(book: RouteBook) -> None:
    for category in ("neighbour", "labour", "contract", "medical", "land", "consumer"):
        assert "petition" not in kinds(book, category)
    assert "petition" in kinds(book, "grievance/service")


def test_further_routes_by_kind(book: RouteBook) -> None:
    assert {"village_township", "collective_annulment"} <= set(keys(book, "village-affairs"))
    assert {"property_authority", "owners_annulment"} <= set(keys(book, "property/fees"))
    assert "noise_authority" in keys(book, "neighbour/noise")
    assert "payment_order" in keys(book, "contract/loan", "clear_money_claim")


def test_every_route_says_what_it_rests_on_and_has_its_date_from_the_clocks(book: RouteBook) -> None:
    due = datetime(2027, 3, 1, tzinfo=UTC)
    (first, *_) = book.open("labour", (), {"labour_arbitration_limitation": due})
    assert first.due_at == due
    assert all(each.basis and each.zh and each.en for each in book.routes)


async def ending(clients: Clients, case: str) -> agreement_pb2.Ending:
    request = agreement_pb2.GetEndingRequest(name=f"{case}/ending")
    stub = agreement_pb2_grpc.AgreementServiceStub(clients.channels["mediation"])
    found: agreement_pb2.Ending = await stub.GetEnding(request, **clients.as_("handler"))
    return found


async def test_after_a_withdrawal_every_party_has_all_routes_with_their_dates(clients: Clients) -> None:
    act = Act(clients, (await new_case(clients, category="categories/labour/wage-arrears")).name)
    await act.two_sides()
    start = clock_pb2.StartClockRequest(
        service="mediation", case=act.case, rule="labour_arbitration_limitation", request_id=request_id()
    )
    clock = await clients.clocks["mediation"].StartClock(start, **clients.as_("handler"))
    told = await act.withdraw(1)
    end = await ending(clients, act.case)
    assert list(told.routes) == list(end.other_routes), "one source"
    assert len(told.routes) > 3
    assert (told.routes[0].route, told.routes[0].due_time) == ("labour_arbitration", clock.due_time)
    assert sorted(each.party for each in end.notices) == [act.of(1), act.of(2)]


async def test_declared_facts_choose_the_routes_and_unknown_ones_are_refused(clients: Clients) -> None:
    act = Act(clients, (await new_case(clients, category="categories/contract/loan")).name)
    await act.two_sides()

    async def declare(*facts: str) -> Any:
        request = consent_pb2.DeclareMatterFactsRequest(name=act.mediation_name, facts=facts, request_id=request_id())
        return await clients.consents.DeclareMatterFacts(request, **act.clerk)

    assert list((await declare("arbitration_clause")).matter_facts) == ["arbitration_clause"]
    await refused(declare("quarrelsome"), "INVALID_FIELD", "facts[0]")
    told = await act.withdraw(2)
    assert told.routes[0].route == "arbitration_clause"
    assert "court" not in {each.kind for each in told.routes}


async def test_whose_report_is_declined_reads_every_route_on_the_receipt(clients: Clients) -> None:
    report = await clients.file_report(category="categories/labour")
    request = intake_pb2.DeclineReportRequest(
        name=report.name, reason="not-for-mediation", route=report_pb2.ROUTE_ARBITRATION, request_id=request_id()
    )
    await clients.intake.DeclineReport(request, **clients.as_("duty_officer"))
    receipt = await clients.intake.GetReceipt(
        intake_pb2.GetReceiptRequest(name=f"receipts/{report.receipt_code}"), **clients.as_("citizen", "620102001001")
    )
    assert receipt.route == report_pb2.ROUTE_ARBITRATION
    assert receipt.other_routes[0].route == "labour_arbitration"
    assert len(receipt.other_routes) > 3
