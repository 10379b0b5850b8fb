"""Matters that are told again in other words are found among made-up messages (tests/data): pure, no stack."""

from __future__ import annotations

from accord.places import RULES
from bench.matters import Memory, measure, messages
from tests.still import shipped_rules

LIKENESS = shipped_rules(RULES).likeness


def test_most_matters_told_again_are_found_with_little_that_is_useless() -> None:
    # Measured by `make bench ARGS=matters`, less a margin.
    measured = measure(LIKENESS, [row["text"] for row in messages("fit")], messages("test"), LIKENESS.least_alike)
    assert measured.again > 200
    assert measured.found >= measured.again * 0.75
    assert measured.reworded_found >= measured.reworded * 0.7
    assert measured.useless <= measured.asked * 0.25
    assert measured.useful >= (measured.useful + measured.useless) * 0.6


def test_no_message_is_told_in_both_halves_and_a_higher_floor_shows_less() -> None:
    fit, test = messages("fit"), messages("test")
    assert not {row["matter"] for row in fit} & {row["matter"] for row in test}
    few = test[:150]
    shown = [measure(LIKENESS, [], few, floor) for floor in (0.05, 0.15, 0.5)]
    assert [each.useful for each in shown] == sorted((each.useful for each in shown), reverse=True)
    assert [each.useless for each in shown] == sorted((each.useless for each in shown), reverse=True)
    assert shown[0].useful > shown[-1].useful


def test_a_question_of_a_line_finds_the_petition_about_the_same_matter() -> None:
    rows = messages()
    matter = next(row["matter"] for row in rows if "听涛雅苑" in row["text"])
    petition = max((row for row in rows if row["matter"] == matter), key=lambda row: len(row["text"]))
    before = [row for row in rows if row is petition or row["matter"] != matter]
    memory = Memory(LIKENESS)
    for row in before:
        memory.add(memory.signs(row["text"]))
    alike = memory.alike(memory.signs("听涛雅苑的安怡物业不肯走，垃圾没人收怎么办？"))
    best = max(alike, key=lambda at: alike[at])
    assert before[best] is petition
    assert alike[best] >= LIKENESS.least_alike
