"""Supervision letters, rules only: who may do what, when and to whom, and what a letter must not contain."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pb.escalation.v1 import letters_pb2 as pb

from accord.documents_templates import supervision
from casework.errors import CaseError, Reason
from casework.papers.deidentification import found_in
from casework.supervision.letters import letter as rules_of
from casework.supervision.letters.letter import Failure, LetterKind, LetterState, Objection
from casework.supervision.letters.occasion import Happening, Occasion
from casework.supervision.letters.sheet import LetterFacts, sheet
from casework.supervision.letters.trigger import LetterBook, Words
from services.kit.rules import Rules
from services.kit.serving.request import leaving
from tests.still import shipped_rules

RULES = Path(__file__).resolve().parent.parent / "rules"
UNIT, TOWN, CITY = "620102", "620102001", "6201"
MONDAY = date(2026, 3, 2)


@pytest.fixture(scope="module")
def rules() -> Rules:
    return shipped_rules(RULES)


@pytest.fixture(scope="module")
def book(rules: Rules) -> LetterBook:
    return rules.letters.book


def refused(reason: Reason, call: Callable[[], object]) -> None:
    """Check that a call is refused for a reason."""
    with pytest.raises(CaseError) as caught:
        call()
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("state", "may_become"),
    [
        (LetterState.DRAFTED, {LetterState.APPROVED, LetterState.DISCARDED}),
        (LetterState.APPROVED, {LetterState.SERVED, LetterState.WITHDRAWN}),
        (LetterState.SERVED, {LetterState.RECEIVED, LetterState.WITHDRAWN}),
        (LetterState.RECEIVED,
         {LetterState.REPLIED, LetterState.FAILED, LetterState.WITHDRAWN, LetterState.ANNULLED}),
        (LetterState.REPLIED, {LetterState.CLOSED, LetterState.FAILED, LetterState.WITHDRAWN, LetterState.ANNULLED}),
        (LetterState.FAILED, {LetterState.REPLIED, LetterState.ANNULLED}),
        (LetterState.CLOSED, {LetterState.ANNULLED}),
        (LetterState.WITHDRAWN, set()),
        (LetterState.ANNULLED, set()),
        (LetterState.DISCARDED, set()),
    ],
)  # fmt: skip
def test_a_letter_goes_from_each_state_only_where_it_may(state: LetterState, may_become: set[LetterState]) -> None:
    for to in set(LetterState) - {LetterState.DRAFTED}:
        if to in may_become:
            assert rules_of.move(state, to) is to
        else:
            refused(Reason.WRONG_STATE, lambda to=to: rules_of.move(state, to))  # type: ignore[misc]


def test_whoever_drafted_does_not_sign_and_whoever_drafted_or_signed_does_not_decide() -> None:
    rules_of.may_approve(LetterKind.NOTICE, ["a", "b"], "c", heard=False)
    refused(Reason.SAME_PERSON, lambda: rules_of.may_approve(LetterKind.NOTICE, ["a", "b"], "b", heard=False))
    refused(Reason.DRAFT_NOT_TAKEN_UP, lambda: rules_of.may_approve(LetterKind.NOTICE, [], "c", heard=False))
    rules_of.may_decide("d", ["a", "b"], "c")
    for somebody in ("a", "b", "c"):
        refused(Reason.SAME_PERSON, lambda who=somebody: rules_of.may_decide(who, ["a", "b"], "c"))  # type: ignore[misc]


def test_a_circular_is_signed_only_after_the_unit_was_heard() -> None:
    refused(Reason.HEARING_MISSING, lambda: rules_of.may_approve(LetterKind.CIRCULAR, ["a"], "b", heard=False))
    rules_of.may_approve(LetterKind.CIRCULAR, ["a"], "b", heard=True)


def test_an_interview_is_announced_three_working_days_ahead_over_holidays(rules: Rules) -> None:
    calendar = rules.calendars.of(UNIT)
    # Thursday before Labour Day (1 to 5 May): Wednesday and Thursday after it, and Friday, are the three working days.
    rules_of.may_announce(calendar, date(2026, 4, 30), date(2026, 5, 8))
    refused(Reason.NOTICE_TOO_SHORT, lambda: rules_of.may_announce(calendar, date(2026, 4, 30), date(2026, 5, 7)))


def test_an_interview_is_held_on_its_day_or_earlier_by_agreement() -> None:
    def held(on: date, today: date, *, agreed: bool = False) -> None:
        rules_of.may_hold(LetterKind.INTERVIEW, LetterState.RECEIVED, MONDAY, on, today, agreed=agreed)

    held(MONDAY, MONDAY)
    held(date(2026, 2, 27), MONDAY, agreed=True)
    refused(Reason.NOTICE_TOO_SHORT, lambda: held(date(2026, 2, 27), MONDAY))
    refused(Reason.IN_THE_FUTURE, lambda: held(MONDAY, date(2026, 3, 1)))


def test_a_late_answer_is_taken_after_a_letter_failed_for_want_of_one_and_not_after_a_bad_one() -> None:
    def reply(state: LetterState, failure: Failure, kind: LetterKind = LetterKind.NOTICE, *, held: bool = True) -> None:
        rules_of.may_reply(kind, state, failure, Objection.NONE, held)

    reply(LetterState.FAILED, Failure.NO_REPLY)
    refused(Reason.WRONG_STATE, lambda: reply(LetterState.FAILED, Failure.NOT_ENOUGH))
    refused(Reason.WRONG_STATE, lambda: reply(LetterState.RECEIVED, Failure.NONE, LetterKind.INTERVIEW, held=False))


def test_a_unit_objects_once_and_in_time() -> None:
    rules_of.may_object(LetterState.FAILED, Objection.NONE, in_time=True)
    refused(Reason.OBJECTION_LATE, lambda: rules_of.may_object(LetterState.RECEIVED, Objection.NONE, in_time=False))
    refused(Reason.ALREADY_EXISTS, lambda: rules_of.may_object(LetterState.RECEIVED, Objection.REJECTED, in_time=True))
    refused(Reason.WRONG_STATE, lambda: rules_of.may_object(LetterState.SERVED, Objection.NONE, in_time=True))


@pytest.mark.parametrize("unit", [CITY, UNIT, "620103", "62"])
def test_a_letter_goes_down_the_tree_and_nowhere_else(rules: Rules, unit: str) -> None:
    rules_of.may_address(rules.units, UNIT, TOWN)
    rules_of.may_address(rules.units, CITY, f"{UNIT}-labour")
    refused(Reason.INVALID_FIELD, lambda: rules_of.may_address(rules.units, UNIT, unit))
    refused(Reason.UNKNOWN_UNIT, lambda: rules_of.may_address(rules.units, UNIT, "620102999"))


def test_an_inspection_is_copied_to_the_superior_and_only_circulars_beside_it_are_copied(rules: Rules) -> None:
    units = rules.units
    assert rules_of.copies(units, LetterKind.INSPECTION, CITY, TOWN, []) == [UNIT]
    assert rules_of.copies(units, LetterKind.INSPECTION, UNIT, TOWN, []) == [CITY]
    assert rules_of.copies(units, LetterKind.CIRCULAR, UNIT, TOWN, ["620102002", TOWN]) == ["620102002"]
    refused(Reason.INVALID_FIELD, lambda: rules_of.copies(units, LetterKind.NOTICE, UNIT, TOWN, ["620102002"]))
    refused(Reason.INVALID_FIELD, lambda: rules_of.copies(units, LetterKind.CIRCULAR, UNIT, TOWN, ["620103"]))


@pytest.mark.parametrize(
    "text",
    ["联系电话13900001234。", "电话 139-0000-1234", "电话139 0000 1234", "+8613900001234", "身份证620102199001011234",
     "62010219900101123X", "620102900101123", "卡号6222021234567890123", "１３９００００１２３４"],
)  # fmt: skip
def test_what_looks_like_a_number_of_a_person_is_refused_naming_the_field(text: str) -> None:
    words = pb.DraftLetterRequest(wording=pb.LetterWording(words=pb.LetterWords(facts=text)))
    with pytest.raises(CaseError) as caught:
        leaving.check(words)
    assert (caught.value.reason, caught.value.fields[0].field) == (Reason.PERSONAL_DATA, "wording.words.facts")


@pytest.mark.parametrize(
    "text",
    ["事项 cases/620102-2026-000117 逾期", "城关区提〔2026〕3号", "12345热线", "涉及金额1350000元", "2026年11月24日"],
)
def test_numbers_of_matters_letters_and_sums_are_no_numbers_of_persons(text: str) -> None:
    assert not found_in(text)


@pytest.mark.parametrize(
    ("occasion", "kind"),
    [
        (Occasion(Happening.due_soon, TOWN, "cases/1"), LetterKind.NOTICE),
        (Occasion(Happening.similar_matters, TOWN, "matters/1", times=2), None),
        (Occasion(Happening.similar_matters, TOWN, "matters/1", times=3), LetterKind.NOTICE),
        (Occasion(Happening.overdue, TOWN, "cases/1"), None),
        (Occasion(Happening.overdue, TOWN, "cases/1", overdue_days=1), LetterKind.WARNING),
        (Occasion(Happening.overdue, TOWN, "cases/1", overdue_days=5), LetterKind.WARNING),
        (Occasion(Happening.overdue, TOWN, "cases/1", overdue_days=6), LetterKind.CIRCULAR),
        (Occasion(Happening.returned, TOWN, "matters/1"), None),
        (Occasion(Happening.returned, TOWN, "matters/1", times=2), LetterKind.WARNING),
        (Occasion(Happening.no_plan, TOWN, "matters/1", grade="low"), LetterKind.NOTICE),
        (Occasion(Happening.no_plan, TOWN, "matters/1", grade="high"), LetterKind.WARNING),
        (Occasion(Happening.false_closing, TOWN, "matters/1"), LetterKind.CIRCULAR),
    ],
)
def test_an_occasion_gives_the_gravest_letter_whose_thresholds_it_reaches(
    book: LetterBook, occasion: Occasion, kind: LetterKind | None
) -> None:
    found = book.gravest(occasion, MONDAY)
    assert (found.kind if found else None) == kind


def test_the_template_is_the_one_that_the_script_writes(rules: Rules) -> None:
    for language in ("zh", "en"):
        assert supervision.template(language) == rules.letters.templates[language]


def test_the_ladder_is_worded_to_its_end_and_ends_with_people(book: LetterBook) -> None:
    for kind in LetterKind:
        following = rules_of.next_kind(kind)
        assert following is None or book.rung(following, TOWN, MONDAY) is not None
    assert rules_of.next_kind(LetterKind.INSPECTION) is None


def test_a_letter_says_what_every_letter_must_and_a_draft_says_that_it_is_one() -> None:
    facts = LetterFacts(
        LetterKind.INSPECTION, "", "张掖路街道", "城关区", ("兰州市",), "cases/1", MONDAY, 10, None, "", 0, None
    )
    zh, en = sheet(facts, Words("依据", "事实", "要求"), "zh"), sheet(facts, Words("b", "f", "d"), "en")
    assert (zh.title, zh.draft, zh.due, zh.copies) == (
        "关于1号事项的督查函",
        "草稿，未经签发",
        "2026年3月2日",
        "兰州市",
    )
    assert "10个工作日" in zh.reply
    assert (en.title, en.draft, en.due) == ("Letter of inspection: matter no. 1", "Draft, not signed", "2 March 2026")
