"""Reads rules/partners: how the codes of partners are read, one file a kind of partner."""

from __future__ import annotations

from collections.abc import Collection

from casework.door.programs.partner import OTHER, FileRule, PartnerBook, PartnerRule
from casework.units import UnitTree
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import PartnerFile, PartnerFiles

PART = "partners"
_CHANNELS = frozenset({"hotline", "police", "court", "petition", "department"})


def read_partners(
    folder: RulesFolder, units: UnitTree | None, categories: Collection[str] | None
) -> PartnerBook | None:
    """Return the rules by kind of partner, or None with problems."""
    before, book = len(folder.problems), PartnerBook()
    for document in folder.documents(PART):
        content = document.validate(PartnerFile, folder.problems)
        if content is None:
            continue
        if content.partner in book:
            folder.problems.append(document.problem(("partner",), f"{content.partner} has another file"))
        if units is not None and content.partner != OTHER and content.partner not in units.departments:
            folder.problems.append(document.problem(("partner",), f"{content.partner} is not a department"))
        if content.channel not in _CHANNELS:
            folder.problems.append(document.problem(("channel",), f"one of {', '.join(sorted(_CHANNELS))}"))
        for code, category in content.categories.items():
            if categories is not None and category not in categories:
                folder.problems.append(document.problem(("categories", code), f"{category} is not a category"))
        for code, area in content.areas.items():
            if units is not None and area not in units:
                folder.problems.append(document.problem(("areas", code), f"{area} is not an area"))
        book[content.partner] = PartnerRule(
            content.partner, content.channel, dict(content.categories), dict(content.urgencies),
            _files(content.files), dict(content.areas),
        )  # fmt: skip
    if OTHER not in book:
        folder.problem(PART, 1, f"no file is for the partner {OTHER}")
    return book if len(folder.problems) == before else None


def _files(said: PartnerFiles) -> FileRule:
    columns = {str(name): heading for name, heading in said.columns.items()}
    words = dict.fromkeys(said.no, False) | dict.fromkeys(said.yes, True)
    return FileRule(columns, tuple(said.times), words, said.encoding, said.delimiter, dict(said.terms))
