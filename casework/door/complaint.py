"""Complaints about a unit: it never receives them, never handles them, and never learns who complained.

信访工作条例 art. 18, 30, 46: a complaint is not passed on to the unit it is about, and nobody suffers for making one.
"""

from __future__ import annotations

from casework.errors import CaseError, Reason, field_error
from casework.units import ROOT, Level, UnitTree, level_of


def lies_within(about: str, unit: str) -> bool:
    """Return whether a unit is the one complained of or is under it; False if there is none."""
    if not about:
        return False
    return unit == about or (level_of(about) is not Level.department and unit.startswith(about))


def receiving_unit(filed_to: str, about: str, units: UnitTree) -> str:
    """Return who receives a report: the unit it was filed to, or the one above the unit complained of.

    UNKNOWN_UNIT for a unit that does not exist, TOP_LEVEL if there is no unit above it here.
    """
    if about and about not in units:
        raise field_error("report.about_unit", Reason.UNKNOWN_UNIT, about)
    if not lies_within(about, filed_to):
        return filed_to
    above = units.parent(about)
    if above is None or above == ROOT:
        raise field_error("report.about_unit", Reason.TOP_LEVEL, about)
    return above


def must_not_judge_itself(about: str, unit: str) -> None:
    """Raise COMPLAINED_OF if a complaint would go to the unit it is about."""
    if lies_within(about, unit):
        raise CaseError(Reason.COMPLAINED_OF, unit)
