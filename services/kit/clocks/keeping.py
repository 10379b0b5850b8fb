"""What a service does for its clocks besides serving calls: pins its rules, follows applied calendars, sets gauges."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from casework.clocks.rule import ALSO_BY_HAND, Consumer, Rule
from casework.mediation.plan import LONGEST
from services.kit.clocks import calendars as clock_calendars
from services.kit.clocks import moves as clock_moves
from services.kit.clocks import store
from services.kit.clocks.clockwork import Clockwork
from services.kit.clocks.ledger import Pins
from services.kit.clocks.models import LIVE
from services.kit.rules import Rules
from services.kit.serving import telemetry
from services.kit.serving.businesstime import BusinessTime
from services.kit.serving.loops import Loop
from services.kit.storage.database import Database

_EVERY = 30.0
"""Seconds of real time between checks. Nothing depends on them: calls that fire or record check for themselves."""
log = structlog.get_logger()


def automatic_rules(rules: Rules) -> list[Rule]:
    """Return the rules by which services start clocks automatically; of a task's, one for each number of days.

    A task that is added to a running plan has any number of days that is allowed.
    """
    found = [rule for rule in rules.clocks if rule.trigger.consumer is Consumer.service or rule.name in ALSO_BY_HAND]
    days = {task.due_days for plan in rules.plans for task in plan.tasks} | set(range(1, LONGEST + 1))
    return found + [rules.clocks.task(count) for count in sorted(days)]


async def keep_clocks(
    loop: Loop, database: Database, clockwork: Clockwork, pins: Pins, time: BusinessTime, rules: list[Rule]
) -> None:
    """Pin the rules, then follow applied calendars and update the gauges, for ever."""
    while True:
        loop.begin()
        await pins.keep(rules)
        await look(database, clockwork, time.now())
        loop.turned()
        await asyncio.sleep(_EVERY)


async def look(database: Database, clockwork: Clockwork, now: datetime) -> None:
    """Use the calendars that were applied, here or by another process, and set the gauges."""
    async with database.begin() as connection:
        before = clockwork.calendars
        clockwork.lay(await clock_moves.applied_layers(connection))
        await clock_calendars.keep(connection, before, clockwork.calendars)
        rows = await store.counts(connection, now)
    for state in LIVE:
        telemetry.CLOCKS.labels(state.name.lower()).set(sum(count for each, _, _, count, _ in rows if each == state))
    stale = sum(n for _, calendar, region, n, _ in rows if calendar != clockwork.calendars.of(region).version)
    telemetry.CLOCKS_STALE.set(stale)
    oldest = min((at for *_, at in rows if at), default=None)
    telemetry.OLDEST_UNFIRED.set((now - oldest).total_seconds() if oldest else 0)
    year = clockwork.calendars.missing_year(now.date())
    telemetry.CALENDAR_MISSING.set(year or 0)
    if year != clockwork.missing_year:
        # Logged when it changes: the gauge shows it all the time, and a log that repeats itself hides what is new.
        clockwork.missing_year = year
        if year:
            log.warning("a calendar is missing: dates beyond it are provisional", year=year)
        else:
            log.info("the calendar is complete again")
