"""In their own matter officials are parties: their office neither reads nor acts on it, and their part is a party's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator

import httpx
import pytest
from pb.escalation.v1 import letters_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2

from accord.embedded.stack import Stack
from casework.errors import CaseError
from services.kit.serving.access import Access, Call, Kept
from services.kit.serving.request import exclusions, named
from services.kit.serving.tokens import Caller
from tests.case_people import Act, new_case
from tests.conftest import COUNTY, Clients
from tests.outside import Desk
from tests.patience import PATIENCE
from tests.rpcs import POLICIES, all_rpcs
from tests.still import shipped_rules

FILES = {
    "absences", "assessments", "backlogPlans", "campaigns", "clues", "experts", "fixes", "handovers", "letters",
    "matters", "meetingSeries", "meetings", "recommendations", "reviews", "warnings",
}  # fmt: skip
"""Files of supervision: their numbers look like those of cases, and are others."""
OWN, OTHER = "620102-2026-000007", "620102-2026-000008"


async def refused_at_last(call: Callable[[], Awaitable[httpx.Response]]) -> None:
    """Wait until a service was told whose case it is: until it refuses."""
    async with asyncio.timeout(PATIENCE):
        while (await call()).status_code != 403:
            await asyncio.sleep(0.1)


async def test_an_official_who_is_a_party_acts_in_that_case_as_this_party_alone(stack: Stack, clients: Clients) -> None:
    act, other = Act(clients, (await new_case(clients)).name), await new_case(clients)
    await act.two_sides()
    async with Desk(stack, "clerk") as counter, Desk(stack, "clerk", sub="both", also="citizen") as her:
        assert (await her.gets(f"/v1/{act.case}")).status_code == 200, "nothing is known against her yet"
        await counter.does(act.of(1), "bind", subject="both")
        assert (await her.tries(act.of(2), "withdraw")).status_code == 403
        for path in ("", "/parties", f"{act.of(2).removeprefix(act.case)}/invitation"):
            assert (await her.gets(f"/v1/{act.case}{path}")).status_code == 403, path
        assert (await her.reads(f"/v1/{act.mediation_name}"))["name"] == act.mediation_name
        assert (await her.gets(f"/v1/{other.name}")).status_code == 200, "in others' matters she is in office"
        for desk, is_there in ((her, False), (counter, True)):
            listed = (await desk.reads("/v1/cases?pageSize=1000"))["cases"]
            assert (act.case in [each["name"] for each in listed]) is is_there
        yes = {"step": "STEP_MEDIATION", "given": True, "medium": "MEDIUM_ONLINE", "language": "zh", "readBack": True}
        assert (await her.sends(f"/v1/{act.of(2)}/consents", **yes)).status_code == 403, "the other side's word"
        assert (await her.puts(f"/v1/{act.of(1)}/consents", **yes))["given"], "her own"
        report = act.case.replace("cases/", "reports/")
        await refused_at_last(lambda: her.gets(f"/v1/{report}"))
        await refused_at_last(lambda: her.gets(f"/v1/{act.case}/escalations"))


async def test_without_the_role_of_a_citizen_an_official_does_nothing_in_the_own_case(
    stack: Stack, clients: Clients
) -> None:
    act = Act(clients, (await new_case(clients)).name)
    await act.two_sides()
    async with Desk(stack, "clerk") as counter, Desk(stack, "clerk", sub="office-alone") as she:
        await counter.does(act.of(1), "bind", subject="office-alone")
        assert (await she.tries(act.of(1), "withdraw")).status_code == 403
        assert (await she.gets(f"/v1/{act.mediation_name}")).status_code == 403


async def test_nobody_decides_in_office_on_what_they_reported_themselves(stack: Stack) -> None:
    async with (
        Desk(stack, "duty_officer", sub="reports-too", also="citizen") as he, Desk(stack, "duty_officer") as colleague,
        Desk(stack, "clerk") as counter,
    ):  # fmt: skip
        his = await he.file("楼下商铺的油烟飘进卧室。", channel="CHANNEL_APP")
        assert (await he.tries(his["name"], "accept")).status_code == 403
        assert (await he.gets(f"/v1/{his['name']}/content")).status_code == 403
        assert (await he.gets(f"/v1/{his['name']}/file")).status_code == 200, "his own file is his own"
        assert (await he.gets(f"/v1/receipts/{his['receiptCode']}")).status_code == 200
        beside = await counter.file("同一家商铺的油烟。")
        await colleague.does(his["name"], "merge", target=beside["name"], reason="同一家商铺")
        assert (await he.tries(beside["name"], "accept")).status_code == 403, "his report is part of it now"
        assert (await colleague.tries(beside["name"], "accept")).status_code == 200


def call(*roles: str, kept: Kept) -> Call:
    """Return a call of somebody in office, who is kept from something."""
    access = Access(POLICIES, shipped_rules(POLICIES.parent).units)
    return Call(Caller("both", frozenset(roles), COUNTY), "cases.list", "en", access, kept=kept)


def test_what_one_is_kept_from_leaves_a_response_and_nothing_else_does() -> None:
    cases = [case_pb2.Case(name=f"cases/{each}") for each in (OWN, OTHER)]
    answer = mediation_pb2.ListCasesResponse(cases=cases, next_page_token="more")
    asked = mediation_pb2.ListCasesRequest()
    exclusions.leave_out(answer, call("clerk", "citizen", kept=Kept(own=frozenset({OWN}))), asked)
    assert ([each.name for each in answer.cases], answer.next_page_token) == ([f"cases/{OTHER}"], "more")
    with pytest.raises(CaseError, match="PERMISSION_DENIED"):
        exclusions.leave_out(cases[0], call("clerk", kept=Kept(excluded=frozenset({OWN}))), asked)


def test_a_file_of_supervision_with_the_same_number_is_another_matter() -> None:
    officer = call("clerk", kept=Kept(excluded=frozenset({OWN})))
    exclusions.admit(letters_pb2.GetLetterRequest(name=f"letters/{OWN}"), officer)
    for name in (f"cases/{OWN}", f"cases/{OWN}/tasks/1", f"reports/{OTHER}/links/{OWN}", f"见{OWN}号"):
        with pytest.raises(CaseError, match="PERMISSION_DENIED"):
            exclusions.admit(mediation_pb2.GetCaseRequest(name=name), officer)


def patterns() -> Iterator[str]:
    """Iterate over the patterns of every name with a number in any request."""
    for rpc in all_rpcs():
        for field in named.fields_of(rpc.request_type.DESCRIPTOR):
            if field.kind is named.Kind.FILE:
                yield field.pattern


def test_every_word_before_a_number_in_a_name_says_whether_it_is_a_case() -> None:
    before: set[str] = set()
    for pattern in patterns():
        for words in re.findall(r"([A-Za-z|^(]+)\)?/\(?\[0-9\]\{6\}-", pattern):
            before |= set(re.split(r"[|^(]+", words)) - {""}
    of_cases = {each.rstrip("/") for each in exclusions.OF_CASES}
    assert before
    assert before - FILES <= of_cases, "a new word: of cases or of files?"
    assert not FILES & of_cases
