"""Calendars: which days are working days, by whose list, and what is provisional."""

from __future__ import annotations

import csv
import gzip
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.clocks.calendar import Calendar, CalendarBook, DayKind, Layer
from services.kit.rules import Rules
from services.kit.rules.calendar_lists import read_list
from services.kit.rules.problem import Problem
from tests.conftest import data
from tests.still import shipped_rules

SHIPPED = Path(__file__).resolve().parent.parent / "rules"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def rules() -> Rules:
    return shipped_rules(SHIPPED)


@pytest.fixture(scope="module")
def national(rules: Rules) -> Calendar:
    return rules.calendars.of()


def festival(*days: date, region: str = "6230", name: str = "made.yaml") -> Layer:
    return Layer(name, region, closed=dict.fromkeys(days, ("节", "festival")))


def read(text: str, form: str, region: str = "") -> tuple[Layer | None, list[Problem]]:
    problems: list[Problem] = []
    return read_list(f"made{form}", text.encode(), form, region, f"made{form}", problems), problems


# --- the national calendar --------------------------------------------------------------------------------------------


def test_every_day_from_2004_to_2026_agrees_with_published_data_but_one(national: Calendar) -> None:
    file = data("cn_holidays/workdays_2004_2026.csv.gz")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 8401
    differing = [
        row["date"] for row in rows if national.is_working(date.fromisoformat(row["date"])) != (row["workday"] == "1")
    ]
    # 国办发明电〔2005〕35号 makes this Saturday a working day: docs/decisions/0009.
    assert differing == ["2005-12-31"]


def test_the_day_on_which_published_data_disagree_follows_the_notice(national: Calendar) -> None:
    day = national.day(date(2005, 12, 31))
    assert (day.working, day.kind, day.layer) == (True, DayKind.makeup, "2005-12-31.yaml")


def test_the_year_2026_has_248_working_days_and_six_make_up_days(national: Calendar) -> None:
    days = national.days_of(2026)
    made_up = [day.date for day in days if day.kind is DayKind.makeup]
    assert national.working_days(2026) == 248
    assert [f"{day:%m-%d}" for day in made_up] == ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"]
    assert sum(day.kind is DayKind.holiday for day in days) == 33


def test_a_holiday_has_its_name_in_both_languages_and_says_who_closes_it(national: Calendar) -> None:
    day = national.day(date(2026, 10, 1))
    assert (day.name, day.name_en, day.layer, day.provisional) == ("国庆节", "National Day", "chinesecalendar", False)
    assert national.day(date(2026, 11, 7)).name == "星期六"


def test_a_year_without_a_list_has_weekends_and_fixed_holidays_and_is_provisional(national: Calendar) -> None:
    off = [day.date for day in national.days_of(2027)]
    assert [f"{day:%m-%d}" for day in off] == ["01-01", "05-01", "05-02", "10-01", "10-02", "10-03"]
    assert all(day.provisional for day in national.days_of(2027))
    assert national.is_working(date(2027, 2, 8))  # the lunar new year of 2027 is not guessed
    assert national.provisional(date(2026, 12, 30), date(2027, 1, 1))
    assert not national.provisional(date(2026, 1, 1), date(2026, 12, 31))
    assert national.day(date(2003, 6, 2)).provisional


@given(st.dates(date(2003, 1, 1), date(2028, 12, 31)), st.integers(1, 300))
@settings(max_examples=100, deadline=None)
def test_counting_equals_walking(national: Calendar, day: date, n: int) -> None:
    found, left = day, n
    while left:
        found += DAY
        left -= national.is_working(found)
    assert national.nth_after(day, n) == found
    assert national.nth_from(day + DAY, n) == found
    assert national.count(day + DAY, found + DAY) == n
    assert national.nth_before(found, n) == next(
        each for each in (day + k * DAY for k in range(1, 400)) if national.is_working(each)
    )


def test_counting_works_from_any_year_in_any_order() -> None:
    fresh = CalendarBook([]).of()
    assert fresh.nth_before(date(2004, 1, 2), 3) == date(2003, 12, 30)
    assert fresh.nth_after(date(1999, 12, 30), 1) == date(1999, 12, 31)
    assert fresh.nth_after(date(2031, 5, 30), 1) == date(2031, 6, 2)
    assert fresh.count(date(1999, 12, 27), date(2000, 1, 1)) == 5


# --- the alarm --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "missing"),
    [("2026-10-31", None), ("2026-11-01", 2027), ("2026-12-31", 2027), ("2027-01-01", 2027), ("2025-12-01", None)],
)
def test_a_missing_next_year_is_an_alarm_from_november_on(rules: Rules, today: str, missing: int | None) -> None:
    assert rules.calendars.missing_year(date.fromisoformat(today)) == missing


# --- layers -----------------------------------------------------------------------------------------------------------


def test_a_regional_layer_lies_over_the_national_one_in_its_area_only(rules: Rules) -> None:
    book = CalendarBook([*rules.calendars.layers, festival(date(2026, 11, 5))])
    for code, working in (("6230", False), ("623001", False), ("623001-labour", False), ("62", True), ("cn", True)):
        assert book.of(code).is_working(date(2026, 11, 5)) == working


def test_a_narrower_region_lies_over_a_wider_one_and_may_open_a_day(rules: Rules) -> None:
    opened = Layer("county.yaml", "623001", open={date(2026, 11, 5): ("上班", "work")})
    book = CalendarBook([opened, *rules.calendars.layers, festival(date(2026, 11, 5))])
    assert book.of("623001").is_working(date(2026, 11, 5))
    assert not book.of("623002").is_working(date(2026, 11, 5))


def test_units_with_the_same_layers_share_one_calendar(rules: Rules) -> None:
    book = CalendarBook([*rules.calendars.layers, festival(date(2026, 11, 5))])
    assert book.of("620102") is book.of("620105-court") is book.of("")
    assert book.of("623001") is book.of("623002")


def test_the_version_of_a_calendar_changes_with_what_applies_to_it_and_only_then(rules: Rules) -> None:
    more = rules.calendars.with_layer(festival(date(2026, 11, 5)))
    assert more.of("620102").version == rules.calendars.of("620102").version
    assert more.of("623001").version != rules.calendars.of("623001").version
    assert more.with_layer(festival(date(2026, 11, 6))).of("6230").version != more.of("6230").version


def test_a_later_list_of_a_year_takes_the_place_of_the_earlier_one() -> None:
    first = Layer(
        "a", years=frozenset({2027}), closed={date(2027, 1, 1): ("元旦", "x"), date(2027, 2, 8): ("春节", "x")}
    )
    second = Layer("b", years=frozenset({2027}), closed={date(2027, 1, 1): ("元旦", "x")})
    calendar = CalendarBook([first, second]).of()
    assert calendar.is_working(date(2027, 2, 8))
    assert calendar.day(date(2027, 1, 1)).layer == "b"
    assert not calendar.day(date(2027, 6, 1)).provisional


def test_next_years_notice_may_open_a_day_of_this_year() -> None:
    this = Layer("2026", years=frozenset({2026}), closed={date(2026, 1, 1): ("元旦", "x")})
    after = Layer("2027", years=frozenset({2027}), open={date(2026, 12, 26): ("元旦", "x")})
    for layers in ([this, after], [after, this]):
        assert CalendarBook(layers).of().is_working(date(2026, 12, 26))


def test_a_layer_says_one_thing_of_a_day() -> None:
    day = {date(2027, 1, 1): ("元旦", "x")}
    with pytest.raises(ValueError, match="both closed and open"):
        Layer("a", closed=day, open=day)
    with pytest.raises(ValueError, match="publishes no year"):
        Layer("a", "62", years=frozenset({2027}))


# --- lists that are imported ------------------------------------------------------------------------------------------

JSON = """{"year": 2027, "papers": ["notice"], "days": [
  {"name": "元旦", "date": "2027-01-01", "isOffDay": true},
  {"name": "劳动节", "date": "2027-05-01", "isOffDay": true},
  {"name": "国庆节", "date": "2027-10-01", "isOffDay": true},
  {"name": "元旦", "date": "2026-12-26", "isOffDay": false}
]}"""
ICS = """BEGIN:VCALENDAR
BEGIN:VEVENT
DTSTART;VALUE=DATE:20270101
DTEND;VALUE=DATE:20270104
SUMMARY:元旦（休）
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20270501
SUMMARY:劳动节
 假期
END:VEVENT
BEGIN:VEVENT
DTSTART:20271001T000000
SUMMARY:国庆节假期
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20261226
SUMMARY:元旦补班
END:VEVENT
END:VCALENDAR
"""


def test_json_in_the_form_of_holiday_cn_is_read() -> None:
    layer, problems = read(JSON, ".json")
    assert not problems
    assert layer is not None
    assert layer.years == {2027}
    assert layer.open == {date(2026, 12, 26): ("元旦", "New Year's Day")}


def test_ical_is_read_with_spans_folded_lines_and_make_up_days() -> None:
    layer, problems = read(ICS.replace("\n", "\r\n"), ".ics")
    assert not problems
    assert layer is not None
    assert layer.years == {2027}
    assert len(layer.closed) == 5
    assert layer.closed[date(2027, 5, 1)] == ("劳动节", "Labour Day")
    assert layer.open == {date(2026, 12, 26): ("元旦", "New Year's Day")}


def one_event(*lines: str) -> Layer:
    event = "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", ""])
    layer, problems = read(event, ".ics", "6230")
    assert layer is not None, problems
    return layer


@pytest.mark.fault("A12")
@pytest.mark.parametrize(
    "times",
    [
        ("DTSTART:20261201T160000Z", "DTEND:20261202T160000Z"),
        ("DTSTART;TZID=Asia/Shanghai:20261202T000000", "DTEND;TZID=Asia/Shanghai:20261203T000000"),
        ("DTSTART;TZID=Asia/Tokyo:20261202T010000", "DURATION:P1D"),
        ("DTSTART;VALUE=DATE:20261202", "DURATION:P1D"),
        ("dtstart;value=date:20261202",),
        ("DTSTART:20261202T000000",),
    ],
)
def test_a_time_of_any_zone_is_the_local_day_it_begins(times: tuple[str, ...]) -> None:
    assert list(one_event("UID:1", *times, "SUMMARY:Local Festival").closed) == [date(2026, 12, 2)]


@pytest.mark.fault("A12")
@pytest.mark.parametrize(
    ("summary", "off"),
    [
        ("International Workers Day eve\\, day off", True),
        ("International Workers' Day", True),
        ("Labour Day", True),
        ("国际劳动节（休）", True),
        ("古尔邦节", True),
        ("全体不上班", True),
        ("Non-working day", True),
        ("国庆节（班）", False),
        ("春节补班", False),
        ("调休上班", False),
        ("Make-up workday", False),
        ("Spring Festival holiday: working day", False),
    ],
)
def test_a_day_is_worked_only_where_the_text_says_so(summary: str, off: bool) -> None:
    layer = one_event("DTSTART;VALUE=DATE:20270430", f"SUMMARY:{summary}")
    assert (list(layer.closed), list(layer.open)) == (([date(2027, 4, 30)], []) if off else ([], [date(2027, 4, 30)]))


@pytest.mark.fault("A12")
def test_a_folded_and_escaped_summary_is_read_and_what_is_called_off_is_no_day() -> None:
    layer = one_event("DTSTART;VALUE=DATE:20270430", "SUMMARY;LANGUAGE=en:Festival\\, with a", "  long name")
    assert layer.closed[date(2027, 4, 30)][0] == "Festival, with a long name"
    _, problems = read(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSTATUS:CANCELLED\nDTSTART;VALUE=DATE:20270430\nSUMMARY:x\nEND:VEVENT\nEND:VCALENDAR",
        ".ics",
    )
    assert [each.message for each in problems] == ["contains no day"]


def test_a_regional_list_publishes_no_year() -> None:
    layer, _ = read(JSON, ".json", "6230")
    assert layer is not None
    assert (layer.region, layer.years) == ("6230", frozenset())


@pytest.mark.parametrize(
    ("text", "form", "line", "message"),
    [
        (JSON.replace('"2027-05-01"', '"2027-05-32"'), ".json", 3, "days[1].date"),
        (
            JSON.replace('"isOffDay": true},\n  {"name": "劳动节"', '"off": true},\n  {"name": "劳动节"'),
            ".json",
            2,
            "isOffD",
        ),
        (
            JSON.replace("2027-10-01", "2027-10-02"),
            ".json",
            1,
            "is not a complete list of 2027: 2027-10-01 is not closed",
        ),
        (JSON.replace("2026-12-26", "2027-01-01"), ".json", 5, "2027-01-01 is listed twice"),
        (JSON.replace("2026-12-26", "2020-12-26"), ".json", 5, "is far from the year 2027"),
        ('{"year": 2027, "days": []}', ".json", 1, "days: must not be empty"),
        ("{", ".json", 1, "is not YAML"),
        (ICS.replace("20270501", "2027-5-1"), ".ics", 8, "2027-5-1"),
        (ICS.replace("元旦补班", "元旦调休"), ".ics", 18, "does not say whether the day is off or worked"),
        (ICS.replace("元旦补班", "补班，放假"), ".ics", 18, "says both"),
        (ICS.replace("DTSTART:20271001T000000", "DTSTART:20271001T000000Z"), ".ics", 13, "08:00 in Asia/Shanghai"),
        (ICS.replace("SUMMARY:国庆节假期", "RRULE:FREQ=YEARLY\nSUMMARY:国庆节"), ".ics", 14, "repeats"),
        (ICS.replace("DTEND;VALUE=DATE:20270104", "DTEND:20270104T000000"), ".ics", 4, "must both be dates"),
        (ICS.replace("SUMMARY:元旦（休）\n", ""), ".ics", 2, "the event has no SUMMARY"),
        (ICS.replace("20270104", "20281231"), ".ics", 4, "the event goes from"),
        ("hello", ".ics", 1, "is not iCal"),
        ("BEGIN:VCALENDAR\nEND:VCALENDAR", ".ics", 1, "contains no day"),
        ("source: x\ndays:\n  - {date: 2027-01-01, zh: a}\n", ".yaml", 3, "days[0].working: is missing"),
    ],
)
def test_a_wrong_list_is_named_with_its_line(text: str, form: str, line: int, message: str) -> None:
    layer, problems = read(text, form)
    assert layer is None
    assert any(each.line == line and message in each.message for each in problems), problems


@given(st.binary(max_size=300), st.sampled_from([".json", ".ics", ".yaml"]))
@settings(max_examples=100, deadline=None)
def test_no_bytes_crash_the_reader_of_lists(content: bytes, form: str) -> None:
    problems: list[Problem] = []
    assert (read_list("made", content, form, "", "made", problems) is None) == bool(problems)
