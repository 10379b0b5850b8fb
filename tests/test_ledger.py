"""The rules of the ledger without any service: grades, who may have a part, who may check, what a cell may hold."""

from __future__ import annotations

import io
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from casework.door.triage import Grade, Scope
from casework.errors import CaseError, Reason
from casework.supervision.matters.grade import FACTS, MatterFacts
from casework.supervision.matters.matter import (
    Found,
    Given,
    Impact,
    MatterLevel,
    MatterState,
    Part,
    Step,
    Verdict,
    check_assignments,
    keeper_of,
    may,
    may_check,
    may_extend,
    may_look_back,
    may_put_forward,
    moved,
    verified,
)
from casework.supervision.matters.words import COLUMNS
from services.escalation.matters.ledger.sheet import file
from services.kit.rules import Rules
from services.kit.rules.folder import RulesFolder
from services.kit.rules.supervision.matters import read_matter_grades
from services.kit.spreadsheets import harmless
from tests.still import shipped_rules

COUNTY, HOUSING, LABOUR = "620102", "620102-housing", "620102-labour"
TODAY = date(2026, 3, 2)
IMPACTS = [each.name.lower() for each in Impact]


@pytest.fixture(scope="module")
def rules() -> Rules:
    return shipped_rules(Path(__file__).resolve().parent.parent / "rules")


def refusal(call: object, *arguments: object, **named: object) -> tuple[Reason, str]:
    """Return why something is refused, and the field at fault."""
    with pytest.raises(CaseError) as caught:
        call(*arguments, **named)  # type: ignore[operator]
    return caught.value.reason, caught.value.fields[0].field if caught.value.fields else ""


@pytest.mark.parametrize(
    ("facts", "grade", "rows"),
    [
        (MatterFacts(49, 0, "village", "little"), Grade.medium, (7,)),
        (MatterFacts(50, 0, "village", "little"), Grade.high, (2,)),
        (MatterFacts(9, 0, "village", "little"), Grade.low, (10,)),
        (MatterFacts(0, 499_999_999, "village", "little"), Grade.medium, (8,)),
        (MatterFacts(0, 500_000_000, "county", "little"), Grade.high, (3, 4)),
        (MatterFacts(9, 0, "township", "livelihood"), Grade.medium, (6, 9)),
        (MatterFacts(10, 0, "household", "livelihood"), Grade.high, (5,)),
        (MatterFacts(0, 0, "household", "safety"), Grade.high, (1,)),
        (MatterFacts(0, 0, "household", "little"), Grade.low, (10,)),
    ],
)
def test_a_grade_names_every_row_that_calls_for_it(
    facts: MatterFacts, grade: Grade, rows: tuple[int, ...], rules: Rules
) -> None:
    graded = rules.matters.evaluate(facts)
    assert (graded.grade, graded.rows, graded.rule, graded.version) == (grade, rows, "matters", rules.matters.version)


@given(
    people=st.integers(0, 200), amount=st.integers(0, 10**9), scope=st.sampled_from(list(Scope)),
    impact=st.sampled_from(IMPACTS), more=st.integers(0, 200),
)  # fmt: skip
def test_more_people_or_more_money_never_grade_a_matter_lower(
    people: int, amount: int, scope: Scope, impact: str, more: int, rules: Rules
) -> None:
    table, order = rules.matters, list(Grade)
    least = table.evaluate(MatterFacts(people, amount, scope, impact)).grade
    for facts in (MatterFacts(people + more, amount, scope, impact), MatterFacts(people, amount * 2, scope, impact)):
        assert order.index(table.evaluate(facts).grade) >= order.index(least)


def test_a_table_that_asks_who_somebody_is_does_not_load(tmp_path: Path) -> None:
    assert FACTS == ("people_affected", "amount_fen", "scope", "impact")
    folder = tmp_path / "rules"
    (folder / "triage").mkdir(parents=True)
    file = folder / "triage" / "matters.yaml"
    for condition, told in (
        ("{petitions_before: '>= 3'}", "grades matters, not people"),
        ("{impact: huge}", "'huge' is not one of little, livelihood, safety"),
        ("{people_affected: many}", "must be a whole number"),
    ):
        rows = f"  - {{when: {condition}, grade: high, zh: 甲, en: a}}\n  - {{when: {{}}, grade: low, zh: 乙, en: b}}\n"
        file.write_text(f"name: matters\nversion: '1'\nrows:\n{rows}", "utf-8")
        read = RulesFolder(folder)
        assert read_matter_grades(read) is None
        assert [told in str(problem) for problem in read.problems] == [True], read.problems
        assert "matters.yaml:4" in str(read.problems[0])


def test_what_may_be_done_depends_on_the_state() -> None:
    may(MatterState.GRADED, Step.ASSIGN)
    for state, step in (
        (MatterState.REGISTERED, Step.ASSIGN), (MatterState.ASSIGNED, Step.REQUEST),
        (MatterState.RETURNED, Step.REQUEST), (MatterState.HANDLING, Step.VERIFY),
        (MatterState.CHECKING, Step.WORK), (MatterState.CHECKING, Step.GRADE),
        (MatterState.STRUCK_OFF, Step.MOVE), (MatterState.RETURNED, Step.LOOK_BACK),
    ):  # fmt: skip
        assert refusal(may, state, step)[0] is Reason.WRONG_STATE


def test_the_keeper_is_found_in_the_tree(rules: Rules) -> None:
    tree = rules.units
    assert keeper_of(tree, "620102001001", MatterLevel.COUNTY) == "620102"
    assert keeper_of(tree, HOUSING, MatterLevel.CITY) == "6201"
    assert keeper_of(tree, "620102", MatterLevel.PROVINCE) == "62"
    assert refusal(keeper_of, tree, "6201", MatterLevel.COUNTY) == (Reason.INVALID_FIELD, "level")


def test_a_matter_is_raised_to_the_unit_above_and_handed_down_to_one_below(rules: Rules) -> None:
    tree = rules.units
    assert moved(tree, "620102", MatterLevel.CITY, "") == "6201"
    assert moved(tree, "620102", MatterLevel.PROVINCE, "62") == "62"
    assert moved(tree, "6201", MatterLevel.COUNTY, "620102") == "620102"
    assert refusal(moved, tree, "620102", MatterLevel.CITY, "6202") == (Reason.INVALID_FIELD, "keeper")
    assert refusal(moved, tree, "6201", MatterLevel.COUNTY, "") == (Reason.INVALID_FIELD, "keeper")
    assert refusal(moved, tree, "6201", MatterLevel.COUNTY, "620202") == (Reason.INVALID_FIELD, "keeper")
    assert refusal(moved, tree, "620102", MatterLevel.COUNTY, "")[0] is Reason.WRONG_STATE


def given_to(part: Part, unit: str, days: int = 10) -> Given:
    return Given(part, unit, TODAY + timedelta(days=days))


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([given_to(Part.LEAD, HOUSING)], "assignments"),
        ([given_to(Part.RESPONSIBLE, HOUSING), given_to(Part.RESPONSIBLE, LABOUR)], "assignments"),
        ([given_to(Part.RESPONSIBLE, COUNTY)], "assignments[0].unit"),
        ([given_to(Part.RESPONSIBLE, HOUSING), given_to(Part.CO, "620103-labour")], "assignments[1].unit"),
        ([given_to(Part.RESPONSIBLE, HOUSING), given_to(Part.CO, HOUSING)], "assignments[1].unit"),
        ([given_to(Part.RESPONSIBLE, HOUSING, 0)], "assignments[0].due_date"),
        ([given_to(Part.RESPONSIBLE, HOUSING, 4000)], "assignments[0].due_date"),
    ],
)
def test_one_unit_answers_each_has_one_part_and_all_lie_under_the_keeper(
    parts: list[Given], field: str, rules: Rules
) -> None:
    assert refusal(check_assignments, rules.units, COUNTY, parts, TODAY)[1] == field
    check_assignments(rules.units, COUNTY, [given_to(Part.RESPONSIBLE, HOUSING), given_to(Part.LEAD, COUNTY)], TODAY)


def test_whoever_checks_is_somebody_else_of_another_unit(rules: Rules) -> None:
    def check(who: str, unit: str) -> Reason | None:
        try:
            may_check(rules.units, HOUSING, checker=who, checker_unit=unit, requester="a", workers={"b"})
        except CaseError as error:
            return error.reason
        return None

    assert check("a", COUNTY) is Reason.SAME_PERSON
    assert check("b", COUNTY) is Reason.ROLE_BARRED
    assert check("c", HOUSING) is Reason.ROLE_BARRED
    assert check("c", COUNTY) is None
    assert verified(Verdict.GOOD, "") is MatterState.STRUCK_OFF
    assert verified(Verdict.FALSE, "not-shown") is MatterState.RETURNED
    assert refusal(verified, Verdict.NOT_GOOD, "") == (Reason.REASON_REQUIRED, "reason")


def test_a_deadline_is_moved_once_later_and_in_time() -> None:
    may_extend(False, TODAY, TODAY + timedelta(days=1), TODAY)
    assert refusal(may_extend, True, TODAY, TODAY + timedelta(days=1), TODAY)[0] is Reason.EXTENSION_USED_UP
    late = refusal(may_extend, False, TODAY - timedelta(days=1), TODAY + timedelta(days=1), TODAY)
    assert late[0] is Reason.EXTENSION_AFTER_DUE
    assert refusal(may_extend, False, TODAY + timedelta(days=5), TODAY + timedelta(days=5), TODAY)[1] == "due_date"


@pytest.mark.parametrize(
    "told", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =cmd|' /C calc'!A0", "＝1+1", "\ufeff=1", "\x00=1", "\r=1"]
)
def test_what_would_be_a_formula_stands_in_the_list_as_text(told: str) -> None:
    line = [1, *[told] * (len(COLUMNS) - 1)]
    book = load_workbook(io.BytesIO(file("城关区", TODAY, [line]).content))
    found = list(book.active[3])[1:]
    assert {each.data_type for each in found} == {"s"}
    assert all(str(each.value).startswith("'") for each in found)
    assert harmless("已付 = 3000 元，-1 元待付") == "已付 = 3000 元，-1 元待付"


def test_the_list_has_the_columns_offices_expect() -> None:
    book = load_workbook(io.BytesIO(file("城关区", TODAY, []).content))
    title, heading = book.active.iter_rows(values_only=True)
    assert title[0] == "城关区清单台账（2026-03-02）"
    assert heading == ("序号", "编号", "事项名称", "类别", "领域", "层级", "等级", "牵头单位", "责任单位", "配合单位",
                       "化解措施", "责任领导", "时限", "进展", "状态", "销号时间")  # fmt: skip
    english = file("Chengguan", TODAY, [], english=True, as_csv=True)
    assert english.content.decode("utf-8-sig").startswith("No.,Number,Matter,Category,Field,Ledger,Grade,Leads,")


@pytest.mark.parametrize(("days", "early"), [(-8, True), (-7, False), (0, False), (30, False)])
def test_that_a_matter_is_still_settled_is_said_near_its_day_and_that_it_came_back_at_any_time(
    days: int, early: bool
) -> None:
    due_on = TODAY - timedelta(days=days)
    may_look_back(Found.RELAPSED, due_on, TODAY)
    if early:
        assert refusal(may_look_back, Found.HOLDS, due_on, TODAY)[0] is Reason.LOOK_BACK_EARLY
    else:
        may_look_back(Found.HOLDS, due_on, TODAY)


@pytest.mark.parametrize(
    ("unit", "keeper", "allowed"),
    [
        ("620102001001", "620102001", True), ("620102001001", COUNTY, False), (HOUSING, COUNTY, True),
        ("620102001", COUNTY, True), ("620102001", "6201", False), (COUNTY, "620102001", True), (COUNTY, COUNTY, True),
    ],
)  # fmt: skip
def test_a_unit_puts_a_matter_on_its_own_ledger_or_on_that_of_the_next_level(
    rules: Rules, unit: str, keeper: str, allowed: bool
) -> None:
    if allowed:
        may_put_forward(rules.units, unit, keeper)
    else:
        assert refusal(may_put_forward, rules.units, unit, keeper)[1] == "level"
