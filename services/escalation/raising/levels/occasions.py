"""The one place where supervision learns of occasions for letters."""

from __future__ import annotations

from casework import names
from casework.clocks.calendar import LOCAL
from casework.supervision.letters.letter import is_independent
from casework.supervision.letters.occasion import Happening, Occasion
from casework.supervision.raising.escalation import EscalationState
from casework.units import ROOT, parent_code
from services.escalation.letters import drafting
from services.escalation.models import Escalation
from services.escalation.raising.levels import store, timing
from services.kit.clocks.clocks import Firing
from services.kit.command import Work
from services.kit.storage.events import NewEvent

WATCH_RULE = "letter_watch"
OVERDUE = "overdue"
_WATCHED = frozenset({"cases", "matters"})
"""Files whose overdue work leads to letters; letters themselves have their own procedure."""
_DAYS = 6
"""Working days after which an overdue matter without progress leads to a letter."""


async def consider(work: Work, occasion: Occasion) -> None:
    """Draft the letter that the rules give for an occasion, in the same transaction.

    Call it after appending the event of the occasion. Only a draft: nobody outside the issuing unit sees it, and it is
    not served until one person has taken it up and another one has signed it.
    """
    issuer = parent_code(occasion.unit)
    if issuer is None or issuer == ROOT or work.clockwork is None or not work.call.access.knows(occasion.unit):
        return
    if is_independent(occasion.unit):
        return
    trigger = work.clockwork.letters.gravest(occasion, work.now.astimezone(LOCAL).date())
    if trigger is not None:
        await drafting.by_rule(work, trigger, occasion, issuer)


async def overdue(work: Work, raised: Escalation) -> None:
    """Handle the escalation of an overdue matter, and check again five days later whether it still is."""
    # While it is between the offices of the unit itself, the unit above writes no letter.
    if raised.reason != OVERDUE or raised.office or names.collection_of(raised.number) not in _WATCHED:
        return
    subject = names.file_name(raised.number)
    await work.start_clock(
        raised.number, timing.key(timing.OVERDUE, raised), WATCH_RULE, subject=subject, unit=raised.to_unit, at=work.now
    )
    payload = {"escalation": raised.escalation}
    await work.append(NewEvent(raised.number, "OverdueWatched", raised.from_unit, payload))
    await consider(work, Occasion(Happening.overdue, raised.from_unit, subject, overdue_days=1))


async def _still_overdue(work: Work, firing: Firing) -> None:
    number = firing.number
    raised = await store.get(work.connection, number, firing.index)
    if raised.state is not EscalationState.RESOLVED:
        occasion = Occasion(Happening.overdue, raised.from_unit, names.file_name(number), overdue_days=_DAYS)
        await consider(work, occasion)


CONSEQUENCES = {WATCH_RULE: _still_overdue}
"""The consequences of a matter that stays overdue."""
