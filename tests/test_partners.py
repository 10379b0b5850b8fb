"""Partners: a hotline hands on its items by its numbers, follows what becomes of them, and compares the day."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accord.embedded.stack import Stack
from accord.partners.simulator import Faults, Simulator
from accord.rules_place import SHIPPED
from casework.clocks.calendar import LOCAL
from casework.door.programs.partner import ItemState, PartnerRule, Standing, is_late, item_state, receiving
from casework.door.report import ReportState
from tests.conftest import COUNTY, request_id
from tests.outside import Desk
from tests.patience import PATIENCE
from tests.still import shipped_rules

CITY = COUNTY[:4]
HOTLINE, BESIDE = f"{CITY}-hotline", f"{CITY}-petition"
BOTH = pytest.mark.parametrize("language", ["zh", "en"])
WORDS = {"zh": ["已接收", "办理中", "退回"], "en": ["received", "being handled", "returned"]}


@pytest.fixture
async def open_() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


class Partner:
    """The program of a partner: it knows its own numbers and nothing else."""

    def __init__(self, desk: Desk, unit: str = HOTLINE) -> None:
        self.desk, self.unit, self.mark = desk, unit, request_id()[:12]

    def item(self, number: int, text: str = "楼上半夜装修，打电话多次没人管。", **fields: Any) -> dict[str, Any]:
        return {
            "number": f"{self.mark}-{number}",
            "category": "噪音扰民",
            "area": f"{COUNTY}001",
            "text": text,
            **fields,
        }

    async def sends(self, *items: dict[str, Any]) -> list[dict[str, Any]]:
        told = await self.desk.does(f"units/{self.unit}/partnerItems", "submit", items=list(items))
        results: list[dict[str, Any]] = told["results"]
        return results

    async def changes(self, until: int) -> list[dict[str, Any]]:
        """Return the own items as each change in order left them, once there are so many."""
        return [each["item"] for each in await self.told(until)]

    async def told(self, until: int) -> list[dict[str, Any]]:
        """Return the changes of the own items in order, once there are so many, asked for page by page."""
        found: list[dict[str, Any]] = []
        after = "0"
        async with asyncio.timeout(PATIENCE):
            while len(found) < until:
                told = await self.desk.reads(f"/v1/units/{self.unit}/partnerItems:changes?after={after}&maxResults=50")
                for each in told.get("changes", []):
                    assert int(each["sequence"]) > int(after)
                    after = each["sequence"]
                    if each["item"]["number"].startswith(self.mark):
                        found.append(each)
                await asyncio.sleep(0 if told.get("changes") else 0.3)
        return found

    async def compares(self, *claimed: dict[str, Any]) -> dict[str, Any]:
        today = datetime.now(UTC).astimezone(LOCAL).date()
        day = {"year": today.year, "month": today.month, "day": today.day}
        return await self.desk.does(f"units/{self.unit}/partnerItems", "reconcile", date=day, claimed=list(claimed))


async def partner(stack: Stack, open_: AsyncExitStack, language: str = "zh", unit: str = HOTLINE) -> Partner:
    return Partner(await open_.enter_async_context(Desk(stack, "integrator", unit, language=language)), unit)


@BOTH
async def test_a_hotline_hands_on_items_and_is_told_in_order_what_becomes_of_them(
    language: str, stack: Stack, open_: AsyncExitStack
) -> None:
    hotline = await partner(stack, open_, language)
    duty = await open_.enter_async_context(Desk(stack, "duty_officer", COUNTY))
    taken = await hotline.sends(hotline.item(1), hotline.item(2, "三楼漏水到二楼，物业不管。", category="物业"))
    assert [each["state"] for each in taken] == ["ITEM_STATE_RECEIVED"] * 2
    first, second = (each["report"] for each in taken)
    shown = await duty.reads(f"/v1/{second}")
    assert (shown["unit"], shown["channel"], shown["category"]) == (
        f"units/{COUNTY}", "CHANNEL_HOTLINE", "categories/property")  # fmt: skip

    await hotline.changes(2)
    await duty.does(first, "accept")
    await duty.does(second, "decline", reason="elsewhere", route="ROUTE_HOTLINE")
    told = await hotline.changes(4)
    assert [each["stateText"] for each in told if each["report"] == first] == WORDS[language][:2]
    returned = [each for each in told if each["report"] == second][-1]
    assert (returned["stateText"], returned["route"], "endTime" in returned) == (
        WORDS[language][2], "ROUTE_HOTLINE", True)  # fmt: skip
    assert returned["unitName"] == "城关区"


async def test_what_is_wrong_is_refused_alone_named_as_sent_and_may_be_corrected(
    stack: Stack, open_: AsyncExitStack
) -> None:
    hotline = await partner(stack, open_, "en")
    good, elsewhere = hotline.item(1), hotline.item(2, area="6202")
    late = hotline.item(3, dueTime=(datetime.now(UTC) - timedelta(days=1)).isoformat())
    blank, odd = hotline.item(4, text=" "), hotline.item(5, urgency="马上")
    results = await hotline.sends(good, elsewhere, late, blank, odd)
    fields = [each.get("field", "") for each in results]
    assert fields == ["", "area", "due_time", "text", "urgency"]
    assert all(each["state"] == "ITEM_STATE_REFUSED" for each in results[1:])
    assert [each["message"].rpartition(") ")[2] for each in results[1:]] == [
        "not in the area of the partner", "must be later than now", "says nothing", "one of 一般、较急、紧急",
    ]  # fmt: skip

    (again, mended) = await hotline.sends(good, {**elsewhere, "area": COUNTY})
    assert (again["repeated"], again["report"]) == (True, results[0]["report"])
    assert mended["state"] == "ITEM_STATE_RECEIVED"
    (other,) = await hotline.sends({**good, "text": "完全是另一件事，与噪音无关。"})
    assert (other["reason"], other["field"]) == ("IDEMPOTENCY_KEY_REUSED", "number")
    listed = await hotline.desk.reads(f"/v1/units/{HOTLINE}/partnerItems?number={hotline.mark}-3")
    assert [(each["state"], each["reason"]) for each in listed["items"]] == [
        ("ITEM_STATE_REFUSED", results[2]["reason"])
    ]


async def test_an_item_corrected_in_the_same_call_is_taken_in_and_one_without_a_number_is_kept_nowhere(
    stack: Stack, open_: AsyncExitStack
) -> None:
    hotline = await partner(stack, open_)
    good = hotline.item(1)
    nameless = [{**good, "number": number} for number in ("", "a\x00b", "9" * 81)]
    wrong, taken, *refused = await hotline.sends({**good, "urgency": "马上"}, good, *nameless)
    assert (wrong["state"], taken["state"]) == ("ITEM_STATE_REFUSED", "ITEM_STATE_RECEIVED")
    assert {(each["state"], each["field"]) for each in refused} == {("ITEM_STATE_REFUSED", "number")}
    listed = await hotline.desk.reads(f"/v1/units/{HOTLINE}/partnerItems?number={good['number']}")
    assert [(each["report"], each["reason"]) for each in listed["items"]] == [(taken["report"], "")]


async def test_items_are_listed_page_by_page_whatever_their_numbers_are(stack: Stack, open_: AsyncExitStack) -> None:
    police = await partner(stack, open_, unit="620104-police")
    numbers = [f"西公（治）接字〔2026〕{police.mark}{place}号" for place in range(5)]
    for number in numbers:
        await police.sends({**police.item(1, area="620104"), "number": number})
    await police.sends(police.item(9, area="110101"))
    found: list[str] = []
    page = ""
    while not found or page:
        path = f"/v1/units/620104-police/partnerItems?states=ITEM_STATE_RECEIVED&pageSize=2&pageToken={page}"
        told = await police.desk.reads(path)
        found += [each["number"] for each in told["items"]]
        page = told.get("nextPageToken", "")
    assert [each for each in found if police.mark in each] == numbers[::-1]


async def test_the_same_item_sent_ten_times_at_once_and_twice_in_a_call_is_one_report(
    stack: Stack, open_: AsyncExitStack
) -> None:
    hotline = await partner(stack, open_)
    colleague = Partner(await open_.enter_async_context(Desk(stack, "integrator", HOTLINE, "second-program")))
    colleague.mark = hotline.mark
    item = hotline.item(1)
    answers = await asyncio.gather(*(each.sends(item, item) for each in [hotline, colleague] * 5))
    assert len({each["report"] for results in answers for each in results}) == 1
    assert len(await hotline.changes(1)) == 1


async def test_the_date_of_an_order_is_a_clock_that_ends_with_the_matter(stack: Stack, open_: AsyncExitStack) -> None:
    hotline = await partner(stack, open_)
    duty = await open_.enter_async_context(Desk(stack, "duty_officer", COUNTY))
    until = (datetime.now(UTC) + timedelta(days=9)).replace(microsecond=0)
    (taken,) = await hotline.sends(hotline.item(1, dueTime=until.isoformat()))
    number = taken["report"].removeprefix("reports/")

    async def order() -> dict[str, Any]:
        told = await duty.reads(f"/v1/clocks/intake?case=cases/{number}&pageSize=100")
        return next(each for each in told["clocks"] if each["name"].endswith(".order"))

    running = await order()
    assert datetime.fromisoformat(running["dueTime"]) == until
    assert running["state"] == "CLOCK_STATE_RUNNING"
    await hotline.changes(1)
    await duty.does(taken["report"], "decline", reason="elsewhere", route="ROUTE_COURT")
    await hotline.changes(2)
    assert (await order())["state"] == "CLOCK_STATE_MET"


@BOTH
async def test_a_day_is_compared_item_by_item(language: str, stack: Stack, open_: AsyncExitStack) -> None:
    hotline = await partner(stack, open_, language, f"{COUNTY}-court")
    officer = Partner(
        await open_.enter_async_context(Desk(stack, "clerk", f"{COUNTY}-court", language=language)), hotline.unit
    )
    await hotline.sends(hotline.item(1, category="离婚纠纷"), hotline.item(2, category="民间借贷纠纷"),
                        hotline.item(3, area="110101"))  # fmt: skip
    before = await officer.compares()
    assert min(before["received"], before["open"], before["refused"] + 1) >= 2
    claimed = [{"number": f"{hotline.mark}-1", "state": "ITEM_STATE_DONE"}, {"number": f"{hotline.mark}-3"},
               {"number": f"{hotline.mark}-9"}]  # fmt: skip
    told = await officer.compares(*claimed)
    kinds = {each["number"]: each["kind"].removeprefix("DIFFERENCE_KIND_") for each in told["differences"]}
    own = {number[-1]: kind for number, kind in kinds.items() if number.startswith(hotline.mark)}
    assert own == {"1": "STATE", "2": "MISSING_THERE", "3": "REFUSED", "9": "MISSING_HERE"}
    assert told["differing"] == len(told["differences"])
    assert all(each["message"].isascii() == (language == "en") for each in told["differences"])


async def test_a_partner_sees_what_it_sent_and_nothing_else(stack: Stack, open_: AsyncExitStack) -> None:
    hotline = await partner(stack, open_)
    (taken,) = await hotline.sends(hotline.item(1))
    for role, unit in (
        ("integrator", BESIDE), ("integrator", COUNTY), ("clerk", COUNTY), ("duty_officer", CITY), ("citizen", CITY),
        ("integrator", "6202-hotline"),
    ):  # fmt: skip
        other = await open_.enter_async_context(Desk(stack, role, unit))
        for path in ("", ":changes"):
            assert (await other.gets(f"/v1/units/{HOTLINE}/partnerItems{path}")).status_code == 403, (role, unit)
        refused = await other.tries(f"units/{HOTLINE}/partnerItems", "submit", items=[hotline.item(2)])
        assert refused.status_code == 403, (role, unit)
    officer = await open_.enter_async_context(Desk(stack, "clerk", HOTLINE))
    assert (await officer.tries(f"units/{HOTLINE}/partnerItems", "submit", items=[hotline.item(2)])).status_code == 403
    listed = await officer.reads(f"/v1/units/{HOTLINE}/partnerItems?number={hotline.mark}-1")
    assert [each["report"] for each in listed["items"]] == [taken["report"]]
    assert "text" not in listed["items"][0]
    assert (await officer.gets(f"/v1/{taken['report']}/content")).status_code == 403


def test_a_code_counts_for_all_that_begin_with_it() -> None:
    rule = PartnerRule("hotline", "hotline", {"": "other", "物业": "property", "物业收费": "property/fees"}, {})
    assert [rule.category(each) for each in ("物业收费纠纷", "物业维修", "油烟")] == [
        "property/fees", "property", "other"]  # fmt: skip
    assert PartnerRule("other", "department", {}, {}).category("anything") is None
    stations = PartnerRule("police", "police", {}, {}, areas={"62010243": COUNTY, "620102430001": f"{COUNTY}001"})
    assert [stations.area(each) for each in ("620102430001", "620102430002", "620103", "")] == [
        f"{COUNTY}001", COUNTY, "620103", ""]  # fmt: skip


def test_the_county_of_the_place_receives_it_and_no_other_city() -> None:
    units = shipped_rules(SHIPPED).units
    assert receiving(HOTLINE, f"{COUNTY}001", units) == COUNTY
    assert receiving(HOTLINE, "", units) == CITY
    assert receiving(HOTLINE, "6202", units) is None
    assert receiving(f"{COUNTY}-police", CITY, units) is None
    assert receiving(HOTLINE, "999999", units) is None


def test_over_is_over_whatever_the_report_says_and_late_is_counted_to_the_end() -> None:
    assert item_state(Standing(ReportState.ACCEPTED, closed=True, withdrawn=False)) is ItemState.DONE
    assert item_state(Standing(ReportState.ACCEPTED, closed=True, withdrawn=True)) is ItemState.WITHDRAWN
    assert item_state(Standing(ReportState.DISPUTED, closed=False, withdrawn=False)) is ItemState.RECEIVED
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    assert is_late(ItemState.ACCEPTED, now - hour, None, now)
    assert not is_late(ItemState.DONE, now - hour, now - 2 * hour, now)
    assert not is_late(ItemState.REFUSED, now - hour, None, now)


async def test_five_partners_that_drop_repeat_reorder_and_lie_lose_nothing_and_have_nothing_twice(stack: Stack) -> None:
    book = shipped_rules(SHIPPED).partners
    units = ["6205-hotline", "620502-police", "620502-court", "6205-petition", "620503"]
    days = await asyncio.gather(*(
        Simulator(
            stack.urls["api"], stack.token("integrator", unit), unit, book, seed=place, items=120,
            faults=Faults(lost=0.3, unanswered=0.2, repeated=0.2, changed=0.1, wrong=0.1),
        ).run()
        for place, unit in enumerate(units)
    ))  # fmt: skip
    assert [day for day in days if not day.even] == []
    assert sum(day.lies for day in days) > 0
    assert sum(day.wrong for day in days) > 0
    assert [(len(day.attached), day.forged_refused) for day in days] == [(2, 2)] * 5
