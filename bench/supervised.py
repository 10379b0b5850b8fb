"""A supervised province: open and closed matters over units, with their clocks, letters and officials, made by chance.

The same rows go into the tables of escalation and to a second, independent count: responses can be
held against a plain recomputation.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from casework.units import UnitTree

OFFICIAL = "bench-official"
CATEGORIES = ("neighbour", "labour/wage-arrears", "family", "consumer", "land/contracted", "medical")
DOORS = ("counter", "hotline", "grid", "court", "petition")
_DAY = timedelta(days=1)
_CLOCKS = (
    "id", "number", "subject", "rule", "rule_version", "rule_hash", "unit", "region", "calendar", "state", "started_at",
    "due_at", "next_at", "stopped_at", "rungs",
)  # fmt: skip
_FACTS = (
    "service", "clock", "number", "rule", "unit", "subject", "state", "started_at", "due_at", "next_at", "stopped_at",
    "seq",
)  # fmt: skip


@dataclass
class Supervised:
    """Rows by table, as dictionaries."""

    case_facts: list[dict[str, Any]] = field(default_factory=list)
    clock_facts: list[dict[str, Any]] = field(default_factory=list)
    clocks: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    holdings: list[dict[str, Any]] = field(default_factory=list)


def some_units(tree: UnitTree, count: int = 100) -> list[str]:
    """Return so many units of a province: its counties, and townships of the first of them."""
    counties = [
        unit for city in tree.children("62") if len(city) == 4 for unit in tree.children(city) if "-" not in unit
    ]
    townships = [unit for county in counties for unit in tree.children(county) if "-" not in unit]
    return [*counties[: count * 4 // 5], *townships][:count]


def supervised(units: Sequence[str], now: datetime, open_: int = 10_000, closed: int = 5_000) -> Supervised:
    """Return so many open matters, and closed ones of the last half year; the same for the same arguments."""
    made, chance = Supervised(), random.Random(20261124)
    for index in range(open_ + closed):
        _matter(made, chance, index, chance.choice(units), now, is_open=index < open_)
    for index in range(len(units) * 3):
        _letter(made, chance, index, chance.choice(units), now)
    return made


def _matter(made: Supervised, chance: random.Random, index: int, unit: str, now: datetime, *, is_open: bool) -> None:
    number = f"{unit[:6]}-2026-{index + 1:06d}"
    received = now - chance.random() * (20 if is_open else 180) * _DAY
    opened = received + chance.random() * 4 * _DAY
    has_case = opened <= now
    ended = min(now, opened + chance.random() * 30 * _DAY)
    row: dict[str, Any] = {
        "number": number, "unit": unit, "place": unit, "door": chance.choice(DOORS),
        "category": chance.choice(CATEGORIES), "grade": chance.randint(1, 3), "received_at": received,
        "state": "ACCEPTED" if has_case else "RECEIVED", "stage": "", "report_seq": 3, "case_seq": int(has_case),
    }  # fmt: skip
    if has_case:
        row |= {"opened_at": opened, "stage": "HANDLING" if is_open else "CLOSED"}
    if has_case and not is_open:
        row |= _results(chance, ended)
    elif not is_open:
        row |= {"state": "DECLINED", "closed_at": now, "declined_at": now}
    made.case_facts.append(row)
    accept = _clock(chance, "intake", number, "accept", unit, received, 4, now, opened if has_case else None)
    made.clock_facts.append(accept)
    if has_case:
        stopped = None if is_open else ended
        made.clock_facts.append(_clock(chance, "mediation", number, "close", unit, opened, 15, now, stopped))
        at = f"{unit[:6]}-labour" if chance.random() < 0.3 else unit
        made.clock_facts.append(_clock(chance, "mediation", number, "task-1.task", at, opened, 8, now, stopped))
    if is_open and chance.random() < 0.05:
        made.clocks.append(_clock(chance, "escalation", number, "resolve-1", unit[:4], received, 10, now, None))


def _results(chance: random.Random, ended: datetime) -> dict[str, Any]:
    answers, notices = chance.randint(0, 2), chance.randint(0, 2)
    return {
        "closed_at": ended, "last_closed_at": ended, "outcome": "AGREED", "mediation": "AGREED_FULL",
        "mediation_ended_at": ended, "notices": notices, "notices_served": chance.randint(0, notices),
        "performance": chance.choice(("", "DONE", "DONE", "DONE", "PART", "NOT")), "answers": answers,
        "satisfied": chance.randint(0, answers), "visits": chance.randint(0, 2), "recurred": chance.random() < 0.1,
    }  # fmt: skip


def _letter(made: Supervised, chance: random.Random, index: int, unit: str, now: datetime) -> None:
    above, opened = unit[:4], now - chance.random() * 60 * _DAY
    number = f"letters-{above}00-2026-{index + 1:06d}"
    made.files.append({"number": number, "unit": above, "opened_at": opened})
    stopped = opened + chance.random() * 20 * _DAY if chance.random() < 0.6 else None
    reply = _clock(chance, "escalation", number, "reply", unit, opened, 14, now, stopped)
    made.clocks.append({**reply, "rule": "letter_notice_reply", "subject": number.replace("-", "/", 1)})
    if index % 10 == 0:
        made.holdings.append({"number": number, "subject": number.replace("-", "/", 1), "role": "responsible",
                              "unit": unit, "official": OFFICIAL, "since": opened})  # fmt: skip


def _clock(
    chance: random.Random, service: str, number: str, key: str, unit: str, started: datetime, days: int, now: datetime,
    stopped: datetime | None,
) -> dict[str, Any]:  # fmt: skip
    due = started + days * _DAY * (0.5 + chance.random())
    stopped = stopped if stopped is None or stopped <= now else None
    rule = {"close": "close_medium", "task-1.task": "task", "resolve-1": "resolve_escalation"}.get(key, key)
    state = 1 if stopped is None else 3 if chance.random() < 0.05 else 2
    return {
        "service": service, "clock": f"{number}.{key}", "number": number, "rule": rule, "unit": unit,
        "subject": f"cases/{number}", "state": state, "started_at": started, "due_at": due,
        "next_at": due if stopped is None else None, "stopped_at": stopped, "seq": 3,
    }  # fmt: skip


async def insert(connection: asyncpg.Connection, made: Supervised) -> None:
    """Store everything; the tables of escalation must be on the search path."""
    columns = sorted({name for row in made.case_facts for name in row})
    defaults = {"outcome": "", "mediation": "", "performance": "", "recurred": False}
    counts = dict.fromkeys(("notices", "notices_served", "answers", "satisfied", "visits"), 0)
    facts = [{**defaults, **counts, **row} for row in made.case_facts]
    own = [
        {**row, "id": row["clock"], "rule_version": "bench", "rule_hash": "bench", "region": row["unit"][:6],
         "calendar": "bench", "rungs": "[]"}
        for row in made.clocks
    ]  # fmt: skip
    for table, rows, names in (
        ("case_facts", facts, columns), ("clock_facts", made.clock_facts, _FACTS), ("clocks", own, _CLOCKS),
        ("files", made.files, ("number", "unit", "opened_at")),
        ("holdings", made.holdings, ("number", "subject", "role", "unit", "official", "since")),
    ):  # fmt: skip
        records = [tuple(row.get(name) for name in names) for row in rows]
        await connection.copy_records_to_table(table, records=records, columns=list(names))
