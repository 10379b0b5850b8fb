"""How running cases move from one version of a plan type to another: what changes in each, what cannot move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from casework.case import DONE, Stage, TaskState
from casework.errors import CaseError, Reason, field_error
from casework.mediation.plan import PlanState, PlanTemplate, TaskTemplate

DROPPED = ""
"""What a step becomes that is not in the new version, and that is no longer needed."""


class MigrationState(IntEnum):
    """State of a migration; the numbers match the contract."""

    PROPOSED = 1
    APPROVED = 2
    REFUSED = 3
    DONE = 4


class MoveKind(IntEnum):
    """What happens to a task; the numbers match the contract."""

    KEPT = 1
    CHANGED = 2
    ADDED = 3
    WITHDRAWN = 4


@dataclass(frozen=True, slots=True)
class Held:
    """A task that a case has."""

    task: int
    key: str
    state: TaskState


@dataclass(frozen=True, slots=True)
class Move:
    """What happens to a task of a case; `task` is 0 for one that is added, `then` is its step from now on."""

    kind: MoveKind
    task: int
    before: str
    then: TaskTemplate | None


def whole(old: PlanTemplate, new: PlanTemplate, given: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return what every step of the old version becomes; raise an error naming the entry that is wrong.

    A step that is not mapped stays the step with the same key. One that the new version does not have must be mapped,
    if only to nothing: no step is dropped by forgetting it.
    """
    if old == new:
        raise field_error("migration.to_type", Reason.INVALID_FIELD, "the same version")
    must_be_published(new)
    found: dict[str, str] = {}
    for index, (step, becomes) in enumerate(given):
        at = f"migration.mappings[{index}]"
        if old.task(step) is None or step in found:
            raise field_error(f"{at}.step", Reason.INVALID_FIELD, step)
        if becomes != DROPPED and (new.task(becomes) is None or becomes in found.values()):
            raise field_error(f"{at}.becomes", Reason.INVALID_FIELD, becomes)
        found[step] = becomes
    left = [task.key for task in old.tasks if task.key not in found]
    taken = set(found.values())
    if forgotten := [key for key in left if new.task(key) is None or key in taken]:
        raise field_error("migration.mappings", Reason.STEP_UNMAPPED, ", ".join(forgotten))
    return found | {key: key for key in left}


def must_be_published(new: PlanTemplate) -> None:
    """Raise NOT_PUBLISHED for a version that new cases do not get: no case is moved to what is no longer meant."""
    if new.state is not PlanState.PUBLISHED:
        raise CaseError(Reason.NOT_PUBLISHED, f"{new.name} {new.version}")


def moves(tasks: Iterable[Held], old: PlanTemplate, new: PlanTemplate, mapping: Mapping[str, str]) -> list[Move]:
    """Return what happens to the tasks of a case; raise TASK_REPORTED for one that must be verified first.

    What is done or withdrawn stays as it was, and counts as the step that it became: nothing is done twice.
    """
    found: list[Move] = []
    covered: set[str] = set()
    for task in tasks:
        before = old.task(task.key)
        if before is None:
            continue
        becomes = mapping[task.key]
        covered.add(becomes)
        then = new.task(becomes)
        if task.state in DONE or (then is not None and _same(before, then)):
            found.append(Move(MoveKind.KEPT, task.task, task.key, then))
        elif task.state is TaskState.REPORTED:
            raise CaseError(Reason.TASK_REPORTED, str(task.task), task=str(task.task))
        else:
            kind = MoveKind.WITHDRAWN if then is None else MoveKind.CHANGED
            found.append(Move(kind, task.task, task.key, then))
    added = [each for each in new.tasks if each.key not in covered]
    return found + [Move(MoveKind.ADDED, 0, "", each) for each in added]


def may_move(stage: Stage, is_open: bool, states: Mapping[int, TaskState], found: Sequence[Move]) -> None:
    """Raise an error unless a case may move now; `is_open` says whether a change of its plan waits for its decision."""
    if stage not in (Stage.HANDLING, Stage.HANDLED):
        raise CaseError(Reason.WRONG_STATE, stage.name, state=stage.name)
    if is_open:
        raise CaseError(Reason.PLAN_CHANGE_OPEN)
    gone = {each.task for each in found if each.kind is MoveKind.WITHDRAWN}
    left = [task for task, state in states.items() if task not in gone and state is not TaskState.CANCELLED]
    if not left and not any(each.kind is MoveKind.ADDED for each in found):
        raise CaseError(Reason.PLAN_EMPTY)


def _same(before: TaskTemplate, then: TaskTemplate) -> bool:
    """Return whether a task of one step is a task of the other as it stands; unit and days are of the case."""
    parts = ("key", "zh", "en", "evidence_zh", "evidence_en", "milestone", "optional")
    return all(getattr(before, each) == getattr(then, each) for each in parts)
