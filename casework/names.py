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


def document_name(number: str, document: int) -> str:
    """Return `cases/{number}/documents/{document}`."""
    return f"cases/{number}/documents/{document}"


def unit_name(unit: str) -> str:
    """Return `units/{unit}`."""
    return f"units/{unit}"


def last(name: str) -> str:
    """Return the last segment of a resource name: the id in `reports/{id}` or `units/{id}`."""
    return name.rsplit("/", 1)[-1]


def number_of(name: str) -> CaseNumber:
    """Return the case number in any name below `reports/` or `cases/`."""
    return CaseNumber(name.split("/", 2)[1])
