"""The invented day of disputes: lively, the same every time, and about nobody."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from accord.generator import OUTCOMES, GeneratedReport, reports
from accord.generator.kinds import KINDS
from accord.generator.sentences import SENTENCES
from casework.clocks.calendar import LOCAL
from casework.door.triage import CaseFacts
from services.kit.rules import Rules
from tests.still import shipped_rules

DAY = date(2026, 9, 3)
N = 4000


@pytest.fixture(scope="module")
def rules() -> Rules:
    return shipped_rules(Path(__file__).resolve().parent.parent / "rules")


@pytest.fixture(scope="module")
def day(rules: Rules) -> list[GeneratedReport]:
    return list(reports(7, N, DAY, units=rules.units))


def test_the_same_seed_gives_the_same_day_and_another_seed_another(day: list[GeneratedReport], rules: Rules) -> None:
    assert list(reports(7, N, DAY, units=rules.units)) == day
    assert next(reports(8, N, DAY, units=rules.units)) != day[0]


def test_every_report_names_units_and_categories_that_the_rules_know(day: list[GeneratedReport], rules: Rules) -> None:
    for report in day:
        assert report.category in rules.categories
        assert report.unit in rules.units
        assert rules.units.contains(report.unit, report.place_code)


def test_reports_come_in_order_of_time_within_the_day(day: list[GeneratedReport]) -> None:
    assert [report.number for report in day] == list(range(1, N + 1))
    assert all(a.submitted_at <= b.submitted_at for a, b in pairwise(day))
    assert datetime(2026, 9, 3, tzinfo=LOCAL) <= day[0].submitted_at
    assert day[-1].submitted_at < datetime(2026, 9, 4, tzinfo=LOCAL)


def test_names_are_placeholders_and_phones_out_of_the_unassigned_range(day: list[GeneratedReport]) -> None:
    assert all(re.fullmatch(r"|.某.", report.reporter_name) for report in day)
    assert all(re.fullmatch(r"|1990000\d{4}", report.reporter_phone) for report in day)


def test_texts_vary_in_length_and_wording_and_leave_no_slot_open(day: list[GeneratedReport]) -> None:
    lengths = [len(report.text) for report in day]
    assert min(lengths) >= 30
    assert max(lengths) <= 200
    assert len({report.text for report in day}) > 0.97 * N
    assert not any("{" in report.text or "}" in report.text for report in day)


def test_about_four_in_a_hundred_tell_of_a_matter_already_told(day: list[GeneratedReport]) -> None:
    again = [report for report in day if report.duplicate_of]
    assert 0.025 * N < len(again) < 0.055 * N
    for report in again:
        first = day[(report.duplicate_of or 0) - 1]
        assert report.outcome == "merged"
        assert first.number < report.number
        assert (first.category, first.place_text) == (report.category, report.place_text)


def test_outcomes_and_types_follow_the_published_mixes(day: list[GeneratedReport]) -> None:
    outcomes = Counter(report.outcome for report in day if not report.category.startswith(("hazard", "grievance")))
    assert set(outcomes) <= set(OUTCOMES)
    disputes = outcomes.total() - outcomes["merged"]
    agreed = sum(outcomes[name] for name in ("performed", "agreed", "confirmed", "returned", "overdue"))
    assert 0.75 < agreed / disputes < 0.90
    assert 0.03 < outcomes["withdrawn"] / disputes < 0.08
    branches = Counter(report.category.partition("/")[0] for report in day)
    assert [name for name, _ in branches.most_common(3)] == ["neighbour", "family", "contract"]


def test_every_grade_is_met_low_and_medium_most(day: list[GeneratedReport], rules: Rules) -> None:
    names = {field.name for field in fields(CaseFacts)}
    grades = Counter(
        rules.triage.evaluate(CaseFacts(**{name: getattr(report, name) for name in names})).grade for report in day
    )
    assert grades["low"] > 0.35 * N
    assert 0.03 * N < grades["high"] < 0.12 * N


def test_a_region_without_villages_is_refused(rules: Rules) -> None:
    with pytest.raises(ValueError, match="no village"):
        next(reports(1, 1, DAY, region="11", units=rules.units))


def test_every_kind_has_sentences_and_a_sum_only_where_one_is_told() -> None:
    assert {kind.category for kind in KINDS} == set(SENTENCES)
    for kind in KINDS:
        assert ("{yuan}" in SENTENCES[kind.category]) == bool(kind.yuan), kind.category
