"""What follows when a time limit of the mediation is over, or a proposal is not answered.

A time limit moves only as its rule says, with every party's consent, and is stopped by the end of the mediation. Its
end releases the parties: the mediation is over, each gets the notice of the other routes, and the workflow is notified.
"""

from __future__ import annotations

from casework import names
from casework.case import Ground, Stage
from casework.mediation.agreement import AgreementState
from casework.mediation.course import ENDED, MediationState
from casework.mediation.docking import OVER, DockingState
from casework.mediation.termination import ended_as
from services.kit.clocks.clocks import Firing
from services.kit.clocks.models import LIVE
from services.kit.command import Consequence, Work
from services.mediation import standing
from services.mediation import store as cases
from services.mediation.agreement import store as agreements
from services.mediation.consents import store as mediations
from services.mediation.course import mediating
from services.mediation.docking import store as dockings
from services.mediation.models.cases import Case
from services.mediation.models.consents import Mediation

DRAFT = "agreement_answer"
DOCKED = ("court_entrusted", "court_entrusted_summary", "police_docking")
STATUTORY = ("labour_mediation", "medical_mediation", "consumer_mediation")


async def await_signatures(work: Work, case: Case, agreement: int) -> None:
    """Give the parties ten working days to answer a draft; the clock of an earlier draft is cancelled."""
    await drop_signatures(work, case.number)
    await work.start_clock(
        case.number, f"mediation-draft-{agreement}", DRAFT, subject=names.agreement_name(case.number, agreement),
        unit=case.unit, at=work.now,
    )  # fmt: skip


async def drop_signatures(work: Work, number: str, *, met: bool = False) -> None:
    """Stop the clock for the signatures of a draft: it binds, or another one replaces it."""
    await work.stop(number, "mediation-draft-%", met=met)


def consequences() -> dict[str, Consequence]:
    """Return what follows when a time limit of mediation is over, or somebody did not answer in time."""

    async def term_over(work: Work, firing: Firing) -> None:
        case, row = await _open(work, firing)
        if row is None or not firing.key.endswith(f"-{row.round}"):
            return
        statute = await mediations.clocks_of(work.connection, case.number, f"mediation-statute%-{row.round}")
        if firing.rule == mediating.TERM and (running := [each for each in statute if each.state in LIVE]):
            # The statutory limit for this kind of matter goes before the general one, which only applies "as a rule".
            (kept,) = running
            await mediating.tell(work, case, row, "MediationTermPassed", rule=kept.rule, due_at=kept.due_at)
            return
        await _release(work, case, row, firing)

    async def silent(work: Work, firing: Firing) -> None:
        case, row = await _open(work, firing)
        if row is not None and row.state is MediationState.PROPOSED:
            await _release(work, case, row, firing)

    async def unsigned(work: Work, firing: Firing) -> None:
        case, row = await _open(work, firing)
        if row is None:
            return
        loaded = await agreements.load(work.connection, case.number, firing.index)
        if AgreementState(loaded.row.state) in (AgreementState.DRAFT, AgreementState.SIGNING):
            await _release(work, case, row, firing)

    async def docking_over(work: Work, firing: Firing) -> None:
        case, row = await _open(work, firing)
        docking = await dockings.get(work.connection, case.number, firing.index)
        if row is not None and DockingState(docking.state) not in OVER | {DockingState.AGREED}:
            await _release(work, case, row, firing)

    return {
        **dict.fromkeys((mediating.TERM, *STATUTORY), term_over),
        mediating.ANSWERS: silent,
        DRAFT: unsigned,
        **dict.fromkeys(DOCKED, docking_over),
    }


async def _release(work: Work, case: Case, row: Mediation, firing: Firing) -> None:
    """End the mediation because its time is over; a partial agreement stays in force."""
    ground, agreed = Ground.TERM_EXPIRED, bool(await agreements.effective(work.connection, case.number))
    await mediating.end(
        work, case, row, ended_as(ground, agreed), ground, "MediationEnded", rule=firing.rule, clock=firing.clock
    )


async def _open(work: Work, firing: Firing) -> tuple[Case, Mediation | None]:
    """Return case, locked, and mediation; None instead of a mediation that is not under way."""
    case = await cases.lock(work.connection, firing.number)
    row = await standing.mediation(work.connection, case.number)
    over = row is None or row.state in ENDED or case.stage is Stage.CLOSED
    return case, None if over else row
