"""The clocks of a letter: one for each awaited step, and what follows if it is missed."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from casework import names
from casework.clocks.calendar import LOCAL
from casework.supervision.letters.letter import REPLY_RULES, LetterKind, LetterState
from services.escalation.letters import store
from services.escalation.letters.models import Letter
from services.kit.clocks.clockwork import NewClock
from services.kit.command import Work

_ALL = DRAFT, SERVICE, RECEIPT, REPLY, MINUTES, VERIFICATION, OBJECTION, DECISION, NEXT = (
    "draft", "service", "receipt", "reply", "minutes", "verification", "objection", "decision", "next",
)  # fmt: skip
_RULES = {
    DRAFT: "letter_draft",
    SERVICE: "letter_service",
    RECEIPT: "letter_receipt",
    MINUTES: "letter_interview_minutes",
    VERIFICATION: "letter_verification",
    OBJECTION: "letter_objection",
    DECISION: "letter_objection_decision",
    NEXT: "letter_next",
}
NOTHING_DUE: dict[str, Any] = {"reply_due_at": None, "reply_due_clock": ""}
_THEIRS = frozenset({RECEIPT, REPLY, OBJECTION})
"""The steps of the addressed unit; the others are the issuer's."""


async def start(work: Work, row: Letter, what: str, at: datetime | None = None) -> NewClock:
    """Start a clock of a letter under the next key of its kind: `reply-1`; the next event reports it."""
    key = f"{what}-{await store.nth(work.connection, row.number, what)}"
    rule = _RULES.get(what) or REPLY_RULES[row.kind]
    unit = row.unit if what in _THEIRS else row.issuer
    return await work.start_clock(
        row.number, key, rule, subject=names.file_name(row.number), unit=unit, at=at or work.now
    )


async def meet(work: Work, row: Letter, what: str) -> None:
    """Meet the clock of an awaited step."""
    await work.stop(row.number, f"{what}-%")


async def cancel(work: Work, row: Letter, *whats: str) -> None:
    """Cancel clocks of a letter; by default all of its own: those of an escalation are settled with it."""
    for what in whats or _ALL:
        await work.stop(row.number, f"{what}-%", met=False)


async def await_step(work: Work, row: Letter) -> dict[str, Any]:
    """Start the clock of the next step of a received or answered letter; return until when an answer is due.

    The clock of the minutes starts on the announced day of the interview.
    """
    if row.state is LetterState.REPLIED:
        await start(work, row, VERIFICATION)
        return NOTHING_DUE
    if row.kind is LetterKind.INTERVIEW and row.held_on is None:
        assert row.interview_on is not None, "an invitation is not signed without a day"
        await start(work, row, MINUTES, max(work.now, _morning(row.interview_on)))
        return NOTHING_DUE
    return (await start(work, row, REPLY)).shown("reply_due_at")


def _morning(day: date) -> datetime:
    return datetime.combine(day, time(), LOCAL)
