"""Reads rules/indicators: numerators and denominators. An indicator that rewards the wrong thing does not load."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from casework.clocks.rule_book import RuleBook
from casework.supervision.figures.indicator import FORBIDDEN, Direction, Indicator, Measure, faults
from services.kit.rules.document import Document
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import Entry, LimitName, Loose, Text


class IndicatorEntry(Entry):
    """An indicator."""

    name: LimitName
    zh: Text
    en: Text
    numerator: LimitName
    denominator: LimitName
    better: Annotated[Direction, Loose]
    minimum_sample: Annotated[int, Field(ge=5, le=100_000)]
    interval: Annotated[int, Field(ge=1, le=50)]
    minimum_peers: Annotated[int, Field(ge=2, le=1000)]
    steps: list[LimitName] = Field(default_factory=list)
    basis: Text
    confidence: Text


class IndicatorsFile(Entry):
    """A file of rules/indicators/."""

    version: Text
    indicators: Annotated[list[IndicatorEntry], Field(min_length=1)]


def read_indicators(folder: RulesFolder, clocks: RuleBook | None) -> tuple[Indicator, ...]:
    """Return the indicators of all files, in order. Without clocks no step is checked."""
    found: list[Indicator] = []
    for document in folder.documents("indicators"):
        content = document.validate(IndicatorsFile, folder.problems)
        for number, entry in enumerate(content.indicators if content else ()):
            if content is None or not _measures(entry, number, document, folder):
                continue
            indicator = _indicator(entry, content.version)
            for field, fault in faults(indicator):
                folder.problems.append(document.problem(("indicators", number, field), fault))
            for index, step in enumerate(entry.steps):
                if clocks is not None and step not in clocks.names():
                    place = ("indicators", number, "steps", index)
                    folder.problems.append(document.problem(place, f"no limit has the name {step!r}"))
            if any(indicator.name == other.name for other in found):
                message = f"{entry.name!r} is the name of two indicators"
                folder.problems.append(document.problem(("indicators", number, "name"), message))
            found.append(indicator)
    return tuple(found)


def _measures(entry: IndicatorEntry, number: int, document: Document, folder: RulesFolder) -> bool:
    """Return whether both are measures; forbidden ones are refused with the reason."""
    known = True
    for field in ("numerator", "denominator"):
        name = getattr(entry, field)
        if name in Measure.__members__:
            continue
        why = FORBIDDEN.get(name)
        message = f"{name} {why}" if why else f"{name!r} is not one of {', '.join(Measure)}"
        folder.problems.append(document.problem(("indicators", number, field), message))
        known = False
    return known


def _indicator(entry: IndicatorEntry, version: str) -> Indicator:
    return Indicator(
        name=entry.name,
        version=version,
        zh=entry.zh,
        en=entry.en,
        numerator=Measure(entry.numerator),
        denominator=Measure(entry.denominator),
        better=entry.better,
        minimum=entry.minimum_sample,
        interval=entry.interval,
        peers=entry.minimum_peers,
        basis=entry.basis,
        steps=tuple(entry.steps),
    )
