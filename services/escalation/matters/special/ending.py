"""What the ledger asks special handling before a matter is struck off, and what follows afterwards."""

from __future__ import annotations

from casework import names
from casework.supervision.matters.task_force import TaskState
from services.escalation.matters.special.consultations import store as consultations
from services.escalation.matters.special.forces import store as forces
from services.escalation.matters.special.forces import view as forces_view
from services.escalation.matters.special.leads import course as leads
from services.escalation.matters.special.monitorings import store as monitorings
from services.escalation.matters.special.plans import store as plans
from services.kit.command import Work
from services.kit.storage.database import Connection


async def open_items(connection: Connection, number: str) -> list[str]:
    """Return what is still open of a matter, by resource name; it can be struck off when nothing is.

    Open measures, tasks of the task force, unanswered consultations, a monitoring.
    """
    base = names.file_name(number)
    return [
        *await plans.open_measures(connection, number),
        *(
            forces_view.task_name(task)
            for task in await forces.tasks(connection, number)
            if task.state is not TaskState.DONE
        ),
        *(
            f"{base}/consultations/{each.consultation}"
            for each in await consultations.of_file(connection, number)
            if each.ended_at is None
        ),
        *await monitorings.active(connection, number),
    ]


async def struck_off(work: Work, number: str) -> None:
    """Cancel what a struck-off matter no longer needs. The caller appends an event after it."""
    await leads.struck_off(work, number)
    for keys in ("revise-%", "countersign-%", "approve-%", "assess-%", "force-%", "force_check-%", "minutes-%"):
        await work.stop(number, keys, met=False)
