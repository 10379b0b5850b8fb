"""The course of a mediation: the one place that changes its state as parties consent, leave or join."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from casework import names
from casework.case import Ground, Stage, Step
from casework.errors import Reason, field_error
from casework.mediation.choosing import ChoicePhase, Conflict, conflict_of
from casework.mediation.course import ENDED, MediationState, PeopleStanding, leaving_ends, move
from casework.mediation.termination import ended_as, statutory_term
from services.kit.clocks import clocks
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
from services.mediation.panel import asking
from services.mediation.panel import store as panel
from services.mediation.people import store as people
from services.mediation.sessions.ending import end_open_sessions

CHOICE, APPOINTMENT, ANSWER = "mediator_choice", "mediator_appointment", "mediator_answer"
"""Rules of the three clocks: the parties choose, the unit appoints, the mediator answers."""
TERM, ANSWERS = "mediation_term", "mediation_answer"
"""The general time limit of a mediation, and the time to answer a proposal."""
FINDING = "mediator-%"
TERMS = "mediation-%"
"""Keys of the clocks of the mediation itself."""
RUNNING_ENDS = ("mediator-%", "mediation-%", "session-%", "panel-%")
"""Keys of the clocks that stop when a mediation ends."""


async def begin(work: Work, case: Case) -> Mediation:
    """Return the mediation of a case, proposed if there was none."""
    return await store.begin(work.connection, case.number)


async def restate(work: Work, case: Case, sealer: Sealer) -> Mediation:
    """Move the mediation to the state that follows from its parties' answers, and return its row.

    With every consent it goes on to its mediator, or to finding one. If one is missing it goes back to asking:
    nobody is in mediation without consent.
    """
    row = await store.begin(work.connection, case.number)
    state = row.state
    if state in ENDED or case.stage is Stage.CLOSED:
        return row
    standing = await people.standing(work.connection, case.number)
    await asking.settle(work, case, standing)
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
    """Start the time limits of a round with its last consent: the general and the statutory one.

    A round has its time limits once: a party that leaves and comes back, or another mediator, starts no new ones.
    """
    for name, rule in (("term", TERM), ("statute", statutory_term(case.category))):
        key = f"mediation-{name}-{row.round}"
        if rule is not None and not await store.clocks_of(work.connection, case.number, key):
            await _begin_term(work, case, row, key, rule, work.now)


async def _begin_term(work: Work, case: Case, row: Mediation, key: str, rule: str, at: datetime) -> None:
    clock = await work.start_clock(
        case.number, key, rule, subject=names.mediation_name(case.number), unit=case.unit, at=at
    )
    await clocks.take(work.connection, case.number, key, row.mediator)
    await tell(work, case, row, "MediationTermStarted", rule=rule, due_at=clock.due_at)


async def follow_category(work: Work, case: Case) -> None:
    """Let the statutory time limit of a mediation under way be that of its category, which was corrected.

    It runs from the beginning of the round: as if the category had been right from the start.
    """
    row = await store.find(work.connection, case.number)
    if row is None or row.state in ENDED:
        return
    begun = await store.clocks_of(work.connection, case.number, f"mediation-term-{row.round}")
    known = await store.clocks_of(work.connection, case.number, f"mediation-statute%-{row.round}")
    running, rule = [each for each in known if each.state in LIVE], statutory_term(case.category)
    if not begun or [each.rule for each in running] == [each for each in (rule,) if each]:
        return
    for each in running:
        await work.stop(case.number, names.clock_parts(each.id)[1], met=False)
    if rule is not None:
        nth = f".{len(known) + 1}" if known else ""
        await _begin_term(work, case, row, f"mediation-statute{nth}-{row.round}", rule, begun[0].started_at)


async def await_answers(work: Work, case: Case, row: Mediation, people: PeopleStanding) -> None:
    """Give the parties that have not answered seven working days, once one has consented."""
    asked = row.round > 1 or people.consented(Step.MEDIATION)
    if not asked or any(
        each.state in LIVE for each in await store.clocks_of(work.connection, case.number, "mediation-answer-%")
    ):
        return
    await start(work, case, row, ANSWERS, "AnswersAwaited")


async def _go_on(work: Work, case: Case, row: Mediation, sealer: Sealer) -> Mediation:
    # The earlier mediator stays, unless there is a conflict now.
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
    """Return whether the mediator still has no conflict; second mediators who have one now leave."""
    against = await mediators.against(work.connection, sealer, case, row.round)
    await asking.review(work, case, against)
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
    """End the sessions being held: a consent, or the mediator, is missing."""
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
    """Start a clock of finding the mediator, and append its event."""
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
    """Let a party leave, in any state, and return the mediation's row.

    No reason, no version, no condition (人民调解法 art. 3(2), 23(2), 26). The workflow is notified at once. If the
    mediation is over already, nothing is recorded.
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

    Drafts that do not bind are superseded, planned sessions are cancelled. Unless all was agreed, every party,
    including those who left, gets a notice of rights with the other routes.
    """
    connection = work.connection
    move(row.state, to)
    for keys in RUNNING_ENDS:
        await work.stop(case.number, keys, met=to is MediationState.AGREED)
    await mediators.cancel_ask(connection, case.number, work.now)
    await panel.end(connection, case.number, work.now)
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
    """Return the number of the companion named, 0 for none; INVALID_FIELD for one of another case."""
    if name and names.number_of(name) != names.number_of(parent):
        raise field_error(field, Reason.INVALID_FIELD)
    return names.index_of(name)
