"""Reads rules/likeness: from when on a report is suggested as a likely same matter."""

from __future__ import annotations

from casework.door.likeness import Likelihood, LikenessRules
from casework.units import UnitTree
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import LikenessFile

FILE = "likeness/likeness.yaml"


def read_likeness(folder: RulesFolder, units: UnitTree | None) -> LikenessRules | None:
    """Return the rules, or None with problems."""
    document = folder.document(FILE)
    content = document.validate(LikenessFile, folder.problems) if document else None
    if document is None or content is None:
        return None
    before = len(folder.problems)
    for place, each in enumerate(content.floors):
        if units is not None and each.unit not in units:
            folder.problems.append(document.problem(("floors", place, "unit"), f"{each.unit} is not a unit"))
    search = content.search
    if search.least > search.most:
        folder.problems.append(document.problem(("search", "least"), "must not be above most"))
    if len(folder.problems) > before:
        return None
    return LikenessRules(
        content.version,
        content.floor,
        {each.unit: each.floor for each in content.floors},
        Likelihood(**content.likelihood.model_dump()),
        content.nearly_whole,
        content.weights.category,
        content.weights.place,
        search.share,
        search.least,
        search.most,
        search.compared,
    )
