"""What follows from an approval, and what other parts of supervision need from plans."""

from __future__ import annotations

from casework import names
from casework.supervision.matters.plan import UNDER_WAY, MeasureState, revision_rule
from services.escalation.matters.ledger import course as ledger
from services.escalation.matters.special.matters import store as matters
from services.escalation.matters.special.models import MatterPlan, PlanMeasure
from services.escalation.matters.special.plans import store, view
from services.escalation.models import Matter
from services.kit import dates
from services.kit.clocks import clocks
from services.kit.command import Work

DUE = "plan"
"""The key of the clock of a matter's first plan; the ledger starts it when the matter is entered."""
REVISION = "revise"


async def approved(work: Work, matter: Matter, row: MatterPlan) -> None:
    """Put a version in force: the plan's clocks are met, the version before ends, its measures get clocks."""
    await ledger.plan_approved(work, matter)
    await work.stop(matter.number, f"{REVISION}-%")
    for before in await store.supersede(work.connection, matter.number, row.plan):
        await store.set_measures(work.connection, before, MeasureState.RUNNING, MeasureState.DROPPED)
        await work.stop(matter.number, f"measure-{before.plan}-%", met=False)
        await work.stop(matter.number, f"assess-{before.plan}-%", met=False)
    for measure in await store.set_measures(work.connection, row, MeasureState.PLANNED, MeasureState.RUNNING):
        await work.start_clock(
            matter.number, measure_key(measure), "plan_measure", subject=view.measure_name(measure), unit=measure.unit,
            at=work.now, until=dates.last_second(measure.due_on),
        )  # fmt: skip


def measure_key(row: PlanMeasure) -> str:
    """Return the key of a measure's clock."""
    return f"measure-{row.plan}-{row.measure}"


async def want_revision(work: Work, matter: Matter) -> None:
    """Start the clock for the approval of the next version. The caller appends an event after it."""
    row = await store.latest(work.connection, matter.number)
    key = f"{REVISION}-{await revisions(work, matter.number) + 1}"
    subject = view.plan_name(row) if row else names.file_name(matter.number)
    await work.start_clock(
        matter.number, key, revision_rule(matter.level), subject=subject, unit=matters.answerable(matter), at=work.now
    )


async def revisions(work: Work, number: str) -> int:
    """Return how many further versions have been due."""
    return await clocks.how_many(work.connection, number, f"{REVISION}-%")


def is_under_way(row: MatterPlan | None) -> bool:
    """Return whether the newest version is still in preparation."""
    return row is not None and row.state in UNDER_WAY
