"""Finding the mediator: asking the next one, letting the unit appoint, and what follows when a clock runs out."""

from __future__ import annotations

from casework import names
from casework.mediation.choosing import AskState, ChoicePhase, Conflict, ranked
from casework.mediation.course import MediationState
from services.kit.clocks import clocks
from services.kit.clocks.clocks import Firing
from services.kit.command import Consequence, Work
from services.kit.storage.sealing import Sealer
from services.mediation import store as cases
from services.mediation.consents import store as mediations
from services.mediation.course import mediating
from services.mediation.mediators import store
from services.mediation.models.cases import Case
from services.mediation.models.consents import Mediation
from services.mediation.models.mediators import Mediator
from services.mediation.panel import asking


async def ask(work: Work, case: Case, row: Mediation, mediator: Mediator, kind: str) -> Mediation:
    """Ask a mediator, who has three working days to answer, and return the mediation's row."""
    await work.stop(case.number, mediating.FINDING)
    await store.cancel_ask(work.connection, case.number, work.now)
    await store.ask(work.connection, case.number, row.round, mediator, work.now)
    row = await mediations.change(work.connection, case.number, phase=ChoicePhase.ASKED, candidate=mediator.mediator)
    await mediating.start(work, case, row, mediating.ANSWER, kind, mediator=names.mediator_name(mediator.mediator))
    await clocks.take(work.connection, case.number, mediating.FINDING, mediator.subject)
    return row


async def let_unit_appoint(work: Work, case: Case, row: Mediation) -> Mediation:
    """Give the unit three working days to appoint a mediator, and return the mediation's row."""
    await work.stop(case.number, mediating.FINDING, met=False)
    row = await mediations.change(work.connection, case.number, phase=ChoicePhase.UNIT, candidate="")
    await mediating.start(work, case, row, mediating.APPOINTMENT, "AppointmentDue")
    return row


async def move_on(work: Work, case: Case, row: Mediation, sealer: Sealer) -> Mediation:
    """Ask the next suitable mediator without a conflict; if there is none, the unit appoints one."""
    found = await store.candidates(work.connection, case.unit)
    against = await store.against(work.connection, sealer, case, row.round)
    load = await store.load(work.connection, [each.subject for each, _ in found.values()])
    for each, conflict in ranked((each for each, _ in found.values()), case.category, load, against):
        if conflict is Conflict.NONE:
            return await ask(work, case, row, found[each.mediator][1], "MediatorAsked")
    return await let_unit_appoint(work, case, row)


def consequences(sealer: Sealer) -> dict[str, Consequence]:
    """Return what follows when the parties did not choose in time, or a mediator did not answer."""

    async def choice_over(work: Work, firing: Firing) -> None:
        case, row = await _current(work, firing)
        if row.state is MediationState.CONSENTED and row.phase is ChoicePhase.PARTIES:
            await let_unit_appoint(work, case, row)

    async def silent(work: Work, firing: Firing) -> None:
        case, row = await _current(work, firing)
        if firing.key.startswith("panel-"):
            await asking.lapse(work, case, firing)
            return
        if row.state is not MediationState.CONSENTED or row.phase is not ChoicePhase.ASKED:
            return
        asked = await store.asked(work.connection, case.number, AskState.ASKED)
        await store.answer(work.connection, case.number, asked.ask, AskState.LAPSED, work.now)
        await mediating.tell(work, case, row, "MediatorSilent", mediator=names.mediator_name(asked.mediator))
        await move_on(work, case, row, sealer)

    return {mediating.CHOICE: choice_over, mediating.ANSWER: silent}


async def _current(work: Work, firing: Firing) -> tuple[Case, Mediation]:
    number = firing.number
    case = await cases.lock(work.connection, number)
    return case, await mediations.get(work.connection, number)
