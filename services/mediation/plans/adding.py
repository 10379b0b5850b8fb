"""Tasks that are added to the plan of a case while it is handled."""

from __future__ import annotations

from casework.mediation.plan import TaskTemplate
from services.kit.command import Work
from services.kit.storage.sealing import SealedBytes
from services.mediation import store
from services.mediation.models.cases import Case, Task
from services.mediation.opening import new_task


async def add(work: Work, case: Case, template: TaskTemplate, unit: str, words: SealedBytes | None = None) -> Task:
    """Give a unit one more task in a locked case, with its clocks; the case is handled again.

    `words` are the own words of whoever adds it, sealed.
    """
    index = await store.last_task(work.connection, case.number) + 1
    row, clocks = new_task(work.clockwork, template, case.number, index, unit, work.now)
    await store.add_task(work.connection, {**row, "sealed": words})
    await work.start(*clocks)
    await store.count_open(work.connection, case.number, work.now)
    return await store.get_task(work.connection, case.number, index)
