"""The course of a mediation: the one place that moves its state as people say yes, leave, come in."""

from __future__ import annotations

from typing import Any

from casework import names
from casework.case import Ground, Stage, Step
from casework.errors import Reason, field_error
from casework.mediation.choosing import ChoicePhase, Conflict, conflict_of
from casework.mediation.course import ENDED, MediationState, PeopleStanding, leaving_ends, move
from casework.mediation.termination import ended_as, statutory_term
from services.kit.clocks.models import LIVE
from services.kit.command import Work
from services.kit.storage.events import NewEvent
from services.kit.storage.sealing import Sealer
from services.mediation.agreement import store as agreements
from services.mediation.consents import store
from services.mediation.mediators import store as mediators
from services.mediation.models.cases import Case
from services.mediation.models.consents import Mediation
from services.mediation.models.people import Party
from services.mediation.people import store as people
from services.mediation.sessions.ending import end_open_sessions

CHOICE, APPOINTMENT, ANSWER = "mediator_choice", "mediator_appointment", "mediator_answer"
"""Rules of the three clocks: the parties choose, the unit appoints, the mediator answers."""
TERM, ANSWERS = "mediation_term", "mediation_answer"
"""The general term of a mediation, and the time of those who are asked whether they want one."""
FINDING = "mediator-%"
RUNNING_ENDS = ("mediator-%", "mediation-%", "session-%")
"""Keys of the clocks that stop when a mediation ends."""


async def begin(work: Work, case: Case) -> Mediation:
    """Return the mediation of a case, proposed if there was none."""
    return await store.begin(work.connection, case.number)


async def restate(work: Work, case: Case, sealer: Sealer) -> Mediation:
    """Move the mediation to where the people in it have brought it, and return its row.

    With every consent there it goes on: to its mediator, or to finding one. With one missing it goes back to asking:
    nobody is in mediation who did not say yes.
    """
    row = await store.begin(work.connection, case.number)
    state = row.state
    if state in ENDED or case.stage is Stage.CLOSED:
        return row
    standing = await people.standing(work.connection, case.number)
    if standing.complete and state is MediationState.PROPOSED:
        await work.stop(case.number, "mediation-answer-%")
        row = await _go_on(work, case, row, sealer)
        await begin_terms(work, case, row)
        return row
    if not standing.complete and state is not MediationState.PROPOSED:
        row = await _ask_again(work, case, row)
    if not standing.complete:
        await await_answers(work, case, row, standing)
        return row
    if state is MediationState.MEDIATING and not await _is_free(work, case, row, sealer):
        return await find(work, case, row)
    return row


async def begin_terms(work: Work, case: Case, row: Mediation) -> None:
    """Start the terms of a round with its last consent: the general one, and that of the law for this kind of matter.

    A round has its terms once. Who leaves and comes back, or another mediator, gives it no other ones.
    """
    for key, rule in (("term", TERM), ("statute", statutory_term(case.category))):
        keys = f"mediation-{key}-{row.round}"
        if rule is None or await store.clocks_of(work.connection, case.number, keys):
            continue
        clock = await work.start_clock(
            case.number, keys, rule, subject=names.mediation_name(case.number), unit=case.unit, at=work.now
        )
        await tell(work, case, row, "MediationTermStarted", rule=rule, due_at=clock.due_at)


async def await_answers(work: Work, case: Case, row: Mediation, people: PeopleStanding) -> None:
    """Give those who have not said yet whether they want mediation seven working days, once somebody said yes."""
    asked = row.round > 1 or people.consented(Step.MEDIATION)
    if not asked or any(
        each.state in LIVE for each in await store.clocks_of(work.connection, case.number, "mediation-answer-%")
    ):
        return
    await start(work, case, row, ANSWERS, "AnswersAwaited")


async def _go_on(work: Work, case: Case, row: Mediation, sealer: Sealer) -> Mediation:
    # The mediator stays who was there before somebody new was asked, unless something stands against them now.
    if row.mediator and await _is_free(work, case, row, sealer):
        move(MediationState.PROPOSED, MediationState.MEDIATING)
        row = await store.change(work.connection, case.number, state=MediationState.MEDIATING, consented_at=work.now)
        await tell(work, case, row, "MediationResumed")
        return row
    move(MediationState.PROPOSED, MediationState.CONSENTED)
    row = await store.change(work.connection, case.number, state=MediationState.CONSENTED, consented_at=work.now)
    await tell(work, case, row, "MediationConsented")
    return await find(work, case, row)


async def _is_free(work: Work, case: Case, row: Mediation, sealer: Sealer) -> bool:
    against = await mediators.against(work.connection, sealer, case, row.round)
    return conflict_of(row.mediator, row.mediator_unit, against) is Conflict.NONE


async def _ask_again(work: Work, case: Case, row: Mediation) -> Mediation:
    await work.stop(case.number, FINDING, met=False)
    await mediators.cancel_ask(work.connection, case.number, work.now)
    columns: dict[str, Any] = {"state": move(row.state, MediationState.PROPOSED)}
    if not row.mediator:
        columns |= {"phase": ChoicePhase.NONE, "candidate": ""}
    row = await store.change(work.connection, case.number, consented_at=None, **columns)
    await tell(work, case, row, "ConsentMissing")
    await _break_off(work, case)
    return row


async def _break_off(work: Work, case: Case) -> None:
    """Break off what is being held: somebody's consent, or the mediator, is no longer there."""
    if ended := await end_open_sessions(work.connection, case.number, work.now, coming=False):
        await work.append(*ended)


async def find(work: Work, case: Case, row: Mediation) -> Mediation:
    """Let the parties choose a mediator together within two working days, and return the mediation's row."""
    row = await store.change(
        work.connection, case.number, state=MediationState.CONSENTED, phase=ChoicePhase.PARTIES,
        candidate="", mediator="", mediator_unit="",
    )  # fmt: skip
    await agreements.drop_countersignature(work.connection, case.number)
    await start(work, case, row, CHOICE, "MediatorSought")
    await _break_off(work, case)
    return row


async def start(work: Work, case: Case, row: Mediation, rule: str, kind: str, **payload: object) -> None:
    """Start a clock of finding the mediator, and tell of it."""
    await work.start_clock(
        case.number, f"{rule.replace('_', '-')}-{row.version}", rule,
        subject=names.mediation_name(case.number), unit=case.unit, at=work.now,
    )  # fmt: skip
    await tell(work, case, row, kind, wakes=False, **payload)


async def tell(work: Work, case: Case, row: Mediation, kind: str, *, wakes: bool = False, **payload: object) -> None:
    """Append an event of the mediation: its state, and ids."""
    told = {"mediation": row.state.name, "stage": case.stage.name, **payload}
    await work.append(NewEvent(case.number, kind, case.unit, told, wakes=wakes))


async def leave(work: Work, case: Case, party: Party) -> Mediation:
    """Let a party leave, whatever the state, and return the mediation's row.

    No reason, no version, no condition (人民调解法 art. 3(2), 23(2), 26). The workflow hears of it at once. Where the
    mediation is over already nothing is left to leave, and nothing is written down.
    """
    row = await store.begin(work.connection, case.number)
    state = row.state
    if state in ENDED or case.stage is Stage.CLOSED or party.withdrawn_at is not None:
        return row
    standing = await people.standing(work.connection, case.number)
    await store.withdraw(work.connection, case.number, party.party, work.now)
    if not leaving_ends(standing, party.party):
        await tell(work, case, row, "PartyWithdrew", wakes=True, party=party.party)
        return row
    ground, agreed = Ground.PARTY_WITHDREW, bool(await agreements.effective(work.connection, case.number))
    return await end(work, case, row, ended_as(ground, agreed), ground, "PartyWithdrew", party=party.party)


async def end(
    work: Work, case: Case, row: Mediation, to: MediationState, ground: Ground, kind: str, **payload: object
) -> Mediation:
    """End a mediation on a ground of the closed list, stop its clocks, tell the workflow; return the row.

    Drafts that nobody is bound by are over, sessions to come are off. Unless all was agreed every party, whoever left
    as well, gets a notice of rights made out: the routes are everybody's.
    """
    connection = work.connection
    move(row.state, to)
    for keys in RUNNING_ENDS:
        await work.stop(case.number, keys, met=to is MediationState.AGREED)
    await mediators.cancel_ask(connection, case.number, work.now)
    await agreements.supersede(connection, case.number)
    if ground is not Ground.AGREED:
        everybody = (await people.standing(connection, case.number)).people
        await agreements.make_notices(connection, case.number, sorted(each.party for each in everybody), work.now)
    row = await store.change(connection, case.number, state=to, ended_at=work.now, ground=ground)
    await tell(work, case, row, kind, wakes=True, ground=ground.name, **payload)
    ended = await end_open_sessions(connection, case.number, work.now, held=ground is not Ground.AGREED)
    if ended:
        await work.append(*ended)
    return row


def own(name: str, parent: str, field: str) -> int:
    """Return the companion a name of the same case means, 0 for none; INVALID_FIELD for one of another case."""
    if name and names.number_of(name) != names.number_of(parent):
        raise field_error(field, Reason.INVALID_FIELD)
    return names.index_of(name)
