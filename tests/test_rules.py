"""Rules as data: what ships loads, what is wrong does not, and says where."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from accord.commands.rules_command import rules_app
from casework.clocks.rule_book import UnknownRule
from casework.door.category import UnknownCategory
from casework.door.triage import Grade
from casework.mediation.plan import resolve_unit
from casework.units import Level, UnknownUnit, prefix
from services.kit.rules import Rules, RulesError, load_rules
from services.kit.rules.folder import PARTS
from tests.still import shipped_rules

SHIPPED = Path(__file__).resolve().parent.parent / "rules"


@pytest.fixture(scope="session")
def shipped() -> Rules:
    return shipped_rules(SHIPPED)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped rules with the units of one district only, quick to copy and load."""
    folder = tmp_path_factory.mktemp("small") / "rules"
    for part in PARTS:
        shutil.copytree(SHIPPED / part, folder / part)
    for file in (folder / "units").glob("*.csv"):
        rows = file.read_text(encoding="utf-8").splitlines()
        kept = [row for row in rows if row.startswith(("code", "62,", "6201,", "620102"))]
        file.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def folder(small: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small, tmp_path / "rules"))


def problems(folder: Path) -> list[str]:
    with pytest.raises(RulesError) as caught:
        load_rules(folder)
    return [str(problem) for problem in caught.value.problems]


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {file.name}"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


# --- what ships -------------------------------------------------------------------------------------------------------


def test_the_shipped_rules_load_with_the_nation_down_to_the_villages_of_gansu(shipped: Rules) -> None:
    counts = {level: len(shipped.units.codes(level)) for level in list(Level)[:-1]}
    assert counts == {
        Level.nation: 1,
        Level.province: 31,
        Level.city: 342,
        Level.county: 2978,
        Level.township: 1403,
        Level.village: 17718,
    }
    assert len(shipped.version) == 12


def test_a_path_leads_from_the_root_to_the_village(shipped: Rules) -> None:
    assert shipped.units.path("620102001001") == ("cn", "62", "6201", "620102", "620102001", "620102001001")
    assert shipped.units.path("620102-labour") == ("cn", "62", "6201", "620102", "620102-labour")
    assert shipped.units.parent("cn") is None


def test_every_county_has_its_departments(shipped: Rules) -> None:
    bureau = shipped.units.get("620102-labour")
    assert (bureau.name, bureau.level, bureau.parent) == ("城关区人社局", Level.department, "620102")
    assert "620102-labour" in shipped.units.children("620102")
    assert "620102001-labour" not in shipped.units


def test_the_children_of_the_root_are_the_provinces_and_a_village_has_none(shipped: Rules) -> None:
    assert len(shipped.units.children("cn")) == 31
    assert shipped.units.children("62")[:2] == ("6201", "6202")
    assert shipped.units.children("620102001001") == ()


@pytest.mark.parametrize("code", ["", "6", "62 ", "620", "62%", "CN", "620102-", "620102-Labour", "６２"])
def test_a_malformed_code_has_no_prefix_since_an_empty_one_holds_the_nation(code: str) -> None:
    with pytest.raises(UnknownUnit):
        prefix(code)


def test_the_prefix_of_the_root_is_empty() -> None:
    assert (prefix("cn"), prefix("6201"), prefix("620102-labour")) == ("", "6201", "620102-labour")


@given(st.data())
def test_a_subtree_holds_just_the_units_whose_path_goes_through_its_top(shipped: Rules, data: st.DataObject) -> None:
    codes = ["cn", *shipped.units.codes(Level.city, "62"), *shipped.units.codes(Level.village, "620102")]
    codes += [*shipped.units.codes(Level.county, "62"), "620102-labour", "6201-labour", "620103-court"]
    top, code = data.draw(st.sampled_from(codes)), data.draw(st.sampled_from(codes))
    assert shipped.units.contains(top, code) == (top in shipped.units.path(code))


def test_an_unknown_unit_is_in_no_subtree_and_cannot_be_got(shipped: Rules) -> None:
    assert not shipped.units.contains("cn", "999999")
    with pytest.raises(UnknownUnit):
        shipped.units.get("999999")


def test_a_category_inherits_its_department_and_plan(shipped: Rules) -> None:
    arrears = shipped.categories.get("labour/wage-arrears")
    assert (arrears.parent, arrears.department, arrears.template) == ("labour", "labour", "wages")
    assert shipped.categories.get("family/inheritance").department == "justice"
    with pytest.raises(UnknownCategory):
        shipped.categories.get("labour/nothing")


@pytest.mark.parametrize(
    ("category", "grade", "template"),
    [
        ("labour/wage-arrears", "medium", "wages"),
        ("labour/wage-arrears", "low", "simple"),
        ("family/inheritance", "high", "family"),
        ("family/violence", "low", "protection"),
        ("land", "medium", "land"),
        ("tourism", "high", "consumer"),
        ("ip", "medium", "general"),
        ("municipal/street-lights", "low", "simple"),
    ],
)
def test_the_most_specific_category_chooses_the_plan_then_the_grade(
    shipped: Rules, category: str, grade: str, template: str
) -> None:
    assert shipped.plans.choose(category, grade).name == template


def test_violence_in_a_family_gets_a_plan_without_mediation(shipped: Rules) -> None:
    for grade in Grade:
        plan = shipped.plans.choose("family/violence", grade)
        assert not any("mediat" in task.key for task in plan.tasks)


@pytest.mark.parametrize(
    ("accountable", "unit"),
    [
        ("620102", "620102-labour"),
        ("620102001", "620102-labour"),
        ("620102-court", "620102-labour"),
        ("6201", "6201-labour"),
        ("62", "62"),
        ("cn", "cn"),
    ],
)
def test_a_department_task_goes_to_the_nearest_one_else_to_the_accountable_unit(
    shipped: Rules, accountable: str, unit: str
) -> None:
    task = next(task for task in shipped.plans.get("wages").tasks if task.unit == "department:labour")
    assert resolve_unit(task, accountable, shipped.units) == unit


def test_a_task_of_the_unit_above_stays_at_the_root_where_there_is_none(shipped: Rules) -> None:
    task = next(task for task in shipped.plans.get("service").tasks if task.unit == "parent")
    assert resolve_unit(task, "620102", shipped.units) == "6201"
    assert resolve_unit(task, "cn", shipped.units) == "cn"


# --- limits -----------------------------------------------------------------------------------------------------------


def test_the_limits_to_close_follow_the_grade(shipped: Rules) -> None:
    assert [shipped.clocks.close(grade).n for grade in Grade] == [3, 15, 30]
    assert shipped.clocks.task(12).n == 12
    with pytest.raises(UnknownRule):
        shipped.clocks.get("nothing")


# --- what is wrong, and where -----------------------------------------------------------------------------------------

WAGES = "plans/wages.yaml"
CATEGORIES = "categories/categories.yaml"
TRIAGE = "triage/grade.yaml"
LIMITS = "limits/house.yaml"
MONTHLY = "meetings/monthly.yaml"
UNITS = "units/units.yaml"
FILING = "filing/filing.yaml"
PUBLIC = "public/public.yaml"
LIKENESS = "likeness/likeness.yaml"
COUNTIES = "units/counties.csv"

# What is edited (file, old, new), at which mark the problem must stand, and what it must say.
WRONG = {
    "a day that does not come round": (
        MONTHLY, '"on": 1', '"on": 31', '"on": 31', "on: must be a day from 1 to 28"),
    "a threshold without a meaning": (
        MONTHLY, "{reason: overdue}", "{reason: overdue, n: 3}", "n: 3", "agenda[0].n: is required for stuck and"),
    "an agenda of a digest": (
        "meetings/daily-digest.yaml", "hour: 17", "agenda: [{reason: overdue}]\nhour: 17", "agenda:",
        "agenda: is allowed for meetings only"),
    "days below one": (WAGES, "due_days: 10", "due_days: 0", "due_days: 0", "tasks[2].due_days: must be at least 1"),
    "unknown field": (WAGES, "due_days: 10", "due_day: 10", "due_day: 10", "tasks[2].due_day: is not a known field"),
    "missing field": (WAGES, "    due_days: 10\n", "", "key: mediate", "tasks[2].due_days: is missing"),
    "wrong type": (WAGES, "due_days: 10", 'due_days: "10"', 'due_days: "10"', "tasks[2].due_days: must be a whole"),
    "unit of no form": (
        WAGES, "unit: department:labour", "unit: labour", "unit: labour",
        "tasks[1].unit: 'labour' does",
    ),
    "unknown department": (
        WAGES, "unit: department:labour", "unit: department:moon", ":moon",
        "tasks[1].unit: no department has the slug 'moon'",
    ),
    "key of two tasks": (
        WAGES, "key: payroll", "key: verify-arrears", "key: verify",
        "tasks[1].key: 'verify-arrears' is",
    ),
    "due after the case must be closed": (
        WAGES, "due_days: 14", "due_days: 16", "due_days: 16",
        "tasks[3].due_days: 16 days end after the case must be closed",
    ),
    "plan for an unknown category": (
        WAGES, "[labour]", "[labour, moon]", "moon",
        "categories[1]: no category has the id 'moon'",
    ),
    "plan that no case gets": (
        WAGES, "[labour]\ngrades: [medium, high]", "['*']\ngrades: [low, medium, high]", "categories:",
        "categories: no category and grade gets this template",
    ),
    "two plans that fit alike": (
        WAGES, "[labour]", "[consumer]", "categories:",
        "categories: fits 'consumer' as much as 'consumer' does, grade medium",
    ),
    "two plans of one name": (WAGES, "name: wages", "name: simple", "name: simple", "name: 'simple' is also the name"),
    "duplicate key": (
        WAGES, "zh: 欠薪", "name: again\nzh: 欠薪", "name: again",
        "name: is listed twice; the first is in line",
    ),
    "alias": (WAGES, "unit: accountable", "unit: *who", "unit: *who", "is not YAML: found undefined alias"),
    "tag": (WAGES, "due_days: 10", "due_days: !!python/none ''", "!!python", "tasks[2].due_days: the tag"),
    "broken YAML": (WAGES, "grades: [medium, high]", "grades: [medium, high", "tasks:", "is not YAML"),
    "unknown department of a category": (
        CATEGORIES, "department: emergency", "department: moon", "moon",
        "categories.hazard.department: no department has",
    ),
    "unknown template of a category": (
        CATEGORIES, "template: hazard", "template: moon", "moon",
        "categories.hazard.template: no plan template has the name",
    ),
    "template that the plans do not give": (
        CATEGORIES, "template: hazard", "template: wages", "template: wages",
        "categories.hazard.template: the plans never give",
    ),
    "slug of no form": (
        CATEGORIES, "  tourism:", "  Tourism:", "Tourism:",
        "categories.Tourism: 'Tourism' does not have",
    ),
    "fact about a person": (
        TRIAGE, "when: {danger: true}", "when: {past_petitions: '>= 3'}", "past_petitions",
        "rows[0].when.past_petitions: is not a fact of the case. Triage grades matters, not people",
    ),
    "no catch-all": (
        TRIAGE, "when: {}", "when: {danger: false}", "danger: false",
        "rows[12]: the last row must have no condition",
    ),
    "unreachable row": (
        TRIAGE, '{people_affected: ">= 6"}', '{people_affected: ">= 60"}', '">= 60"',
        "rows[7]: can never be reached: row 3",
    ),
    "unknown scope": (TRIAGE, "[county, wider]", "[county, world]", "world", "rows[3].when.scope: 'world' is not one"),
    "comparison of no form": (
        TRIAGE, ': ">= 30"', ': "=> 30"', '"=> 30"',
        "rows[2].when.people_affected: must be a whole",
    ),
    "unknown category in triage": (
        TRIAGE, "category: hazard", "category: moon", "moon",
        "rows[6].when.category: no category has the id 'moon'",
    ),
    "limit that nothing asks for": (
        LIMITS, "name: sign", "name: sing", "name: sing",
        "limits[3].name: nothing uses a limit",
    ),
    "limit of another trigger": (
        LIMITS, "trigger: report_received", "trigger: case_accepted", "trigger: case_accepted",
        "limits[0].trigger: 'accept' starts with",
    ),
    "reminder before the start": (
        LIMITS, "{hours: 4,", "{hours: 24,", "{hours: 24,",
        "limits[1].warnings[0]: a reminder must come after the start",
    ),
    "limit named twice": (
        LIMITS, "name: close_medium", "name: close_low", "name: close_low",
        "limits[7].name: 'close_low' is the name of two",
    ),
    "unit that nobody counts": (
        LIMITS, "unit: calendar", "unit: lunar", "unit: lunar",
        "limits[4].unit: must be one of 'hour', 'calendar', 'working' or 'month'",
    ),
    "trigger that nothing pulls": (
        LIMITS, "trigger: report_received", "trigger: full_moon", "trigger: full_moon",
        "limits[0].trigger: must be one of",
    ),
    "cause without a name": (
        LIMITS, "cause: appraisal", "cause: moon", "cause: moon",
        "limits[4].pauses[0].cause: the file's causes do not include 'moon'",
    ),
    "roll of hours": (
        "limits/court.yaml", "unit: hour\n", "unit: hour\n    roll: next_workday\n", "roll: next_workday",
        "limits[5].roll: means nothing for a rule in hours",
    ),
    "bounds the wrong way round": (
        "limits/police.yaml", "valid_from: 2026-01-01", "valid_from: 2026-01-01\n    valid_to: 2025-01-01",
        "valid_to: 2025", "limits[0].valid_to: is before valid_from",
    ),
    "rung in two units": (
        LIMITS, "{working_days: 1, then", "{working_days: 1, days: 1, then", "{working_days: 1, days",
        "limits[0].warnings[0]: give hours, days or working_days",
    ),
    "no breach": (
        LIMITS, "[{then: escalate}, {working_days: 5", "[{working_days: 5", "overdue: [{working_days: 5",
        "limits[0].overdue: must begin with the breach itself",
    ),
    "years the package does not have": (
        "calendars/sources.yaml", "to_year: 2026", "to_year: 2031", "package: chinesecalendar",
        "packages[0]: the installed chinesecalendar has no list for",
    ),
    "day of no form": (
        "calendars/2005-12-31.yaml", "date: 2005-12-31", "date: soon", "date: soon",
        "days[0].date: must be a date",
    ),
    "file that is not there": (
        UNITS, "file: cities.csv", "file: towns.csv", None,
        "units/towns.csv:1: there is no such file",
    ),
    "file outside the folder": (
        UNITS, "file: cities.csv", "file: ../cities.csv", "../cities",
        "files[1].file: '../cities.csv' does not have the form",
    ),
    "a cluster of fewer than five": (
        "clusters/clusters.yaml", "min_cases: 8", "min_cases: 4", "min_cases: 4", "min_cases",
    ),
    "departments that begin alike": (
        UNITS, "slug: agri", "slug: lan", "slug: lan,",
        "departments.each[8].slug: 'lan' and 'land' share a prefix",
    ),
    "code of the wrong length": (
        COUNTIES, "620102,", "62010,", "62010,",
        "'62010' is not a code of a county, which has 6 digits",
    ),
    "code under no parent": (COUNTIES, "620102,", "630102,", "630102,", "630102 is under 6301, which is in none"),
    "code twice": (
        COUNTIES, "620102,城关区", "620102,城关区\n620102,又", "620102,又",
        "620102 is listed twice; the first is in",
    ),
    "no name": (COUNTIES, "620102,城关区", "620102,", "620102,", "620102 needs a name"),
    "row of three cells": (COUNTIES, "620102,城关区", "620102,城关区,x", "620102", "has 3 cells instead of two"),
    "an open door of no unit": (FILING, 'unit: "62"', 'unit: "63"', '"63"', "open[0].unit: 63 is not a unit"),
    "no such guard": (FILING, "guard: limits", "guard: captcha", "captcha", "open[0].guard: must be one of"),
    "a public category that is none": (
        PUBLIC, "category: hazard\n", "category: hazrd\n", "hazrd", "services[1].category: hazrd is not a category"),
    "an exception from something else": (
        PUBLIC, "[hazard/workplace]", "[municipal/trees]", "municipal/trees]",
        "services[1].without: municipal/trees is not below"),
    "a question with choices that takes a number": (
        CATEGORIES, "code: people, kind: number", "code: people, kind: string", "people",
        "categories.hazard.questions[1]: an answer of this kind"),
    "a question without choices": (
        CATEGORIES, "kind: one_of\n        zh: 现在", "kind: string\n        zh: 现在", "code: danger",
        "categories.hazard.questions[0]: choices are for questions with a list"),
    "two questions of one code": (
        CATEGORIES, "code: seen", "code: people", "code: people, kind: datetime",
        "categories.hazard.questions[2]: 'people' is the code of two"),
    "a floor of no unit": (
        LIKENESS, "floors: []", 'floors: [{unit: "63", floor: 0.2}]', '"63"', "floors[0].unit: 63 is not a unit"),
    "a search for nothing": (LIKENESS, "most: 4000", "most: 40", "least: 400", "search.least: must not be above most"),
    "a partner's place in no area": (
        "partners/police.yaml", "areas: {}", "areas: {'62010243': '990000'}", "62010243", "areas.62010243: 990000 is"),
    "a number for no category": (FILING, "[family]", "[famly]", "famly", "numbers[4].categories: famly is not a"),
    "other columns": (COUNTIES, "code,name", "id,name", "id,name", "the first line must be code,name"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_rule_is_named_with_its_file_line_and_fault(folder: Path, case: str) -> None:
    file, old, new, mark, message = WRONG[case]
    replace(folder / file, old, new)
    found = problems(folder)
    if mark is None:
        assert any(message in problem for problem in found), found
        return
    lines = [n for n, line in enumerate((folder / file).read_text("utf-8").splitlines(), 1) if mark in line]
    starts = tuple(f"rules/{file}:{n}: {message}" for n in lines)
    assert any(problem.startswith(starts) for problem in found), found


def test_every_problem_is_named_at_once_in_order_of_file_and_line(folder: Path) -> None:
    replace(folder / WAGES, "due_days: 10", "due_days: 0")
    replace(folder / LIMITS, "n: 15", "n: fifteen")
    replace(folder / UNITS, "slug: court", "slug: Court")
    found = problems(folder)
    assert [problem.split(":")[0] for problem in found] == [f"rules/{file}" for file in (LIMITS, WAGES, UNITS)]


def test_a_missing_limit_is_named(folder: Path) -> None:
    text = (folder / LIMITS).read_text("utf-8")
    start, end = text.index("  - name: verify_task"), text.index("  - name: close_low")
    (folder / LIMITS).write_text(text[:start] + text[end:], encoding="utf-8")
    line = text[: text.index("limits:")].count("\n") + 1
    assert problems(folder) == [f"rules/{LIMITS}:{line}: limits: the limit 'verify_task' is missing"]


def test_without_a_fallback_plan_every_branch_left_without_one_is_named_once(folder: Path) -> None:
    (folder / "plans/general.yaml").unlink()
    found = [problem for problem in problems(folder) if "no plan template fits" in problem]
    assert any("categories.ip: no plan template fits a case of grade medium, high" in problem for problem in found)
    assert not any("contract.children" in problem for problem in found)


def test_an_alias_that_holds_itself_is_refused(folder: Path) -> None:
    (folder / WAGES).write_text("tasks: &all\n  - *all\n", encoding="utf-8")
    assert f"rules/{WAGES}:1: tasks[0]: aliases are not used in rule files; write it out" in problems(folder)


def test_bytes_that_are_no_text_are_refused_by_line(folder: Path) -> None:
    (folder / WAGES).write_bytes(b"name: wages\nzh: \xff\n")
    with (folder / COUNTIES).open("ab") as file:
        file.write(b"620199,\xff\n")
    assert problems(folder) == [f"rules/{WAGES}:2: is not UTF-8", f"rules/{COUNTIES}:3: is not UTF-8"]


@pytest.mark.parametrize("content", [b"", b"- a\n", b"text", b"a: 2026-13-45\n", b"[" * 5000, b"\x00", b"1: a\n"])
def test_a_file_of_anything_else_is_a_problem_not_a_crash(folder: Path, content: bytes) -> None:
    (folder / WAGES).write_bytes(content)
    assert any(problem.startswith(f"rules/{WAGES}:1: ") for problem in problems(folder))


@settings(deadline=None)
@given(content=st.binary(max_size=200))
def test_no_bytes_crash_the_loader(small: Path, tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "noise" / "rules"
    if not folder.exists():
        shutil.copytree(small, folder)
    (folder / "plans" / "noise.yaml").write_bytes(content)
    (folder / "units" / "counties.csv").write_bytes(content)
    assert problems(folder)


def test_a_file_that_nothing_reads_does_not_load(folder: Path) -> None:
    (folder / "units" / "townships-63.csv").write_text("code,name\n", encoding="utf-8")
    (folder / "limits" / ".swap").write_text("left by an editor", encoding="utf-8")
    assert problems(folder) == [
        "rules/units/townships-63.csv:1: nothing reads this file; a rule without a consumer does not load"
    ]


def test_another_province_is_a_file_dropped_in_and_named(folder: Path) -> None:
    (folder / "units" / "qinghai.csv").write_text("\ufeffcode,name\r\n6301,西宁市\r\n", encoding="utf-8")
    replace(folder / "units/provinces.csv", "62,甘肃省", "62,甘肃省\n63,青海省")
    replace(folder / UNITS, "  - {level: county", "  - {level: city, file: qinghai.csv}\n  - {level: county")
    assert load_rules(folder).units.get("6301-court").name == "西宁市法院"


def test_the_version_changes_with_any_content(folder: Path, small: Path) -> None:
    before = load_rules(folder).version
    assert before == load_rules(small).version
    replace(folder / TRIAGE, '{people_affected: ">= 6"}', '{people_affected: ">= 7"}')
    assert load_rules(folder).version != before


# --- letters ----------------------------------------------------------------------------------------------------------

LETTERS = "letters/triggers.yaml"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{subject} 的办理", "{party} 的办理", "letters[0].facts.zh: {party} is not filled in a letter"),
        ("kind: notice", "kind: reprimand", "letters[0].kind: must be one of"),
        ("happening: due_soon", "happening: petitioned_before", "letters[0].when.happening: must be one of"),
        (
            "name: similar-matters",
            "name: due-soon",
            "'due-soon' is the name of two triggers for the same place and time",
        ),
        ("next: warning", "next: notice", "'due-soon' leads to a letter that is not graver"),
        ("    next: warning\n", "", "'due-soon' does not say what follows"),
    ],
)
def test_a_trigger_of_a_letter_that_cannot_be_is_named_with_its_place(
    folder: Path, old: str, new: str, message: str
) -> None:
    replace(folder / LETTERS, old, new)
    assert any(problem.startswith(f"rules/{LETTERS}:") and message in problem for problem in problems(folder))


def test_every_rung_is_worded_and_the_letters_template_names_only_what_is_filled(folder: Path) -> None:
    text = (folder / LETTERS).read_text("utf-8")
    (folder / LETTERS).write_text(text.replace("kind: interview", "kind: inspection"), "utf-8")
    assert any("no trigger has a text for the interview" in problem for problem in problems(folder))
    shutil.copy(folder / "documents" / "zh" / "agreement.docx", folder / "letters" / "zh" / "letter.docx")
    assert any("rules/letters/zh/letter.docx" in problem for problem in problems(folder))


# --- the command ------------------------------------------------------------------------------------------------------


def test_check_says_on_one_screen_that_the_shipped_rules_are_in_order() -> None:
    result = CliRunner().invoke(rules_app, ["check", str(SHIPPED)])
    assert result.exit_code == 0, result.output
    assert "17,718 village" in result.stdout
    assert len(result.stdout.splitlines()) < 24


def test_check_of_wrong_rules_fails_and_prints_every_problem(folder: Path) -> None:
    replace(folder / WAGES, "due_days: 10", "due_days: 0")
    replace(folder / LIMITS, "name: sign", "name: sing")
    result = CliRunner().invoke(rules_app, ["check", str(folder)])
    assert result.exit_code == 1
    assert "tasks[2].due_days: must be at least 1" in result.stderr
    assert "limits[3].name: nothing uses a limit 'sing'" in result.stderr


def test_check_of_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    result = CliRunner().invoke(rules_app, ["check", str(tmp_path / "nowhere")])
    assert result.exit_code == 1
    assert "there is no such folder" in result.stderr


def test_show_gives_everything_but_the_limits_as_json(small: Path) -> None:
    result = CliRunner().invoke(rules_app, ["show", str(small), "--json"])
    data = json.loads(result.stdout)
    assert {"version", "units", "departments", "categories", "triage", "plans"} == data.keys()
    assert next(plan for plan in data["plans"] if plan["name"] == "wages")["tasks"][1]["unit"] == "department:labour"
