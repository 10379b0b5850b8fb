"""Suggests units for a report: by the rules, and by what is known of the people in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pb.intake.v1 import desk_pb2 as pb
from pb.intake.v1 import report_pb2

from casework import names
from casework.door import suggestion as rules_of
from casework.door.forward import ForwardState
from casework.door.suggestion import BARS, EXCLUDES, FITS, GRADES, Bar, Candidate, Fit, Matter
from casework.mediation.plan import DEPARTMENT, resolve_unit
from services.intake import store
from services.intake.forwards import store as forwards
from services.intake.models import Report
from services.intake.reception import GRADES as NUMBERS
from services.kit.rules import Rules
from services.kit.storage.database import Connection

ACCEPT = "reports.accept"
_NAMED = {number: name for name, number in NUMBERS.items()}


async def suggested(
    connection: Connection, row: Report, rules: Rules, content: report_pb2.ReportContent | None, now: datetime
) -> list[Candidate]:
    """Return the units that could take a report, best first; without its content its people are not compared."""
    sent_back = {
        each.asked for each in await forwards.of(connection, row.number) if each.state is ForwardState.SENT_BACK
    }
    place = row.area or row.unit
    planned, department = set[str](), None
    if row.category in rules.categories and place in rules.units:
        tasks = rules.plans.choose(row.category, _NAMED[row.grade]).tasks
        given = {resolve_unit(task, place, rules.units) for task in tasks if task.unit.startswith(DEPARTMENT)}
        # Where no area has the department, the plan gives the task to the accountable unit.
        planned = {unit for unit in given if "-" in unit}
        department = rules.categories.get(row.category).department
    found = rules_of.candidates(
        Matter(row.unit, row.area, row.about, _NAMED[row.grade], department, planned, sent_back), rules.units
    )
    if content is None:
        return found
    account = await store.filed_by(connection, row.number) if row.channel == report_pb2.CHANNEL_APP else None
    reporter = rules.officials.find(account or "", now)
    own = {reporter.unit: {Bar.REPORTER}} if reporter else {}
    bars = {each.unit: against(each.unit, content, rules, now) | own.get(each.unit, set()) for each in found}
    return rules_of.barred(found, bars)


def against(unit: str, content: report_pb2.ReportContent, rules: Rules, now: datetime) -> set[Bar]:
    """Return what speaks against a unit by the names in a report."""
    paper = rules.units.paper(unit)
    called = (rules.units.known(unit).name, paper.full, paper.seal, paper.addressee, paper.committee)
    found = {Bar.PARTY} if any(rules_of.bears(each.display_name, called) for each in content.parties) else set[Bar]()
    people = [each.display_name for each in rules.officials.of(unit, now)]
    return found | ({Bar.SAME_NAME} if any(rules_of.bears(name, people) for name in _people(content)) else set())


def _people(content: report_pb2.ReportContent) -> Iterator[str]:
    """Yield the names of the people in a report."""
    yield content.reporter.display_name
    for each in content.parties:
        if not each.organisation:
            yield each.display_name


def recorded(found: list[Candidate], chosen: str) -> dict[str, object]:
    """Return what the event of a choice says about the suggestion."""
    return {
        "suggested": [each.unit for each in found if not each.excluded and each.role is rules_of.Role.LEAD],
        "differs": rules_of.differs(found, chosen),
    }


def view(each: Candidate, row: Report, rules: Rules, language: str, *, acceptable: bool) -> pb.UnitSuggestion:
    """Return a suggested unit in words."""
    english = language == "en"
    said = {
        "place": rules.units.place(row.area) if row.area else "", "grade": GRADES[_NAMED[row.grade]][english],
        "category": "", "plan": "",
    }  # fmt: skip
    if row.category in rules.categories:
        category, plan = rules.categories.get(row.category), rules.plans.choose(row.category, _NAMED[row.grade])
        said |= {"category": getattr(category, language), "plan": getattr(plan, language)}
    return pb.UnitSuggestion(
        unit=names.unit_name(each.unit),
        unit_display_name=rules.units.known(each.unit).name,
        part=pb.SuggestedPart.Name(int(each.role)),
        reasons=[_reason(fit, said, english=english) for fit in each.fits],
        obstacles=[
            pb.UnitObstacle(conflict=pb.UnitConflict.Name(int(bar)), words=BARS[bar][english], excludes=bar in EXCLUDES)
            for bar in each.bars
        ],
        excluded=each.excluded,
        acceptable=acceptable and not each.excluded,
    )


def _reason(fit: Fit, said: dict[str, str], *, english: bool) -> pb.UnitReason:
    return pb.UnitReason(fit=pb.UnitFit.Name(int(fit)), words=FITS[fit][english].format(**said))
