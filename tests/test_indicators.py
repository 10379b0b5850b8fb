"""Indicators: bands and not ranks, nothing said of small samples, and no rule that rewards the wrong thing."""

from __future__ import annotations

import shutil
from dataclasses import fields, replace
from pathlib import Path

import pytest
from pb.escalation.v1 import indicators_pb2

from casework.supervision.figures.indicator import (
    CLOSING_STEPS,
    FORBIDDEN,
    PART_OF,
    Band,
    Direction,
    Indicator,
    Measure,
    Tally,
    Trend,
    faults,
    stand,
)
from casework.supervision.figures.reporting_period import reporting_period
from services.kit.rules.folder import RulesFolder
from services.kit.rules.supervision.indicators import read_indicators

SHIPPED = Path(__file__).resolve().parent.parent / "rules"
RULE = Indicator(
    "acceptance_in_time", "1", "按期受理", "in time", Measure.steps_in_time, Measure.steps_due, Direction.high,
    20, 5, 3, "house default", ("accept",),
)  # fmt: skip
PEERS = [Tally(160, 200), Tally(80, 100), Tally(240, 300)]
NONE = Tally()


@pytest.mark.parametrize(
    ("own", "band"), [(Tally(9_000, 10_000), Band.AHEAD), (Tally(8_450, 10_000), Band.WITHIN),
                      (Tally(8_500, 10_000), Band.WITHIN), (Tally(8_501, 10_000), Band.AHEAD),
                      (Tally(7_500, 10_000), Band.WITHIN), (Tally(7_499, 10_000), Band.BEHIND)],
)  # fmt: skip
def test_the_middle_band_is_as_wide_as_the_rule_says_and_its_edge_belongs_to_it(own: Tally, band: Band) -> None:
    crowd = [Tally(800_000, 1_000_000)] * 3
    assert stand(RULE, own, crowd, NONE).band is band


def test_a_small_unit_is_not_called_behind_for_what_chance_explains() -> None:
    assert stand(RULE, Tally(14, 20), PEERS, NONE).band is Band.WITHIN  # 70 of 80 %, but of twenty
    assert stand(RULE, Tally(140, 200), PEERS, NONE).band is Band.BEHIND


def test_of_a_sample_that_is_too_small_nothing_is_said_but_that() -> None:
    found = stand(RULE, Tally(19, 19), PEERS, Tally(100, 100))
    assert found.too_few
    assert (found.tally, found.peers, found.band, found.trend) == (NONE, 0, None, None)


def test_a_unit_with_too_few_peers_stands_in_no_band() -> None:
    found = stand(RULE, Tally(90, 100), [*PEERS[:2], Tally(19, 19)], NONE)
    assert (found.peers, found.band, found.peer_share) == (2, None, 0.0)


def test_the_lower_share_is_the_better_one_where_the_rule_says_so() -> None:
    recurrence = replace(
        RULE, numerator=Measure.matters_recurred, denominator=Measure.matters_visited, better=Direction.low, steps=()
    )
    assert faults(recurrence) == []
    assert stand(recurrence, Tally(140, 200), PEERS, NONE).band is Band.AHEAD
    assert stand(recurrence, Tally(180, 200), PEERS, Tally(140, 200)).trend is Trend.WORSE


def test_a_trend_is_told_only_beyond_chance_and_only_where_both_periods_have_enough() -> None:
    assert stand(RULE, Tally(180, 200), [], Tally(140, 200)).trend is Trend.BETTER
    assert stand(RULE, Tally(150, 200), [], Tally(140, 200)).trend is Trend.STEADY
    assert stand(RULE, Tally(100, 200), [], Tally(140, 200)).trend is Trend.WORSE
    assert stand(RULE, Tally(180, 200), [], Tally(10, 19)).trend is None


# --- what no rule may reward ---------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED / "indicators", tmp_path / "rules" / "indicators")
    return tmp_path / "rules"


def problems(folder: Path, old: str, new: str) -> list[str]:
    """Return what the loader says after one change in the shipped file."""
    file = folder / "indicators" / "indicators.yaml"
    told = file.read_text("utf-8")
    assert old in told
    file.write_text(told.replace(old, new, 1), "utf-8")
    source = RulesFolder(folder)
    read_indicators(source, None)
    return [str(problem) for problem in source.problems]


@pytest.mark.parametrize("measure", FORBIDDEN)
def test_a_rule_that_counts_what_must_not_be_rewarded_does_not_load_and_says_why(measure: str, folder: Path) -> None:
    (told,) = problems(folder, "numerator: notices_served", f"numerator: {measure}")
    assert f"{measure} {FORBIDDEN[measure]}" in told
    assert "indicators.yaml:" in told


@pytest.mark.parametrize("step", sorted(CLOSING_STEPS))
def test_a_rule_about_the_time_of_a_closing_does_not_load(step: str, folder: Path) -> None:
    (told,) = problems(folder, "steps: [accept, accept_urgent, accept_danger]", f"steps: [{step}]")
    assert told.endswith(f"{step} rewards faster closing alone")


def test_a_numerator_is_counted_of_its_own_whole_alone(folder: Path) -> None:
    told = problems(folder, "denominator: notices_made", "denominator: matters_visited")
    assert any("each numerator has one denominator" in each for each in told)


def test_fewer_satisfied_parties_are_never_the_better_ones(folder: Path) -> None:
    told = problems(
        folder, "denominator: answers_given\n    better: high", "denominator: answers_given\n    better: low"
    )
    assert any("is not the low one" in each for each in told)


def test_what_may_be_counted_is_a_closed_list_without_any_forbidden_thing() -> None:
    assert set(PART_OF) | set(PART_OF.values()) == set(Measure)
    assert not set(FORBIDDEN) & {str(each) for each in Measure}


def test_no_indicator_has_a_place_or_a_person() -> None:
    shown = set(indicators_pb2.IndicatorStanding.DESCRIPTOR.fields_by_name)
    assert not {
        name for name in shown if any(word in name for word in ("rank", "place", "person", "official", "score"))
    }
    assert {each.name for each in fields(Indicator)}.isdisjoint({"official", "person", "weight", "points"})


# --- periods --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "start", "end", "before"),
    [("2026-10", "2026-10-01", "2026-11-01", "2026-09-01"), ("2026-12", "2026-12-01", "2027-01-01", "2026-11-01"),
     ("2026-Q1", "2026-01-01", "2026-04-01", "2025-10-01"), ("2026", "2026-01-01", "2027-01-01", "2025-01-01")],
)  # fmt: skip
def test_a_period_is_of_local_days_and_the_one_before_is_as_long(name: str, start: str, end: str, before: str) -> None:
    found = reporting_period(name)
    assert (found.starts_at.isoformat(), found.ends_at.isoformat(), found.before_at.isoformat()) == tuple(
        f"{day}T00:00:00+08:00" for day in (start, end, before)
    )
