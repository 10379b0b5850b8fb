"""What other offices hand on by their systems: how their codes are read, and how far each matter has come for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from casework.door.report import ReportState
from casework.units import UnitTree

OTHER = "other"
"""The rules of a partner that is no department: another system of an area."""
_COUNTY = 6
"""Digits of the code of a county, whose centre receives what happened there."""


class ItemState(IntEnum):
    """How far a matter has come, as its sender is told; the numbers match the contract."""

    REFUSED = 1
    """It was not taken in; it may be sent again, corrected."""
    RECEIVED = 2
    ACCEPTED = 3
    RETURNED = 4
    """Declined, with another route."""
    DONE = 5
    WITHDRAWN = 6


OVER = frozenset({ItemState.RETURNED, ItemState.DONE, ItemState.WITHDRAWN, ItemState.REFUSED})
"""States in which nothing is done any more."""


class ChangeKind(IntEnum):
    """What changed of an item; the numbers match the contract."""

    STATE = 1
    TRANSFERRED = 2
    """Another unit has it."""
    SATISFACTION = 3
    INTERIM_REPLY = 4


@dataclass(frozen=True, slots=True)
class FileRule:
    """How a kind of partner writes files."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """The heading of each field of an item; one without has its own name."""
    times: tuple[str, ...] = ("iso",)
    words: Mapping[str, bool] = field(default_factory=dict)
    """Its words for yes and no."""
    encoding: str = "utf-8"
    delimiter: str = ","
    terms: Mapping[str, str] = field(default_factory=dict)
    """Its words for procedures of courts and subjects of petitions."""


@dataclass(frozen=True, slots=True)
class PartnerRule:
    """rules/partners: how the codes of one kind of partner are read."""

    partner: str
    """The slug of the department, or `other`."""
    channel: str
    categories: Mapping[str, str]
    urgencies: Mapping[str, str]
    files: FileRule = FileRule()
    areas: Mapping[str, str] = field(default_factory=dict)
    """Codes of its own for places that no area has, such as those of police stations."""

    def category(self, code: str) -> str | None:
        """Return the category of a code of theirs, by the longest rule that it begins with; None if none fits."""
        return _longest(self.categories, code)

    def area(self, code: str) -> str:
        """Return the area of a code of theirs, by the longest rule that it begins with, or the code itself."""
        return _longest(self.areas, code) or code


def _longest(rules: Mapping[str, str], code: str) -> str | None:
    found = [each for each in rules if code.startswith(each)]
    return rules[max(found, key=len)] if found else None


class PartnerBook(dict[str, PartnerRule]):
    """The rules of all kinds of partners, by slug."""

    def of(self, unit: str) -> PartnerRule:
        """Return the rule for the system of a unit."""
        _, _, slug = unit.partition("-")
        return self.get(slug) or self[OTHER]


def receiving(partner: str, area: str, units: UnitTree) -> str | None:
    """Return the unit that receives what a partner sends about an area: its county; None if it is not theirs.

    Without an area it is the area of the partner itself.
    """
    own, _, _ = partner.partition("-")
    if not area:
        return own
    if area not in units or not units.contains(own, area):
        return None
    county = area[:_COUNTY]
    return county if units.contains(own, county) else own


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known here of a report that a partner sent: of itself, or of the one it was merged into, and its case."""

    state: ReportState
    closed: bool
    withdrawn: bool


def item_state(known: Standing) -> ItemState:
    """Return how far it has come for its sender."""
    if known.withdrawn or known.state is ReportState.WITHDRAWN:
        return ItemState.WITHDRAWN
    if known.closed or known.state is ReportState.CLOSED:
        return ItemState.DONE
    if known.state is ReportState.ACCEPTED:
        return ItemState.ACCEPTED
    if known.state is ReportState.DECLINED:
        return ItemState.RETURNED
    return ItemState.RECEIVED


def is_late(state: ItemState, due_at: datetime | None, ended_at: datetime | None, now: datetime) -> bool:
    """Return whether the date that the partner set has passed, or had passed when it was over."""
    if due_at is None or state is ItemState.REFUSED:
        return False
    return (ended_at or now) > due_at
