"""Clocks: a date is a pure function of rule, ledger and calendar, and every day of it is accounted for."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.clocks import ledger as ledgers
from casework.clocks.admission import check
from casework.clocks.calendar import LOCAL, Calendar, CalendarBook, Layer
from casework.clocks.clock import ClockState, Projection, RungKind, project
from casework.clocks.count import add_months
from casework.clocks.explanation import COUNTED, ExplainedDay, Verdict, explain
from casework.clocks.ledger import (
    Cancelled,
    Entry,
    Extended,
    ExtensionRevoked,
    Met,
    Moved,
    Paused,
    Resumed,
    Started,
)
from casework.clocks.rule import (
    AtCap,
    Confidence,
    Consequence,
    ExtensionKind,
    ExtensionRule,
    HourStart,
    PauseRule,
    RemindOn,
    Roll,
    Rule,
    Rung,
    Trigger,
    Unit,
)
from casework.errors import CaseError, Reason
from tests.still import shipped_rules

DAY = timedelta(days=1)
NATIONAL: Calendar = shipped_rules(Path(__file__).resolve().parent.parent / "rules").calendars.of()


def rule(n: int, unit: str, roll: Roll = Roll.none, **more: Any) -> Rule:
    given_ = {
        "pauses": (PauseRule("appraisal", "鉴定", "an appraisal"), PauseRule("hearing", "听证", "a hearing")),
        "extensions": (
            ExtensionRule(ExtensionKind.head_approval, 30),
            ExtensionRule(ExtensionKind.once, 5),
            ExtensionRule(ExtensionKind.consent_of_all, None, None),
        ),
        "warnings": (Rung(3, Unit.calendar, Consequence.remind),),
        "overdue": (Rung(0, Unit.hour, Consequence.escalate), Rung(5, Unit.working, Consequence.inform)),
        "backdate_days": 400,
    }
    return Rule(
        "made", "1", "试", "made", n, Unit(unit), Trigger.case_accepted, "x", Confidence.statute, roll=roll,
        **given_ | more,
    )  # fmt: skip


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LOCAL)


class Book:
    """A ledger that numbers its entries."""

    def __init__(self, start: str | datetime) -> None:
        self.entries: list[Entry] = []
        self.add(Started, start)

    def add(self, kind: type[Entry], when: str | datetime, **more: Any) -> Book:
        instant = at(when) if isinstance(when, str) else when
        self.entries.append(kind(seq=len(self.entries) + 1, at=instant, recorded_at=instant, actor="clerk", **more))
        return self

    def pause(self, begin: str | datetime, end: str | datetime | None = None, cause: str = "appraisal") -> Book:
        self.add(Paused, begin, cause=cause)
        return self if end is None else self.add(Resumed, end, of=len(self.entries))

    def extend(self, amount: int, when: str | datetime) -> Book:
        return self.add(Extended, when, amount=amount, how=ExtensionKind.consent_of_all, consents=("a", "b"))


def due_day(made: Rule, book: Book, calendar: Calendar = NATIONAL) -> str:
    found = project(made, book.entries, calendar).due
    assert found is not None
    assert found.timetz() == time(23, 59, 59, tzinfo=LOCAL)
    return str(found.date())


# --- the vectors of the field -----------------------------------------------------------------------------------------

VECTORS = [
    ("2026-09-03", 30, "calendar", "2026-10-03", "2026-10-08"),
    ("2026-01-16", 30, "calendar", "2026-02-15", "2026-02-24"),
    ("2026-04-01", 30, "calendar", "2026-05-01", "2026-05-06"),
    ("2026-09-05", 15, "calendar", "2026-09-20", "2026-09-20"),
    ("2026-09-10", 15, "calendar", "2026-09-25", "2026-09-28"),
    ("2026-08-03", 60, "calendar", "2026-10-02", "2026-10-08"),
    ("2026-02-12", 5, "working", None, "2026-02-26"),
    ("2026-09-30", 5, "working", None, "2026-10-13"),
    ("2026-04-30", 7, "working", None, "2026-05-13"),
    ("2026-01-20", 30, "working", None, "2026-03-09"),
    ("2026-09-01", 45, "working", None, "2026-11-09"),
    ("2026-08-01", 2, "month", "2026-10-01", "2026-10-08"),
    ("2026-12-31", 2, "month", "2027-02-28", "2027-03-01"),
]


@pytest.mark.parametrize(("start", "n", "unit", "raw", "due"), VECTORS)
@pytest.mark.parametrize("clock", ["T00:00", "T09:30", "T23:59"])
def test_the_vectors_of_the_field(start: str, n: int, unit: str, raw: str | None, due: str, clock: str) -> None:
    projection = project(rule(n, unit, Roll.next_workday), Book(start + clock).entries, NATIONAL)
    assert projection.due == at(f"{due}T23:59:59")
    assert projection.raw_due == at(f"{raw or due}T23:59:59")
    assert projection.provisional == (due > "2027")


# --- reading the due instant ------------------------------------------------------------------------------------------


def test_the_last_second_is_in_time_and_the_next_one_is_the_breach() -> None:
    projection = project(rule(3, "calendar"), Book("2026-11-02T09:00").entries, NATIONAL)
    assert projection.due == at("2026-11-05T23:59:59")
    assert projection.in_time(at("2026-11-05T23:59:59"))
    assert not projection.in_time(at("2026-11-06T00:00:00"))
    overdue = next(rung for rung in projection.rungs if rung.name == "overdue")
    assert overdue.at == at("2026-11-06T00:00:00")


def test_the_start_day_is_the_local_one() -> None:
    late_in_london = datetime(2026, 11, 2, 16, 30, tzinfo=UTC)
    assert due_day(rule(1, "calendar"), Book(late_in_london)) == "2026-11-04"


def test_the_start_day_counts_where_the_rule_says_so() -> None:
    assert due_day(rule(1, "calendar", include_start=True), Book("2026-11-02T09:00")) == "2026-11-02"
    assert due_day(rule(2, "working", include_start=True), Book("2026-11-06T09:00")) == "2026-11-09"
    assert due_day(rule(1, "month", include_start=True), Book("2026-11-02T09:00")) == "2026-12-01"


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [("2026-01-31", 1, "2026-02-28"), ("2024-01-31", 1, "2024-02-29"), ("2024-02-29", 12, "2025-02-28"),
     ("2026-03-31", 1, "2026-04-30"), ("2026-11-15", 3, "2027-02-15")],
)  # fmt: skip
def test_months_end_on_the_corresponding_day_or_the_months_end(start: str, months: int, end: str) -> None:
    assert due_day(rule(months, "month"), Book(start)) == end


def test_hours_run_from_the_moment_or_from_the_next_hour() -> None:
    start = "2026-11-02T09:30:15"
    assert project(rule(24, "hour"), Book(start).entries, NATIONAL).due == at("2026-11-03T09:30:15")
    from_next = rule(24, "hour", hour_start=HourStart.next_hour)
    assert project(from_next, Book(start).entries, NATIONAL).due == at("2026-11-03T10:00:00")
    assert project(from_next, Book("2026-11-02T09:00").entries, NATIONAL).due == at("2026-11-03T10:00:00")


def test_hours_run_over_holidays_and_weekends() -> None:
    assert project(rule(72, "hour"), Book("2026-09-30T18:00").entries, NATIONAL).due == at("2026-10-03T18:00:00")


@pytest.mark.parametrize(
    ("start", "unit", "due"),
    [
        ("2026-11-06T17:00", "calendar", "2026-11-09"),
        ("2026-11-06T17:00:01", "calendar", "2026-11-10"),
        ("2026-11-06T17:00", "working", "2026-11-11"),
        ("2026-11-06T17:00:01", "working", "2026-11-12"),
        ("2026-11-07T09:00", "working", "2026-11-12"),
    ],
)
def test_what_comes_after_the_cut_off_counts_as_coming_on_the_next_day(start: str, unit: str, due: str) -> None:
    made = rule(3, unit, cutoff=17)
    assert due_day(made, Book(start)) == due
    verdicts = [day.verdict for day in explain(made, Book(start).entries, NATIONAL)]
    assert verdicts.count(Verdict.start_excluded) == 1


def test_a_rule_in_hours_neither_rolls_nor_has_a_cut_off() -> None:
    for wrong in ({"roll": Roll.next_workday}, {"cutoff": 17}, {"include_start": True}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            rule(24, "hour", **wrong)


# --- pauses -----------------------------------------------------------------------------------------------------------


def test_a_pause_on_the_last_day_keeps_one_day() -> None:
    for unit in ("calendar", "working"):
        book = Book("2026-11-02T09:00")
        last = due_day(rule(5, unit), book)
        book.pause(f"{last}T16:00", "2026-11-18T10:00")
        assert due_day(rule(5, unit), book) == "2026-11-18"


def test_pausing_and_resuming_on_one_day_moves_nothing() -> None:
    book = Book("2026-11-02T09:00").pause("2026-11-05T09:00", "2026-11-05T18:00")
    assert due_day(rule(5, "calendar"), book) == "2026-11-07"


def test_a_pause_is_in_the_rules_own_unit() -> None:
    over_a_weekend = Book("2026-11-02T09:00").pause("2026-11-07T09:00", "2026-11-09T09:00")
    assert due_day(rule(10, "working"), over_a_weekend) == "2026-11-16"
    assert due_day(rule(10, "calendar"), over_a_weekend) == "2026-11-14"
    assert due_day(rule(1, "month"), over_a_weekend) == "2026-12-04"


def test_hours_leave_out_the_exact_time() -> None:
    book = Book("2026-11-02T09:00").pause("2026-11-02T10:00", "2026-11-02T10:45:30")
    assert project(rule(24, "hour"), book.entries, NATIONAL).due == at("2026-11-03T09:45:30")


def test_overlapping_pauses_count_once() -> None:
    book = Book("2026-11-02T09:00").pause("2026-11-04T09:00", "2026-11-09T09:00")
    book.pause("2026-11-06T09:00", "2026-11-11T09:00", "hearing")
    assert due_day(rule(10, "calendar"), book) == "2026-11-19"


def test_a_pause_that_begins_after_the_end_stops_nothing() -> None:
    book = Book("2026-11-02T09:00").pause("2026-11-20T09:00")
    projection = project(rule(5, "calendar"), book.entries, NATIONAL)
    assert (projection.state, projection.due) == (ClockState.running, at("2026-11-07T23:59:59"))


def test_a_pause_between_a_day_off_and_the_day_it_rolled_to_keeps_that_day() -> None:
    book = Book("2026-09-03T09:00").pause("2026-10-05T09:00", "2026-10-14T09:00")
    projection = project(rule(30, "calendar", Roll.next_workday), book.entries, NATIONAL)
    assert (projection.raw_due, projection.due) == (at("2026-10-03T23:59:59"), at("2026-10-14T23:59:59"))


def test_while_a_pause_lasts_there_is_no_due_date_and_only_the_rungs_before_it() -> None:
    book = Book("2026-11-02T09:00").pause("2026-11-29T09:00")
    projection = project(rule(30, "calendar"), book.entries, NATIONAL)
    assert (projection.state, projection.due, projection.raw_due) == (ClockState.paused, None, None)
    assert projection.paused_since == at("2026-11-29T09:00")
    assert projection.rungs == ()
    book = Book("2026-11-02T09:00").pause("2026-11-30T09:00")
    assert [rung.name for rung in project(rule(30, "calendar"), book.entries, NATIONAL).rungs] == ["warn-3d"]


def test_a_rung_exactly_on_the_instant_of_a_pause_fires_after_it() -> None:
    made = rule(30, "calendar")
    warning = project(made, Book("2026-11-02T09:00").entries, NATIONAL).rungs[0]
    book = Book("2026-11-02T09:00").pause(warning.at)
    assert project(made, book.entries, NATIONAL).rungs == ()
    book.add(Resumed, "2027-11-30T10:00")
    names = [(rung.name, rung.at) for rung in project(made, book.entries, NATIONAL).rungs]
    assert names[:2] == [("warn-3d", at("2027-11-30T10:00")), ("overdue", at("2027-12-03T00:00"))]


def test_the_breach_on_the_instant_of_a_pause_in_hours_is_still_found_after_it() -> None:
    made = rule(24, "hour", warnings=())
    book = Book("2026-11-02T09:00").pause("2026-11-03T09:00:00")
    assert project(made, book.entries, NATIONAL).rungs == ()
    book.add(Resumed, "2026-11-20T08:00")
    assert project(made, book.entries, NATIONAL).rungs[0][:2] == ("overdue", at("2026-11-20T08:00:01"))


@pytest.mark.parametrize(
    ("resumed", "why"),
    [
        ("2026-11-03T11:00", "计 00:00–09:00，中止时已计满，11:00 恢复即届满"),
        ("2026-11-05T08:30", "中止时已计满，08:30 恢复即届满"),
        ("2026-11-05T00:00", "中止时已计满，00:00 恢复即届满"),
    ],
)
def test_hours_that_were_used_up_when_paused_end_as_they_go_on_and_the_explanation_says_so(
    resumed: str, why: str
) -> None:
    made, book = rule(24, "hour"), Book("2026-11-02T09:00").pause("2026-11-03T09:00", resumed)
    assert project(made, book.entries, NATIONAL).due == at(resumed)
    last = explain(made, book.entries, NATIONAL)[-1]
    assert (last.date, last.spans[-1], last.why_zh) == (at(resumed).date(), (at(resumed), at(resumed)), why)


def test_at_the_cap_time_runs_on_by_itself_where_the_rule_says_so() -> None:
    made = rule(10, "calendar", pauses=(PauseRule("appraisal", "鉴定", "an appraisal", 5, AtCap.resume),))
    projection = project(made, Book("2026-11-02T09:00").pause("2026-11-04T09:00").entries, NATIONAL)
    assert (projection.state, projection.resumes_at) == (ClockState.paused, at("2026-11-09T00:00"))
    assert projection.due == at("2026-11-17T23:59:59")
    assert [rung.name for rung in projection.rungs] == ["pause-cap-2", "warn-3d", "overdue", "overdue-5w"]
    late = Book("2026-11-02T09:00").pause("2026-11-04T09:00", "2026-11-30T09:00")
    assert due_day(made, late) == "2026-11-17"


def test_at_the_cap_somebody_is_alarmed_and_time_still_stands_where_the_rule_says_so() -> None:
    made = rule(10, "working", pauses=(PauseRule("appraisal", "鉴定", "an appraisal", 5, AtCap.alarm),))
    book = Book("2026-11-02T09:00").pause("2026-11-04T09:00")
    projection = project(made, book.entries, NATIONAL)
    assert projection.due is None
    assert [(rung.kind, rung.at) for rung in projection.rungs] == [(RungKind.pause_cap, at("2026-11-11T00:00"))]
    book.add(Resumed, "2026-11-18T09:00")
    assert due_day(made, book) == "2026-11-30"


def test_a_cap_counts_all_pauses_of_its_cause_together() -> None:
    made = rule(10, "calendar", pauses=(PauseRule("appraisal", "鉴定", "an appraisal", 5, AtCap.resume),))
    book = Book("2026-11-02T09:00").pause("2026-11-04T09:00", "2026-11-07T09:00")
    book.pause("2026-11-09T09:00", "2026-11-20T09:00")
    assert due_day(made, book) == "2026-11-17"


# --- extensions, the end, rungs ---------------------------------------------------------------------------------------


def test_an_extension_adds_in_the_rules_own_unit_before_the_last_day_rolls() -> None:
    assert due_day(rule(30, "calendar", Roll.next_workday), Book("2026-08-20T09:00").extend(15, "2026-09-01")) == (
        "2026-10-08"
    )
    assert due_day(rule(1, "month"), Book("2026-01-31T09:00").extend(1, "2026-02-01")) == "2026-03-31"
    assert due_day(rule(5, "working"), Book("2026-11-02T09:00").extend(5, "2026-11-03")) == "2026-11-16"


def test_an_extended_clock_warns_and_breaches_anew() -> None:
    book = Book("2026-11-02T09:00").extend(10, "2026-11-03T09:00")
    keys = [rung.key for rung in project(rule(10, "calendar"), book.entries, NATIONAL).rungs]
    assert keys == ["warn-3d+1", "overdue+1", "overdue-5w+1"]


def test_a_right_is_reminded_of_by_the_raw_date() -> None:
    made = rule(30, "calendar", Roll.next_workday, remind_on=RemindOn.raw)
    projection = project(made, Book("2026-09-03T09:00").entries, NATIONAL)
    assert projection.rungs[0].at == at("2026-10-01T00:00")
    assert projection.rungs[1].at == at("2026-10-09T00:00")


def test_rungs_are_in_hours_days_or_working_days_from_the_end() -> None:
    made = rule(
        10, "working",
        warnings=(Rung(2, Unit.working, Consequence.remind), Rung(4, Unit.hour, Consequence.remind)),
        overdue=(Rung(0, Unit.hour, Consequence.escalate), Rung(2, Unit.calendar, Consequence.inform),
                 Rung(2, Unit.working, Consequence.release)),
    )  # fmt: skip
    found = {rung.name: rung.at for rung in project(made, Book("2026-11-06T09:00").entries, NATIONAL).rungs}
    assert found == {
        "warn-2w": at("2026-11-19T00:00"), "warn-4h": at("2026-11-20T20:00"), "overdue": at("2026-11-21T00:00"),
        "overdue-2d": at("2026-11-23T00:00"), "overdue-2w": at("2026-11-25T00:00"),
    }  # fmt: skip


def test_a_rung_before_the_start_is_dropped() -> None:
    names = [rung.name for rung in project(rule(2, "calendar"), Book("2026-11-02T09:00").entries, NATIONAL).rungs]
    assert names == ["overdue", "overdue-5w"]


def test_a_clock_that_was_met_keeps_only_what_had_come_due_by_then() -> None:
    book = Book("2026-11-02T09:00").add(Met, "2026-11-08T09:00")
    projection = project(rule(5, "calendar"), book.entries, NATIONAL)
    assert projection.state is ClockState.met
    assert [rung.name for rung in projection.rungs] == ["warn-3d", "overdue"]
    assert projection.due is not None
    assert projection.ended_at is not None
    assert not projection.in_time(projection.ended_at)
    assert project(rule(5, "calendar"), Book("2026-11-02T09:00").add(Cancelled, "2026-11-02T10:00").entries, NATIONAL)[
        0
    ] is (ClockState.cancelled)


# --- properties -------------------------------------------------------------------------------------------------------

UNITS = st.sampled_from(["hour", "calendar", "working", "month"])


@st.composite
def cases(draw: st.DrawFn, open_pause: bool = False) -> tuple[Rule, Book]:
    """A rule of any unit and a ledger with pauses (perhaps overlapping) and extensions."""
    unit = draw(UNITS)
    n = draw(st.integers(1, 4 if unit == "month" else 60))
    roll = Roll.none if unit == "hour" else draw(st.sampled_from(Roll))
    more: dict[str, Any] = {}
    if unit != "hour":
        more = {"include_start": draw(st.booleans()), "cutoff": draw(st.sampled_from([None, None, 17]))}
    else:
        more = {"hour_start": draw(st.sampled_from(HourStart))}
    caps = draw(st.sampled_from([None, None, 1, 7]))
    pauses = tuple(
        PauseRule(cause, cause, cause, caps, draw(st.sampled_from(AtCap))) for cause in ("appraisal", "hearing")
    )
    made = rule(n, unit, roll, pauses=pauses, **more)
    start = draw(st.datetimes(datetime(2005, 6, 1), datetime(2027, 6, 1), timezones=st.just(LOCAL)))
    book = Book(start)
    scale = timedelta(hours=1) if unit == "hour" else DAY
    for _ in range(draw(st.integers(0, 3))):
        begin = start + draw(st.integers(0, 80)) * scale + timedelta(minutes=draw(st.integers(0, 600)))
        length = draw(st.integers(0, 40)) * scale
        last = open_pause and draw(st.booleans())
        book.pause(begin, None if last else begin + length, draw(st.sampled_from(["appraisal", "hearing"])))
    for _ in range(draw(st.integers(0, 2))):
        book.extend(draw(st.integers(1, 3 if unit == "month" else 20)), start)
    return made, book


def recount(made: Rule, explanation: tuple[ExplainedDay, ...]) -> datetime:
    """The due instant with nothing but the explanation: what somebody with a pencil does."""
    if made.unit is Unit.hour:
        return max(day.spans[-1][1] for day in explanation if day.spans)
    rolled = [day.date for day in explanation if day.verdict is Verdict.rolled_to]
    last = rolled[0] if rolled else max(day.date for day in explanation if day.verdict in COUNTED)
    return datetime.combine(last, time(23, 59, 59), tzinfo=LOCAL)


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_no_order_of_the_ledger_moves_a_date(case: tuple[Rule, Book], chance: random.Random) -> None:
    made, book = case
    shuffled = list(book.entries)
    chance.shuffle(shuffled)
    assert project(made, shuffled, NATIONAL) == project(made, book.entries, NATIONAL)
    assert explain(made, shuffled, NATIONAL) == explain(made, book.entries, NATIONAL)


@given(cases(open_pause=True))
@settings(max_examples=250, deadline=None)
def test_every_day_appears_once_and_the_date_follows_from_the_explanation_alone(case: tuple[Rule, Book]) -> None:
    made, book = case
    projection = project(made, book.entries, NATIONAL)
    explanation = explain(made, book.entries, NATIONAL)
    days = [day.date for day in explanation]
    assert days == [days[0] + n * DAY for n in range(len(days))]
    assert days[0] == book.entries[0].at.date()
    if projection.due is None:
        return
    assert days[-1] == projection.due.date()
    assert recount(made, explanation) == projection.due
    assert projection.provisional == any(day.provisional for day in explanation)
    counted = [day for day in explanation if day.verdict in COUNTED]
    if made.unit is Unit.hour:
        spans = [span for day in explanation for span in day.spans]
        assert sum((end - begin for begin, end in spans), timedelta()) == timedelta(hours=projection.budget)
    else:
        assert [day.number for day in counted] == list(range(1, counted[-1].of + 1))
        assert made.unit is Unit.month or len(counted) == projection.budget
    assert all(day.why_zh and day.why_en for day in explanation)


@given(cases(), st.integers(1, 30))
@settings(max_examples=100, deadline=None)
def test_an_extension_and_its_revocation_equal_a_replay(case: tuple[Rule, Book], amount: int) -> None:
    made, book = case
    before = project(made, book.entries, NATIONAL)
    start = book.entries[0].at
    book.extend(min(amount, 3), start).add(ExtensionRevoked, start, of=len(book.entries))
    assert project(made, book.entries, NATIONAL) == before


@given(cases())
@settings(max_examples=100, deadline=None)
def test_what_is_not_an_entry_of_time_moves_nothing(case: tuple[Rule, Book]) -> None:
    made, book = case
    before = project(made, book.entries, NATIONAL)
    book.add(Moved, book.entries[0].at, from_version="1", to_version="2")
    assert project(made, [replace(entry, actor="x") for entry in book.entries], NATIONAL) == before


@given(cases())
@settings(max_examples=100, deadline=None)
def test_more_time_is_never_earlier(case: tuple[Rule, Book]) -> None:
    made, book = case
    due, later = (project(each, book.entries, NATIONAL).due for each in (made, replace(made, n=made.n + 1)))
    assert due is not None
    assert later is not None
    assert due <= later


@given(cases())
@settings(max_examples=100, deadline=None)
def test_a_rolled_end_is_a_working_day(case: tuple[Rule, Book]) -> None:
    made, book = case
    projection = project(made, book.entries, NATIONAL)
    assert projection.raw_due is not None
    assert projection.due is not None
    assert projection.raw_due <= projection.due
    if made.roll is Roll.next_workday:
        assert NATIONAL.is_working(projection.due.date())


def simulate(made: Rule, start: date, pauses: list[tuple[date, date]], budget: int) -> date:
    """The naive way: walk day by day."""

    def paused(day: date) -> bool:
        return any(begin <= day < end for begin, end in pauses)

    day = start if made.include_start else start + DAY
    left = budget
    if made.unit is Unit.month:
        left = (add_months(start, budget) - start).days
    while True:
        if not paused(day) and (made.unit is not Unit.working or NATIONAL.is_working(day)):
            left -= 1
            if left == 0:
                break
        day += DAY
    while made.roll is Roll.next_workday and (paused(day) or not NATIONAL.is_working(day)):
        day += DAY
    return day


@given(
    st.sampled_from(["calendar", "working", "month"]), st.integers(1, 90), st.sampled_from(Roll),
    st.dates(date(2004, 1, 2), date(2028, 1, 1)),
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 40)), max_size=4),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_the_fast_count_equals_walking_day_by_day(
    unit: str, n: int, roll: Roll, start: date, spans: list[tuple[int, int]]
) -> None:
    made = rule(n if unit != "month" else n % 6 + 1, unit, roll)
    pauses = [(start + begin * DAY, start + (begin + length) * DAY) for begin, length in spans]
    book = Book(datetime.combine(start, time(9), tzinfo=LOCAL))
    for begin, end in pauses:
        opened = datetime.combine(begin, time(10), tzinfo=LOCAL)
        book.pause(opened, max(opened, datetime.combine(end, time(10), tzinfo=LOCAL)))
    expected = simulate(made, start, pauses, made.n)
    assert due_day(made, book) == str(expected)
    if not pauses:
        # The short path for clocks that were only started, and the long one, say the same.
        full = project(made, book.add(Moved, book.entries[0].at, from_version="1", to_version="1").entries, NATIONAL)
        assert full == project(made, book.entries[:1], NATIONAL)


@given(st.integers(1, 60), st.dates(date(2024, 1, 1), date(2026, 6, 1)), st.integers(1, 20), st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_pause_and_resume_shift_by_the_days_left_out(n: int, start: date, begin: int, length: int) -> None:
    made = rule(n, "calendar")
    plain = Book(datetime.combine(start, time(9), tzinfo=LOCAL))
    before = project(made, plain.entries, NATIONAL).due
    assert before is not None
    first = plain.entries[0].at + min(begin, n) * DAY
    plain.pause(first, first + length * DAY)
    assert project(made, plain.entries, NATIONAL).due == before + length * DAY


@given(cases(open_pause=True))
@settings(max_examples=100, deadline=None)
def test_a_ledger_survives_being_stored(case: tuple[Rule, Book]) -> None:
    made, book = case
    stored = ledgers.from_data(ledgers.to_data(book.entries))
    assert project(made, stored, NATIONAL) == project(made, book.entries, NATIONAL)


# --- what a ledger takes ----------------------------------------------------------------------------------------------

NOW = at("2026-11-10T12:00")


def refusal(made: Rule, book: Book, kind: type[Entry], when: str = "2026-11-10T11:00", **more: Any) -> str:
    """The reason and the field of the refusal."""
    parties = more.pop("parties", ())
    entry = kind(seq=len(book.entries) + 1, at=at(when), recorded_at=NOW, actor="clerk", **more)
    with pytest.raises(CaseError) as caught:
        check(made, book.entries, entry, NOW, NATIONAL, parties)
    assert caught.value.message("zh") != caught.value.message("en")
    field = caught.value.fields[0].field if caught.value.fields else ""
    return f"{caught.value.reason} {field}".strip()


def allowed(made: Rule, book: Book, kind: type[Entry], when: str = "2026-11-10T11:00", **more: Any) -> None:
    parties = more.pop("parties", ())
    entry = kind(seq=len(book.entries) + 1, at=at(when), recorded_at=NOW, actor="clerk", **more)
    check(made, book.entries, entry, NOW, NATIONAL, parties)


def test_only_a_cause_that_the_rule_names_pauses() -> None:
    book = Book("2026-11-02T09:00")
    assert refusal(rule(30, "calendar"), book, Paused, cause="holiday") == f"{Reason.PAUSE_CAUSE_NOT_ALLOWED} cause"
    allowed(rule(30, "calendar"), book, Paused, cause="hearing")


def test_a_pause_is_not_paused_twice_for_one_cause_but_two_causes_may_overlap() -> None:
    book = Book("2026-11-02T09:00").pause("2026-11-05T09:00")
    assert refusal(rule(30, "calendar"), book, Paused, cause="appraisal") == f"{Reason.CLOCK_PAUSED} cause"
    allowed(rule(30, "calendar"), book, Paused, cause="hearing")


def test_what_is_not_paused_cannot_resume() -> None:
    made, book = rule(30, "calendar"), Book("2026-11-02T09:00")
    assert refusal(made, book, Resumed) == f"{Reason.CLOCK_NOT_PAUSED} at"
    book.pause("2026-11-05T09:00", "2026-11-06T09:00")
    assert refusal(made, book, Resumed, of=2) == f"{Reason.CLOCK_NOT_PAUSED} of"
    allowed(made, book.pause("2026-11-07T09:00"), Resumed, of=4)


def test_time_that_was_up_is_not_paused_afterwards() -> None:
    book = Book("2026-11-02T09:00")
    assert refusal(rule(3, "calendar"), book, Paused, cause="hearing") == f"{Reason.PAUSE_AFTER_DUE} at"
    allowed(rule(3, "calendar"), book, Paused, "2026-11-05T11:00", cause="hearing")


@pytest.mark.parametrize(("when", "back"), [("2026-11-08T00:00", 2), ("2026-11-07T23:59", 3)])
def test_an_entry_counts_from_no_earlier_than_the_rule_allows(when: str, back: int) -> None:
    book = Book("2026-11-02T09:00")
    allowed(rule(30, "calendar", backdate_days=back), book, Paused, when, cause="hearing")
    found = refusal(rule(30, "calendar", backdate_days=back - 1), book, Paused, when, cause="hearing")
    assert found == f"{Reason.BACKDATED_TOO_FAR} at"


def test_an_entry_lies_neither_before_the_start_nor_in_the_future() -> None:
    made, book = rule(30, "calendar"), Book("2026-11-02T09:00")
    assert refusal(made, book, Met, "2026-11-02T08:59") == f"{Reason.BEFORE_START} at"
    assert refusal(made, book, Met, "2026-11-10T12:01") == f"{Reason.IN_THE_FUTURE} at"


def test_a_clock_that_ended_takes_no_entry() -> None:
    made = rule(30, "calendar")
    for end in (Met, Cancelled):
        book = Book("2026-11-02T09:00").add(end, "2026-11-03T09:00")
        assert refusal(made, book, Paused, cause="hearing") == Reason.CLOCK_NOT_RUNNING
    assert refusal(made, Book("2026-11-02T09:00"), Started) == Reason.WRONG_STATE


def extension(how: ExtensionKind, amount: int = 5, **more: Any) -> dict[str, Any]:
    return {"how": how, "amount": amount, "reason": "两地取证"} | more


def test_the_head_of_the_unit_approves_and_the_reason_is_told() -> None:
    made, book, kind = rule(30, "calendar"), Book("2026-11-02T09:00"), ExtensionKind.head_approval
    assert refusal(made, book, Extended, **extension(kind)) == f"{Reason.APPROVER_REQUIRED} approver"
    silent = extension(kind, approver="head", reason=" ")
    assert refusal(made, book, Extended, **silent) == f"{Reason.REASON_REQUIRED} reason"
    allowed(made, book, Extended, **extension(kind, approver="head"))
    too_long = extension(kind, 31, approver="head")
    assert refusal(made, book, Extended, **too_long) == f"{Reason.EXTENSION_TOO_LONG} amount"


def test_once_is_once() -> None:
    made, book, kind = rule(30, "calendar"), Book("2026-11-02T09:00"), ExtensionKind.once
    allowed(made, book, Extended, **extension(kind))
    book.add(Extended, "2026-11-03T09:00", **extension(kind))
    assert refusal(made, book, Extended, **extension(kind)) == f"{Reason.EXTENSION_USED_UP} how"
    book.add(ExtensionRevoked, "2026-11-04T09:00", of=2)
    allowed(made, book, Extended, **extension(kind))
    assert refusal(made, book, ExtensionRevoked, of=2) == f"{Reason.EXTENSION_NOT_FOUND} of"


def test_more_mediation_takes_the_consent_of_every_party() -> None:
    made, book, kind = rule(30, "calendar"), Book("2026-11-02T09:00"), ExtensionKind.consent_of_all
    parties = ("party-1", "party-2")
    for consents in ((), ("party-1",)):
        found = refusal(made, book, Extended, **extension(kind, consents=consents), parties=parties)
        assert found == f"{Reason.CONSENT_MISSING} consents"
    allowed(made, book, Extended, **extension(kind, 300, consents=parties, reason=""), parties=parties)


def test_an_extension_comes_before_the_time_is_up_and_only_where_the_rule_has_it() -> None:
    book, kind = Book("2026-11-02T09:00"), ExtensionKind.once
    assert refusal(rule(3, "calendar"), book, Extended, **extension(kind)) == f"{Reason.EXTENSION_AFTER_DUE} at"
    none = rule(30, "calendar", extensions=())
    assert refusal(none, book, Extended, **extension(kind)) == f"{Reason.EXTENSION_NOT_ALLOWED} how"


# --- regions ----------------------------------------------------------------------------------------------------------


def test_a_regional_holiday_moves_a_date_only_where_it_is_one() -> None:
    festival = Layer("made.yaml", "6230", closed={date(2026, 11, 5): ("节", "festival")})
    book = CalendarBook([*NATIONAL.layers, festival])
    made, entries = rule(3, "working"), Book("2026-11-02T09:00")
    assert due_day(made, entries, book.of("623001")) == "2026-11-06"
    assert due_day(made, entries, book.of("620102")) == "2026-11-05"
    skipped = next(day for day in explain(made, entries.entries, book.of("623001")) if day.date == date(2026, 11, 5))
    assert (skipped.verdict, skipped.layer, skipped.name) == (Verdict.day_off, "made.yaml", "节")


def test_a_projection_is_a_value() -> None:
    first, second = (project(rule(5, "working"), Book("2026-11-02T09:00").entries, NATIONAL) for _ in range(2))
    assert first == second
    assert isinstance(first, Projection)
