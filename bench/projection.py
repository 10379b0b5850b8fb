"""(p) Due dates a second on one core: working days, holidays, rolling and rungs, with explanation off and on."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from bench.measure import Figures
from casework.clocks.calendar import LOCAL, Calendar
from casework.clocks.clock import project
from casework.clocks.explanation import explain
from casework.clocks.ledger import Entry, Paused, Resumed, Started
from casework.clocks.rule import Rule
from services.kit.rules import load_rules

CLOCKS = 20_000
ROUNDS = 5
TARGET = 50_000
Ledgers = Sequence[Sequence[Entry]]
Work = Callable[[Rule, Sequence[Entry], Calendar], object]


def ledgers(paused: bool) -> Ledgers:
    """Return the ledgers of clocks that start all over three years, with one pause each if asked."""
    first = datetime(2023, 1, 3, 9, tzinfo=LOCAL)
    found: list[list[Entry]] = []
    for number in range(CLOCKS):
        at = first + timedelta(minutes=79 * number)
        entries: list[Entry] = [Started(seq=1, at=at, recorded_at=at)]
        if paused:
            begin, end = at + timedelta(days=3), at + timedelta(days=12)
            entries.append(Paused(seq=2, at=begin, recorded_at=begin, cause="appraisal"))
            entries.append(Resumed(seq=3, at=end, recorded_at=end))
        found.append(entries)
    return found


def rate(work: Work, rule: Rule, of: Ledgers, calendar: Calendar) -> float:
    """Return how many a second, the median of the rounds."""
    rates = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for ledger in of:
            work(rule, ledger, calendar)
        rates.append(len(of) / (time.perf_counter() - started))
    return statistics.median(rates)


async def run(state: str) -> Figures:
    """Measure and return the figures; nothing is stored and nothing is started."""
    rules = load_rules(Path(__file__).resolve().parent.parent / "rules")
    calendar = rules.calendars.of("620102")
    working, rolled = rules.clocks.get("medical_mediation"), rules.clocks.get("judicial_confirmation")
    fresh, paused = ledgers(False), ledgers(True)
    figures = {
        "30 working days": rate(project, working, fresh, calendar),
        "30 calendar days, rolled": rate(project, rolled, fresh, calendar),
        "30 working days, one pause": rate(project, working, paused, calendar),
        "30 working days, explained day by day": rate(explain, working, fresh[:1_000], calendar),
    }
    values = {name: f"{value:,.0f} a second" for name, value in figures.items()}
    values["30 working days, target"] = f"at least {TARGET:,} a second"
    return Figures("p", "Due dates a second on one core", values)


if __name__ == "__main__":
    print(asyncio.run(run("")).text())
