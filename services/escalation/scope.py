"""The units that a list may show, as a range of codes, for which an index is used whatever the query plan."""

from __future__ import annotations

from casework import names
from casework.units import prefix
from services.kit.serving.access import current_call

Range = dict[str, str]


def only(unit: str) -> Range:
    """Return the range of this unit alone: no character of a code sorts before a space."""
    return {"low": unit, "high": f"{unit} "}


def subtree(unit: str) -> Range:
    """Return the range of a unit and all below it; a department has nothing below it."""
    # "~" sorts after every character of a code.
    return only(unit) if "-" in unit else {"low": prefix(unit), "high": f"{prefix(unit)}~"}


def asked(name: str) -> str:
    """Return the unit whose subtree a call may show: the named one if allowed, otherwise the caller's own."""
    return current_call().scope(names.last(name))
