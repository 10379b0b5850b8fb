"""An erased person can get the certificate with a code alone, whatever was tried meanwhile; erased stays erased."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.kit.storage.database import Database
from services.kit.storage.erasures import ErasureList, erase_again
from services.mediation.erasure import store as of_cases
from tests import erasing
from tests.case_people import Act, new_case
from tests.conftest import Clients
from tests.outside import Desk, Invitee, Reporter
from tests.patience import PATIENCE
from tests.scratch import Scratch
from tests.test_erasure import told
from tests.test_filing import picture
from tests.test_own_file import noticed
from tests.test_report_erasure import age
from tests.world_people import invited

PHONE = "13800138000"
ORDER = {"ground": "ERASURE_GROUND_ORDER", "evidence": "order-1"}
SERVICES = {"intake", "mediation", "escalation"}


async def got(get: Callable[[], Awaitable[httpx.Response]], until: Callable[[Any], bool]) -> Any:
    """Return what somebody reads, once it is so: the other services follow within moments."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await get()
            if answer.status_code == 200 and until(answer.json()):
                return answer.json()
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_reporter_is_erased_once_by_two_people_and_no_hold_and_has_it_in_writing(
    clients: Clients, language: str
) -> None:
    stack = clients.stack
    async with (
        Reporter(stack, language, "127.0.1.31") as me,
        Desk(stack, "clerk") as clerk,
        Desk(stack, "duty_officer") as duty,
        Desk(stack, "unit_head", sub="head-one") as one,
        Desk(stack, "unit_head", sub="head-two") as two,
    ):
        me.takes(await clerk.file(reporter={"phone": PHONE}))
        assert (await me.sign_in(PHONE[-4:])).status_code == 200
        assert (await me.adds("photos", content=base64.b64encode(picture()).decode())).status_code == 200
        await noticed(clients, me.report.replace("reports/", "cases/"), "CaseReopened")
        await duty.does(me.report, "decline", reason="不属于调解范围", route="ROUTE_COURT")

        await one.does(me.report, "requestErasure", **ORDER)
        await one.does(me.report, "holdData", evidence="suit-1")
        assert (await two.tries(me.report, "erase")).json()["code"] == "ERASURE_BARRED"
        assert (await one.tries(me.report, "releaseData", evidence="suit-1")).json()["code"] == "SAME_PERSON"
        await two.does(me.report, "releaseData", evidence="suit-1")
        assert (await one.tries(me.report, "erase")).json()["code"] == "SAME_PERSON"
        at_once = await asyncio.gather(*(two.tries(me.report, "erase") for _ in range(3)))
        assert sorted(each.status_code for each in at_once)[0] == 200
        assert sorted(each.json().get("code", "") for each in at_once) == ["", "WRONG_STATE", "WRONG_STATE"]
        assert (await two.tries(me.report, "requestErasure", **ORDER)).json()["code"] == "ALREADY_EXISTS"

        for tried in (me.does("add", text="还有。"), me.get(f"/v1/{me.report}/file:download"),
                      me.get(f"/v1/{me.report}/photos/1:download"), me.sign_in(PHONE[-4:])):  # fmt: skip
            assert (await tried).json()["code"] == "DATA_ERASED"
        shown = await me.receipt(lambda now: now["progress"]["phase"] == "PHASE_ERASED")
        me.token = shown["accessToken"]
        paper = await got(lambda: me.get(f"/v1/{me.report}/erasure/certificate"), lambda found: bool(found["number"]))
        assert {each["service"] for each in paper["reach"] if each["erased"]} == SERVICES
        assert paper["decidedBy"]
        assert not any(each in str(paper) for each in (PHONE, "漏水", "head-"))
        sent = await got(
            lambda: me.get(f"/v1/{me.report}/notices"),
            lambda found: {each["state"] for each in found["notices"]} <= {"NOTICE_STATE_CANCELLED"},
        )
        assert sent["notices"], "what was still to be sent is given up"


async def test_a_merged_report_is_erased_with_the_other_and_its_holder_has_it_in_writing(clients: Clients) -> None:
    stack = clients.stack
    async with Reporter(stack, address="127.0.1.33") as me, Desk(stack, "clerk") as clerk:
        me.takes(await clerk.file(reporter={"phone": PHONE}))
        other = (await clerk.file("楼上漏水，邻居不管。"))["name"]
        async with (
            Desk(stack, "duty_officer") as duty,
            Desk(stack, "unit_head", sub="head-one") as one,
            Desk(stack, "unit_head", sub="head-two") as two,
        ):
            await duty.does(me.report, "merge", target=other, reason="same-place")
            await duty.does(other, "decline", reason="不属于调解范围", route="ROUTE_COURT")
            await one.does(other, "requestErasure", **ORDER)
            await two.does(other, "erase")
        me.token = (await me.receipt(lambda now: now["progress"]["phase"] == "PHASE_ERASED"))["accessToken"]
        paper = await got(lambda: me.get(f"/v1/{me.report}/erasure/certificate"), lambda found: bool(found["number"]))
        assert {each["service"] for each in paper["reach"] if each["erased"]} == SERVICES
        assert (await me.get(f"/v1/{other}/file")).status_code == 403


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_reporter_asks_to_be_erased_by_the_receipt_and_it_is_done_once_the_term_is_over(
    clients: Clients, language: str
) -> None:
    stack, own = clients.stack, {"ground": "ERASURE_GROUND_PARTY_REQUEST"}
    async with (
        Reporter(stack, language, "127.0.1.32") as me,
        Desk(stack, "clerk") as clerk,
        Desk(stack, "duty_officer") as duty,
        Desk(stack, "unit_head") as head,
    ):
        me.takes(await clerk.file(reporter={"phone": PHONE}))
        await me.sign_in(PHONE[-4:])
        waits = await me.does("requestErasure", **own)
        assert (waits.json()["code"], "NOT_CLOSED" in waits.text) == ("ERASURE_BARRED", True)
        await duty.does(me.report, "decline", reason="不属于调解范围", route="ROUTE_COURT")
        kept = await me.does("requestErasure", **own)
        assert (kept.json()["code"], "KEPT" in kept.text) == ("ERASURE_BARRED", True)
        for wrong, field in ((ORDER, "ground"), ({**own, "evidence": "我自己的话"}, "evidence")):
            refused = await me.does("requestErasure", **wrong)
            assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, field)
        other = await clerk.file("别的事。")
        assert (await me.does("requestErasure", other["name"], **own)).status_code == 403
        no_paper = await head.tries(me.report, "requestErasure", **own)
        assert (no_paper.status_code, no_paper.json()["errors"][0]["field"]) == (400, "evidence")

        await age(clients, me.report, 10)
        dry = await me.does("requestErasure", **own, validateOnly=True)
        assert dry.json()["retentionClass"] == "declined"
        assert (await me.does("requestErasure", **own)).json()["state"] == "ERASURE_STATE_REQUESTED"
        assert (await me.get(f"/v1/{me.report}/erasure")).json()["state"] == "ERASURE_STATE_REQUESTED"
        await head.does(me.report, "erase")
        shown = await me.receipt(lambda now: now["progress"]["phase"] == "PHASE_ERASED")
        me.token = shown["accessToken"]
        paper = await got(lambda: me.get(f"/v1/{me.report}/erasure/certificate"), lambda found: bool(found["number"]))
        assert PHONE not in str(paper)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_an_invited_party_whose_case_is_erased_has_it_in_writing_and_nothing_else(
    clients: Clients, language: str
) -> None:
    act = Act(clients, (await new_case(clients)).name)
    await act.add(1)
    await act.add(2)
    made = await invited(clients, act.of(2))
    async with Invitee(clients.stack, language) as me:
        await me.comes({"code": made.code, "words": made.words})
        before = me.token
        await clients.finish(act.case)
        await erasing.requested(clients, act.case)
        await erasing.erased(clients, act.case)
        # A token that is still out opens nothing of what was told.
        assert (await me.looks(f"{act.of(2)}/file")).json()["code"] == "DATA_ERASED"
        assert (await me.sign_in("不记得了")).status_code == 200, "the words were erased with the rest"
        assert me.token != before
        paper = await got(lambda: me.looks(f"{act.case}/erasure/certificate"), lambda found: bool(found["number"]))
        assert {each["service"] for each in paper["reach"] if each["erased"]} == SERVICES
        for path in (f"{act.of(2)}/file", f"{act.of(2)}/invitation", f"{act.of(1)}/file", f"{act.case}/accessLog"):
            assert (await me.looks(path)).status_code == 403, path
        assert (await me.says("MEDIATION")).status_code == 403
        assert (await me.sign_in("不记得了", "0000-0000-0000-0000-0")).status_code == 404


async def test_after_a_restore_that_knows_of_no_request_two_people_have_the_certificate_made(
    clients: Clients, tmp_path: Path
) -> None:
    case, now = await told(clients), datetime.now(UTC)
    listed = ErasureList(tmp_path / "erasures", "mediation")
    listed.add(case.removeprefix("cases/"), now)
    database = Database(Scratch.main(clients.stack).role("mediation"), 2)
    try:
        assert await erase_again(database, "cases", listed, of_cases.erase, now) == 1
    finally:
        await database.close()
    await erasing.requested(clients, case)
    await erasing.erased(clients, case)
    done = await erasing.until(clients, case, lambda found: found.complete)
    assert {each.service for each in done.reach if each.erased} == SERVICES


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_party_asks_to_be_erased_by_its_invitation_and_it_is_done_once_the_term_is_over(
    clients: Clients, language: str
) -> None:
    stack, own = clients.stack, {"ground": "ERASURE_GROUND_PARTY_REQUEST"}
    case, other = (await new_case(clients)).name, await new_case(clients)
    act = Act(clients, case)
    await act.add(1)
    await act.add(2)
    async with Invitee(stack, language) as me, Desk(stack, "unit_head", sub="head-two") as head:
        made = await invited(clients, f"{case}/parties/1")
        await me.comes({"code": made.code, "words": made.words})
        waits = await me.tries(f"{case}:requestErasure", **own)
        assert (waits.json()["code"], "NOT_CLOSED" in waits.text) == ("ERASURE_BARRED", True)
        await clients.finish(case)
        kept = await me.tries(f"{case}:requestErasure", **own)
        assert (kept.json()["code"], "KEPT" in kept.text) == ("ERASURE_BARRED", True)
        for wrong, field in ((ORDER, "ground"), ({**own, "evidence": "我自己的话"}, "evidence")):
            refused = await me.tries(f"{case}:requestErasure", **wrong)
            assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, field)
        assert (await me.tries(f"{other.name}:requestErasure", **own)).status_code == 403
        connection = await Scratch.main(stack).connect("mediation")
        try:
            await connection.execute(
                "UPDATE closings SET retention = 1, closed_at = closed_at - interval '11 years' WHERE number = $1",
                case.removeprefix("cases/"),
            )
        finally:
            await connection.close()
        assert (await me.does(f"{case}:requestErasure", **own))["state"] == "ERASURE_STATE_REQUESTED"
        assert (await me.tries(f"{case}:eraseData")).status_code == 403, "an office decides"
        await head.does(case, "eraseData")
        assert (await me.reads(f"{case}/erasure"))["state"] == "ERASURE_STATE_ERASED"
