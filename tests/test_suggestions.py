"""Suggested units: why each, what it has before it, what speaks against it; whoever accepts chooses, over REST."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pb.intake.v1 import report_pb2

from accord.embedded.stack import Stack
from casework.door.suggestion import Bar, Candidate, Fit, Matter, Role, barred, candidates, differs, ordered
from services.intake.desk import suggesting
from services.kit.rules.officials import OfficialsFile
from tests.conftest import COUNTY, request_id
from tests.outside import Desk, Reporter
from tests.still import shipped_rules
from tests.test_desk import BOTH, told, until

TOWN, LABOUR = "620102001", f"{COUNTY}-labour"
WAGES = {
    "text": "工地拖欠八名工人三个月工资。", "category": "categories/labour/wage-arrears", "peopleAffected": 8,
    "place": {"area": TOWN},
}  # fmt: skip
RULES = shipped_rules(Path(__file__).resolve().parent.parent / "rules")


def matter(**fields: Any) -> Matter:
    """Return a matter of the county in one of its townships."""
    return Matter(**{"unit": COUNTY, "area": TOWN, "about": "", "grade": "medium", "department": "labour", **fields})


async def suggested(desk: Desk, report: str) -> dict[str, dict[str, Any]]:
    """Return what is suggested for a report, by unit, in order."""
    answer = await desk.reads(f"/v1/{report}:suggestUnits")
    return {each["unit"].removeprefix("units/"): each for each in answer["suggestions"]}


# --- the rule ---------------------------------------------------------------------------------------------------------


def test_a_matter_begins_where_it_is_at_the_level_of_its_grade() -> None:
    low = candidates(matter(grade="low"), RULES.units)
    assert [(each.unit, each.role) for each in low] == [
        (TOWN, Role.LEAD), (COUNTY, Role.LEAD), (LABOUR, Role.CO_UNIT)
    ]  # fmt: skip
    assert low[0].fits == (Fit.PLACE, Fit.LEVEL)
    high = candidates(matter(grade="high"), RULES.units)
    assert (high[0].unit, high[0].fits) == (COUNTY, (Fit.HAS_IT, Fit.PLACE, Fit.LEVEL))


def test_without_a_place_the_unit_that_has_it_is_suggested() -> None:
    (first, *_) = candidates(matter(area=""), RULES.units)
    assert first.unit == COUNTY


def test_who_is_complained_of_and_all_below_come_last_and_are_excluded() -> None:
    found = candidates(matter(unit="6201", about=COUNTY), RULES.units)
    assert {each.unit for each in found if each.excluded} == {TOWN, COUNTY, LABOUR}
    assert [each.excluded for each in found] == sorted(each.excluded for each in found)
    assert not next(each for each in found if each.unit == "6201").excluded


def test_of_equals_whoever_has_less_overdue_comes_first_and_the_unknown_last() -> None:
    found = [Candidate(unit, Role.LEAD, (Fit.PLACE,)) for unit in ("620102001", "620102002", "620102003")]
    order = ordered(found, {"620102001": (3, 9), "620102002": (0, 40)})
    assert [each.unit for each in order] == ["620102002", "620102001", "620102003"]


def test_a_choice_differs_if_another_unit_fits_better_or_it_is_excluded() -> None:
    found = candidates(matter(), RULES.units)
    assert [differs(found, unit) for unit in (TOWN, COUNTY, LABOUR)] == [False, True, True]
    without = barred(found, {TOWN: {Bar.PARTY}})
    assert [differs(without, unit) for unit in (TOWN, COUNTY)] == [True, False]
    assert without[-1].unit == TOWN
    assert not barred(found, {TOWN: {Bar.SAME_NAME}})[0].excluded


def test_a_unit_that_is_a_party_is_excluded_and_of_its_people_the_name_is_told(tmp_path: Path) -> None:
    listed = tmp_path / "officials.csv"
    listed.write_text(
        f"account,display_name,post,unit,since,until\nyu,于值班,值班员,{TOWN},2020-01-01,\n"
        f"qian,钱前任,主任,{TOWN},2020-01-01,2021-01-01\n", "utf-8",
    )  # fmt: skip
    rules = replace(RULES, officials=OfficialsFile(listed, RULES.units))
    now = datetime(2026, 11, 30, tzinfo=UTC)
    full = rules.units.paper(LABOUR).full
    content = report_pb2.ReportContent(
        reporter=report_pb2.Reporter(display_name="于 值班"),
        parties=[
            report_pb2.Party(role=2, display_name=full, organisation=True),
            report_pb2.Party(role=2, display_name="钱前任"),
        ],
    )
    assert suggesting.against(LABOUR, content, rules, now) == {Bar.PARTY}
    assert suggesting.against(TOWN, content, rules, now) == {Bar.SAME_NAME}
    assert suggesting.against(COUNTY, content, rules, now) == set()


# --- the duty officer -------------------------------------------------------------------------------------------------


@BOTH
async def test_a_duty_officer_sees_why_each_unit_and_what_it_has_before_it(stack: Stack, language: str) -> None:
    async with Desk(stack, "duty_officer", language=language) as duty:
        report = await duty.file(**WAGES)
        answer = await until(
            lambda: duty.reads(f"/v1/{report['name']}:suggestUnits"),
            lambda now: any(each["workload"]["openMatters"] for each in now["suggestions"]),
        )
        found = {each["unit"].removeprefix("units/"): each for each in answer["suggestions"]}
        assert list(found) == [TOWN, COUNTY, LABOUR]
        assert [each["part"] for each in found.values()] == [
            "SUGGESTED_PART_LEAD", "SUGGESTED_PART_LEAD", "SUGGESTED_PART_CO_UNIT"
        ]  # fmt: skip
        words = {reason["fit"]: reason["words"] for each in found.values() for reason in each["reasons"]}
        has_it, category, field = {
            "zh": ("报告现在在该单位", "“拖欠农民工工资”类事项由其配合办理", "劳动关系"),
            "en": ("It has the report now.", "It helps with matters of the category Wage arrears.", "Labour relations"),
        }[language]
        assert (words["UNIT_FIT_HAS_IT"], words["UNIT_FIT_CATEGORY"]) == (has_it, category)
        assert RULES.units.get(TOWN).name in words["UNIT_FIT_PLACE"]
        assert (answer["field"], answer["fieldDisplayName"], answer["peopleCompared"]) == ("labour", field, True)
        for each in found.values():
            load = each["workload"]
            assert load["asOfTime"]
            assert load["openSteps"] >= load["overdueSteps"]
            assert (each["acceptable"], each["excluded"], each["obstacles"]) == (True, False, [])
        assert found[TOWN]["workload"]["handlers"] == []


async def test_what_each_took_on_is_shown_of_the_own_unit_alone(stack: Stack) -> None:
    me = f"official-{request_id()[5:17]}"
    async with Desk(stack, "duty_officer", TOWN, me) as town, Desk(stack, "duty_officer") as county:
        report = await town.file(**{**WAGES, "unit": f"units/{TOWN}"})
        (clock,) = (await town.reads(f"/v1/clocks/intake?case={report['case']}&running=true"))["clocks"]
        await town.does(clock["name"], "take")

        async def taken(desk: Desk) -> dict[str, int]:
            load = (await suggested(desk, report["name"]))[TOWN]["workload"]
            return {each["account"]: each["openSteps"] for each in load["handlers"]}

        assert (await until(lambda: taken(town), lambda now: me in now))[me] == 1
        assert await taken(county) == {}


async def test_who_is_excluded_from_the_case_is_marked_among_the_people_of_the_unit(stack: Stack) -> None:
    me = f"official-{request_id()[5:17]}"
    async with (
        Desk(stack, "duty_officer", TOWN, me) as duty,
        Desk(stack, "unit_head", TOWN) as head,
    ):
        there = {**WAGES, "unit": f"units/{TOWN}"}
        mine, other = await duty.file(**there), await duty.file(**there)
        (clock,) = (await duty.reads(f"/v1/clocks/intake?case={mine['case']}&running=true"))["clocks"]
        await duty.does(clock["name"], "take")
        await duty.does(other["name"], "accept")
        await until(lambda: head.gets(f"/v1/{other['case']}"), lambda answer: answer.status_code == 200)
        exclusion = {"holder": me, "scope": "GRANT_SCOPE_EXCLUDED", "reason": "与一方当事人有亲属关系。"}
        await head.puts(f"/v1/{other['case']}/grants", **exclusion)

        async def marked(case: str) -> dict[str, bool]:
            answer = await head.reads(f"/v1/workloads?units=units/{TOWN}&case={case}")
            return {each["account"]: each["excluded"] for each in answer["workloads"][0]["handlers"]}

        await until(lambda: marked(other["case"]), lambda now: now.get(me) is True)
        assert (await marked(mine["case"]))[me] is False


@BOTH
async def test_a_unit_that_is_complained_of_or_a_party_is_excluded_with_the_reason(stack: Stack, language: str) -> None:
    async with Desk(stack, "duty_officer", language=language) as duty:
        full = RULES.units.paper(LABOUR).full
        parties = [{"role": "PARTY_ROLE_RESPONDENT", "displayName": full, "organisation": True}]
        report = await duty.file(**WAGES, aboutUnit=f"units/{TOWN}", parties=parties)
        found = await suggested(duty, report["name"])
        assert next(iter(found)) == COUNTY
        excluded = {unit: each["obstacles"] for unit, each in found.items() if each["excluded"]}
        assert {unit: [bar["conflict"] for bar in bars] for unit, bars in excluded.items()} == {
            TOWN: ["UNIT_CONFLICT_COMPLAINED_OF"], LABOUR: ["UNIT_CONFLICT_PARTY"]
        }  # fmt: skip
        assert excluded[LABOUR][0]["words"] == {"zh": "该单位是当事人：应当回避", "en": "It is a party."}[language]
        assert not any(found[unit]["acceptable"] for unit in excluded)


async def test_the_choice_and_that_it_differed_are_in_the_history(stack: Stack) -> None:
    async with Desk(stack, "duty_officer") as duty:
        for unit, differed in ((TOWN, False), (COUNTY, True)):
            report = await duty.file(**WAGES)
            await duty.does(report["name"], "accept", unit=f"units/{unit}")
            (event,) = [each for each in await told(duty, report["name"]) if each["type"] == "ReportAccepted"]
            said = event["payload"]
            assert said["unit"] == f"units/{unit}"
            assert said["suggested"] == [f"units/{TOWN}", f"units/{COUNTY}"]
            assert said.get("differs", False) is differed
        report = await duty.file(**WAGES)
        await duty.does(report["name"], "forward", unit="units/620103", reason="人在那边")
        (event,) = [each for each in await told(duty, report["name"]) if each["type"] == "ReportForwarded"]
        assert event["payload"]["differs"]


async def test_a_suggestion_decides_nothing_and_the_reporter_sees_that_names_were_compared(stack: Stack) -> None:
    async with Desk(stack, "duty_officer") as duty, Desk(stack, "clerk") as clerk, Reporter(stack) as me:
        report = await clerk.file(**WAGES)
        me.takes(report)
        before = await duty.reads(f"/v1/{report['name']}")
        assert list(await suggested(duty, report["name"])) == list(await suggested(duty, report["name"]))
        assert await duty.reads(f"/v1/{report['name']}") == before
        assert (await me.sign_in(me.words.split(" / ")[0])).status_code == 200
        (entry, *_) = (await me.get(f"/v1/{report['name']}/accessLog")).json()["entries"]
        assert entry["sentence"].endswith("值班员为选择承办单位，将报告中的人员与单位名称作了比对。")


async def test_nobody_else_is_told_what_is_suggested(stack: Stack) -> None:
    async with Desk(stack, "duty_officer") as duty:
        report = (await duty.file(**WAGES))["name"]
        for role, unit in (("duty_officer", "620103"), ("unit_head", "11"), ("clerk", COUNTY), ("supervisor", "6201")):
            async with Desk(stack, role, unit) as other:
                assert (await other.gets(f"/v1/{report}:suggestUnits")).status_code == 403, (role, unit)
        assert (await duty.gets("/v1/reports/620102-2020-000001:suggestUnits")).status_code == 404
        for rubbish in ("reports/..", "reports/620102-2026-x", "cases/620102-2026-000001"):
            assert (await duty.gets(f"/v1/{rubbish}:suggestUnits")).status_code in (400, 404), rubbish


async def test_workloads_of_units_of_others_are_left_out(stack: Stack) -> None:
    async with Desk(stack, "duty_officer") as duty:
        found = await duty.reads(f"/v1/workloads?units=units/{COUNTY}&units=units/620103&units=units/{COUNTY}")
        assert [each["unit"] for each in found["workloads"]] == [f"units/{COUNTY}"]
        assert (await duty.gets("/v1/workloads?units=units/620103")).status_code == 403
        wrong = await duty.gets("/v1/workloads?units=units/620199")
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "units[0]")
        assert (await duty.gets("/v1/workloads")).status_code == 400


@BOTH
async def test_who_appoints_a_mediator_sees_how_many_cases_each_has_and_why_one_is_out(
    stack: Stack, language: str
) -> None:
    async with (
        Desk(stack, "unit_head", language=language) as head,
        Desk(stack, "clerk", language=language) as clerk,
        Desk(stack, "duty_officer", language=language) as duty,
    ):
        report = await clerk.file(category="categories/neighbour", text="共用排水管堵塞。")
        await duty.does(report["name"], "accept")
        case = report["case"]
        await until(lambda: clerk.gets(f"/v1/{case}"), lambda answer: answer.status_code == 200)
        user = f"m-{case[-6:]}-{language}"
        entry = {"user": user, "displayName": "周调解", "unit": f"units/{COUNTY}", "active": True}
        await head.puts(f"/v1/mediators?mediatorId={user}", **entry)
        for side, unit in (("APPLICANT", ""), ("RESPONDENT", f"units/{COUNTY}")):
            details = {"displayName": "某" + side, **({"unit": unit} if unit else {})}
            kind = "PARTY_KIND_ORGANISATION" if unit else "PARTY_KIND_NATURAL"
            await clerk.puts(f"/v1/{case}/parties", side=f"SIDE_{side}", kind=kind, details=details)

        async def candidate(desk: Desk) -> dict[str, Any]:
            (found,) = [
                each
                for each in (await desk.reads(f"/v1/{case}/candidates"))["candidates"]
                if each["mediator"] == f"mediators/{user}"
            ]
            return dict(found)

        seen = await candidate(head)
        assert (seen["conflict"], seen["openMediations"]) == ("CONFLICT_SAME_UNIT", 0)
        assert seen["conflictWords"].startswith({"zh": "回避：与当事人同属", "en": "Belongs to the unit"}[language])
        assert "openMediations" not in await candidate(clerk)
