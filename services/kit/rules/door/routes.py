"""Reads rules/routes: which other routes are open, by kind of matter and facts."""

from __future__ import annotations

from collections.abc import Collection

from casework.clocks.rule_book import RuleBook
from casework.door.routes import Route, RouteBook, RouteKind
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import RoutesFile

FILE = "routes/routes.yaml"


def read_routes(folder: RulesFolder, categories: Collection[str] | None, clocks: RuleBook | None) -> RouteBook | None:
    """Return the routes, or None with problems. Without categories or limits their names are not checked."""
    document = folder.document(FILE)
    content = document.validate(RoutesFile, folder.problems) if document else None
    if document is None or content is None:
        return None
    before, keys = len(folder.problems), set[str]()
    for number, entry in enumerate(content.routes):
        limits = set(clocks.names()) if clocks else set(entry.clocks)
        known = categories if categories is not None else {*entry.categories, *entry.not_in}
        for field, named, all_of in (
            ("categories", entry.categories, known), ("not_in", entry.not_in, known),
            ("when", entry.when, content.facts), ("unless", entry.unless, content.facts),
            ("clocks", entry.clocks, limits),
        ):  # fmt: skip
            for wrong in (each for each in named if each not in all_of):
                folder.problems.append(document.problem(("routes", number, field), f"{wrong!r} is not known"))
        if entry.key in keys:
            folder.problems.append(document.problem(("routes", number, "key"), f"{entry.key!r} is listed twice"))
        keys.add(entry.key)
    if len(folder.problems) > before:
        return None
    routes = [
        Route(
            each.key, RouteKind(each.kind), each.zh, each.en, each.basis, each.term_zh, each.term_en,
            tuple(each.categories), tuple(each.not_in), frozenset(each.when), frozenset(each.unless),
            tuple(each.clocks), each.first,
        )
        for each in content.routes
    ]  # fmt: skip
    return RouteBook(content.version, routes, {key: (each.zh, each.en) for key, each in content.facts.items()})
