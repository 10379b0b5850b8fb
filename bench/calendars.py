"""(calendars) Looks at calendars by their secret addresses, each with 30 deadlines, at 50 clients."""

from __future__ import annotations

import os
import statistics
from typing import Any

import asyncpg
import httpx

from accord.embedded.stack import Stack
from bench.measure import Figures, only
from bench.unary import Http, Many, measure

_PEOPLE = 50
_CALLS = 500
_ROUNDS = 5
_WRITE = """
    INSERT INTO escalation.clock_facts
        (service, clock, number, rule, unit, subject, state, started_at, due_at, next_at, stopped_at, taken_by, seq)
    SELECT 'mediation', number || '.close', number, 'civil_close', '620102', 'cases/' || number, 1, now(),
        now() + interval '9 days', now() + interval '9 days', NULL, 'official-' || person, 1
    FROM generate_series(1, $1::int) person, generate_series(1, 30) matter,
        LATERAL (SELECT '620102-2026-' || lpad((person * 100 + matter)::text, 6, '0') AS number) named
"""


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    # One client address asks for all of them here.
    names = ("ACCORD_LIMIT_RATE_CODE", "ACCORD_LIMIT_RATE_GUESS")
    os.environ |= dict.fromkeys(names, "1000000/minute")
    try:
        with Stack(state=state, port_base=0, roster=only("intake", "mediation", "escalation", "gateway")) as stack:
            paths = await _addresses(stack)
            whole = Many(stack.ports["gateway"], paths)
            async with httpx.AsyncClient(base_url=stack.urls["api"]) as rest:
                seen = await rest.get(paths[0])
            assert seen.content.count(b"BEGIN:VEVENT") == 30
            rounds = [await measure(whole.get, _CALLS) for _ in range(_ROUNDS)]
            whole.close()
            probed = Http(stack.ports["gateway"], "/healthz")
            ceiling = [await measure(probed.get, _CALLS) for _ in range(_ROUNDS)]
            probed.close()
    finally:
        for name in names:
            del os.environ[name]
    rate = statistics.median(each[0] for each in rounds)
    return Figures(
        "calendars",
        "looks at calendars of 30 deadlines at 50 concurrent clients",
        {
            "calendars": _said(rounds),
            "ceiling: a route of the gateway that asks nobody": _said(ceiling),
            "ratio": f"{rate / statistics.median(each[0] for each in ceiling):.2f}",
        },
    )


async def _addresses(stack: Stack) -> list[str]:
    """Give fifty people thirty deadlines each, and return the paths of their calendars."""
    connection = await asyncpg.connect(stack.database_url)
    await connection.execute(_WRITE, _PEOPLE)
    await connection.close()
    found = []
    async with httpx.AsyncClient(base_url=stack.urls["api"]) as rest:
        for person in range(1, _PEOPLE + 1):
            headers = {
                "Authorization": f"Bearer {stack.token('handler', '620102', f'official-{person}')}",
                "Idempotency-Key": f"bench-calendar-{person}",
            }  # fmt: skip
            made: Any = (await rest.post("/v1/calendarAddress:make", json={}, headers=headers)).json()
            found.append(made["path"])
    return found


def _said(rounds: list[tuple[float, float, float]]) -> str:
    rate, p50, p99 = (statistics.median(column) for column in zip(*rounds, strict=True))
    return f"{rate:,.0f} a second, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
