"""The command line of clocks and calendars: offline, exact, and clear where it refuses."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from accord.commands.calendar_command import calendar_app
from accord.commands.clock_command import clock_app
from accord.commands.rules_command import rules_app
from services.kit.rules import load_rules
from tests.test_calendar import ICS, JSON, SHIPPED
from tests.test_clock import VECTORS


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped rules with a few units, quick to load."""
    copy = Path(shutil.copytree(SHIPPED, tmp_path_factory.mktemp("small") / "rules"))
    for file in (copy / "units").glob("*.csv"):
        rows = file.read_text(encoding="utf-8").splitlines()
        kept = [row for row in rows if row.startswith(("code", "62,", "6201,", "6230,", "620102", "623001"))]
        file.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return copy


@pytest.fixture(autouse=True)
def these_rules(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCORD_RULES", str(small))


@pytest.fixture
def folder(small: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(small, tmp_path / "rules"))


def clock(*words: str) -> Result:
    return CliRunner().invoke(clock_app, ["due", *words])


def answer(*words: str) -> Any:
    result = clock(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def calendar(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(calendar_app, [*words, "--rules", str(folder)])


def listed() -> Any:
    result = CliRunner().invoke(rules_app, ["list", "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(("start", "n", "unit", "raw", "due"), VECTORS)
def test_every_rule_of_a_vectors_form_gives_its_date(start: str, n: int, unit: str, raw: str | None, due: str) -> None:
    names = [each["name"] for each in listed() if (each["n"], each["unit"], each["roll"]) == (n, unit, "next_workday")]
    assert names
    for name in names[:2]:
        found = answer("--rule", name, "--start", start)
        assert found["due"] == f"{due}T23:59:59+08:00"
        assert found["raw_due"] == f"{raw or due}T23:59:59+08:00"


def test_the_list_of_rules_is_an_array_of_whole_rules() -> None:
    rules = listed()
    assert len(rules) > 80
    wanted = {"name", "n", "unit", "roll", "basis", "confidence", "jurisdiction", "valid_from", "valid_to"}
    assert all(wanted <= rule.keys() for rule in rules)
    assert {rule["unit"] for rule in rules} == {"hour", "calendar", "working", "month"}
    assert {rule["roll"] for rule in rules} == {"none", "next_workday"}
    assert len({(rule["name"], rule["jurisdiction"]) for rule in rules}) == len(rules)


def test_a_pause_and_an_extension_are_in_the_explanation() -> None:
    found = answer(
        "--rule", "medical_mediation", "--start", "2026-11-02",
        "--pause", "2026-11-04..2026-11-06:appraisal", "--extend", "2",
    )  # fmt: skip
    verdicts = [day["verdict"] for day in found["explanation"]]
    assert (verdicts.count("paused"), verdicts.count("extended"), verdicts.count("counted")) == (2, 2, 30)
    assert found["explanation"][0]["date"] == "2026-11-02"
    assert found["explanation"][-1]["date"] == found["due"][:10] == "2026-12-18"
    assert found["explanation"][0].keys() >= {"weekday", "count", "why_zh", "why_en", "provisional"}


def test_hours_answer_to_the_second_and_in_china_time() -> None:
    found = answer("--rule", "protection_order", "--start", "2026-11-02T01:30:15Z")
    assert (found["start"], found["due"]) == ("2026-11-02T09:30:15+08:00", "2026-11-05T09:30:15+08:00")
    assert [rung["name"] for rung in found["rungs"]] == ["warn-12h", "overdue"]


def test_a_pause_without_an_end_leaves_no_date() -> None:
    found = answer("--rule", "medical_mediation", "--start", "2026-11-02", "--pause", "2026-11-04..")
    assert (found["state"], found["due"]) == ("paused", None)
    assert (
        "none while it is paused"
        in clock("--rule", "medical_mediation", "--start", "2026-11-02", "--pause", "2026-11-04..:appraisal").output
    )


@pytest.mark.parametrize(
    ("words", "warning"),
    [
        (["court_delegated", "2026-11-02"], "only, starts no clock; since then it is court_entrusted"),
        (["public_security_case", "2025-11-02"], "not yet in force: valid from 2026-01-01"),
        (["hazard_report", "2026-09-02"], "to be confirmed"),
        (["hotline_jinan", "2026-11-02", "--region", "620102"], "applies in 3701, not in 620102"),
        (["judicial_confirmation", "2026-09-02", "--extend", "3"], "allows no extension"),
        (["judicial_confirmation", "2026-12-15"], "provisional"),
    ],
)
def test_what_is_doubtful_is_computed_with_a_warning(words: list[str], warning: str) -> None:
    rule, start, *more = words
    found = answer("--rule", rule, "--start", start, *more)
    assert any(warning in each for each in found["warnings"]), found["warnings"]
    assert warning in clock("--rule", rule, "--start", start, *more).output.replace("\n", " ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rule", "medical_mediation", "--start", "2026-11-02", "--pause", "2026-11-04..2026-11-06:illness"],
         "'illness' is not a cause to pause: medical_mediation pauses for appraisal"),
        (["--rule", "judicial_confirmation", "--start", "2026-11-02", "--pause", "2026-11-04..2026-11-06:illness"],
         "judicial_confirmation never pauses"),
        (["--rule", "close_high", "--start", "2026-11-02", "--pause", "2026-11-04..2026-11-06"], "names no cause"),
        (["--rule", "close_high", "--start", "2026-11-02", "--pause", "2026-11-06..2026-11-04:expert"], "before it"),
        (["--rule", "close_high", "--start", "2026-11-02", "--pause", "2026-11-01..2026-11-04:expert"], "the start"),
        (["--rule", "close_high", "--start", "2026-11-02", "--pause", "soon"], "is not FROM..TO:CAUSE"),
        (["--rule", "close_hihg", "--start", "2026-11-02"], "perhaps: close_high"),
        (["--rule", "close_high", "--start", "tomorrow"], "is neither a date"),
        (["--rule", "close_high", "--start", "2026-11-02", "--extend", "0"], "at least 1"),
        (["--rule", "close_high", "--start", "2026-11-02", "--region", "1"], "not the code of a unit"),
        (["--rule", "close_high", "--start", "9999-12-20"], "beyond the calendar"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_is_refused_with_its_reason(words: list[str], message: str) -> None:
    result = clock(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_the_check_of_calendars_is_in_order_until_november(folder: Path) -> None:
    result = calendar(folder, "check", "--today", "2026-10-31")
    assert result.exit_code == 0, result.output
    assert "2026" in result.stdout
    late = calendar(folder, "check", "--today", "2026-11-01")
    assert late.exit_code == 1
    assert "no list of holidays for 2027" in late.stderr


def test_the_check_of_a_year_names_its_days(folder: Path) -> None:
    result = calendar(folder, "check", "--today", "2026-10-31", "--year", "2026", "--json")
    found = json.loads(result.stdout)
    assert found["years"][0] == {
        "year": 2026, "published": True, "working_days": 248, "holidays": 33, "makeup_days": 6,
        "sources": ["chinesecalendar"],
    }  # fmt: skip
    assert len(found["days"]) == 39


@pytest.mark.parametrize(("name", "text"), [("2027.json", JSON), ("2027.ics", ICS)])
def test_importing_next_years_list_ends_the_alarm(folder: Path, tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    preview = calendar(folder, "import", str(file), "--preview")
    assert preview.exit_code == 0, preview.output
    assert "publishes 2027" in preview.stdout
    assert "2026-12-26 Sat: working day (元旦 New Year's Day)" in preview.stdout
    assert not (folder / "calendars" / name).exists()
    assert calendar(folder, "import", str(file)).exit_code == 0
    assert load_rules(folder).calendars.missing_year(date(2026, 12, 1)) is None
    assert "replaced" in calendar(folder, "import", str(file)).stdout
    assert calendar(folder, "check", "--today", "2026-12-01").exit_code == 0


def test_a_regional_list_goes_to_its_area(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "festival.yaml"
    file.write_text("source: made\ndays:\n  - {date: 2026-11-05, zh: 节, en: festival, working: false}\n", "utf-8")
    assert calendar(folder, "import", str(file), "--region", "6230").exit_code == 0
    assert (folder / "calendars" / "6230" / "festival.yaml").exists()
    rules = ("--rules", str(folder))
    there = answer("--rule", "accept", "--start", "2026-11-02", "--region", "623001", *rules)
    here = answer("--rule", "accept", "--start", "2026-11-02", "--region", "620102", *rules)
    assert (there["due"][:10], here["due"][:10]) == ("2026-11-06", "2026-11-05")
    assert there["calendar_version"] != here["calendar_version"]


def test_a_bad_list_is_refused_with_its_line_and_not_written(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "2027.json"
    file.write_text(JSON.replace("2027-05-01", "2027-05-32"), encoding="utf-8")
    result = calendar(folder, "import", str(file))
    assert result.exit_code == 1
    assert f"{file}:3: days[1].date" in result.stderr
    assert not (folder / "calendars" / "2027.json").exists()


def test_a_file_in_the_calendars_that_nobody_can_read_does_not_load(folder: Path) -> None:
    (folder / "calendars" / "notes.txt").write_text("x", encoding="utf-8")
    (folder / "calendars" / "north").mkdir()
    (folder / "calendars" / "north" / "a.yaml").write_text("x", encoding="utf-8")
    result = calendar(folder, "check")
    assert result.exit_code == 1
    assert "rules/calendars/notes.txt:1: is not one of .yaml, .json, .ics" in result.stderr
    assert "rules/calendars/north/a.yaml:1: is in north, which is not the code of an area" in result.stderr
