"""Asking somebody to join the panel, and what follows from no answer or from a new conflict."""

from __future__ import annotations

from casework import names
from casework.errors import Reason, field_error
from casework.mediation.choosing import (
    Against,
    Conflict,
    LeavingReason,
    PanelRole,
    PanelState,
    conflict_of,
    must_be_free,
    settled,
    takes_from,
)
from casework.mediation.course import PeopleStanding
from services.kit.clocks import clocks
from services.kit.clocks.clocks import Firing
from services.kit.command import Work
from services.kit.storage.events import NewEvent
from services.mediation.models.cases import Case
from services.mediation.models.consents import Mediation
from services.mediation.models.mediators import Mediator, PanelMember
from services.mediation.panel import store

ANSWER = "mediator_answer"
"""Rule of the clock: so long a member has to answer, as the mediator does."""


def _key(member: PanelMember) -> str:
    """Return the key of the clock of a member who is asked: another one each time, with the member's number last."""
    return f"panel-{member.version}-{member.member}"


async def stop(work: Work, case: Case, member: PanelMember, *, met: bool = True) -> None:
    """Stop the clock of a member's answer."""
    # The first is of a member who was asked when nobody was asked twice.
    for keys in (f"panel-{member.member}", f"panel-%-{member.member}"):
        await work.stop(case.number, keys, met=met)


async def second(
    work: Work, case: Case, row: Mediation, mediator: Mediator, against: Against, field: str
) -> PanelMember:  # fmt: skip
    """Ask a mediator to be the second one, and return the member; the error names the field."""
    if not mediator.active:
        raise field_error(field, Reason.INVALID_FIELD, "takes no cases")
    if not takes_from(case.unit, mediator.unit, mediator.areas):
        raise field_error(field, Reason.INVALID_FIELD, "takes no cases of this unit")
    if mediator.mediator == row.candidate or mediator.subject == row.mediator:
        raise field_error(field, Reason.ALREADY_EXISTS, "is the mediator, or was asked to be")
    await must_not_be_on_it(work, case, mediator.subject, field)
    must_be_free(mediator.subject, mediator.unit, against)
    member = await store.add(
        work.connection, case.number, role=PanelRole.SECOND_MEDIATOR, mediator=mediator.mediator,
        subject=mediator.subject, unit=mediator.unit, state=PanelState.ASKED, added_by=work.actor, added_at=work.now,
    )  # fmt: skip
    await ask(work, case, member)
    return member


async def must_not_be_on_it(work: Work, case: Case, subject: str, field: str) -> None:
    """Raise ALREADY_EXISTS if an account takes part, or was asked to."""
    if subject and any(each.subject == subject for each in await store.live(work.connection, case.number)):
        raise field_error(field, Reason.ALREADY_EXISTS, "is on the panel")


async def ask(work: Work, case: Case, member: PanelMember) -> None:
    """Start the clock of a member's answer, in the member's own list of work."""
    await work.start_clock(
        case.number, _key(member), ANSWER, subject=names.panel_name(case.number, member.member), unit=case.unit,
        at=work.now,
    )  # fmt: skip
    await clocks.take(work.connection, case.number, _key(member), member.subject)
    await tell(work, case, member, "PanelMemberAsked")


async def tell(work: Work, case: Case, member: PanelMember, kind: str, **payload: object) -> None:
    """Append an event of a member: numbers and states, never a name or a party."""
    told = {"member": member.member, "role": member.role.name, **payload}
    await work.append(NewEvent(case.number, kind, case.unit, told))


async def leave(
    work: Work, case: Case, member: PanelMember, state: PanelState, reason: LeavingReason | None
) -> PanelMember:  # fmt: skip
    """End a member's part, and return the new row."""
    await stop(work, case, member, met=False)
    member = await store.change(work.connection, member, state=state, reason=reason, ended_at=work.now)
    await tell(work, case, member, "PanelMemberLeft", state=state.name, reason=reason.name if reason else "")
    return member


async def lapse(work: Work, case: Case, firing: Firing) -> None:
    """Let a request to join lapse that nobody answered."""
    member = await store.get(work.connection, case.number, firing.index)
    if member.state is PanelState.ASKED:
        await leave(work, case, member, PanelState.LAPSED, None)


async def review(work: Work, case: Case, against: Against) -> None:
    """End the part of each second mediator who has a conflict since somebody joined the case."""
    for member in await store.live(work.connection, case.number):
        if member.role is not PanelRole.SECOND_MEDIATOR:
            continue
        if conflict_of(member.subject, member.unit, against) is not Conflict.NONE:
            await leave(work, case, member, PanelState.ENDED, LeavingReason.CONFLICT)


async def settle(work: Work, case: Case, people: PeopleStanding) -> None:
    """Let each assessor depend on the parties there are now: on one who joined, and no longer on one who left.

    A member to whom a new party has not agreed is proposed again, and takes no part until then. Who has an account is
    asked again as well: about the new party nothing was disclosed.
    """
    for member in await store.live(work.connection, case.number):
        if member.role is not PanelRole.ASSESSOR:
            continue
        state = settled(member.state, people.present, member.agreed, has_account=bool(member.subject))
        if state is member.state:
            continue
        await stop(work, case, member, met=False)
        there = work.now if state is PanelState.ACCEPTED else member.accepted_at
        member = await store.change(work.connection, member, state=state, accepted_at=there)
        if state is PanelState.ASKED:
            await ask(work, case, member)
        else:
            joined = state is PanelState.ACCEPTED
            await tell(work, case, member, "PanelMemberJoined" if joined else "PanelMemberProposed")


async def make_room(work: Work, case: Case, subject: str) -> None:
    """End the second mediator's part of an account that now leads."""
    await _end(work, case, subject, LeavingReason.LEADS)


async def exclude(work: Work, case: Case, subject: str) -> None:
    """End the part of an account that is excluded from the case (回避): nothing waits for it."""
    await _end(work, case, subject, LeavingReason.CONFLICT)


async def _end(work: Work, case: Case, subject: str, reason: LeavingReason) -> None:
    for member in await store.live(work.connection, case.number):
        if member.subject == subject:
            await leave(work, case, member, PanelState.ENDED, reason)
