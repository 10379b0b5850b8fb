"""Drafts made by rules: a row, a clock, the text of the rule. Never more than a draft, and only once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from casework import names
from casework.clocks.calendar import LOCAL
from casework.supervision.letters.letter import REPLY_RULES, LetterKind, next_kind
from casework.supervision.letters.occasion import Happening, Occasion
from casework.supervision.letters.trigger import LetterTrigger
from services.escalation import files
from services.escalation.letters import store, timing, view
from services.escalation.letters.models import Letter
from services.kit import dates
from services.kit.command import Work
from services.kit.storage.events import NewEvent

COLLECTION = "letters"


async def by_rule(work: Work, trigger: LetterTrigger, occasion: Occasion, issuer: str, previous: str = "") -> str:
    """Return the letter of a trigger: a new draft, or the existing one for unit, matter and kind."""
    connection, kind = work.connection, trigger.kind
    if found := await store.standing(connection, occasion.unit, occasion.subject, kind):
        return found
    if not await store.claim(connection, occasion.unit, occasion.subject, kind, work.now):
        return await store.drafted(connection, occasion.unit, occasion.subject, kind)
    number = await files.open_file(connection, COLLECTION, issuer, work.now)
    proposed = view.wording(trigger.zh.of(occasion), trigger.en.of(occasion))
    due_on = _due_on(work, trigger.kind, occasion.unit)
    shown = dates.shown(due_on)
    assert shown is not None, "a day is there"
    proposed.due_date.CopyFrom(shown)
    row = await store.add(
        connection, number, kind=kind, issuer=issuer, unit=occasion.unit, subject=occasion.subject,
        rule=trigger.cited, proposed=proposed.SerializeToString(), due_on=due_on, previous=previous,
        drafted_at=work.now,
    )  # fmt: skip
    # A new file within another file's command: clocks that the command started there stay with it.
    own = replace(work, late=[], soonest=None)
    await timing.start(own, row, timing.DRAFT)
    payload = {"kind": trigger.kind.name, "rule": trigger.cited, "subject": occasion.subject}
    await own.append(NewEvent(number, "LetterDrafted", issuer, payload, wakes=True))
    return number


async def next_letter(work: Work, row: Letter) -> Letter:
    """Draft the letter after one that failed, and return the failed one's row; nothing follows the last kind."""
    kind, day = _following(work, row), _today(work)
    if kind is None or row.next:
        return row
    trigger = work.clockwork.letters.rung(kind, row.unit, day) if work.clockwork else None
    assert trigger is not None, "the rules do not load without words for every rung"
    occasion = Occasion(Happening.letter_failed, row.unit, row.subject)
    number = await by_rule(work, trigger, occasion, row.issuer, row.number)
    row = await store.change(work.connection, row, next=number)
    await timing.meet(work, row, timing.NEXT)
    payload = {"kind": kind.name, "next": names.file_name(number)}
    await work.append(NewEvent(row.number, "LetterNextDrafted", row.issuer, payload))
    return row


def _following(work: Work, row: Letter) -> LetterKind | None:
    """Return the next kind: as the rule that drafted the letter says, else the next step."""
    rules = work.clockwork.letters if work.clockwork else ()
    said = next((each.next for each in rules if each.cited == row.rule and each.kind == row.kind), None)
    return said or next_kind(row.kind)


def _due_on(work: Work, kind: LetterKind, unit: str) -> date:
    """Return the proposed day: as many working days from today as the unit has to answer."""
    today = _today(work)
    n = work.clockwork.rules.get(REPLY_RULES[kind], unit, today).n
    return work.clockwork.calendars.of(unit).nth_after(today, n)


def _today(work: Work) -> date:
    return work.now.astimezone(LOCAL).date()
