"""Recurring work: each period has a name, is due once, and missed ones are made up for."""

from __future__ import annotations

from datetime import datetime

import pytest
from pb.escalation.v1 import meetings_pb2

from casework.supervision.meetings import period
from casework.supervision.meetings.meeting import AgendaReason, DecisionState, MeetingState
from casework.supervision.meetings.period import AgendaRule, Every, Rhythm, RhythmCall
from services.kit.serving.settings import ProcessSettings
from tests.still import shipped_rules

RULES = shipped_rules(ProcessSettings.model_fields["rules"].default)
CALENDAR = RULES.calendars.of("620102")


def at(text: str) -> datetime:
    """Return a local instant."""
    return datetime.fromisoformat(f"{text}+08:00")


def a_rhythm(every: Every, on: int = 0, catch_up: int = 400) -> Rhythm:
    """Return a rule at nine."""
    return Rhythm("a", "1", "甲", "a", RhythmCall.digest, every, on, 9, catch_up, (), "house default")


def keys(rule: Rhythm, since: str, now: str, *done: str) -> list[str]:
    """Return what is due."""
    return [each.key for each in period.due(rule, at(since), at(now), done, CALENDAR)]


def test_a_month_is_due_from_its_hour_on_and_until_it_is_done() -> None:
    monthly = a_rhythm(Every.month, 1)
    assert keys(monthly, "2026-08-15T00:00", "2026-09-01T08:59:59") == []
    assert keys(monthly, "2026-08-15T00:00", "2026-09-01T09:00") == ["2026-09"]
    assert keys(monthly, "2026-08-15T00:00", "2026-11-30T00:00", "2026-10") == ["2026-09", "2026-11"]
    # What began at its very hour has its first time a month later.
    assert keys(monthly, "2026-09-01T09:00", "2026-10-01T09:00") == ["2026-10"]


def test_a_week_is_named_as_calendars_do_over_the_turn_of_the_year() -> None:
    weekly = a_rhythm(Every.week, 1)
    assert keys(weekly, "2026-12-20T00:00", "2027-01-05T00:00") == ["2026-W52", "2026-W53", "2027-W01"]


def test_a_digest_is_due_on_working_days_alone_over_national_day() -> None:
    daily = a_rhythm(Every.workday)
    assert keys(daily, "2026-09-30T00:00", "2026-10-12T12:00") == [
        "2026-09-30", "2026-10-08", "2026-10-09", "2026-10-10", "2026-10-12"]  # fmt: skip
    assert keys(daily, "2026-09-18T12:00", "2026-09-21T12:00") == ["2026-09-20", "2026-09-21"]


def test_what_was_missed_too_long_ago_is_not_made_up_for() -> None:
    assert keys(a_rhythm(Every.month, 1, catch_up=60), "2026-01-01T00:00", "2026-10-15T00:00") == [
        "2026-09", "2026-10"]  # fmt: skip


def test_the_next_period_may_be_prepared_early_and_no_other() -> None:
    monthly, since, now = a_rhythm(Every.month, 1), at("2026-09-15T00:00"), at("2026-11-10T00:00")
    assert period.coming(monthly, now, CALENDAR).key == "2026-12"
    assert period.coming(monthly, now, CALENDAR).at == at("2026-12-01T09:00")
    named = {
        key: period.named(monthly, key, since, now, CALENDAR) for key in ("2026-09", "2026-10", "2026-12", "2027-01")
    }
    assert {key for key, found in named.items() if found} == {"2026-10", "2026-12"}


def test_the_shipped_rules_say_what_goes_on_an_agenda_and_that_it_is_ours() -> None:
    monthly = RULES.rhythms["monthly"]
    assert monthly.agenda == (
        AgendaRule(AgendaReason.OVERDUE), AgendaRule(AgendaReason.HIGH_GRADE), AgendaRule(AgendaReason.STUCK, 20),
        AgendaRule(AgendaReason.RETURNED, 2), AgendaRule(AgendaReason.OPEN_ITEM),
    )  # fmt: skip
    assert all("house default" in each.basis for each in RULES.rhythms.values())
    assert {name for name, each in RULES.rhythms.items() if each.call is RhythmCall.digest} == {"daily-digest"}


@pytest.mark.parametrize("kind", [MeetingState, DecisionState, AgendaReason])
def test_the_numbers_of_the_field_are_those_of_the_contract(kind: type) -> None:
    contract = getattr(meetings_pb2, kind.__name__)
    prefix = {"MeetingState": "MEETING_STATE", "DecisionState": "DECISION_STATE", "AgendaReason": "AGENDA_REASON"}
    found = {f"{prefix[kind.__name__]}_{each.name}": int(each) for each in kind}  # type: ignore[attr-defined]
    assert found == dict(contract.items()[1:])
