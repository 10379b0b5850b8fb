"""What a partner is told while a matter is handled: another unit has it, words in between; and its photos."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from accord.embedded.stack import Stack
from services.kit.pictures import MOST
from tests.conftest import COUNTY
from tests.outside import Desk
from tests.scratch import Scratch
from tests.test_desk import until
from tests.test_partners import HOTLINE, partner
from tests.world import picture

BESIDE = "620103"
BOTH = pytest.mark.parametrize("language", ["zh", "en"])
SAID = "已与楼上约好，周五下午一同查看。"
WORDS = {
    "zh": ["已接收", "转办", "阶段性答复", "办理中", "阶段性答复"],
    "en": ["received", "transferred", "interim reply", "being handled", "interim reply"],
}


@pytest.fixture
async def open_() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@BOTH
async def test_a_partner_is_told_in_order_who_has_it_now_and_what_the_unit_says_meanwhile(
    language: str, stack: Stack, open_: AsyncExitStack
) -> None:
    hotline = await partner(stack, open_, language)
    duty, other = [await open_.enter_async_context(Desk(stack, "duty_officer", unit)) for unit in (COUNTY, BESIDE)]
    (taken,) = await hotline.sends(hotline.item(1))
    report = taken["report"]
    await hotline.told(1)
    await duty.does(report, "forward", unit=f"units/{BESIDE}", reason="地址在贵区。")
    await other.does(report, "takeOver")
    await hotline.told(2)
    answered = await other.puts(f"/v1/{report}/partnerReplies", text=SAID)
    assert answered["partners"] == [f"units/{HOTLINE}"]
    await hotline.told(3)
    await other.does(report, "accept")
    await hotline.told(4)
    await other.puts(f"/v1/{report}/partnerReplies", text="二次上门。")
    told = await hotline.told(5)
    assert [each["text"] for each in told] == WORDS[language]
    assert [each.get("reply", "") for each in told] == ["", "", SAID, "", "二次上门。"]
    assert [each["item"]["unit"] for each in told] == [f"units/{COUNTY}"] + [f"units/{BESIDE}"] * 4
    assert told[1]["kinds"] == ["ITEM_CHANGE_KIND_TRANSFERRED"]


async def test_what_was_said_of_a_merged_report_is_told_to_every_partner_and_nothing_after_the_end(
    stack: Stack, open_: AsyncExitStack
) -> None:
    hotline, police = await partner(stack, open_), await partner(stack, open_, unit=f"{COUNTY}-police")
    duty = await open_.enter_async_context(Desk(stack, "duty_officer", COUNTY))
    (one,), (two,) = await hotline.sends(hotline.item(1)), await police.sends(police.item(1))
    await duty.does(two["report"], "merge", target=one["report"], reason="same-place")
    answered = await duty.puts(f"/v1/{one['report']}/partnerReplies", text=SAID)
    assert answered["partners"] == [f"units/{HOTLINE}", f"units/{COUNTY}-police"]
    # Whoever reported to the court withdrew: the matter of the others is none of the court's any more.
    court = await partner(stack, open_, unit=f"{COUNTY}-court")
    (three,) = await court.sends(court.item(1, category="离婚"))
    await duty.does(three["report"], "merge", target=one["report"], reason="same-place")
    clerk = await open_.enter_async_context(Desk(stack, "clerk", COUNTY))
    await clerk.does(three["report"], "withdraw")
    again = await duty.puts(f"/v1/{one['report']}/partnerReplies", text=SAID)
    assert again["partners"] == answered["partners"]
    await duty.does(one["report"], "decline", reason="elsewhere", route="ROUTE_HOTLINE")
    for each in (hotline, police):
        told = await each.told(4)
        assert [change.get("reply", "") for change in told] == ["", SAID, SAID, ""]
        assert told[3]["item"]["state"] == "ITEM_STATE_RETURNED"
    assert (await duty.sends(f"/v1/{one['report']}/partnerReplies", text=SAID)).status_code == 409

    own = (await duty.file())["name"]
    refused = (await duty.sends(f"/v1/{own}/partnerReplies", text=SAID)).json()
    assert refused["errors"][0]["field"] == "parent"
    (fresh,) = await hotline.sends(hotline.item(2))
    personal = await duty.sends(f"/v1/{fresh['report']}/partnerReplies", text="请拨打 13912345678 联系。")
    assert personal.status_code == 400
    assert (await hotline.desk.sends(f"/v1/{fresh['report']}/partnerReplies", text=SAID)).status_code == 403


async def test_an_officer_who_is_kept_from_a_case_reads_nothing_of_an_item_that_was_merged_into_it(
    stack: Stack, open_: AsyncExitStack
) -> None:
    court = await partner(stack, open_, unit=f"{COUNTY}-court")
    duty, head = [await open_.enter_async_context(Desk(stack, role, COUNTY)) for role in ("duty_officer", "unit_head")]
    judge = await open_.enter_async_context(Desk(stack, "clerk", court.unit, sub="is-a-brother"))
    (item,) = await court.sends(court.item(1, category="离婚"))
    into = await duty.file()
    await duty.does(item["report"], "merge", target=into["name"], reason="same-place")
    await duty.puts(f"/v1/{into['name']}/partnerReplies", text=SAID)
    *_, last = await court.told(2)
    path = f"/v1/units/{court.unit}/partnerItems:changes?after={int(last['sequence']) - 1}"
    assert (await judge.reads(path))["changes"][0]["reply"] == SAID

    await duty.does(into["name"], "accept")
    await until(lambda: head.gets(f"/v1/{into['case']}"), lambda answer: answer.status_code == 200)
    exclusion = {"holder": "is-a-brother", "scope": "GRANT_SCOPE_EXCLUDED", "reason": "与一方当事人有亲属关系。"}
    await head.puts(f"/v1/{into['case']}/grants", **exclusion)

    async def read() -> list[Any]:
        return [
            each for each in (await judge.reads(path)).get("changes", []) if each["item"]["number"] == item["number"]
        ]

    await until(read, lambda changes: not changes)
    assert (await court.desk.reads(path))["changes"][0]["reply"] == SAID


async def test_however_long_the_replies_are_a_partner_gets_them_all_in_answers_that_are_not_too_large(
    stack: Stack, open_: AsyncExitStack
) -> None:
    court = await partner(stack, open_, unit=f"{BESIDE}-court")
    duty = await open_.enter_async_context(Desk(stack, "duty_officer", BESIDE))
    (taken,) = await court.sends(court.item(1, area=BESIDE, category="离婚"))
    long = "𠀀" * 2_000
    await duty.puts(f"/v1/{taken['report']}/partnerReplies", text=long)
    *_, last = await court.told(2)
    connection = await Scratch.main(stack).connect("intake")
    try:
        told = "partner, number, state, unit, route, changed_at, kinds, reply"
        await connection.execute(
            f"INSERT INTO partner_changes ({told}) SELECT {told} FROM partner_changes, generate_series(1, 600)"
            " WHERE id = $1",
            int(last["sequence"]),
        )
    finally:
        await connection.close()
    after, found = int(last["sequence"]), list[str]()
    while changes := (
        await court.desk.reads(f"/v1/units/{court.unit}/partnerItems:changes?after={after}&maxResults=1000")
    ).get("changes"):
        after = int(changes[-1]["sequence"])
        found += [each["reply"] for each in changes]
    assert found == [long] * 600


def shot(number: str, photo: str, content: bytes) -> dict[str, Any]:
    return {"number": number, "photoId": photo, "content": base64.b64encode(content).decode()}


@BOTH
async def test_photos_of_items_are_there_once_and_each_refused_one_says_why(
    language: str, stack: Stack, open_: AsyncExitStack
) -> None:
    hotline = await partner(stack, open_, language)
    clerk = await open_.enter_async_context(Desk(stack, "clerk", COUNTY))
    (taken,) = await hotline.sends(hotline.item(1))
    number = taken["number"]

    async def attach(*photos: dict[str, Any]) -> list[dict[str, Any]]:
        told = await hotline.desk.does(f"units/{HOTLINE}/partnerItems", "attach", photos=list(photos))
        results: list[dict[str, Any]] = told["results"]
        return results

    first, second = shot(number, "门口.jpg", picture()), shot(number, "走廊.jpg", picture(size=(32, 32)))
    answers = await asyncio.gather(*(attach(first, first) for _ in range(4)))
    assert {each["photo"] for results in answers for each in results} == {f"{taken['report']}/photos/1"}
    told = await attach(
        first, second, shot(number, "门口.jpg", picture(size=(9, 9))), shot(number, "不是照片.jpg", b"%PDF-1.7"),
        shot("没有这一件", "1", picture()),
    )  # fmt: skip
    assert [each.get("photo", "").rpartition("/")[2] for each in told] == ["1", "2", "", "", ""]
    assert [each.get("field", "") for each in told] == ["", "", "photo_id", "content", "number"]
    assert all(each["message"].isascii() == (language == "en") for each in told[2:4])
    more = await attach(*(shot(number, f"{place}.jpg", picture(size=(place, 9))) for place in range(11, 11 + MOST)))
    assert [bool(each.get("photo")) for each in more] == [True] * (MOST - 2) + [False] * 2
    assert len((await clerk.reads(f"/v1/{taken['report']}/photos"))["photos"]) == MOST
    too_many = await hotline.desk.tries(f"units/{HOTLINE}/partnerItems", "attach", photos=[first] * (MOST + 1))
    assert too_many.status_code == 400
