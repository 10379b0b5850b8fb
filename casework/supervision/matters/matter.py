"""Matters on the ledger (清单台账): states, who may check what, and what is due when.

Matters and the units responsible for them are supervised here, never a person.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum, IntEnum

from casework.errors import CaseError, Reason, field_error
from casework.units import Level, UnitTree


class MatterLevel(IntEnum):
    """Whose ledger a matter is on; the numbers match the contract, the names match the column."""

    COUNTY = 1
    CITY = 2
    PROVINCE = 3
    TOWNSHIP = 4

    @property
    def area(self) -> Level:
        """The level of the unit that keeps it."""
        return Level(self.name.lower())


class MatterState(IntEnum):
    """State of a matter; the numbers match the contract."""

    REGISTERED = 1
    GRADED = 2
    ASSIGNED = 3
    HANDLING = 4
    CHECKING = 5
    RETURNED = 6
    STRUCK_OFF = 7


class Impact(IntEnum):
    """The impact of a matter on those affected, if it is left alone; the numbers match the contract."""

    LITTLE = 1
    LIVELIHOOD = 2
    SAFETY = 3


class Part(IntEnum):
    """A unit's part in a matter; the numbers match the contract."""

    RESPONSIBLE = 1
    LEAD = 2
    CO = 3


class AssignmentState(IntEnum):
    """State of a unit's part; the numbers match the contract."""

    OPEN = 1
    DONE = 2
    ENDED = 3


class Verdict(IntEnum):
    """The result of checking a request to strike off; the numbers match the contract."""

    GOOD = 1
    NOT_GOOD = 2
    FALSE = 3


class Found(IntEnum):
    """What a look back found; the numbers match the contract."""

    HOLDS = 1
    RELAPSED = 2


class Step(Enum):
    """What is done to a matter, with the states in which it may be done."""

    GRADE = frozenset({
        MatterState.REGISTERED, MatterState.GRADED, MatterState.ASSIGNED, MatterState.HANDLING, MatterState.RETURNED
    })  # fmt: skip
    ASSIGN = frozenset({MatterState.GRADED})
    WORK = frozenset({MatterState.ASSIGNED, MatterState.HANDLING, MatterState.RETURNED})
    REQUEST = frozenset({MatterState.HANDLING})
    VERIFY = frozenset({MatterState.CHECKING})
    LOOK_BACK = frozenset({MatterState.STRUCK_OFF})
    MOVE = frozenset(MatterState) - {MatterState.STRUCK_OFF}


LOOK_BACKS = (30, 90)
"""Days after striking off on which a look back is due (house default)."""
LOOK_BACK_EARLY = timedelta(days=7)
"""How long before its day a look back may say that a matter is still settled, as with visits (house default)."""
LONGEST = timedelta(days=3 * 366)
"""How far ahead a deadline may be: one further away is a typing error."""


def may(state: MatterState, step: Step) -> None:
    """Raise WRONG_STATE, naming the state, if this is not allowed in it."""
    if state not in step.value:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {step.name}", state=state.name)


def keeper_of(tree: UnitTree, place: str, level: MatterLevel, field: str = "level") -> str:
    """Return the unit that keeps a matter of this place at a level; INVALID_FIELD if there is none above the place."""
    for unit in tree.path(place):
        if tree.known(unit).level is level.area:
            return unit
    raise field_error(field, Reason.INVALID_FIELD, f"{place}: no {level.area} above it")


def may_put_forward(tree: UnitTree, unit: str, keeper: str, field: str = "level") -> None:
    """Raise INVALID_FIELD unless a unit may enter a matter in this ledger: its own or one below, or the next one above.

    A village keeps no ledger: it puts its matters on that of its township, a department on that of its area.
    """
    if not tree.contains(unit, keeper) and tree.parent(unit) != keeper:
        raise field_error(field, Reason.INVALID_FIELD, f"{keeper}: the next level above passes it on")


@dataclass(frozen=True, slots=True)
class Given:
    """A part assigned to a unit."""

    part: Part
    unit: str
    due_on: date


def check_assignments(tree: UnitTree, keeper: str, given: Sequence[Given], today: date) -> None:
    """Check the assignments: one responsible unit, at most one lead, each unit once, all under the ledger's keeper.

    The keeper of the ledger checks the work, so it cannot be responsible for it.
    """
    parts = [each.part for each in given]
    if parts.count(Part.RESPONSIBLE) != 1 or parts.count(Part.LEAD) > 1:
        raise field_error("assignments", Reason.INVALID_FIELD, "one RESPONSIBLE, at most one LEAD")
    seen: set[str] = set()
    for number, each in enumerate(given):
        check_unit(tree, keeper, each.part, each.unit, f"assignments[{number}].unit")
        if each.unit in seen:
            raise field_error(f"assignments[{number}].unit", Reason.INVALID_FIELD, "twice")
        seen.add(each.unit)
        check_due(each.due_on, today, f"assignments[{number}].due_date")


def check_unit(tree: UnitTree, keeper: str, part: Part, unit: str, field: str) -> None:
    """Check that a unit can be assigned a part of a matter kept by `keeper`."""
    if unit not in tree:
        raise field_error(field, Reason.UNKNOWN_UNIT, unit)
    if not tree.contains(keeper, unit):
        raise field_error(field, Reason.INVALID_FIELD, f"not under {keeper}: raise the matter first")
    if part is Part.RESPONSIBLE and unit == keeper:
        raise field_error(field, Reason.INVALID_FIELD, f"{keeper} keeps the ledger and checks the work")


def check_due(due_on: date, today: date, field: str) -> None:
    """Check that a deadline is in the future, and not too far."""
    if not today < due_on <= today + LONGEST:
        raise field_error(field, Reason.INVALID_FIELD, "a future date, within three years")


def may_extend(extended: bool, before: date, after: date, today: date) -> None:
    """Check that a deadline may be extended: once, before it has passed, to a later day."""
    if extended:
        raise CaseError(Reason.EXTENSION_USED_UP)
    if today > before:
        raise CaseError(Reason.EXTENSION_AFTER_DUE)
    check_due(after, today, "due_date")
    if after <= before:
        raise field_error("due_date", Reason.INVALID_FIELD, "later than the current one")


def may_check(
    tree: UnitTree, responsible: str, *, checker: str, checker_unit: str, requester: str, workers: Collection[str]
) -> None:
    """Check that a person may verify a matter: somebody else, who did not work on it, of another unit.

    SAME_PERSON for the requester; ROLE_BARRED for one who reported work on it or belongs to its responsible unit.
    """
    if checker == requester:
        raise CaseError(Reason.SAME_PERSON)
    if checker in workers or (responsible and tree.contains(responsible, checker_unit)):
        raise CaseError(Reason.ROLE_BARRED)


def verified(verdict: Verdict, reason: str) -> MatterState:
    """Return a matter's state after a check; returning it requires a reason."""
    if verdict is Verdict.GOOD:
        return MatterState.STRUCK_OFF
    if not reason:
        raise field_error("reason", Reason.REASON_REQUIRED)
    return MatterState.RETURNED


def may_look_back(found: Found, due_on: date, today: date) -> None:
    """Raise LOOK_BACK_EARLY if it is too early to say that a matter is still settled; a relapse is never early."""
    first = due_on - LOOK_BACK_EARLY
    if found is Found.HOLDS and today < first:
        raise CaseError(Reason.LOOK_BACK_EARLY, first.isoformat(), day=first.isoformat())


def moved(tree: UnitTree, keeper: str, level: MatterLevel, to: str) -> str:
    """Return the unit that keeps a matter after a move: the one above if it is raised, `to` if it is handed down."""
    if tree.known(keeper).level is level.area:
        raise CaseError(Reason.WRONG_STATE, f"{level.area}: it is already there", state=str(level.area))
    above = [unit for unit in tree.path(keeper) if tree.known(unit).level is level.area]
    if above:
        if to not in ("", above[0]):
            raise field_error("keeper", Reason.INVALID_FIELD, f"{above[0]} is above it")
        return above[0]
    if to not in tree or tree.known(to).level is not level.area or not tree.contains(keeper, to):
        raise field_error("keeper", Reason.INVALID_FIELD, f"a {level.area} under {keeper}")
    return to
