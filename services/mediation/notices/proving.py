"""What follows from the delivery of a notice: clocks that run from service, and a task if it failed."""

from __future__ import annotations

from datetime import datetime, timedelta

from casework import names
from casework.clocks.ledger import Restarted
from casework.mediation.notice import OPEN, SERVICE, Channel, Effect, NoticeRule, NoticeState
from services.kit.clocks import clocks
from services.kit.clocks import ledger as clock_ledger
from services.kit.clocks.clocks import Firing
from services.kit.command import Consequence, Work
from services.kit.rules import Rules
from services.kit.rules.notices import SERVED
from services.kit.storage.events import NewEvent
from services.mediation import store as cases
from services.mediation.agreement import store as agreements
from services.mediation.models.cases import Case
from services.mediation.models.notices import Notice
from services.mediation.notices import store

FAILED = "notice_failed"
_MEDIUM = {Channel.COUNTER: 1, Channel.PAPER: 2, Channel.APP: 3, Channel.SMS: 3, Channel.EMAIL: 3}
"""How a notice of rights was served, as the contract counts it."""


def deemed_key(notice: int) -> str:
    """Return the pattern of the keys of the clocks after which a notice counts as served."""
    return f"notice-{notice}.%"


async def tell(work: Work, case: Case | None, rule: NoticeRule | None, row: Notice, at: datetime) -> None:
    """Handle the consequences of a notice's state; `case` is locked, None if there is no such case.

    Only notices that must be served are in the case's history; plain messages are only in the outbox.
    """
    if case is None:
        return
    if row.state is NoticeState.FAILED:
        await fail(work, case, row)
    if rule is None or not rule.proves:
        return
    if row.state is NoticeState.SENT and rule.deemed:
        nth = await clocks.how_many(work.connection, case.number, deemed_key(row.id)) + 1
        await work.start_clock(
            case.number, f"notice-{row.id}.{nth}", rule.deemed, subject=store.name_of(row.id), unit=case.unit, at=at
        )
    elif row.state in SERVICE:
        await work.stop(case.number, deemed_key(row.id), at=at)
    elif row.state in OPEN:
        await work.stop(case.number, deemed_key(row.id), met=False)
    payload = {
        "notice": store.name_of(row.id), "party": row.party, "rule": row.rule, "state": row.state,
        "channel": row.channel, "at": at,
    }  # fmt: skip
    await work.append(NewEvent(case.number, "NoticeDeliveryRecorded", case.unit, payload))
    if row.state in SERVICE:
        await _served(work, case, rule, row, at)


async def _served(work: Work, case: Case, rule: NoticeRule, row: Notice, at: datetime) -> None:
    """Restart the clocks that run from service on its day; mark the notice of rights served."""
    evidence = store.name_of(row.id)
    for clock in await store.restarting(work.connection, case.number, rule.restarts):
        if at < clock.started_at or (clock.due_at is not None and at > clock.due_at):
            continue
        entry = Restarted(
            seq=clock.entries + 1, at=at, recorded_at=work.now, actor=work.actor, cause=SERVED, evidence=evidence
        )
        change = await clock_ledger.record(work.connection, work.clockwork, clock, entry, work.now)
        await work.append(*change.events)
    if rule.serves is Effect.rights_notice:
        found = await agreements.notices(work.connection, case.number)
        made = next((each for each in found if each.party == row.party and each.served_at is None), None)
        if made is not None:
            medium = _MEDIUM.get(row.channel or Channel.COUNTER, 1)
            await agreements.serve(work.connection, made, medium, evidence, at, work.actor)
            await work.append(NewEvent(case.number, "NoticeServed", case.unit, {"party": row.party}))


async def fail(work: Work, case: Case, row: Notice) -> None:
    """Create a task, with a clock, for a notice that could not be delivered."""
    key = f"notice-failed-{row.id}"
    nth = await clocks.how_many(work.connection, case.number, f"{key}.%") + 1
    await work.start_clock(
        case.number, f"{key}.{nth}", FAILED, subject=names.case_name(case.number), unit=case.unit, at=work.now
    )
    payload = {"notice": store.name_of(row.id), "rule": row.rule, "reason": row.reason}
    await work.append(NewEvent(case.number, "NoticeFailed", case.unit, payload))


async def resolved(work: Work, case: Case, row: Notice, reason: str) -> None:
    """Record that somebody handled a notice that could not be delivered; the clock is met."""
    await work.stop(case.number, f"notice-failed-{row.id}.%")
    again = row.state is not NoticeState.CANCELLED
    payload = {"notice": store.name_of(row.id), "again": again, "reason": reason}
    await work.append(NewEvent(case.number, "NoticeResolved", case.unit, payload))


def consequences(rules: Rules) -> dict[str, Consequence]:
    """Return what follows when the time is over after which a notice counts as served."""

    async def deemed(work: Work, firing: Firing) -> None:
        case = await cases.lock(work.connection, firing.number)
        row = await store.lock(work.connection, int(names.last(firing.subject)))
        if row.state is not NoticeState.SENT:
            return
        at = firing.due_at - timedelta(seconds=1)
        row = await store.change(
            work.connection, row, state=NoticeState.DEEMED, served_at=at, updated_at=work.now, reason=""
        )
        await store.record(
            work.connection,
            {"notice": row.id, "at": at, "recorded_at": work.now, "state": row.state, "channel": row.channel,
             "actor": work.actor},
        )  # fmt: skip
        await tell(work, case, rules.notices.find(row.rule), row, at)

    return {rule.deemed: deemed for rule in rules.notices if rule.deemed}
