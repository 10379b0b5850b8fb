"""Resource names and the numbers in them: made and parsed in this one place (AIP-122)."""

from __future__ import annotations

from typing import NewType

CaseNumber = NewType("CaseNumber", str)
"""`620102-2026-000117`: county code, year of receipt, running number. Names the report and its case alike."""

ROOT_UNIT = "cn"


def case_number(county: str, year: int, running: int) -> CaseNumber:
    """Return the number of a case; `county` is a code of 2 to 6 digits, filled up with zeros."""
    return CaseNumber(f"{county[:6].ljust(6, '0')}-{year:04d}-{running:06d}")


def county_of(unit: str) -> str:
    """Return the six-digit county code in the numbers of a unit."""
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


def panel_name(number: str, member: int) -> str:
    """Return the resource name of a member of a case's panel."""
    return f"cases/{number}/panel/{member}"


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


def document_name(number: str, document: int) -> str:
    """Return `cases/{number}/documents/{document}`."""
    return f"cases/{number}/documents/{document}"


def unit_name(unit: str) -> str:
    """Return `units/{unit}`; empty for no unit."""
    return f"units/{unit}" if unit else ""


def last(name: str) -> str:
    """Return the last segment of a resource name: the id in `reports/{id}`; empty for no name."""
    return name.rsplit("/", 1)[-1]


def index_of(name: str, collection: str = "") -> int:
    """Return the number a name ends with, 0 for an empty name: 3 in `cases/{number}/parties/3`.

    With a collection, the number after it: 3 in `cases/…/sessions/3/record` for `sessions`.
    """
    if not name:
        return 0
    parts = name.split("/")
    return int(parts[parts.index(collection) + 1] if collection else parts[-1])


def party_of(name: str) -> int:
    """Return the party's number in `cases/{number}/parties/{party}` or any name below it."""
    return int(name.split("/")[3])


def clock_id(number: str, key: str) -> str:
    """Return the id of a clock, `{number}.{key}`: of the case or file it belongs to, and what it measures there."""
    return f"{number}.{key}"


def clock_parts(clock: str) -> tuple[str, str]:
    """Return number and key of a clock by its id."""
    number, _, key = clock.partition(".")
    return number, key


def number_of(name: str) -> CaseNumber:
    """Return the number in any name below `reports/`, `cases/` or a file of supervision.

    A report and its case share one, `620102-2026-000117`; another's starts with its kind: `letters-620102-2026-000003`.
    """
    collection, number = name.split("/", 2)[:2]
    return CaseNumber(number if collection in ("cases", "reports") else f"{collection}-{number}")


def file_name(number: str) -> str:
    """Return the resource name of a number: `cases/620102-2026-000117`, `letters/620102-2026-000003`; or nothing."""
    return case_name(number) if number[:1].isdigit() else number.replace("-", "/", 1)


def collection_of(number: str) -> str:
    """Return the collection of a number: `cases`, `letters`, `matters`."""
    return file_name(number).partition("/")[0]


def area_of_number(number: str) -> str:
    """Return the area in a number, as a unit: `620102` of `letters-620102-2026-000003`, `62` of `620000-…`."""
    digits = file_name(number).partition("/")[2][:6]
    while digits.endswith("00") and len(digits) > 2:
        digits = digits[:-2]
    return digits


def agreement_name(number: str, agreement: int) -> str:
    """Return `cases/{number}/agreements/{agreement}`."""
    return f"cases/{number}/agreements/{agreement}"


def instalment_name(number: str, agreement: int, clause: int, instalment: int) -> str:
    """Return `cases/{number}/agreements/{agreement}/clauses/{clause}/instalments/{instalment}`."""
    return f"cases/{number}/agreements/{agreement}/clauses/{clause}/instalments/{instalment}"


def docking_name(number: str, docking: int) -> str:
    """Return `cases/{number}/dockings/{docking}`."""
    return f"cases/{number}/dockings/{docking}"


def ids_of(name: str) -> tuple[int, ...]:
    """Return the numbers below the case in a name: `cases/x/agreements/2/clauses/1` gives 2 and 1."""
    return tuple(int(part) for part in name.split("/")[3::2] if part.isdigit())
