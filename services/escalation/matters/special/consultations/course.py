"""The course of a consultation: the next expert of the draw is asked when one steps back or does not answer."""

from __future__ import annotations

from casework import names
from casework.supervision.matters.consultation import AskState, ConsultationState
from services.escalation import files
from services.escalation.matters.special.consultations import store
from services.escalation.matters.special.experts import store as experts
from services.escalation.matters.special.models import Consultation
from services.kit.clocks import clocks
from services.kit.clocks.clocks import Firing
from services.kit.command import Consequence, Work
from services.kit.storage.events import NewEvent

LIMIT, ANSWER, ADOPTION = "limit", "answer", "adoption"


def key(row: Consultation, kind: str, part: int = 0) -> str:
    """Return the key of a consultation's clock: `consultation-1.limit`, `consultation-1.answer.2`."""
    return f"consultation-{row.consultation}.{kind}" + (f".{part}" if part else "")


async def ask_next(work: Work, row: Consultation) -> Consultation:
    """Ask the next expert of the draw, and return the consultation's new row; with nobody left, a new draw is needed.

    The caller appends an event after it.
    """
    ask = await store.ask_in(work.connection, row, AskState.WAITING)
    # Whoever accepted had the opinion on their list; nobody has it until the next one accepts.
    await clocks.take(work.connection, row.number, key(row, LIMIT), "")
    if ask is None:
        return await store.change(work.connection, row, state=ConsultationState.ASKED, expert="")
    expert = await experts.get(work.connection, ask.expert)
    await store.answer(work.connection, ask, state=AskState.ASKED, asked_at=work.now)
    await work.start_clock(
        row.number, key(row, ANSWER, ask.place), "expert_answer", subject=store.consultation_name(row),
        unit=expert.unit, at=work.now,
    )  # fmt: skip
    await clocks.take(work.connection, row.number, key(row, ANSWER, ask.place), expert.account)
    return await store.change(work.connection, row, state=ConsultationState.DRAWN, expert=ask.expert)


def consequences() -> dict[str, Consequence]:
    """Return what follows when a drawn expert does not answer in time."""

    async def silent(work: Work, firing: Firing) -> None:
        number = firing.number
        await files.lock(work.connection, number)
        row = await store.get(work.connection, number, names.index_of(firing.subject))
        ask = await store.ask_in(work.connection, row, AskState.ASKED)
        if ask is None or firing.key != key(row, ANSWER, ask.place):
            return
        await store.answer(work.connection, ask, state=AskState.LAPSED, answered_at=work.now)
        await work.stop(number, key(row, ANSWER, ask.place), met=False)
        row = await ask_next(work, row)
        payload = {"consultation": row.consultation, "place": ask.place}
        await work.append(NewEvent(number, "ExpertSilent", row.unit, payload))

    return {"expert_answer": silent}
