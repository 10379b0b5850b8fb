"""Plans of matters (一事一策): versions, who countersigns, who may approve, differences between two versions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from casework.errors import CaseError, Reason, field_error
from casework.units import Level


class PlanState(IntEnum):
    """State of a version of a plan; the numbers match the contract."""

    DRAFTED = 1
    COUNTERSIGNING = 2
    APPROVED = 3
    EXECUTED = 4
    ASSESSED = 5
    SUPERSEDED = 6


class Role(IntEnum):
    """The role of a countersigner; the numbers match the contract."""

    CO_UNIT = 1
    LEGAL_ADVISER = 2


class Assessment(IntEnum):
    """The assessed result of a plan; the numbers match the contract."""

    EFFECTIVE = 1
    PARTLY = 2
    NOT = 3


class MeasureState(IntEnum):
    """State of a measure; the numbers match the contract."""

    PLANNED = 1
    RUNNING = 2
    REPORTED = 3
    DROPPED = 4


@dataclass(frozen=True, slots=True)
class RightsCheck:
    """The checked rights of one party."""

    party: str
    may_sue: bool
    told: bool
    consents: bool


@dataclass(frozen=True, slots=True)
class Countersigned:
    """The answer of a unit or the legal adviser; `signed` is false until there is one."""

    unit: str
    role: Role
    signed: bool


UNDER_WAY = frozenset({PlanState.DRAFTED, PlanState.COUNTERSIGNING})
REVISABLE = frozenset({PlanState.APPROVED, PlanState.EXECUTED, PlanState.ASSESSED})
_BEFORE = {
    PlanState.COUNTERSIGNING: frozenset({PlanState.DRAFTED}),
    PlanState.DRAFTED: frozenset({PlanState.COUNTERSIGNING}),
    PlanState.APPROVED: frozenset({PlanState.COUNTERSIGNING}),
    PlanState.EXECUTED: frozenset({PlanState.APPROVED}),
    PlanState.ASSESSED: frozenset({PlanState.EXECUTED}),
    PlanState.SUPERSEDED: REVISABLE,
}


def move(state: PlanState, to: PlanState) -> PlanState:
    """Return the plan's new state, or raise WRONG_STATE naming its current state."""
    if state not in _BEFORE[to]:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {to.name}", state=state.name)
    return to


def must_be(state: PlanState, expected: Collection[PlanState]) -> None:
    """Raise WRONG_STATE naming the state unless it is one of those expected."""
    if state not in expected:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def must_run(state: MeasureState) -> None:
    """Raise WRONG_STATE naming the state of a measure that is not in progress."""
    if state is not MeasureState.RUNNING:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → REPORTED", state=state.name)


def check_parties(parties: Iterable[str]) -> None:
    """Raise INVALID_FIELD if a party is checked twice."""
    seen: set[str] = set()
    for index, party in enumerate(parties):
        if party in seen:
            raise field_error(f"plan.party_checks[{index}].party", Reason.INVALID_FIELD, party)
        seen.add(party)


def asked_to_countersign(own: str, owners: Iterable[str], besides: Iterable[str]) -> tuple[tuple[str, Role], ...]:
    """Return who is asked: every other unit that owns a measure or was named, and a legal adviser of any unit."""
    units = sorted({*owners, *besides} - {own})
    return (*((unit, Role.CO_UNIT) for unit in units), ("", Role.LEGAL_ADVISER))


def may_approve(
    signed: Iterable[Countersigned], checks: Iterable[RightsCheck], approver: str, by: Collection[str]
) -> None:
    """Raise unless everybody asked has answered, no right is restricted, and the approver did not draft it.

    A disagreement does not block it: the approver decides, and the reason is kept.
    """
    if approver in by:
        raise CaseError(Reason.SAME_PERSON)
    missing = [each.unit or each.role.name for each in signed if not each.signed]
    if missing:
        raise CaseError(Reason.COUNTERSIGN_MISSING, ", ".join(missing), missing=",".join(missing))
    barred = [each.party for each in checks if not (each.may_sue and each.told)]
    if barred:
        raise CaseError(Reason.RIGHTS_UNCHECKED, ", ".join(barred), parties=",".join(barred))


def revision_rule(level: str) -> str:
    """Return the rule of the next version's clock: five working days for a county, ten for a city or province."""
    return "plan_revision_county" if level == Level.county else "plan_revision_above"


def differences(base: Mapping[str, str], other: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return what differs between two versions: field, before, after, in the order of the plan."""
    fields = [*other, *(field for field in base if field not in other)]
    found = [(field, base.get(field, ""), other.get(field, "")) for field in fields]
    return [each for each in found if each[1] != each[2]]
