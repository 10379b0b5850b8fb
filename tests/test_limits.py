"""The limits that ship: what the law, a place or this house says, and how sure that is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from casework.clocks.rule import (
    CONSUMED,
    Confidence,
    Consumer,
    ExtensionKind,
    RemindOn,
    Roll,
    Rule,
    Trigger,
    Unit,
    Whom,
)
from casework.clocks.rule_book import RuleBook, UnknownRule
from casework.clocks.rule_data import digest, from_data, to_data
from services.kit.rules import Rules
from tests.still import shipped_rules
from tests.test_calendar import SHIPPED


@pytest.fixture(scope="module")
def rules() -> Rules:
    return shipped_rules(SHIPPED)


@pytest.fixture(scope="module")
def book(rules: Rules) -> RuleBook:
    return rules.clocks


# Name, number and unit of what domain facts §1.2 and §1.3 give, by the number of the row.
ROWS = {
    "1": ("mediation_term", 1, "month"),
    "6": ("judicial_confirmation", 30, "calendar"),
    "7": ("confirmation_decision", 30, "calendar"),
    "8 accept": ("confirmation_acceptance_2011", 3, "calendar"),
    "8 decide": ("confirmation_decision_2011", 15, "calendar"),
    "9": ("enforcement", 24, "month"),
    "10 ordinary": ("court_entrusted", 15, "calendar"),
    "10 summary": ("court_entrusted_summary", 7, "calendar"),
    "11": ("court_delegated", 30, "calendar"),
    "12": ("court_filing", 7, "calendar"),
    "14": ("petition_registration", 15, "calendar"),
    "15": ("petition_notice", 15, "calendar"),
    "16": ("petition_objection", 5, "working"),
    "17": ("petition_handling", 60, "calendar"),
    "18 ask": ("petition_review_request", 30, "calendar"),
    "18 decide": ("petition_review", 30, "calendar"),
    "19 ask": ("petition_second_review_request", 30, "calendar"),
    "19 decide": ("petition_second_review", 30, "calendar"),
    "22 Jinan": ("hotline_jinan", 5, "working"),
    "22 Weifang": ("hotline_weifang", 5, "working"),
    "24 query": ("hotline_bureau_query", 3, "working"),
    "24 complaint": ("hotline_bureau_complaint", 13, "working"),
    "25": ("hotline_general", 5, "working"),
    "26": ("public_security_case", 30, "calendar"),
    "29 ask": ("traffic_mediation_request", 10, "working"),
    "29 conclude": ("traffic_mediation", 10, "working"),
    "30": ("traffic_after_mediation", 3, "working"),
    "31": ("labour_mediation", 15, "calendar"),
    "32 accept": ("labour_arbitration_acceptance", 5, "working"),
    "32 award": ("labour_arbitration_award", 45, "calendar"),
    "32 limitation": ("labour_arbitration_limitation", 12, "month"),
    "34": ("labour_inspection", 60, "working"),
    "36": ("medical_mediation", 30, "working"),
    "37 accept": ("medical_administrative_acceptance", 5, "working"),
    "37 mediate": ("medical_administrative_mediation", 30, "working"),
    "38": ("consumer_reply", 7, "working"),
    "39 term": ("consumer_mediation", 60, "calendar"),
    "39 notice": ("consumer_mediation_notice", 7, "working"),
    "40 accept": ("administrative_mediation_acceptance", 5, "working"),
    "40 complex": ("administrative_mediation_complex", 10, "working"),
    "40 pass on": ("administrative_mediation_forwarding", 3, "working"),
    "41": ("land_arbitration", 60, "calendar"),
    "42 ask": ("administrative_review_application", 60, "calendar"),
    "42 decide": ("administrative_review", 60, "calendar"),
    "43": ("judicial_suggestion", 2, "month"),
    "44": ("procuratorial_suggestion", 2, "month"),
    "45": ("protection_order", 72, "hour"),
    "45 urgent": ("protection_order_urgent", 24, "hour"),
    "45 valid": ("protection_order_validity", 6, "month"),
    "46": ("hazard_report", 60, "calendar"),
    "tier Dongzhi": ("tier_dongzhi_complex", 20, "calendar"),
    "tier Zhangye": ("tier_zhangye_total", 7, "calendar"),
    "tier Yushui": ("tier_yushui_general", 24, "hour"),
    "tier Feng": ("tier_fengxian_seven_days", 7, "calendar"),
    "tier house": ("close_medium", 15, "calendar"),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_domain_facts_is_a_rule(book: RuleBook, row: str) -> None:
    name, n, unit = ROWS[row]
    rule = book.get(name)
    assert (rule.n, rule.unit) == (n, Unit(unit))


def test_a_place_with_a_term_of_its_own_has_it(book: RuleBook) -> None:
    ningbo, shenzhen = book.get("mediation_term", "330203"), book.get("mediation_term", "440304")
    assert (ningbo.n, ningbo.unit, ningbo.jurisdiction) == (1, Unit.month, "3302")
    assert (shenzhen.n, shenzhen.unit, shenzhen.jurisdiction) == (30, Unit.calendar, "4403")
    assert book.get("mediation_term", "620102").jurisdiction == "cn"


def test_every_rule_says_what_it_rests_on_in_both_languages_and_has_a_consumer(book: RuleBook) -> None:
    for rule in book:
        assert rule.basis, rule.name
        assert rule.zh, rule.name
        assert rule.en, rule.name
        served = rule.name in CONSUMED or rule.trigger is Trigger.ladder_step
        assert rule.trigger.consumer is (Consumer.service if served else Consumer.by_hand)
        assert ("house default" in rule.basis) == (rule.confidence is Confidence.house_default), rule.name


def test_every_trigger_of_a_person_starts_some_rule(book: RuleBook) -> None:
    assert {rule.trigger for rule in book} == set(Trigger)


def test_what_is_open_ships_to_be_confirmed(book: RuleBook) -> None:
    marked = {rule.name for rule in book if rule.to_be_confirmed}
    assert {"consumer_mediation", "hazard_report", "court_entrusted", "tier_zhangye_total"} <= marked
    assert not any(rule.to_be_confirmed for rule in book if rule.confidence is Confidence.house_default)


def test_what_is_over_ships_with_its_last_day(book: RuleBook) -> None:
    assert book.get("court_delegated").valid_to == date(2024, 12, 31)
    assert not book.get("court_delegated").valid_on(date(2025, 1, 1))
    repealed, new = book.get("consumer_mediation_repealed"), book.get("consumer_mediation")
    assert (repealed.valid_to, new.valid_from) == (date(2026, 4, 14), date(2026, 4, 15))


def test_more_mediation_always_takes_the_consent_of_all(book: RuleBook) -> None:
    terms = [rule for rule in book if rule.trigger in (Trigger.mediation_accepted, Trigger.mediator_signed_file)]
    kinds = {extension.kind for rule in terms for extension in rule.extensions}
    assert kinds == {ExtensionKind.consent_of_all}


def test_a_right_is_reminded_of_by_the_raw_date(book: RuleBook) -> None:
    rights = [rule for rule in book if rule.for_whom is Whom.right]
    assert len(rights) > 8
    assert all(rule.remind_on is RemindOn.raw for rule in rights)


@pytest.mark.parametrize(
    ("n", "unit"),
    [(30, "calendar"), (15, "calendar"), (60, "calendar"), (2, "month"), (5, "working"), (7, "working"),
     (30, "working"), (45, "working")],
)  # fmt: skip
def test_there_is_a_rolling_rule_without_a_cut_off_for_each_vector(book: RuleBook, n: int, unit: str) -> None:
    assert [r for r in book if (r.n, r.unit, r.roll, r.cutoff) == (n, Unit(unit), Roll.next_workday, None)]


def test_a_rule_survives_being_stored_whole(book: RuleBook) -> None:
    for rule in book:
        assert from_data(to_data(rule)) == rule
        assert digest(rule) == digest(from_data(to_data(rule)))
    some = book.get("medical_mediation")
    assert digest(replace(some, n=31)) != digest(some)


def test_a_plans_task_is_the_task_rule_with_the_plans_days(book: RuleBook) -> None:
    assert book.task(12) == replace(book.get("task"), n=12)
    assert book.task(7) is book.get("task")
    assert [book.close(grade).n for grade in ("low", "medium", "high")] == [3, 15, 30]


def test_the_services_find_every_rule_they_start_by_themselves(book: RuleBook) -> None:
    by_ladders = {rule.name for rule in book if rule.trigger is Trigger.ladder_step}
    assert {rule.name for rule in book if rule.trigger.consumer is Consumer.service} == set(CONSUMED) | by_ladders


def made(where: str, n: int, valid_from: date | None = None, valid_to: date | None = None) -> Rule:
    return Rule(
        "made", "1", "试", "made", n, Unit.calendar, Trigger.mediation_accepted, "x", Confidence.statute,
        jurisdiction=where, valid_from=valid_from, valid_to=valid_to,
    )  # fmt: skip


def test_the_narrowest_jurisdiction_that_holds_the_unit_wins() -> None:
    book = RuleBook([made("cn", 1), made("62", 2), made("6201", 3), made("4403", 4)])
    assert book.get("made", "620102-labour").n == 3
    assert book.get("made", "6202").n == 2
    assert book.get("made", "11").n == book.get("made", "cn").n == book.get("made").n == 1
    with pytest.raises(UnknownRule):
        RuleBook([made("62", 2)]).get("made", "11")


def test_the_rule_in_force_on_the_day_wins_and_an_old_one_is_still_found() -> None:
    book = RuleBook([made("cn", 1, valid_to=date(2025, 12, 31)), made("cn", 2, valid_from=date(2026, 1, 1))])
    assert book.get("made", on_date=date(2025, 6, 1)).n == 1
    assert book.get("made", on_date=date(2026, 6, 1)).n == 2
    assert RuleBook([made("cn", 1, valid_to=date(2024, 1, 1))]).get("made", "cn", date(2026, 1, 1)).n == 1


def test_a_local_rule_that_is_over_gives_way_to_the_national_one() -> None:
    book = RuleBook([made("cn", 1), made("62", 2, valid_to=date(2025, 12, 31))])
    assert book.get("made", "6201", date(2025, 6, 1)).n == 2
    assert book.get("made", "6201", date(2026, 6, 1)).n == 1
