"""The course of a review: clocks that end and begin, and whose turn it is, after a reply or a request."""

from __future__ import annotations

from datetime import datetime

from casework import names
from casework.papers.chinese import numeral
from casework.supervision.meetings import review as rules_of
from casework.supervision.meetings.review import RIGHTS, ReplyKind, ReviewState
from casework.units import UnitTree
from services.escalation.meetings.models import ReviewReply
from services.escalation.meetings.reviews import store
from services.escalation.models import Review
from services.kit.clocks import ledger as clock_ledger
from services.kit.clocks.clocks import Firing
from services.kit.clocks.clockwork import NOTHING_DUE
from services.kit.clocks.models import Clock
from services.kit.command import Work
from services.kit.storage.events import NewEvent

HEARING = "hearing"
"""The cause for which the rule of a second review allows a pause (条例 36)."""
_ENDS = {
    ReplyKind.ANSWER: "new-answer-%",
    ReplyKind.REVIEW: "review-%",
    ReplyKind.SECOND_REVIEW: "review-%",
    ReplyKind.FINAL_NOTICE: "final-notice-%",
}
"""The clock that a served reply meets."""


def reply_name(row: ReviewReply) -> str:
    """Return `reviews/{review}/replies/{reply}`."""
    return f"{names.file_name(row.number)}/replies/{row.reply}"


def document_number(units: UnitTree, row: ReviewReply) -> str:
    """Return the number of a reply as it is printed: `城关区信复〔2026〕3号`, a later one `…3号之二`."""
    _, year, running = row.number.rsplit("-", 2)
    later = f"之{numeral(row.reply)}" if row.reply > 1 else ""
    return f"{units.paper(row.unit).mark}信复〔{year}〕{int(running)}号{later}"


def above(units: UnitTree, unit: str) -> str:
    """Return the unit one level up that reviews this one's replies; empty if there is none below the national level."""
    found = units.parent(unit)
    return "" if found is None or found == names.ROOT_UNIT else found


async def meet(work: Work, number: str, keys: str, at: datetime, *, met: bool = True) -> None:
    """Meet (or cancel) clocks as of an instant that may be past: what was done in time counts as in time."""
    await work.stop(number, keys, met=met, at=at)


async def follow_service(work: Work, row: Review, reply: ReviewReply, at: datetime, units: UnitTree) -> Review:
    """Handle the consequences of a served reply, and return the review's new row."""
    kind, result = reply.kind, reply.result
    await meet(work, row.number, _ENDS[kind], at)
    state = rules_of.after(kind, result, above=bool(above(units, reply.unit)))
    if state is ReviewState.ENDED:
        return await store.change(work.connection, row, state=state, **NOTHING_DUE, ended_at=at)
    rule, key, turn = _next(state, kind, row, reply)
    clock = await work.start_clock(
        row.number, f"{key}-{reply.reply}", rule, subject=reply_name(reply), unit=turn, at=at
    )
    return await store.change(work.connection, row, state=state, turn=turn, **clock.shown())


def _next(state: ReviewState, kind: ReplyKind, row: Review, reply: ReviewReply) -> tuple[str, str, str]:
    """Return rule and key of the clock that begins, and whose turn it is."""
    if state is ReviewState.ANSWER_DUE:
        return rules_of.NEW_ANSWER, "new-answer", row.unit
    if state is ReviewState.FINAL_NOTICE_DUE:
        return rules_of.FINAL_NOTICE, "final-notice", reply.unit
    # The unit that handled the petition reminds the person of the right: it knows the person.
    return RIGHTS[kind].rule, "ask", row.unit


async def follow_appeal(
    work: Work, row: Review, appeal: int, reply: ReviewReply, made_at: datetime, unit: str
) -> Review:
    """Begin a review that was requested in time; return the review's new row."""
    right = RIGHTS[reply.kind]
    await meet(work, row.number, f"ask-{reply.reply}", made_at)
    # If the right counted as lost before the letter came, there is no clock left to end.
    await meet(work, row.number, "final-notice-%", work.now, met=False)
    subject = f"{names.file_name(row.number)}/appeals/{appeal}"
    clock = await work.start_clock(
        row.number, f"review-{appeal}", right.decision, subject=subject, unit=unit, at=work.now
    )
    return await store.change(
        work.connection, row, state=right.asked, turn=unit, **clock.shown(), lapsed=False, ended_at=None
    )


async def lapse(work: Work, firing: Firing) -> None:
    """End the review when the time to request it is over: a notice of that is due."""
    number = firing.number
    row = await store.get(work.connection, number)
    if not rules_of.lapse(row.state):
        return
    reply = (await store.course(work.connection, number)).last
    assert reply is not None, "a right that ran out is one to ask about a reply"
    clock = await work.start_clock(
        number, f"final-notice-{reply.reply}", rules_of.FINAL_NOTICE, subject=reply_name(reply), unit=row.unit,
        at=work.now,
    )  # fmt: skip
    await store.change(
        work.connection, row, state=ReviewState.FINAL_NOTICE_DUE, turn=row.unit, **clock.shown(), lapsed=True
    )
    await work.append(NewEvent(number, "ReviewRightLapsed", row.unit, {"reply": reply.reply}))


CONSEQUENCES = {right.rule: lapse for right in RIGHTS.values()}
"""The consequences of missed deadlines in this service, by rule."""


async def deciding_clock(work: Work, number: str, appeal: int) -> Clock:
    """Return the row, locked, of the clock of a decision."""
    return await clock_ledger.get(work.connection, names.clock_id(number, f"review-{appeal}"), lock=True)


async def stands_still(work: Work, clock: Clock) -> bool:
    """Return whether the rule of the clock allows a pause for a hearing."""
    rule = (await clock_ledger.rules_of(work.connection, [clock.rule_hash]))[clock.rule_hash]
    return rule.pause(HEARING) is not None
