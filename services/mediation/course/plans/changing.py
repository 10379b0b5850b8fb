"""A change of a plan: checked against rules and facts of the case, and carried out in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pb.mediation.v1 import case_plan_pb2 as pb

from casework import names
from casework.case import Stage, TaskState
from casework.clocks.ledger import Extended
from casework.clocks.rule import ExtensionKind
from casework.errors import CaseError, Reason, field_error
from casework.mediation import plan_change as rules_of
from casework.mediation.plan import TaskTemplate
from casework.mediation.plan_change import DiffKind, PlanCause
from casework.units import UnitTree
from services.kit.clocks import ledger as clock_ledger
from services.kit.command import Work
from services.kit.storage.events import NewEvent
from services.kit.storage.sealing import CaseSealer
from services.mediation import store as cases
from services.mediation.course import dispatch
from services.mediation.models.cases import Case, Task
from services.mediation.opening import task_key
from services.mediation.plans import adding, keeping

ADDED = "added"
"""Key of a task that is added in somebody's own words."""
_WORDS = ("本案增加的任务", "A task added in this case")
"""What stands for the words of such a task where they are not shown."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Who requested a change, who approved it, and its number in the case."""

    change: int
    made_by: str
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the plan of a locked case, with the tasks that the case has."""

    case: Case
    revision: pb.PlanRevision
    tasks: dict[int, Task]
    units: UnitTree

    def check(self, proposed: bool) -> None:
        """Raise unless the change may be made; APPROVAL_NEEDED if it is not proposed and must be."""
        if self.case.stage not in (Stage.HANDLING, Stage.HANDLED):
            raise CaseError(Reason.WRONG_STATE, self.case.stage.name, state=self.case.stage.name)
        if not (self.revision.ListFields()):
            raise field_error("revision", Reason.INVALID_FIELD, "nothing is changed")
        named = list(self._named())
        rules_of.must_be_named_once((field, task.task) for field, task in named)
        for field, task in named:
            rules_of.must_be_running(field, task.state)
        for field, unit in self._given():
            rules_of.may_be_given(field, unit, self.case.unit, self.case.about, self.units)
        for index, each in enumerate(self.revision.hand_over):
            if names.last(each.unit) == self.of(each.task, "").unit:
                raise field_error(f"revision.hand_over[{index}].unit", Reason.INVALID_FIELD, "it has the task already")
        ended = [*(names.index_of(each.task) for each in self.revision.split), *self._withdrawn()]
        states = {number: task.state for number, task in self.tasks.items()}
        rules_of.something_must_be_left(states, ended, len(self.revision.add) + len(self.revision.split))
        later = [names.index_of(each.task) for each in self.revision.extend]
        rules_of.must_need_no_approval(proposed, self._dropped(), later)

    def of(self, name: str, field: str) -> Task:
        """Return the task that a change names; INVALID_FIELD if it is of another case."""
        task = self.tasks.get(names.index_of(name)) if names.number_of(name) == self.case.number else None
        if task is None:
            raise field_error(field, Reason.INVALID_FIELD, name)
        return task

    def _named(self) -> Iterator[tuple[str, Task]]:
        told = self.revision
        changed = {
            "split": [each.task for each in told.split],
            "hand_over": [each.task for each in told.hand_over],
            "extend": [each.task for each in told.extend],
            "withdraw": [each.task for each in told.withdraw],
        }
        for kind, tasks in changed.items():
            for index, task in enumerate(tasks):
                field = f"revision.{kind}[{index}].task"
                yield field, self.of(task, field)

    def _given(self) -> Iterator[tuple[str, str]]:
        for index, new in enumerate(self.revision.add):
            yield f"revision.add[{index}].unit", names.last(new.unit)
        for index, split in enumerate(self.revision.split):
            for nth, part in enumerate(split.parts):
                yield f"revision.split[{index}].parts[{nth}].unit", names.last(part.unit)
        for index, handed in enumerate(self.revision.hand_over):
            yield f"revision.hand_over[{index}].unit", names.last(handed.unit)

    def _withdrawn(self) -> list[int]:
        return [names.index_of(each.task) for each in self.revision.withdraw]

    def _dropped(self) -> Iterable[int]:
        """Return the tasks that must not end without approval: all but optional ones."""
        ended = [*(names.index_of(each.task) for each in self.revision.split), *self._withdrawn()]
        return [task for task in ended if not self.tasks[task].optional]


async def carry_out(work: Work, change: Change, sealer: CaseSealer, signed: Signed) -> int:
    """Carry a checked change out, and return the version of the plan that it makes."""
    case, told = change.case, change.revision
    # Earlier moves by pauses and extensions are not attributed to the author of this change.
    await keeping.keep(work, case.number, PlanCause.DATES_MOVED)
    for handed in told.hand_over:
        task = change.of(handed.task, "")
        await dispatch.must_be_undisputed(work, case, task)
        await dispatch.lapse(work, case, task=task.task)
        await dispatch.hand_task(work, case, task, names.last(handed.unit))
    for extended in told.extend:
        await _extend(work, change.of(extended.task, ""), extended.days, signed)
    for split in told.split:
        await end_task(work, case, change.of(split.task, ""))
    for withdrawn in told.withdraw:
        await end_task(work, case, change.of(withdrawn.task, ""))
    for new in (*(part for split in told.split for part in split.parts), *told.add):
        await _add(work, case, new, sealer)
    return await _told(work, case, signed)


async def _told(work: Work, case: Case, signed: Signed) -> int:
    version, found = await keeping.keep(
        work, case.number, PlanCause.REVISED, change=signed.change, made_by=signed.made_by,
        approved_by=signed.approved_by,
    )  # fmt: skip
    after = await cases.count_open(work.connection, case.number, work.now)
    numbers = {kind: [each.task for each in found if each.kind is kind] for kind in DiffKind}
    payload = {
        "change": signed.change,
        "version": version,
        "added": numbers[DiffKind.ADDED],
        "changed": numbers[DiffKind.CHANGED],
        "withdrawn": numbers[DiffKind.WITHDRAWN],
        "open_tasks": after.open_tasks,
        "stage": after.stage.name,
    }
    await work.append(NewEvent(case.number, "PlanRevised", case.unit, payload))
    return version


async def _extend(work: Work, task: Task, days: int, signed: Signed) -> None:
    clock = await clock_ledger.get(work.connection, names.clock_id(task.number, task_key(task.task, "task")), lock=True)
    entry = Extended(
        seq=clock.entries + 1, at=work.now, recorded_at=work.now, actor=signed.made_by, amount=days,
        how=ExtensionKind.head_approval, reason=f"planChanges/{signed.change}", approver=signed.approved_by,
    )  # fmt: skip
    change = await clock_ledger.record(work.connection, work.clockwork, clock, entry, work.now)
    await work.append(*change.events)


async def end_task(work: Work, case: Case, task: Task) -> None:
    """End a task no longer needed: its clocks are cancelled, and open objections and offers lapse."""
    await dispatch.lapse(work, case, task=task.task)
    await cases.change_task(work.connection, case.number, task.task, work.now, state=TaskState.CANCELLED)
    await work.stop(case.number, task_key(task.task, "%"), met=False)


async def _add(work: Work, case: Case, new: pb.NewTask, sealer: CaseSealer) -> None:
    zh, en = _WORDS
    template = TaskTemplate(
        key=ADDED, zh=zh, en=en, unit="", due_days=new.days, evidence_zh="", evidence_en="", milestone=new.milestone,
        optional=new.optional,
    )  # fmt: skip
    words = pb.NewTask(measure=new.measure, evidence_required=new.evidence_required)
    await adding.add(work, case, template, names.last(new.unit), sealer.seal(words.SerializeToString()))
