"""From the door into the case: nobody is typed in twice, nobody is named who wished not to be, and what is said by a
receipt later reaches the case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from accord.embedded.stack import Stack
from tests.outside import Desk, Reporter
from tests.patience import PATIENCE

PHONE = "13800138000"
OTHER = {"role": "PARTY_ROLE_RESPONDENT", "displayName": "城关区安居物业公司", "organisation": True}
PURPOSE = {"purpose": "PURPOSE_MEDIATION"}


async def once(read: Callable[[], Awaitable[dict[str, Any]]], holds: Callable[[dict[str, Any]], object]) -> Any:
    """Return what is read once it is so."""
    async with asyncio.timeout(PATIENCE):
        while not holds(found := await read()):
            await asyncio.sleep(0.2)
    return found


async def opened(duty: Desk, report: str) -> str:
    """Accept a report and return its case once it is open."""
    await duty.does(report, "accept")
    case = report.replace("reports/", "cases/")
    async with asyncio.timeout(PATIENCE):
        while (await duty.gets(f"/v1/{case}")).status_code != 200:
            await asyncio.sleep(0.2)
    return case


async def parties(desk: Desk, case: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await desk.reads(f"/v1/{case}/parties"))["parties"]
    return found


@pytest.mark.fault("C9")
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_who_is_named_at_the_door_is_a_party_and_a_corrected_phone_is_its_phone(
    stack: Stack, language: str
) -> None:
    async with Reporter(stack, language) as me, Desk(stack, "clerk") as clerk, Desk(stack, "duty_officer") as duty:
        me.takes(await clerk.file(reporter={"displayName": "来访人", "phone": PHONE}, parties=[OTHER]))
        case = await opened(duty, me.report)
        async with Desk(stack, "mediator") as mediator:
            one, two = await parties(mediator, case)
            assert [(each["side"], each["kind"]) for each in (one, two)] == [
                ("SIDE_APPLICANT", "PARTY_KIND_NATURAL"), ("SIDE_RESPONDENT", "PARTY_KIND_ORGANISATION"),
            ]  # fmt: skip
            assert one["maskedPhone"] == "138****8000"
            await me.sign_in(PHONE[-4:])
            assert (await me.does("correct", reporter={"phone": "13900139123"})).status_code == 200
            await once(
                lambda: clerk.does(one["name"], "unmask", **PURPOSE),
                lambda told: (told["displayName"], told["phone"]) == ("来访人", "13900139123"),
            )


async def test_who_reports_a_broken_lamp_is_a_party_to_nothing_until_somebody_says_so(stack: Stack) -> None:
    async with Desk(stack, "clerk") as clerk, Desk(stack, "duty_officer") as duty, Desk(stack, "mediator") as mediator:
        filed = await clerk.file(reporter={"displayName": "来访人", "phone": PHONE})
        case = await opened(duty, filed["name"])
        assert await parties(mediator, case) == []
        new = {"side": "SIDE_APPLICANT", "kind": "PARTY_KIND_NATURAL"}
        typed = {**new, "details": {"displayName": "来访人"}}
        both = await mediator.sends(f"/v1/{case}/parties?fromReporter=true", **typed)
        assert (both.status_code, both.json()["errors"][0]["field"]) == (400, "details")
        made = await mediator.puts(f"/v1/{case}/parties?fromReporter=true", **new)
        told = await clerk.does(made["name"], "unmask", **PURPOSE)
        assert (told["displayName"], told["phone"]) == ("来访人", PHONE)


async def test_who_wished_not_to_be_named_to_the_other_side_is_asked_before_becoming_a_party(stack: Stack) -> None:
    async with Desk(stack, "clerk") as clerk, Desk(stack, "duty_officer") as duty, Desk(stack, "mediator") as mediator:
        filed = await clerk.file(
            reporter={"displayName": "来访人", "phone": PHONE}, anonymity="ANONYMITY_OTHER_SIDE", parties=[OTHER]
        )
        case = await opened(duty, filed["name"])
        assert [each["side"] for each in await parties(mediator, case)] == ["SIDE_RESPONDENT"]
        new = {"side": "SIDE_APPLICANT", "kind": "PARTY_KIND_NATURAL"}
        typed = {**new, "details": {"displayName": "老王", "phone": PHONE}}
        for query, party in (("?fromReporter=true", new), ("", typed)):
            refused = await mediator.sends(f"/v1/{case}/parties{query}", **party)
            assert (refused.status_code, refused.json()["code"]) == (400, "REPORTER_NOT_NAMED")
            assert refused.json()["errors"][0]["field"] == "reporterAgreed"
        assert await mediator.puts(f"/v1/{case}/parties?fromReporter=true&reporterAgreed=true", **new)


@pytest.mark.parametrize(("is_other_side", "beside"), [(False, ["COMPANION_ROLE_GUARDIAN"]), (True, [])])
async def test_a_minor_comes_with_the_guardian_unless_that_is_the_other_side(
    stack: Stack, is_other_side: bool, beside: list[str]
) -> None:
    async with Desk(stack, "clerk") as clerk, Desk(stack, "duty_officer") as duty, Desk(stack, "mediator") as mediator:
        filed = await clerk.file(
            reporter={"displayName": "班主任", "phone": PHONE}, parties=[OTHER],
            onBehalf={"relation": "RELATION_PROFESSIONAL", "personKnows": True, "displayName": "小明"},
            minor={
                "ageBand": "AGE_BAND_8_TO_13", "guardianDisplayName": "小明的母亲", "guardianIsOtherSide": is_other_side
            },
        )  # fmt: skip
        case = await opened(duty, filed["name"])
        child, _ = await parties(mediator, case)
        assert (child["maskedName"], child["needsSupport"]) == ("小*", True)
        found = await mediator.reads(f"/v1/{case}/companions")
        assert [each["role"] for each in found["companions"]] == beside


async def test_a_person_who_does_not_know_of_the_report_is_not_made_a_party(stack: Stack) -> None:
    async with Desk(stack, "clerk") as clerk, Desk(stack, "duty_officer") as duty, Desk(stack, "mediator") as mediator:
        filed = await clerk.file(
            reporter={"displayName": "邻居"}, parties=[OTHER],
            onBehalf={"relation": "RELATION_OTHER", "personKnows": False, "displayName": "老人"},
        )  # fmt: skip
        case = await opened(duty, filed["name"])
        assert [each["side"] for each in await parties(mediator, case)] == ["SIDE_RESPONDENT"]


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_withdrawal_of_an_open_matter_is_a_task_of_its_unit_with_a_clock(stack: Stack, language: str) -> None:
    async with Reporter(stack, language) as me, Desk(stack, "clerk") as clerk, Desk(stack, "duty_officer") as duty:
        me.takes(await clerk.file(reporter={"phone": PHONE}))
        case = await opened(duty, me.report)
        before = (await duty.reads(f"/v1/{case}/plan"))["tasks"]
        await me.sign_in(PHONE[-4:])
        assert (await me.does("withdraw")).json()["withdrawTime"]
        assert (await me.does("withdraw")).json()["code"] == "WRONG_STATE"
        await me.does("add", text="真的不用了。")
        plan = await once(lambda: duty.reads(f"/v1/{case}/plan"), lambda now: len(now["tasks"]) == len(before) + 1)
        task = plan["tasks"][-1]
        assert task["templateKey"] == "withdrawn"
        assert task["dueTime"]
        assert task["measure"].startswith("报告人已撤回")
        clocks = (await duty.reads(f"/v1/clocks/mediation?case={case}"))["clocks"]
        assert any(each["subject"] == task["name"] for each in clocks)
        assert (await duty.reads(f"/v1/{case}"))["openTasks"] == len(before) + 1
        # What is added later reaches the case as well, and asks nobody twice.
        await once(
            lambda: clerk.reads(f"/v1/feeds/mediation/events?case={case}&pageSize=1000"),
            lambda told: [each["type"] for each in told["events"]].count("CaseContentUpdated") == 2,
        )
        assert len((await duty.reads(f"/v1/{case}/plan"))["tasks"]) == len(before) + 1


async def test_who_withdraws_the_report_is_not_kept_in_the_mediation(stack: Stack) -> None:
    async with Reporter(stack) as me, Desk(stack, "clerk") as clerk, Desk(stack, "duty_officer") as duty:
        me.takes(await clerk.file(reporter={"displayName": "来访人", "phone": PHONE}, parties=[OTHER]))
        case = await opened(duty, me.report)
        for party in await parties(clerk, case):
            said = {"step": "STEP_MEDIATION", "given": True, "medium": "MEDIUM_PAPER", "language": "zh-CN"}
            await clerk.puts(f"/v1/{party['name']}/consents", **said, readBack=True)
        assert (await clerk.reads(f"/v1/{case}/mediation"))["state"] == "MEDIATION_STATE_CONSENTED"
        await me.sign_in(PHONE[-4:])
        await me.does("withdraw")
        ended = await once(
            lambda: clerk.reads(f"/v1/{case}/mediation"), lambda now: now["state"] == "MEDIATION_STATE_WITHDRAWN"
        )
        assert ended["endTime"]
        (own, other) = await parties(clerk, case)
        assert (own["withdrawn"], other["withdrawn"]) == (True, False)
        # Once its unit has asked, what is added later asks about it no more.
        tasks = (await duty.reads(f"/v1/{case}/plan"))["tasks"]
        async with Desk(stack, "handler", sub="one") as handler, Desk(stack, "reviewer", sub="two") as reviewer:
            await handler.does(tasks[-1]["name"], "sign")
            await handler.does(tasks[-1]["name"], "report", evidence="note-1")
            await reviewer.does(tasks[-1]["name"], "verify", sufficient=True)
        await me.does("add", text="谢谢。")
        await once(
            lambda: clerk.reads(f"/v1/feeds/mediation/events?case={case}&pageSize=1000"),
            lambda told: [each["type"] for each in told["events"]].count("CaseContentUpdated") == 2,
        )
        assert len((await duty.reads(f"/v1/{case}/plan"))["tasks"]) == len(tasks)
