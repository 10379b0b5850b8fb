"""Ladders as rules: which one fits, where a matter goes next on it, and what makes a file of one wrong."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from casework.door.triage import Grade
from casework.errors import CaseError
from casework.supervision.raising.escalation import EscalationState, move, return_unit
from casework.supervision.raising.ladder import (
    Ladder,
    LadderBook,
    Mode,
    NoLadder,
    Office,
    Place,
    Step,
    from_data,
    to_data,
    told_units,
)
from casework.units import Department, Level, Unit, UnitTree, level_of, parent_code
from services.kit.rules import Rules, RulesError, load_rules
from tests.still import shipped_rules

SHIPPED = Path(__file__).resolve().parent.parent / "rules"
DAY = date(2026, 11, 24)
STEPS = tuple(Step(level, "acknowledge_escalation", "resolve_escalation") for level in
              (Level.township, Level.county, Level.city, Level.province))  # fmt: skip
HEAD = Office("unit-head", "单位负责人", "the head", frozenset({Level.county}), "resolve_escalation")
SECTION = Office("section-head", "科室负责人", "the section", frozenset({Level.county}), "resolve_escalation")


def ladder(name: str = "a", **fields: object) -> Ladder:
    """Return a ladder for every matter, but for what is said."""
    given = {"version": "1", "zh": "梯", "en": "a ladder", "categories": ("*",), "grades": frozenset(Grade)}
    return Ladder(name, **{**given, "steps": STEPS, "basis": "house default", **fields})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def units() -> UnitTree:
    """Return one line from the nation to a village, with a department or two in each area above a township."""
    codes = ("cn", "62", "6201", "620102", "620102001", "620102001001")
    everywhere = frozenset({Level.province, Level.city, Level.county})
    offices = [Department(slug, slug, slug, everywhere) for slug in ("petition", "labour")]
    return UnitTree([Unit(code, code, level_of(code), parent_code(code)) for code in codes], offices)


@pytest.fixture(scope="module")
def shipped() -> Rules:
    """Return the rules that ship."""
    return shipped_rules(SHIPPED)


# --- which one ----------------------------------------------------------------------------------------------------


def test_the_narrowest_place_wins_then_the_nearest_kind_then_fewer_grades_then_the_later_one() -> None:
    everywhere, here = ladder("everywhere"), ladder("here", jurisdiction="6201")
    wages = ladder("wages", categories=("labour/wage-arrears",))
    labour = ladder("labour", categories=("labour",))
    grave = ladder("grave", categories=("labour",), grades=frozenset({Grade.high}))
    later = ladder("later", categories=("labour",), valid_from=date(2026, 1, 1))
    book = LadderBook([everywhere, labour, here, wages, grave, later])
    for category, grade, unit, name in (
        ("neighbour", "low", "6202", "everywhere"), ("neighbour", "low", "620102", "here"),
        ("labour/wage-arrears", "low", "6202", "wages"), ("labour/contract", "high", "6202", "grave"),
        ("labour/contract", "low", "6202", "later"), ("labour/wage-arrears", "low", "620102", "here"),
    ):  # fmt: skip
        assert book.choose(category, grade, unit, DAY).name == name, (category, grade, unit)
    assert book.choose("labour/contract", "low", "6202", date(2025, 12, 31)).name == "labour"


def test_of_a_matter_nothing_is_known_of_only_what_is_for_every_matter_holds() -> None:
    grave = ladder("grave", grades=frozenset({Grade.high}))
    assert (
        LadderBook([ladder("all"), grave, ladder("wages", categories=("labour",))]).choose("", "", "6201", DAY).name
        == "all"
    )
    with pytest.raises(NoLadder):
        LadderBook([grave]).choose("", "", "6201", DAY)


def test_the_default_is_one_day_to_be_seen_and_ten_to_be_dealt_with_at_every_level(shipped: Rules) -> None:
    found = shipped.ladders.choose("neighbour", "low", "620102001001", DAY)
    assert (found.name, found.offices) == ("general", ())
    for step in found.steps:
        assert step.mode is Mode.inform
        assert (shipped.clocks.get(step.acknowledge).n, shipped.clocks.get(step.resolve).n) == (1, 10)


def test_four_levels_make_seven_days_in_zhangye_and_nowhere_else(shipped: Rules) -> None:
    found = shipped.ladders.choose("neighbour", "low", "620702001001", DAY)
    assert (found.name, found.to_be_confirmed) == ("four-levels-seven-days", True)
    limits = [office.limit for office in found.offices] + [found.step("620702001").resolve]
    assert sum(shipped.clocks.get(limit, "620702").n for limit in limits) == 7
    assert shipped.ladders.choose("neighbour", "low", "620602001001", DAY).name == "general"


def test_what_is_pinned_is_the_whole_ladder(shipped: Rules) -> None:
    for each in shipped.ladders:
        assert from_data(to_data(each)) == each


# --- where to -----------------------------------------------------------------------------------------------------


def test_a_matter_goes_through_the_offices_of_a_unit_before_it_leaves_it(units: UnitTree) -> None:
    line = ladder(offices=(SECTION, HEAD))
    way, place = [], line.after(Place("620102001"), units)
    while place is not None:
        way.append((place.unit, place.office))
        place = line.after(place, units)
    assert way == [
        ("620102", ""), ("620102", "section-head"), ("620102", "unit-head"), ("6201", ""), ("62", "")]  # fmt: skip


def test_a_department_s_matter_goes_to_its_area(units: UnitTree) -> None:
    assert ladder().after(Place("620102-labour"), units) == Place("620102")
    assert ladder().step("620102").level is Level.county


def test_who_is_told_is_there_not_on_the_way_and_never_whom_it_complains_of(units: UnitTree) -> None:
    step = Step(Level.city, "a", "b", tell=("province", "department:petition", "department:nothing", "city", "county"))
    assert told_units(step, Place("6201"), "620102", "", units) == ("62", "6201-petition")
    assert told_units(step, Place("6201"), "620102", "6201-petition", units) == ("62",)
    assert told_units(step, Place("6201"), "62", "", units) == ("6201-petition",)


# --- back down ----------------------------------------------------------------------------------------------------


def test_a_level_that_let_it_climb_does_not_say_that_it_is_dealt_with() -> None:
    for to in (EscalationState.RESOLVED, EscalationState.RETURNED, EscalationState.ACKNOWLEDGED):
        with pytest.raises(CaseError, match="WRONG_STATE"):
            move(EscalationState.CLIMBED, to)
    for before in (EscalationState.TOP, EscalationState.RETURNED):
        assert move(before, EscalationState.RESOLVED) is EscalationState.RESOLVED


def test_it_goes_back_on_the_way_it_came_and_not_beside_it(units: UnitTree) -> None:
    for asked, goes_to in (("", "620102"), ("620102001", "620102001"), ("620102", "620102")):
        assert return_unit(asked, "620102", "620102001", "6201", units) == goes_to
    for beside in ("620102001001", "6201", "62", "620102-labour"):
        with pytest.raises(CaseError, match="INVALID_FIELD"):
            return_unit(beside, "620102", "620102001", "6201", units)
    with pytest.raises(CaseError, match="WRONG_STATE"):
        return_unit("", "620102", "620102", "620102", units)


# --- the files ----------------------------------------------------------------------------------------------------

GENERAL, SEVEN = "ladders/general.yaml", "ladders/four-levels-seven-days.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the shipped rules, with the units of one county."""
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "rules"))
    for file in (folder / "units").glob("*.csv"):
        rows = file.read_text("utf-8").splitlines()
        kept = [row for row in rows if row.startswith(("code", "62,", "6201,", "620102,"))]
        file.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "fault"),
    [
        (GENERAL, "resolve: resolve_escalation", "resolve: nothing", 9, "resolve: no limit 'nothing' applies in cn"),
        (GENERAL, "resolve: resolve_escalation", "resolve: seven_days_centre", 9, "'seven_days_centre' applies in cn"),
        (GENERAL, "resolve: resolve_escalation", "resolve: sign", 9, "does not start with a step of a ladder"),
        (GENERAL, "mode: inform", "mode: punish", 9, "steps[0].mode: must be one of"),
        (GENERAL, "level: city", "level: county", 8, "steps: has 2 step for county; there must be one"),
        (GENERAL, '["*"]', '["*", "nothing-of-ours"]', 6, "no category has the id 'nothing-of-ours'"),
        (GENERAL, "grades: [low, medium, high]", "grades: [low]", 1, "one ladder must cover every category"),
        (GENERAL, "mode: inform}", 'mode: inform, tell: ["department:nothing"]}', 9, "no department has the slug"),
        (SEVEN, 'jurisdiction: "6207"\n', "", 6, "as much as 'four-levels-seven-days' does"),
        (SEVEN, "limit: seven_days_government", "limit: seven_days_committee", 19, "make 6 days"),
        (SEVEN, "days: 7", "days: 8", 19, "make 7 days"),
        (SEVEN, "name: four-levels-seven-days", "name: general", 2, "is also the ladder in"),
    ],
)  # fmt: skip
def test_a_wrong_ladder_is_named_with_its_file_line_and_fault(
    folder: Path, file: str, old: str, new: str, line: int, fault: str
) -> None:
    path = folder / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RulesError) as caught:
        load_rules(folder)
    told = [str(problem) for problem in caught.value.problems]
    assert any(fault in each and each.startswith("rules/ladders") and f":{line}:" in each for each in told), told


def test_a_limit_that_no_ladder_names_does_not_load(folder: Path) -> None:
    (folder / SEVEN).unlink()
    with pytest.raises(RulesError, match="seven_days_centre"):
        load_rules(folder)
