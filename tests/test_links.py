"""What was decided about two reports is read from both, and both side by side, as far as somebody may read them."""

from __future__ import annotations

from typing import Any

import pytest

from accord.embedded.stack import Stack
from tests.outside import Desk
from tests.test_forwards import code

BOTH = pytest.mark.parametrize("language", ["zh", "en"])
TEXT = "楼上卫生间漏水，天花板泡坏两处，说了三次都不修。"
AGAIN = "楼上卫生间一直漏水，天花板泡坏了两处，说了三次不修。"


async def linked(desk: Desk, report: str) -> list[dict[str, Any]]:
    return list((await desk.reads(f"/v1/{report}/links")).get("links", []))


async def link(desk: Desk, one: str, other: str, kind: str, reason: str = "看过两件") -> Any:
    return await desk.sends(f"/v1/{one}/links", target=other, kind=f"LINK_KIND_{kind}", reason=reason)


@BOTH
async def test_a_link_is_read_from_both_reports_with_why_and_by_whom(stack: Stack, language: str) -> None:
    async with Desk(stack, "clerk", language=language) as clerk, Desk(stack, "unit_head", language=language) as head:
        one, other, third = [(await clerk.file(TEXT))["name"] for _ in range(3)]
        assert (await link(clerk, one, other, "RELATED")).status_code == 200
        assert (await link(clerk, third, one, "DISTINCT", "两户人家")).status_code == 200
        newest, oldest = await linked(head, one)
        assert (oldest["report"]["name"], oldest["kind"], oldest["reason"]) == (other, "LINK_KIND_RELATED", "看过两件")
        assert (newest["report"]["name"], newest["kind"], newest["incoming"]) == (third, "LINK_KIND_DISTINCT", True)
        assert newest["creator"] == oldest["creator"]
        assert newest["creator"]
        assert newest["unitDisplayName"]
        (back,) = await linked(head, other)
        assert (back["report"]["name"], back["incoming"], back["reason"]) == (one, True, "看过两件")
        first = await head.reads(f"/v1/{one}/links?pageSize=1")
        assert len(first["links"]) == 1
        rest = await head.reads(f"/v1/{one}/links?pageSize=1&pageToken={first['nextPageToken']}")
        assert [each["report"]["name"] for each in rest["links"]] == [other]


@BOTH
async def test_two_reports_are_read_side_by_side_with_what_differs(stack: Stack, language: str) -> None:
    async with (
        Desk(stack, "clerk", language=language) as clerk,
        Desk(stack, "unit_head", "6201", language=language) as head,
    ):
        place = {"area": "620102001001", "address": "三号楼二单元"}
        phone = {"displayName": "来访人", "phone": "13800138000"}
        one = (await clerk.file(TEXT, place=place, reporter=phone, wish="修好"))["name"]
        other = (await clerk.file(AGAIN, place=place, reporter=phone, peopleAffected=3))["name"]
        await link(clerk, one, other, "DISTINCT", "两层楼")
        seen = await clerk.reads(f"/v1/{one}:compare?other={other}")
        assert (seen["one"]["text"], seen["other"]["text"]) == (TEXT, AGAIN)
        assert (seen["one"]["wish"], seen["other"]["address"]) == ("修好", "三号楼二单元")
        assert {"category", "unit", "area", "address", "phone", "reporter"} <= set(seen["same"])
        assert {"text", "people_affected"} <= set(seen["different"])
        assert 0.5 < seen["textSimilarity"] < 1
        assert [each["kind"] for each in seen["links"]] == ["LINK_KIND_DISTINCT"]
        category = seen["one"]["categoryDisplayName"]
        assert category.isascii() is (language == "en")
        log = await clerk.reads(f"/v1/feeds/intake/events?case={other.replace('reports/', 'cases/')}&pageSize=100")
        assert "ContentRead" in [each["type"] for each in log["events"]]

        # A head who may not read the content sees both heads and no text.
        heads = await head.reads(f"/v1/{one}:compare?other={other}")
        assert not heads["one"].get("readable")
        assert not heads["one"].get("text")
        assert "phone" not in heads["same"] + heads["different"]
        assert not heads.get("textSimilarity")


async def test_of_a_report_elsewhere_only_that_there_is_one_is_said(stack: Stack) -> None:
    async with (
        Desk(stack, "clerk") as clerk,
        Desk(stack, "clerk", "620103") as beside,
        Desk(stack, "clerk", "6201") as city,
        Desk(stack, "duty_officer") as duty,
    ):
        here, there = (await clerk.file(TEXT))["name"], (await beside.file(AGAIN, unit="units/620103"))["name"]
        assert (await link(clerk, here, there, "RELATED")).status_code == 403
        assert (await link(city, here, there, "RELATED", "两区同一栋楼")).status_code == 200
        (seen,) = await linked(clerk, here)
        assert {key for key, value in seen.items() if value} == {"kind", "createTime"}, "no number, no reason, nobody"
        (full,) = await linked(city, here)
        assert full["report"]["name"] == there
        assert (await clerk.gets(f"/v1/{here}:compare?other={there}")).status_code == 403
        assert (await clerk.gets(f"/v1/{there}:compare?other={here}")).status_code == 403
        assert (await beside.gets(f"/v1/{here}/links")).status_code == 403
        assert (await city.reads(f"/v1/{here}:compare?other={there}"))["other"]["text"] == AGAIN
        assert code(await clerk.gets(f"/v1/{here}:compare?other={here}")) == (400, "SAME_REPORT")
        absent = await clerk.gets(f"/v1/{here}:compare?other=reports/620102-2020-999999")
        assert (absent.status_code, absent.json()["errors"][0]["field"]) == (404, "other")

        # Who is asked to take a report over reads none of its links.
        await duty.does(here, "forward", unit="units/620103", reason="在那边")
        assert (await beside.gets(f"/v1/{here}/links")).status_code == 403


async def test_a_complaint_about_ones_own_unit_shows_in_no_link(stack: Stack) -> None:
    town = "620102001"
    async with Desk(stack, "clerk") as clerk, Desk(stack, "clerk", town) as below:
        told = (await below.file(TEXT, unit=f"units/{town}"))["name"]
        complaint = (await clerk.file("镇里不管。", aboutUnit=f"units/{town}"))["name"]
        assert (await link(clerk, told, complaint, "RELATED")).status_code == 200
        assert await linked(below, told) == []
        assert len(await linked(clerk, told)) == 1
        assert (await below.gets(f"/v1/{told}:compare?other={complaint}")).status_code == 403
