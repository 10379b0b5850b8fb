"""What a close request and a closing need from mediation: conditions, number, retention, visits."""

from __future__ import annotations

from casework import names
from casework.case import Outcome
from casework.clocks.rule import Holder
from casework.mediation.agreement import Extent
from casework.mediation.closing import Retention, may_close, retention
from casework.mediation.contradiction import Act, Fact, must_hold
from casework.mediation.fulfilment import Performance
from casework.papers.numbering import Series
from services.kit.clocks import ledger as clock_ledger
from services.kit.command import Work
from services.kit.rules import Rules
from services.kit.storage import numbering
from services.mediation import standing
from services.mediation.agreement import results
from services.mediation.agreement import store as agreements
from services.mediation.closing import store
from services.mediation.models.cases import Case

_MAJOR = 3
"""The grade of a major case: high."""


async def check_gates(work: Work, case: Case, outcome: Outcome) -> bool:
    """Raise the first condition that is not met, for a case with a mediation; return whether it has one.

    The outcome must not contradict what was agreed, nor who left.
    """
    facts = await store.facts(work.connection, case.number, work.now)
    if (act := _CONTRADICTED.get(outcome)) is not None:
        extents = await agreements.extents(work.connection, case.number)
        # Only proposed, there is nothing to end; but nothing was agreed either.
        proposed = facts is None and await standing.mediation(work.connection, case.number) is not None
        found = {
            Fact.NOT_AGREED_IN_FULL: Extent.FULL not in extents,
            Fact.SOMEBODY_WITHDREW: facts is None or facts.left,
            Fact.AN_AGREEMENT_BINDS: not proposed or bool(extents),
        }
        must_hold(act, found)
    if facts is not None:
        may_close(facts, outcome)
    return facts is not None


_CONTRADICTED = {
    Outcome.AGREED: Act.CLOSE_AGREED, Outcome.NOT_AGREED: Act.CLOSE_NOT_AGREED,
    Outcome.WITHDRAWN: Act.CLOSE_WITHDRAWN, Outcome.RESOLVED: Act.CLOSE_RESOLVED,
}  # fmt: skip


async def stop_clocks(work: Work, number: str) -> list[str]:
    """Cancel the running clocks of a case that belong to its handling, and return their ids.

    What was agreed stays binding; the rights of parties and the time limits of other authorities continue.
    """
    running = await store.running_clocks(work.connection, number)
    rules = await clock_ledger.rules_of(work.connection, {rule for _, rule in running})
    ended = [clock for clock, rule in running if rules[rule].belongs_to is Holder.handling]
    for clock in ended:
        await work.stop(number, names.clock_parts(clock)[1].replace("_", r"\_"), met=False)
    return ended


async def close(work: Work, case: Case, rules: Rules, mediated: bool) -> str:
    """Give a closing its number and retention; return the number."""
    kept = await _retention(work, case) if mediated else _plain(case)
    mark = rules.units.paper(case.unit).mark
    number = await numbering.take(work.connection, Series.CLOSING, case.unit, mark, work.now)
    await store.close(work.connection, case.number, case.unit, number, kept, work.now)
    return number


def _plain(case: Case) -> Retention:
    """Return the retention of a case without a mediation: nothing in it had to be performed."""
    return retention(case.category, major=case.grade == _MAJOR, largest_side=0, minors=False, simple_and_performed=True)


async def _retention(work: Work, case: Case) -> Retention:
    connection = work.connection
    people = await standing.standing(connection, case.number)
    sides = [int(side) for _, side, _ in people.parties]
    extents = await agreements.extents(connection, case.number)
    done = await results.performed(connection, case.number, work.now)
    performed = done in (None, Performance.DONE) and Extent.FULL in extents
    return retention(
        case.category,
        major=case.grade == _MAJOR,
        largest_side=max((sides.count(side) for side in (1, 2)), default=0),
        minors=people.supported,
        simple_and_performed=performed,
    )
