"""Triage grades matters by declared facts, first row first, and can be checked with a pencil."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.door.category import within
from casework.door.triage import (
    FACTS,
    Between,
    CaseFacts,
    Condition,
    DecisionTable,
    Grade,
    Is,
    OneOf,
    Row,
    Scope,
    TableError,
    Under,
    Urgency,
)
from tests.still import shipped_rules

ORDER = list(Grade)
PLAIN = CaseFacts(2, 0, "household", "routine", False, "neighbour/noise")


@pytest.fixture(scope="module")
def table() -> DecisionTable:
    return shipped_rules(Path(__file__).resolve().parent.parent / "rules").triage


facts = st.builds(
    CaseFacts,
    people_affected=st.integers(0, 200),
    amount_fen=st.integers(0, 200_000_000) | st.sampled_from([4_999_999, 5_000_000, 99_999_999, 100_000_000]),
    scope=st.sampled_from([str(scope) for scope in Scope]),
    urgency=st.sampled_from([str(urgency) for urgency in Urgency]),
    danger=st.booleans(),
    category=st.sampled_from(["neighbour/noise", "hazard/fire", "labour/wage-arrears", "family/violence", "land"]),
)


def holds(condition: Condition, value: object) -> bool:
    """Read a condition the slow and plain way."""
    match condition:
        case Between(low, high):
            assert isinstance(value, int)
            return (low is None or value >= low) and (high is None or value <= high)
        case OneOf(words):
            return value in words
        case Under(categories):
            return any(within(category, str(value)) for category in categories)
        case Is(wanted):
            return value is wanted


@given(facts=facts)
def test_the_first_row_whose_conditions_all_hold_decides(table: DecisionTable, facts: CaseFacts) -> None:
    expected = next(
        number
        for number, row in enumerate(table.rows, start=1)
        if all(holds(condition, getattr(facts, fact)) for fact, condition in row.when.items())
    )
    triage = table.evaluate(facts)
    assert (triage.row, triage.grade) == (expected, table.rows[expected - 1].grade)


@given(facts=facts, more=st.integers(0, 100))
def test_more_people_or_danger_never_lowers_the_grade(table: DecisionTable, facts: CaseFacts, more: int) -> None:
    before = ORDER.index(table.evaluate(facts).grade)
    worse = dataclasses.replace(facts, people_affected=facts.people_affected + more)
    assert ORDER.index(table.evaluate(worse).grade) >= before
    assert table.evaluate(dataclasses.replace(facts, danger=True)).grade is Grade.high


@pytest.mark.parametrize(
    ("change", "grade"),
    [
        ({}, "low"),
        ({"people_affected": 5}, "low"),
        ({"people_affected": 6}, "medium"),
        ({"people_affected": 30}, "high"),
        ({"amount_fen": 5_000_000}, "medium"),
        ({"amount_fen": 100_000_000}, "high"),
        ({"scope": "township"}, "medium"),
        ({"scope": "county"}, "high"),
        ({"urgency": "soon"}, "medium"),
        ({"urgency": "urgent", "category": "hazard/gas"}, "high"),
        ({"category": "labour/wage-arrears"}, "medium"),
        ({"category": "family/violence"}, "high"),
        ({"danger": True}, "high"),
    ],
)
def test_the_shipped_table_grades_as_published(table: DecisionTable, change: dict[str, object], grade: str) -> None:
    assert table.evaluate(dataclasses.replace(PLAIN, **change)).grade == grade  # type: ignore[arg-type]


def test_a_grade_carries_all_that_is_needed_to_check_it(table: DecisionTable) -> None:
    triage = table.evaluate(dataclasses.replace(PLAIN, people_affected=40))
    assert (triage.rule, triage.version, triage.row) == ("grade", table.version, 3)
    assert triage.inputs == dataclasses.asdict(dataclasses.replace(PLAIN, people_affected=40))
    assert triage.reason_zh == "涉及30人以上"
    assert triage.reason_en == "thirty people or more are affected"


def test_nothing_about_a_person_is_an_input() -> None:
    assert tuple(field.name for field in dataclasses.fields(CaseFacts)) == FACTS
    assert FACTS == ("people_affected", "amount_fen", "scope", "urgency", "danger", "category")


@pytest.mark.parametrize("change", [{"scope": "town"}, {"urgency": ""}, {"people_affected": -1}, {"amount_fen": -1}])
def test_facts_outside_the_closed_words_are_refused_rather_than_graded_low(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        dataclasses.replace(PLAIN, **change)  # type: ignore[arg-type]


def test_a_category_holds_those_below_it_but_none_that_only_begin_alike() -> None:
    rows = [Row({"category": Under(("land",))}, Grade.high, "地", "land"), Row({}, Grade.low, "其他", "other")]
    table = DecisionTable("t", "1", rows)
    grades = [table.evaluate(dataclasses.replace(PLAIN, category=c)).grade for c in ("land", "land/forest", "landlord")]
    assert grades == [Grade.high, Grade.high, Grade.low]


LAST = Row({}, Grade.low, "其他", "other")
MANY = Row({"people_affected": Between(30, None)}, Grade.high, "多", "many")


@pytest.mark.parametrize(
    ("rows", "row", "message"),
    [
        ([], 1, "no rows"),
        ([MANY], 1, "last row must have no condition"),
        ([LAST, LAST], 2, "row 1 always decides first"),
        ([MANY, Row({"people_affected": Between(50, 60)}, Grade.low, "", ""), LAST], 2, "row 1 always decides first"),
        ([MANY, Row({"people_affected": Between(40, None), "danger": Is(True)}, Grade.low, "", ""), LAST], 2, "row 1"),
        (
            [
                Row({"category": Under(("land", "hazard"))}, Grade.high, "", ""),
                Row({"category": Under(("hazard/fire",)), "scope": OneOf(frozenset({"county"}))}, Grade.low, "", ""),
                LAST,
            ],
            2,
            "row 1",
        ),
    ],
)
def test_a_table_with_a_row_that_never_decides_or_without_a_last_word_is_refused(
    rows: list[Row], row: int, message: str
) -> None:
    with pytest.raises(TableError, match=message) as caught:
        DecisionTable("t", "1", rows)
    assert caught.value.row == row


def test_a_narrower_row_above_a_wider_one_is_reachable() -> None:
    rows = [Row({"people_affected": Between(50, None)}, Grade.high, "", ""), MANY, LAST]
    assert len(DecisionTable("t", "1", rows).rows) == 3


def test_a_table_looks_at_no_fact_more_often_than_its_rows_name_it(table: DecisionTable) -> None:
    # What an answer costs, counted and not timed: a province is graded in seconds because rows are gone through once.
    looked: Counter[str] = Counter()

    class Counted(CaseFacts):
        def __getattribute__(self, name: str) -> object:
            looked[name] += 1
            return super().__getattribute__(name)

    facts = Counted(*dataclasses.astuple(PLAIN))
    looked.clear()
    assert table.evaluate(facts).row == len(table.rows)
    named = Counter(fact for row in table.rows for fact in row.when)
    # Once more each, for what is written down of the answer.
    assert looked <= named + Counter(FACTS)
    assert set(looked) == set(FACTS)
