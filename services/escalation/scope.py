"""The units a list may show, as a range of codes: an index finds them, whatever plan the database keeps."""

from __future__ import annotations

from casework import names
from casework.units import prefix
from services.kit.serving.access import current_call

Range = dict[str, str]


def only(unit: str) -> Range:
    """Return the range that holds this unit alone: nothing in a code sorts before a space."""
    return {"low": unit, "high": f"{unit} "}


def subtree(unit: str) -> Range:
    """Return the range of a unit and all below it; a department has nothing below it."""
    # "~" sorts after every character a code can hold.
    return only(unit) if "-" in unit else {"low": prefix(unit), "high": f"{prefix(unit)}~"}


def asked(name: str) -> str:
    """Return the unit whose subtree a call may show: the one named if that is allowed, otherwise the caller's own."""
    return current_call().scope(names.last(name))
