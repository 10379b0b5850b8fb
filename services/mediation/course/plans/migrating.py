"""A case that moves to another version of its plan type: looked at, and carried out in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from casework.door.complaint import lies_within
from casework.errors import CaseError, Reason
from casework.mediation.plan import PlanTemplate, TaskTemplate, resolve_unit
from casework.mediation.plan_change import DiffKind, PlanCause
from casework.mediation.plans.moving import Held, Move, MoveKind, may_move, moves
from casework.units import UnitTree
from services.kit.command import Work
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.mediation import store as cases
from services.mediation.course.plans.changing import end_task
from services.mediation.models.cases import Case, Task
from services.mediation.plan_migrations.models import PlanMigration
from services.mediation.plans import adding, keeping
from services.mediation.plans import store as plans


@dataclass(frozen=True, slots=True)
class Route:
    """From which version to which, and what each step becomes."""

    row: PlanMigration
    old: PlanTemplate
    new: PlanTemplate
    units: UnitTree

    @property
    def mapping(self) -> Mapping[str, str]:
        """What each step of the old version becomes."""
        mapping: Mapping[str, str] = self.row.mapping
        return mapping

    def is_of(self, case: Case) -> bool:
        """Return whether a case still runs by the old version."""
        return (case.plan, case.plan_version) == (self.old.name, self.old.version)

    def doer(self, case: Case, step: TaskTemplate) -> str:
        """Return the unit that gets a step which is added; never the unit complained of, as when a case is opened."""
        found = resolve_unit(step, case.unit, self.units)
        return case.unit if lies_within(case.about, found) else found

    async def look(self, connection: Connection, case: Case) -> tuple[list[Move], dict[int, Task]]:
        """Return what would happen to the tasks of a case, and the tasks; raise the error by which it cannot move."""
        tasks = {each.task: each for each in await cases.tasks_of(connection, case.number)}
        held = [Held(each.task, each.key, each.state) for each in tasks.values()]
        found = moves(held, self.old, self.new, self.mapping)
        if case.unit not in self.units:
            raise CaseError(Reason.UNKNOWN_UNIT, case.unit)
        is_open = await plans.waits(connection, case.number)
        may_move(case.stage, is_open, {number: task.state for number, task in tasks.items()}, found)
        return found, tasks


async def move(work: Work, route: Route, case: Case, found: list[Move], tasks: Mapping[int, Task]) -> int:
    """Move a locked case that was looked at, and return the version of its plan that comes of it.

    What runs keeps its unit and its deadline.
    """
    # Earlier moves by pauses and extensions are not attributed to the migration.
    await keeping.keep(work, case.number, PlanCause.DATES_MOVED)
    for each in found:
        if each.kind is MoveKind.WITHDRAWN:
            await end_task(work, case, tasks[each.task])
        elif each.kind is MoveKind.CHANGED and each.then is not None:
            await cases.change_task(
                work.connection, case.number, each.task, work.now, key=each.then.key,
                measure={"zh": each.then.zh, "en": each.then.en},
                evidence_rule={"zh": each.then.evidence_zh, "en": each.then.evidence_en},
                milestone=each.then.milestone, optional=each.then.optional,
            )  # fmt: skip
        elif each.kind is MoveKind.ADDED and each.then is not None:
            await adding.add(work, case, each.then, route.doer(case, each.then))
    await cases.change(work.connection, case.number, work.now, plan=route.new.name, plan_version=route.new.version)
    return await _told(work, route, case)


async def _told(work: Work, route: Route, case: Case) -> int:
    row = route.row
    version, found = await keeping.keep(
        work, case.number, PlanCause.MIGRATED, migration=row.migration, made_by=row.proposed_by,
        approved_by=row.decided_by, always=True,
    )  # fmt: skip
    after = await cases.count_open(work.connection, case.number, work.now)
    numbers = {kind: [each.task for each in found if each.kind is kind] for kind in DiffKind}
    payload = {
        "migration": row.migration,
        "version": version,
        "template": route.new.name,
        "template_version": route.new.version,
        "added": numbers[DiffKind.ADDED],
        "changed": numbers[DiffKind.CHANGED],
        "withdrawn": numbers[DiffKind.WITHDRAWN],
        "open_tasks": after.open_tasks,
        "stage": after.stage.name,
    }
    await work.append(NewEvent(case.number, "PlanMigrated", case.unit, payload))
    return version
