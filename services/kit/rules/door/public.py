"""Reads rules/public: which kinds of matter are public, and how exactly."""

from __future__ import annotations

from collections.abc import Collection

from casework.door.category import within
from casework.door.programs.public import PublicKind, PublicRules
from casework.units import Level
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import PublicFile

FILE = "public/public.yaml"


def read_public(folder: RulesFolder, categories: Collection[str] | None) -> PublicRules | None:
    """Return the rules, or None with problems. Without categories their names are not checked."""
    document = folder.document(FILE)
    content = document.validate(PublicFile, folder.problems) if document else None
    if document is None or content is None:
        return None
    before, seen = len(folder.problems), set[str]()
    for number, entry in enumerate(content.services):
        for place, name in (("category", entry.category), *(("without", each) for each in entry.without)):
            at = ("services", number, place)
            if categories is not None and name not in categories:
                folder.problems.append(document.problem(at, f"{name} is not a category"))
            elif not within(entry.category, name):
                folder.problems.append(document.problem(at, f"{name} is not below {entry.category}"))
        if entry.category in seen:
            folder.problems.append(document.problem(("services", number), f"{entry.category} is listed twice"))
        seen.add(entry.category)
    if len(folder.problems) > before:
        return None
    kinds = (
        PublicKind(each.category, tuple(each.without), each.answered, each.decimals, Level(each.level))
        for each in content.services
    )
    contact, keys = (content.contact.zh, content.contact.en), (content.keys.zh, content.keys.en)
    return PublicRules(content.changed, contact, keys, tuple(kinds))
