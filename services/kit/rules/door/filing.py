"""Reads rules/filing: open doors, categories of which something is said before filing, numbers to call."""

from __future__ import annotations

from collections.abc import Collection

from casework.door.filing import FilingRules, HelpLine, Work
from casework.units import UnitTree
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import FilingFile

FILE = "filing/filing.yaml"


def read_filing(folder: RulesFolder, units: UnitTree | None, categories: Collection[str] | None) -> FilingRules | None:
    """Return the rules, or None with problems."""
    document = folder.document(FILE)
    content = document.validate(FilingFile, folder.problems) if document else None
    if document is None or content is None:
        return None
    before = len(folder.problems)
    for place, door in enumerate(content.open):
        if units is not None and door.unit not in units:
            folder.problems.append(document.problem(("open", place, "unit"), f"{door.unit} is not a unit"))
    named: list[tuple[tuple[str | int, ...], str]] = [
        (("similar", place), each) for place, each in enumerate(content.similar)
    ]
    for place, line in enumerate(content.numbers):
        named += [(("numbers", place, "categories"), each) for each in line.categories]
    for at, category in named:
        if categories is not None and category not in categories:
            folder.problems.append(document.problem(at, f"{category} is not a category"))
    if len(folder.problems) > before:
        return None
    lines = (
        HelpLine(each.number, each.zh, each.en, each.basis, tuple(each.categories), each.minor)
        for each in content.numbers
    )
    work = Work(content.work.rounds, content.work.tries, content.work.minutes)
    doors = {door.unit: door.guard for door in content.open}
    return FilingRules(doors, work, tuple(content.similar), tuple(lines))
