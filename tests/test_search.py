"""A worklist searched by words: each finds what they may read and nothing else, over REST."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from accord.embedded.stack import Stack
from casework.door import search
from casework.door.likeness import KeyedSigns
from casework.errors import CaseError
from tests.conftest import COUNTY
from tests.outside import Desk, Reporter
from tests.scratch import Scratch
from tests.still import shipped_rules
from tests.test_any_language import TEXTS
from tests.test_desk import BOTH, until

RULES = shipped_rules(Path(__file__).resolve().parent.parent / "rules")
_DICE = random.Random()


def word(signs: int = 4) -> str:
    """Return a word that no other text has."""
    return "".join(chr(_DICE.randrange(0x4E00, 0x9FA5)) for _ in range(signs))


def part_of(text: str) -> str:
    """Return a word of a text, or where its script has no spaces, some signs that stand together."""
    if "\u0f0b" in text:
        return "\u0f0b".join(text.split("\u0f0b")[:2])
    return text.split()[0] if " " in text else text[2:6]


async def found(desk: Desk, query: str, **more: str) -> set[str]:
    """Return the cases that somebody finds in the own worklist; the counts are of what was found."""
    answer = await desk.did(desk.sends("/v1/worklist:search", query=query, pageSize=1000, **more))
    assert answer["total"] == len(answer["items"])
    return {each["case"] for each in answer["items"]}


async def finds(desk: Desk, query: str, case: str) -> None:
    """Wait until somebody finds a case."""
    await until(lambda: found(desk, query), lambda cases: case in cases)


@pytest.fixture
async def duty(stack: Stack) -> AsyncIterator[Desk]:
    """Return the duty officer of the county."""
    async with Desk(stack, "duty_officer") as desk:
        yield desk


# --- what is searched for ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "  ", "一", "楼上 漏", "a", "…… ，。", "一一 二二 三三 四四 五五 六六"])
def test_a_query_has_one_to_five_words_of_two_characters(query: str) -> None:
    with pytest.raises(CaseError) as refused:
        search.read(query)
    assert [each.field for each in refused.value.fields] == ["query"]


def test_words_name_numbers_units_and_categories_in_both_languages() -> None:
    def meant(query: str) -> search.Word:
        return search.meant(query, RULES.units, RULES.categories)[0]

    number = "620102-2026-000117"
    for query in (number, "2026-000117", "000117"):
        assert meant(query).names(number, (), "family"), query
    assert not meant("000118").names(number, (), "family")
    for query in ("酒泉路", "酒泉路街道"):
        assert meant(query).names(number, ("620102001",), ""), query
    for query in ("人社局", "城关区人社局", "Social"):
        assert meant(query).names(number, (f"{COUNTY}-labour",), ""), query
    assert not meant("安宁区人社局").names(number, (f"{COUNTY}-labour",), "")
    for query in ("拖欠农民工工资", "WAGE", "arrears", "Labour"):
        assert meant(query).names(number, (), "labour/wage-arrears"), query


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_word_of_any_script_is_found_in_its_text_and_not_in_another_citys(text: str) -> None:
    keyed = KeyedSigns(b"key")
    signs = set(keyed.signs(text, "6201"))
    sought = keyed.sought(part_of(text), "6201")
    assert sought
    assert set(sought) <= signs
    assert not set(keyed.sought(part_of(text), "6204")) <= signs


# --- who finds what ---------------------------------------------------------------------------------------------------


@BOTH
async def test_a_duty_officer_finds_by_text_place_number_unit_and_category(stack: Stack, language: str) -> None:
    text, place, works = word(), word(), word()
    async with Desk(stack, "duty_officer", language=language) as duty:
        report = await duty.file(
            text=f"楼上{text}，夜里施工。", category="categories/labour/wage-arrears",
            place={"area": "620102001", "address": f"{place}路三号"},
            parties=[{"role": "PARTY_ROLE_RESPONDENT", "displayName": f"{works}厂", "organisation": True}],
            wish=f"请{works}厂停工。",
        )  # fmt: skip
        case = report["case"]
        for query in (text, place, works, case.removeprefix("cases/"), f"{text} {works}"):
            await finds(duty, query, case)
        kind = {"zh": "拖欠农民工工资", "en": "wage arrears"}[language]
        for more in (kind, case[-6:], "城关区"):
            assert await found(duty, f"{text}，{more}") == {case}, more
        assert await found(duty, f"{text} {word()}") == set()
        assert await found(duty, f"{text} 七里河") == set()
        answer = await duty.reads(f"/v1/worklist?query={text}")
        assert [each["case"] for each in answer["items"]] == [case]
        assert (answer["total"], answer["overdue"], answer["waiting"]) == (1, 0, 0)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_a_text_in_any_script_is_found_by_one_of_its_words(duty: Desk, text: str) -> None:
    mark = word()
    report = await duty.file(text=f"{text}。{mark}")
    await finds(duty, mark, report["case"])
    assert await found(duty, f"{mark} {part_of(text)}") == {report["case"]}


async def test_nobody_finds_what_they_may_not_read(stack: Stack, duty: Desk) -> None:
    text = word()
    report = await duty.file(text=f"{text}漏水")
    await finds(duty, text, report["case"])
    number = report["case"].removeprefix("cases/")
    async with (
        Desk(stack, "duty_officer", "620103") as other,
        Desk(stack, "duty_officer", "620102001") as below,
        Desk(stack, "supervisor", "6201") as above,
        Desk(stack, "handler") as handler,
    ):
        for desk in (other, below):
            assert await found(desk, text) == await found(desk, number) == set()
        # The list shows the number to the level above; what was told is not theirs to read.
        assert await found(above, number) == {report["case"]}
        assert await found(above, text) == set()
        assert await found(handler, text) == {report["case"]}
        for role, unit in (("citizen", "620102001001"), ("grid_worker", "620102001001"), ("operator", COUNTY)):
            async with Desk(stack, role, unit) as nobody:
                if role == "grid_worker":  # it has a worklist of the own village
                    assert await found(nobody, text) == set()
                else:
                    assert (await nobody.sends("/v1/worklist:search", query=text)).status_code == 403, role
                assert (await nobody.sends("/v1/reports:search", query=text)).status_code == 403, role


async def test_who_is_complained_of_or_excluded_finds_nothing_of_it(stack: Stack, duty: Desk) -> None:
    text = word()
    report = await duty.file(text=f"{text}收了好处", aboutUnit="units/620102001", unit="units/620102001")
    case = report["case"]
    await finds(duty, text, case)
    async with Desk(stack, "duty_officer", "620102001") as accused:
        assert await found(accused, text) == set()
    await duty.does(report["name"], "accept")
    async with (
        Desk(stack, "clerk", sub="is-related") as related,
        Desk(stack, "unit_head") as head,
    ):
        await finds(related, text, case)
        await until(lambda: head.gets(f"/v1/{case}"), lambda answer: answer.status_code == 200)
        exclusion = {"holder": "is-related", "scope": "GRANT_SCOPE_EXCLUDED", "reason": "与一方当事人有亲属关系。"}
        await head.puts(f"/v1/{case}/grants", **exclusion)
        # As long as one service alone knows of it, the search is refused: it would name the case.
        await until(
            lambda: related.sends("/v1/worklist:search", query=text),
            lambda answer: answer.status_code == 200 and not answer.json()["items"],
        )
        by_number = await until(
            lambda: related.sends("/v1/worklist:search", query=case.removeprefix("cases/")),
            lambda answer: answer.status_code != 200,
        )
        assert (by_number.status_code, by_number.json()["code"]) == (403, "PERMISSION_DENIED")
        await finds(duty, text, case)


async def test_nobody_is_found_by_name_wherever_it_stands(stack: Stack, duty: Desk) -> None:
    text, reporter, respondent, helper, later = word(), word(3), word(3), word(3), word(3)
    report = await duty.file(
        text=f"{reporter}说：{respondent}家{text}，{later}也看见了。", wish=f"请{respondent}修好，{helper}作证。",
        parties=[{"role": "PARTY_ROLE_RESPONDENT", "displayName": respondent}],
        reporter={"displayName": reporter, "phone": "13800138000"},
        onBehalf={"displayName": helper, "relation": "RELATION_FAMILY"},
    )  # fmt: skip
    await finds(duty, text, report["case"])
    for name in (reporter, respondent, helper):
        assert await found(duty, name) == await found(duty, f"{text} {name}") == set()
    # Who is only learned of later as well, from then on.
    assert await found(duty, later) == {report["case"]}
    await duty.does(report["name"], "amend", reporter={"displayName": later}, reason="写错了")
    await until(lambda: found(duty, later), lambda cases: not cases)


@BOTH
async def test_the_reporter_sees_who_found_the_report_and_a_search_that_found_nothing_is_logged_too(
    stack: Stack, language: str
) -> None:
    text, nothing = word(), word()
    async with Desk(stack, "duty_officer") as duty, Reporter(stack, language) as me:
        me.takes(await duty.file(text=f"{text}漏水"))
        await finds(duty, text, me.report.replace("reports/", "cases/"))
        await found(duty, nothing)
        assert (await me.sign_in(me.words.split(" / ")[language == "en"])).status_code == 200
        (entry, *_) = (await me.get(f"/v1/{me.report}/accessLog")).json()["entries"]
        said = {"zh": "值班员按内容检索并找到本报告。", "en": "searched by words and found this report."}[language]
        assert entry["sentence"].endswith(said)
    connection = await asyncpg.connect(Scratch.main(stack).url)
    try:
        query = "SELECT count(*) FROM intake.access_log WHERE action = 'reports.search' AND number = ''"
        assert await connection.fetchval(query) >= 1
    finally:
        await connection.close()


# --- in time ----------------------------------------------------------------------------------------------------------


async def signs_of(stack: Stack, report: str) -> Any:
    """Return the signs that a report is found by."""
    connection = await asyncpg.connect(Scratch.main(stack).url)
    try:
        query = "SELECT signs FROM intake.search_signs WHERE number = $1"
        return await connection.fetchval(query, report.removeprefix("reports/"))
    finally:
        await connection.close()


async def test_what_the_reporter_adds_is_found(stack: Stack) -> None:
    added = word()
    async with Desk(stack, "duty_officer") as duty, Reporter(stack) as me:
        report = await duty.file(text="楼上漏水。")
        me.takes(report)
        assert (await me.sign_in(me.words.split(" / ")[0])).status_code == 200
        assert (await me.does("add", text=f"又{added}了")).status_code == 200
        await finds(duty, added, report["case"])


@pytest.mark.parametrize("way", ["decline", "withdraw"])
async def test_once_it_is_over_no_sign_of_it_is_left(stack: Stack, way: str) -> None:
    text = word()
    async with Desk(stack, "duty_officer") as duty, Reporter(stack) as me:
        report = await duty.file(text=f"{text}漏水")
        me.takes(report)
        await finds(duty, text, report["case"])
        if way == "decline":
            await duty.does(me.report, "decline", reason="outside-scope", route="ROUTE_COURT")
        else:
            assert (await me.sign_in(me.words.split(" / ")[0])).status_code == 200
            assert (await me.does("withdraw")).status_code == 200
        await until(lambda: signs_of(stack, me.report), lambda signs: signs is None)
        assert await found(duty, text) == set()


async def test_a_report_that_was_merged_finds_the_matter_it_went_into(duty: Desk) -> None:
    text = word()
    one, other = await duty.file(text=f"{text}漏水"), await duty.file(text="楼上渗水。")
    await duty.does(one["name"], "merge", target=other["name"], reason="same-place")
    await finds(duty, text, other["case"])
    assert await found(duty, text) == {other["case"]}


# --- what is refused --------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("query", ["一", "楼上 漏", "……", "一一 二二 三三 四四 五五 六六", "词" * 101, "\u200b\u200b"])
async def test_a_query_that_says_too_little_or_too_much_is_refused_and_named(
    stack: Stack, language: str, query: str
) -> None:
    async with Desk(stack, "duty_officer", language=language) as duty:
        for answer in (
            await duty.sends("/v1/worklist:search", query=query),
            await duty.sends("/v1/reports:search", query=query),
            await duty.gets(f"/v1/worklist?query={query}"),
        ):
            problem = answer.json()
            assert (answer.status_code, [each["field"] for each in problem["errors"]]) == (400, ["query"]), problem


async def test_cases_that_somebody_names_widen_nothing(stack: Stack, duty: Desk) -> None:
    text = word()
    async with Desk(stack, "duty_officer", "620103") as other:
        theirs = await other.file(text=f"{text}漏水", unit="units/620103")
        await finds(other, text, theirs["case"])
        assert await found(duty, text, cases=[theirs["case"]]) == set()  # type: ignore[arg-type]
        answer = await duty.gets(f"/v1/worklist?query={text}&cases={theirs['case']}")
        assert (answer.status_code, answer.json()["total"]) == (200, 0)
