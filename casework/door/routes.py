"""Other routes: which are open to the parties of a matter, by its category and its facts, in order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from casework.door.category import within


class RouteKind(StrEnum):
    """Where a route leads."""

    court = "court"
    arbitration = "arbitration"
    administration = "administration"
    petition = "petition"
    police = "police"
    legal_aid = "legal_aid"
    negotiation = "negotiation"
    mediation = "mediation"


@dataclass(frozen=True, slots=True)
class Route:
    """Another route: whom to turn to, within which time, and its legal basis; `clocks` give its date."""

    key: str
    kind: RouteKind
    zh: str
    en: str
    basis: str
    term_zh: str = ""
    term_en: str = ""
    categories: tuple[str, ...] = ()
    not_in: tuple[str, ...] = ()
    when: frozenset[str] = frozenset()
    unless: frozenset[str] = frozenset()
    clocks: tuple[str, ...] = ()
    first: bool = False

    def is_open(self, category: str, facts: Collection[str]) -> bool:
        """Return whether it is open in a matter of this kind with these declared facts."""
        of_kind = not self.categories or any(within(each, category) for each in self.categories)
        barred = any(within(each, category) for each in self.not_in) or bool(self.unless & set(facts))
        return of_kind and not barred and self.when <= set(facts)


@dataclass(frozen=True, slots=True)
class OpenRoute:
    """A route as shown in one case: with the date from a clock of the case, if one runs."""

    route: Route
    due_at: datetime | None = None


class RouteBook:
    """The routes in the order in which they are listed, and the closed list of facts they may depend on."""

    def __init__(self, version: str, routes: Iterable[Route], facts: Mapping[str, tuple[str, str]]) -> None:
        self.version = version
        self.routes = tuple(routes)
        self.facts = dict(facts)

    def open(
        self, category: str, facts: Collection[str], running: Mapping[str, datetime | None] | None = None
    ) -> list[OpenRoute]:
        """Return the open routes, mandatory ones first; `running` are the due times of the case's clocks by rule."""
        due = running or {}
        found = [route for route in self.routes if route.is_open(category, facts)]
        found.sort(key=lambda route: not route.first)
        return [OpenRoute(each, next((due[rule] for rule in each.clocks if rule in due), None)) for each in found]
