"""Reads rules/filing: open doors, categories of which something is said before filing, numbers to call."""

from __future__ import annotations

from collections.abc import Collection

from casework.door.filing import FilingRules, HelpLine
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
    for place, unit in enumerate(content.open):
        if units is not None and unit not in units:
            folder.problems.append(document.problem(("open", place), f"{unit} is not a unit"))
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
    return FilingRules(tuple(content.open), tuple(content.similar), tuple(lines))
