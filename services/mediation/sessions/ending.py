"""What a withdrawal does to sessions: one being held ends at once, those to come are cancelled."""

from __future__ import annotations

from datetime import datetime

from casework.mediation.session import SessionState
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.mediation.sessions import store

_KINDS = {SessionState.CANCELLED: "SessionCancelled", SessionState.BROKEN_OFF: "SessionBrokenOff"}


async def end_open_sessions(
    connection: Connection, number: str, now: datetime, *, held: bool = True, coming: bool = True
) -> list[NewEvent]:
    """End every session of a case that is being held or to come, and return the events.

    Without `held` the one in which the parties just agreed goes on to its own end. Without `coming` those to come stay:
    none of them begins before every consent and a mediator are there.

    For the command that records a withdrawal, in its own transaction, with the case locked: refusing and stopping
    always work, also in the middle of a session (人民调解法 art. 23(2), 26). The events hold no party.
    """
    unit = await store.unit_of(connection, number)
    ended = await store.break_off(connection, number, now, held=held, coming=coming)
    return [NewEvent(number, _KINDS[state], unit, {"session": session}) for session, state in ended]
