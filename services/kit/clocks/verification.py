"""Verification of clocks: recomputes every projection from rule, ledger and calendar, and reports differences."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from casework.clocks.clock import project
from casework.clocks.ledger import Started
from services.kit.clocks import ledger as clock_ledger
from services.kit.clocks import store
from services.kit.clocks.calendars import calendar_of
from services.kit.clocks.clocks import read_rungs
from services.kit.clocks.clockwork import Clockwork
from services.kit.clocks.models import LIVE, Clock
from services.kit.clocks.moves import applied_layers
from services.kit.storage.database import Connection, Database

_PAGE = 2000


@dataclass(frozen=True, slots=True)
class Difference:
    """A clock whose stored projection differs from what follows from its ledger: what is stored, and what follows."""

    clock: str
    field: str
    stored: str
    derived: str


async def differences(database: Database, clockwork: Clockwork) -> AsyncIterator[Difference | int]:
    """Yield every difference of a service's clocks, and after each page how many clocks it had.

    Each is computed with the calendar it is pinned to: one applied later makes no difference.
    """
    after = ""
    async with database.begin() as connection:
        clockwork.lay(await applied_layers(connection))
    while True:
        async with database.begin(snapshot=True) as connection:
            rows = await store.page(connection, after, _PAGE)
            found = await _of_page(connection, clockwork, rows)
        for each in found:
            yield each
        yield len(rows)
        if len(rows) < _PAGE:
            return
        after = rows[-1].id


async def _of_page(connection: Connection, clockwork: Clockwork, rows: list[Clock]) -> list[Difference]:
    ids = [row.id for row in rows]
    ledgers = await clock_ledger.ledgers_of(connection, ids)
    rules = await clock_ledger.rules_of(connection, {row.rule_hash for row in rows})
    fired = await store.fired(connection, ids)
    found: list[Difference] = []
    for row in rows:
        rule, ledger = rules.get(row.rule_hash), ledgers[row.id]
        if rule is None or not ledger or not isinstance(ledger[0], Started):
            found.append(Difference(row.id, "ledger", f"rule {row.rule_hash}", "no start or no rule"))
            continue
        calendar = await calendar_of(connection, clockwork, row)
        derived = project(rule, ledger, calendar)
        pairs: dict[str, tuple[object, object]] = {
            "state": (clock_ledger.STATES[derived.state], row.state),
            "raw_due_at": (derived.raw_due, row.raw_due_at),
            "due_at": (derived.due, row.due_at),
            "provisional": (derived.provisional, row.provisional),
            "stopped_at": (derived.ended_at, row.stopped_at),
            "entries": (ledger[-1].seq, row.entries),
        }
        if row.state in LIVE:
            stored = read_rungs(row.rungs)
            pairs["rungs"] = (
                [(rung.key, rung.at) for rung in derived.rungs],
                [(clock_ledger.plain(key), at) for key, at, _, _ in stored],
            )
            unfired = next((at for key, at, _, _ in stored if (row.id, key) not in fired), None)
            pairs["next_at"] = (unfired, row.next_at)
        found += [
            Difference(row.id, field, str(stored), str(said))
            for field, (said, stored) in pairs.items()
            if said != stored
        ]
    return found
