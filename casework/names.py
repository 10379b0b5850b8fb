"""Resource names and the numbers in them: one place makes and reads each (AIP-122)."""

from __future__ import annotations

from typing import NewType

CaseNumber = NewType("CaseNumber", str)
"""`620102-2026-000117`: county code, year of receipt, running number. Names the report and its case alike."""

ROOT_UNIT = "cn"


def case_number(county: str, year: int, running: int) -> CaseNumber:
    """Return the number of a case; `county` is a code of 2 to 6 digits, filled up with zeros."""
    return CaseNumber(f"{county[:6].ljust(6, '0')}-{year:04d}-{running:06d}")


def county_of(unit: str) -> str:
    """Return the six-digit county code a unit's numbers run under."""
    return unit.split("-", 1)[0][:6].ljust(6, "0")


def report_name(number: str) -> str:
    """Return `reports/{number}`."""
    return f"reports/{number}"


def case_name(number: str) -> str:
    """Return `cases/{number}`."""
    return f"cases/{number}"


def task_name(number: str, task: int) -> str:
    """Return `cases/{number}/tasks/{task}`."""
    return f"cases/{number}/tasks/{task}"


def party_name(number: str, party: int) -> str:
    """Return `cases/{number}/parties/{party}`."""
    return f"cases/{number}/parties/{party}"


def session_name(number: str, session: int) -> str:
    """Return `cases/{number}/sessions/{session}`."""
    return f"cases/{number}/sessions/{session}"


def room_name(room: str) -> str:
    """Return `rooms/{room}`."""
    return f"rooms/{room}"


def evidence_name(number: str, evidence: int) -> str:
    """Return `cases/{number}/evidence/{evidence}`."""
    return f"cases/{number}/evidence/{evidence}"


def investigation_name(number: str, investigation: int) -> str:
    """Return `cases/{number}/investigations/{investigation}`."""
    return f"cases/{number}/investigations/{investigation}"


def caucus_name(number: str, side: str) -> str:
    """Return `cases/{number}/caucuses/{side}`."""
    return f"cases/{number}/caucuses/{side}"


def fact_sheet_name(number: str, sheet: int) -> str:
    """Return `cases/{number}/factSheets/{sheet}`."""
    return f"cases/{number}/factSheets/{sheet}"


def unit_name(unit: str) -> str:
    """Return `units/{unit}`."""
    return f"units/{unit}"


def last(name: str) -> str:
    """Return the last segment of a resource name: the id in `reports/{id}` or `units/{id}`."""
    return name.rsplit("/", 1)[-1]


def number_of(name: str) -> CaseNumber:
    """Return the case number in any name below `reports/` or `cases/`."""
    return CaseNumber(name.split("/", 2)[1])


def index_of(name: str, collection: str) -> int:
    """Return the number behind a collection in a name: 3 in `cases/…/sessions/3/record` for `sessions`."""
    parts = name.split("/")
    return int(parts[parts.index(collection) + 1])
