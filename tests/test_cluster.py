"""Clusters and effects: exact arithmetic on counts, against values worked out by other means; candidates by rule."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from math import comb, exp

import pytest

from casework.supervision.prevention.cluster import (
    ClusterRule,
    Counted,
    EffectRule,
    Place,
    Verdict,
    at_least,
    beta_below,
    chance_of,
    change,
    effect,
    judge,
)
from casework.supervision.prevention.cluster_words import cluster_told, effect_told

EFFECT = EffectRule(window_days=180, transition_days=30, min_days=28, min_cases=10)
RULE = ClusterRule("1", "house default", 28, 6, 8, 2.0, 0.05, 1.5, 20, 90, EFFECT)
NOBODY = Counted(0, 28)
WINDOW, BEFORE = 28.0, 168.0


def tail(hits: int, tosses: int, odds: Fraction) -> Fraction:
    """Return how likely so many hits or more are, by adding up whole fractions."""
    return sum(
        (comb(tosses, n) * odds**n * (1 - odds) ** (tosses - n) for n in range(hits, tosses + 1)), start=Fraction(0)
    )


def place(recent: int, earlier: int, peers: tuple[int, int] = (0, 0)) -> Place:
    return Place(*(Counted(n, days) for n, days in zip((recent, earlier, *peers), (WINDOW, BEFORE) * 2, strict=True)))


@pytest.mark.parametrize(("hits", "tosses"), [(0, 5), (1, 1), (3, 10), (12, 20), (40, 90), (89, 90)])
@pytest.mark.parametrize("odds", [Fraction(1, 7), Fraction(1, 2), Fraction(9, 10)])
def test_the_chance_of_a_count_is_what_adding_up_gives(hits: int, tosses: int, odds: Fraction) -> None:
    assert at_least(hits, tosses, float(odds)) == pytest.approx(float(tail(hits, tosses, odds)), rel=1e-10, abs=1e-14)


def test_the_beta_function_is_right_where_it_is_known() -> None:
    assert beta_below(0.3, 1, 1) == pytest.approx(0.3)
    assert beta_below(0.25, 2, 1) == pytest.approx(0.0625)
    assert beta_below(0.5, 7, 7) == pytest.approx(0.5)
    assert (beta_below(0, 3, 2), beta_below(1, 3, 2)) == (0, 1)
    assert beta_below(0.5, 50_000, 50_000) == pytest.approx(0.5)  # large counts too


# Exact intervals of a share, as tables have them (Clopper and Pearson): 5 of 20, 0 of 10, 10 of 10.
SHARES = {(5, 20): (0.0866, 0.4910), (1, 10): (0.0025, 0.4450), (50, 100): (0.3983, 0.6017)}


@pytest.mark.parametrize(("hits", "tosses"), SHARES)
def test_the_interval_of_a_ratio_is_that_of_the_share_behind_it(hits: int, tosses: int) -> None:
    low, high = SHARES[hits, tosses]
    found = change(Counted(hits, 10), Counted(tosses - hits, 10))
    assert found.low / (1 + found.low) == pytest.approx(low, abs=5e-5)
    assert found.high is not None
    assert found.high / (1 + found.high) == pytest.approx(high, abs=5e-5)


def test_at_the_ends_of_the_interval_the_tail_is_a_fortieth() -> None:
    found = change(Counted(9, 30), Counted(4, 60))
    for end, hits in ((found.low, 9), (found.high, 10)):
        assert end is not None
        odds = Fraction(end) * 30 / (Fraction(end) * 30 + 60)
        share = tail(hits, 13, odds)
        assert float(share if hits == 9 else 1 - share) == pytest.approx(0.025, rel=1e-6)
    assert found.ratio == pytest.approx(4.5)


def test_nothing_before_gives_no_ratio_and_no_upper_end() -> None:
    found = change(Counted(6, 28), Counted(0, 28))
    assert (found.ratio, found.high) == (None, None)
    # 6 of 6: the lower end of the share is the sixth root of a fortieth.
    assert found.low == pytest.approx(0.025 ** (1 / 6) / (1 - 0.025 ** (1 / 6)))
    assert change(Counted(0, 28), Counted(0, 28)).high is None
    none_left = change(Counted(0, 28), Counted(6, 28))
    assert (none_left.ratio, none_left.low) == (0, 0)
    assert none_left.tells


def test_more_days_are_not_more_cases() -> None:
    assert change(Counted(10, 30), Counted(20, 60)).ratio == 1
    assert not change(Counted(10, 30), Counted(20, 60)).tells


def test_a_place_that_is_as_before_is_seldom_called_a_cluster() -> None:
    dice = random.Random(20260302)

    def drawn(mean: float) -> int:
        count, left = 0, dice.random()
        while left > exp(-mean):
            count, left = count + 1, left * dice.random()
        return count

    tries = 3000
    alarms = sum(chance_of(Counted(drawn(6), WINDOW), Counted(drawn(36), BEFORE)) <= 0.05 for _ in range(tries))
    assert alarms <= 0.05 * tries


def test_a_candidate_needs_cases_growth_little_chance_and_more_growth_than_beside_it() -> None:
    found = judge(RULE, place(14, 12), 10)
    assert found is not None
    assert found.expected == pytest.approx(2.0)
    assert found.change.low > 1
    assert judge(RULE, place(7, 1), 10) is None, "fewer than eight"
    assert judge(RULE, place(14, 43), 10) is None, "not twice the earlier rate"
    assert judge(RULE, place(8, 20), 40) is None, "chance, where forty were tried"
    assert judge(RULE, place(14, 12, (60, 60)), 10) is None, "it grows beside it as well"
    assert judge(RULE, place(14, 12, (10, 60)), 10) is not None
    assert judge(RULE, place(14, 12, (9, 8)), 10) is not None, "too few beside it to be held against"


def test_who_looks_at_more_places_needs_a_stronger_sign() -> None:
    few, many = judge(RULE, place(10, 18), 2), judge(RULE, place(10, 18), 60)
    assert few is not None
    assert many is None
    assert few.chance == pytest.approx(2 * chance_of(Counted(10, WINDOW), Counted(18, BEFORE)))


def test_no_rule_makes_a_cluster_of_fewer_than_five() -> None:
    assert judge(replace(RULE, min_cases=1, ratio=1.0), place(4, 0), 1) is None


def test_an_effect_is_told_only_where_the_counts_allow_it() -> None:
    before = Counted(30, 90)
    assert effect(EFFECT, before, None) == (Verdict.TOO_EARLY, None)
    assert effect(EFFECT, before, Counted(1, 27)) == (Verdict.TOO_EARLY, None)
    assert effect(EFFECT, Counted(5, 90), Counted(4, 90)) == (Verdict.TOO_FEW, None)
    assert effect(EFFECT, before, Counted(24, 90))[0] is Verdict.NO_DIFFERENCE
    assert effect(EFFECT, before, Counted(9, 90))[0] is Verdict.FEWER
    assert effect(EFFECT, before, Counted(60, 90))[0] is Verdict.MORE


@pytest.mark.parametrize("language", ["zh", "en"])
def test_words_say_what_the_interval_says(language: str) -> None:
    _, found = effect(EFFECT, Counted(30, 90), Counted(24, 90))
    assert found is not None
    told = effect_told(Verdict.NO_DIFFERENCE, found, language)
    assert f"{found.low:.2f}" in told
    assert {"zh": "看不出差别", "en": "No significant difference"}[language] in told
    assert "0." not in effect_told(Verdict.FEWER, None, language)
    finding = judge(RULE, place(14, 12), 10)
    assert "14" in cluster_told(Counted(14, 28), finding, language)
    assert "2.0" not in cluster_told(Counted(14, 28), None, language)
