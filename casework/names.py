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


def companion_name(number: str, companion: int) -> str:
    """Return `cases/{number}/companions/{companion}`, nothing for 0."""
    return f"cases/{number}/companions/{companion}" if companion else ""


def alert_name(number: str, alert: int) -> str:
    """Return `cases/{number}/alerts/{alert}`."""
    return f"cases/{number}/alerts/{alert}"


def mediation_name(number: str) -> str:
    """Return `cases/{number}/mediation`."""
    return f"cases/{number}/mediation"


def mediator_name(mediator: str) -> str:
    """Return `mediators/{mediator}`, nothing for none."""
    return f"mediators/{mediator}" if mediator else ""


def document_name(number: str, document: int) -> str:
    """Return `cases/{number}/documents/{document}`."""
    return f"cases/{number}/documents/{document}"


def unit_name(unit: str) -> str:
    """Return `units/{unit}`."""
    return f"units/{unit}"


def last(name: str) -> str:
    """Return the last segment of a resource name: the id in `reports/{id}` or `units/{id}`."""
    return name.rsplit("/", 1)[-1]


def index_of(name: str) -> int:
    """Return the number a name ends with, 0 for an empty name: 3 in `cases/{number}/parties/3`."""
    return int(last(name)) if name else 0


def party_of(name: str) -> int:
    """Return the party's number in `cases/{number}/parties/{party}` or any name below it."""
    return int(name.split("/")[3])


def number_of(name: str) -> CaseNumber:
    """Return the case number in any name below `reports/` or `cases/`."""
    return CaseNumber(name.split("/", 2)[1])
