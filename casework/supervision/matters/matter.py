"""Matters of the ledger (清单台账): states, who may check what, and what is owed when.

A matter and the units that answer for it are supervised here, never a person.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum, IntEnum

from casework.errors import CaseError, Reason, field_error
from casework.units import Level, UnitTree


class MatterLevel(IntEnum):
    """Whose ledger a matter stands on; the numbers are those of the contract, the names those of the column."""

    COUNTY = 1
    CITY = 2
    PROVINCE = 3

    @property
    def area(self) -> Level:
        """The level of the unit that keeps it."""
        return Level(self.name.lower())


class MatterState(IntEnum):
    """Where a matter stands; the numbers are those of the contract."""

    REGISTERED = 1
    GRADED = 2
    ASSIGNED = 3
    HANDLING = 4
    CHECKING = 5
    RETURNED = 6
    STRUCK_OFF = 7


class Impact(IntEnum):
    """What a matter means for those it affects, if it is left; the numbers are those of the contract."""

    LITTLE = 1
    LIVELIHOOD = 2
    SAFETY = 3


class Part(IntEnum):
    """What a unit is to a matter; the numbers are those of the contract."""

    RESPONSIBLE = 1
    LEAD = 2
    CO = 3


class AssignmentState(IntEnum):
    """Where a unit's part stands; the numbers are those of the contract."""

    OPEN = 1
    DONE = 2
    ENDED = 3


class Verdict(IntEnum):
    """What a check of a request to strike off came to; the numbers are those of the contract."""

    GOOD = 1
    NOT_GOOD = 2
    FALSE = 3


class Found(IntEnum):
    """What a look back found; the numbers are those of the contract."""

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
"""Days after striking off at which somebody looks back (house default)."""
LONGEST = timedelta(days=3 * 366)
"""How far a deadline may lie ahead: what is further away is a slip of the pen."""


def may(state: MatterState, step: Step) -> None:
    """Raise WRONG_STATE, naming the state, where this cannot be done in it."""
    if state not in step.value:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {step.name}", state=state.name)


def keeper_of(tree: UnitTree, place: str, level: MatterLevel, field: str = "level") -> str:
    """Return the unit that keeps a matter of this place at a level; INVALID_FIELD where the place has none above it."""
    for unit in tree.path(place):
        if tree.known(unit).level is level.area:
            return unit
    raise field_error(field, Reason.INVALID_FIELD, f"{place}: no {level.area} above it")


@dataclass(frozen=True, slots=True)
class Given:
    """A part that a unit is given."""

    part: Part
    unit: str
    due_on: date


def check_assignments(tree: UnitTree, keeper: str, given: Sequence[Given], today: date) -> None:
    """Check who is given what: one unit answers, at most one leads, each once, all under whoever keeps the ledger.

    Whoever keeps the ledger checks the work, so it cannot be the one that answers for it.
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
    """Check that a unit can be given a part of a matter that `keeper` keeps."""
    if unit not in tree:
        raise field_error(field, Reason.UNKNOWN_UNIT, unit)
    if not tree.contains(keeper, unit):
        raise field_error(field, Reason.INVALID_FIELD, f"not under {keeper}: raise the matter first")
    if part is Part.RESPONSIBLE and unit == keeper:
        raise field_error(field, Reason.INVALID_FIELD, f"{keeper} keeps the ledger and checks the work")


def check_due(due_on: date, today: date, field: str) -> None:
    """Check that a deadline lies ahead, and within reason."""
    if not today < due_on <= today + LONGEST:
        raise field_error(field, Reason.INVALID_FIELD, "a day to come, within three years")


def may_extend(extended: bool, before: date, after: date, today: date) -> None:
    """Check that a deadline may be moved: once, while it has not passed, to a later day."""
    if extended:
        raise CaseError(Reason.EXTENSION_USED_UP)
    if today > before:
        raise CaseError(Reason.EXTENSION_AFTER_DUE)
    check_due(after, today, "due_date")
    if after <= before:
        raise field_error("due_date", Reason.INVALID_FIELD, "later than the present one")


def may_check(
    tree: UnitTree, responsible: str, *, checker: str, checker_unit: str, requester: str, workers: Collection[str]
) -> None:
    """Check that somebody may check a matter: another person, who did not work on it, of another unit.

    SAME_PERSON for whoever asked; ROLE_BARRED for whoever reported work on it or belongs to the unit that answers.
    """
    if checker == requester:
        raise CaseError(Reason.SAME_PERSON)
    if checker in workers or (responsible and tree.contains(responsible, checker_unit)):
        raise CaseError(Reason.ROLE_BARRED)


def verified(verdict: Verdict, reason: str) -> MatterState:
    """Return where a matter goes after a check; whoever returns it says why."""
    if verdict is Verdict.GOOD:
        return MatterState.STRUCK_OFF
    if not reason:
        raise field_error("reason", Reason.REASON_REQUIRED)
    return MatterState.RETURNED


def moved(tree: UnitTree, keeper: str, level: MatterLevel, to: str) -> str:
    """Return the unit that keeps a matter after a move: the one above where it is raised, `to` where handed down."""
    if tree.known(keeper).level is level.area:
        raise CaseError(Reason.WRONG_STATE, f"{level.area}: it is there already", state=str(level.area))
    above = [unit for unit in tree.path(keeper) if tree.known(unit).level is level.area]
    if above:
        if to not in ("", above[0]):
            raise field_error("keeper", Reason.INVALID_FIELD, f"{above[0]} is above it")
        return above[0]
    if to not in tree or tree.known(to).level is not level.area or not tree.contains(keeper, to):
        raise field_error("keeper", Reason.INVALID_FIELD, f"a {level.area} under {keeper}")
    return to
