"""Turns in a letter's life that a person and a missed deadline take alike: received, failed, over."""

from __future__ import annotations

from casework import names
from casework.supervision.letters.letter import Failure, LetterState, Objection, move, next_kind
from services.escalation.holders import store as holders
from services.escalation.letters import drafting, store, timing
from services.escalation.letters.models import Letter
from services.kit.clocks.clocks import Firing
from services.kit.command import Work
from services.kit.storage.events import NewEvent

DRAFTER, ANSWERER = "letter_drafter", "letter_answerer"
"""Roles in which officials hold a letter: for the unit that issues it, for the unit it is to."""


async def told(work: Work, row: Letter, kind: str, **payload: object) -> Letter:
    """Append what happened to a letter and return its row; its workflow hears of every turn."""
    facts = {"kind": row.kind.name, "state": row.state.name, **payload}
    await work.append(NewEvent(row.number, kind, row.issuer, facts, wakes=True))
    return row


async def receive(work: Work, row: Letter, *, deemed: bool) -> Letter:
    """Take a letter for received: the unit's time to answer begins, and its time to object."""
    state = move(row.state, LetterState.RECEIVED)
    row = await store.change(work.connection, row, state=state, received_at=work.now, deemed=deemed)
    due = await timing.await_step(work, row)
    until = (await timing.start(work, row, timing.OBJECTION)).shown("object_due_at")
    row = await store.change(work.connection, row, **due, **until)
    return await told(work, row, "LetterReceived", deemed=deemed)


async def fail(work: Work, row: Letter, failure: Failure) -> Letter:
    """Let a letter fail: the next one is to be drafted, once; after an inspection people decide alone."""
    state = move(row.state, LetterState.FAILED)
    await timing.cancel(work, row, timing.REPLY, timing.MINUTES, timing.VERIFICATION)
    row = await store.change(work.connection, row, state=state, failure=failure, ended_at=work.now)
    if next_kind(row.kind) and not row.next:
        await timing.start(work, row, timing.NEXT)
    return await told(work, row, "LetterFailed", failure=failure.name)


async def end(work: Work, row: Letter, state: LetterState, kind: str, **columns: object) -> Letter:
    """End a letter for good: every clock of it is cancelled, nobody holds it any more."""
    to = move(row.state, state)
    await timing.cancel(work, row)
    row = await store.change(work.connection, row, state=to, ended_at=work.now, **timing.NOTHING_DUE, **columns)
    await release(work, row)
    return await told(work, row, kind)


async def release(work: Work, row: Letter) -> None:
    """Let nobody hold a letter any more: nothing is waited for."""
    for role in (DRAFTER, ANSWERER):
        await holders.release(work.connection, row.number, names.file_name(row.number), role, work.now)


async def _unsigned_for(work: Work, firing: Firing) -> None:
    """A letter nobody signs for in time counts as received: a unit cannot stay out of its reach by silence."""
    row = await store.get(work.connection, _number(firing))
    if row.state is LetterState.SERVED:
        await receive(work, row, deemed=True)


async def _unanswered(work: Work, firing: Firing) -> None:
    """A letter nobody answers in time has failed, unless an objection to it waits."""
    row = await store.get(work.connection, _number(firing))
    if row.state is LetterState.RECEIVED and row.objection is not Objection.RAISED:
        await fail(work, row, Failure.NO_REPLY)


async def _not_followed(work: Work, firing: Firing) -> None:
    """A next letter that no workflow had drafted in time is drafted here."""
    row = await store.get(work.connection, _number(firing))
    if row.state is LetterState.FAILED and not row.next:
        await drafting.next_letter(work, row)


def _number(firing: Firing) -> str:
    return firing.number


CONSEQUENCES = {
    "letter_receipt": _unsigned_for,
    "letter_notice_reply": _unanswered,
    "letter_warning_reply": _unanswered,
    "letter_circular_rectification": _unanswered,
    "letter_interview_plan": _unanswered,
    "letter_inspection_report": _unanswered,
    "letter_next": _not_followed,
}
"""What follows from a missed deadline of a letter, by its rule."""
