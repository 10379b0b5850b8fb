"""Steps of a letter that a person or a missed deadline may cause: received, failed, closed."""

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
"""Roles in which officials hold a letter: for the issuing and for the addressed unit."""


async def told(work: Work, row: Letter, kind: str, **payload: object) -> Letter:
    """Append what happened to a letter and return its row; its workflow is notified of every step."""
    facts = {"kind": row.kind.name, "state": row.state.name, **payload}
    await work.append(NewEvent(row.number, kind, row.issuer, facts, wakes=True))
    return row


async def receive(work: Work, row: Letter, *, deemed: bool) -> Letter:
    """Mark a letter as received: the unit's times to answer and to object begin."""
    state = move(row.state, LetterState.RECEIVED)
    row = await store.change(work.connection, row, state=state, received_at=work.now, deemed=deemed)
    due = await timing.await_step(work, row)
    until = (await timing.start(work, row, timing.OBJECTION)).shown("object_due_at")
    row = await store.change(work.connection, row, **due, **until)
    return await told(work, row, "LetterReceived", deemed=deemed)


async def fail(work: Work, row: Letter, failure: Failure) -> Letter:
    """Let a letter fail: the next one is drafted, once; after an inspection only people decide."""
    state = move(row.state, LetterState.FAILED)
    await timing.cancel(work, row, timing.REPLY, timing.MINUTES, timing.VERIFICATION)
    row = await store.change(work.connection, row, state=state, failure=failure, ended_at=work.now)
    if next_kind(row.kind) and not row.next:
        await timing.start(work, row, timing.NEXT)
    return await told(work, row, "LetterFailed", failure=failure.name)


async def end(work: Work, row: Letter, state: LetterState, kind: str, **columns: object) -> Letter:
    """End a letter: all its clocks are cancelled, and its holders are released."""
    to = move(row.state, state)
    await timing.cancel(work, row)
    row = await store.change(work.connection, row, state=to, ended_at=work.now, **timing.NOTHING_DUE, **columns)
    await release(work, row)
    return await told(work, row, kind)


async def release(work: Work, row: Letter) -> None:
    """Release the holders of a letter: nothing remains to be done."""
    for role in (DRAFTER, ANSWERER):
        await holders.release(work.connection, row.number, names.file_name(row.number), role, work.now)


async def _unsigned_for(work: Work, firing: Firing) -> None:
    """A letter that is not acknowledged in time counts as received: a unit cannot avoid it by silence."""
    row = await store.get(work.connection, _number(firing))
    if row.state is LetterState.SERVED:
        await receive(work, row, deemed=True)


async def _unanswered(work: Work, firing: Firing) -> None:
    """A letter that is not answered in time has failed, unless an objection is open."""
    row = await store.get(work.connection, _number(firing))
    if row.state is LetterState.RECEIVED and row.objection is not Objection.RAISED:
        await fail(work, row, Failure.NO_REPLY)


async def _not_followed(work: Work, firing: Firing) -> None:
    """The next letter is drafted here if no workflow has done so in time."""
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
