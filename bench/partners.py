"""(partners) A province's day through the doors of five partners that drop, repeat, reorder and lie, over REST."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from accord.embedded.stack import Stack
from accord.partners.simulator import Day, Simulator
from accord.rules_place import SHIPPED
from bench.bulk import batches, send
from bench.measure import Figures, only
from services.kit.rules import load_rules

UNITS = ("6201-hotline", "620102-police", "620102-court", "6201-petition", "620103")
ITEMS = 10_000


async def run(state: str, items: int = ITEMS) -> Figures:
    """Measure and return the figures."""
    each, book = items // len(UNITS), load_rules(SHIPPED).partners
    with Stack(state=state, port_base=0, roster=only("intake", "mediation", "escalation", "gateway")) as stack:
        ceiling = items / await send(stack, batches(1)[: items // 500])
        simulators = [
            Simulator(stack.urls["api"], stack.token("integrator", unit), unit, book, seed=place, items=each)
            for place, unit in enumerate(UNITS)
        ]
        started = time.perf_counter()
        days: list[Day] = await asyncio.gather(*(simulator.run() for simulator in simulators))
        seconds = time.perf_counter() - started
        await _told(stack.database_url)
        told = time.perf_counter() - started
    taken = sum(len(day.taken) for day in days)
    values = {
        "items of five partners, with faults": f"{sum(day.items for day in days):,}",
        "taken in, refused as wrong": f"{taken:,}, {sum(day.wrong for day in days):,}",
        "lost, twice, answered in two ways": "0, 0, 0" if all(day.even for day in days) else "NOT EVEN",
        "seconds until every partner's day was even": f"{seconds:.1f}",
        "items a second": f"{taken / seconds:,.0f}",
        "of bulk reception over gRPC": f"{taken / seconds / ceiling:.2f}",
        "every partner told of every item after": f"{told:.1f} s",
    }
    return Figures("partners", "a day through the doors of five partners over REST: taken in, told, compared", values)


async def _told(url: str) -> None:
    """Wait until every item was told of."""
    connection = await asyncpg.connect(url)
    try:
        while await connection.fetchval("SELECT EXISTS (SELECT FROM intake.partner_items WHERE dirty)"):
            await asyncio.sleep(0.2)
    finally:
        await connection.close()
