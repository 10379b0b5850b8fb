"""(s) Supervision: worklists, digests, indicators and counts over 10,000 open matters of 100 units, through gRPC."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import grpc
from pb.escalation.v1 import (
    digests_pb2,
    digests_pb2_grpc,
    indicators_pb2,
    indicators_pb2_grpc,
    ledger_pb2,
    ledger_pb2_grpc,
    registers_pb2,
    registers_pb2_grpc,
    statistics_pb2,
    statistics_pb2_grpc,
    worklists_pb2,
    worklists_pb2_grpc,
)

from accord.embedded.stack import Stack
from bench.measure import Figures, only, percentile
from bench.supervised import insert, some_units, supervised
from services.kit.rules import load_rules
from services.kit.serving.settings import ServiceSettings

ASKED = 200
Question = Callable[[str, Any], Awaitable[Any]]


def questions(channel: grpc.aio.Channel, period: str) -> dict[str, Question]:
    """Return what is asked, by name: each of a unit, with the caller's metadata."""
    work = worklists_pb2_grpc.WorklistServiceStub(channel).GetWorklist
    digest = digests_pb2_grpc.DigestServiceStub(channel).GetDigest
    indicators = indicators_pb2_grpc.IndicatorServiceStub(channel).GetIndicators
    counts = statistics_pb2_grpc.StatisticsServiceStub(channel).GetStatistics
    lists = registers_pb2_grpc.RegisterServiceStub(channel).ListRegisterEntries
    ledger = ledger_pb2_grpc.LedgerServiceStub(channel)
    return {
        "ledger, a page of 50, overdue first": lambda unit, metadata: ledger.ListMatters(
            ledger_pb2.ListMattersRequest(unit=unit), metadata=metadata
        ),
        "ledger, counts by state, grade and level": lambda unit, metadata: ledger.CountMatters(
            ledger_pb2.CountMattersRequest(unit=unit), metadata=metadata
        ),
        "worklist, a page of 50 and the counts": lambda unit, metadata: work(
            worklists_pb2.GetWorklistRequest(unit=unit), metadata=metadata
        ),
        "waiting for whom, a page of 50": lambda unit, metadata: work(
            worklists_pb2.GetWorklistRequest(unit=unit, filter=worklists_pb2.WORK_FILTER_WAITING), metadata=metadata
        ),
        "digest of today": lambda unit, metadata: digest(digests_pb2.GetDigestRequest(unit=unit), metadata=metadata),
        "indicators, all, beside the peers": lambda unit, metadata: indicators(
            indicators_pb2.GetIndicatorsRequest(unit=unit, period=period), metadata=metadata
        ),
        "statistics by category": lambda unit, metadata: counts(
            statistics_pb2.GetStatisticsRequest(unit=unit, period=period[:4], by=statistics_pb2.STATISTICS_BY_CATEGORY),
            metadata=metadata,
        ),
        "problem list, a page of 50": lambda unit, metadata: lists(
            registers_pb2.ListRegisterEntriesRequest(unit=unit, kind=registers_pb2.REGISTER_KIND_PROBLEM),
            metadata=metadata,
        ),
    }


_LEDGER = """
    WITH numbered AS (
        SELECT 'matters-' || unit || '-2026-' || lpad(n::text, 6, '0') AS number, unit, n
        FROM unnest($1::text[]) AS unit, generate_series(1, 100) AS n
    ), opened AS (INSERT INTO files (number, unit, opened_at) SELECT number, unit, now() FROM numbered)
    INSERT INTO matters (number, state, level, keeper, unit, place, grade, category, registered_at, due_on)
    SELECT number, 4, 'county', unit, unit || '-labour', unit, 1 + n % 3, 'neighbour', now(), current_date + n - 40
    FROM numbered
"""
"""A hundred matters on the ledger of each county."""


async def milliseconds(question: Question, units: list[str], metadata: Any) -> list[float]:
    """Return how long each of so many questions took, one after the other, units in turn."""
    took = []
    for index in range(ASKED):
        started = time.perf_counter()
        await question(f"units/{units[index % len(units)]}", metadata)
        took.append(1000 * (time.perf_counter() - started))
    return took


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    rules, now, values = load_rules(ServiceSettings.model_fields["rules"].default), datetime.now(UTC), {}
    units = some_units(rules.units)
    with Stack(state=state, port_base=0, roster=only("escalation")) as stack:
        connection = await asyncpg.connect(stack.database_url, server_settings={"search_path": "escalation"})
        await insert(connection, supervised(units, now))
        await connection.execute(_LEDGER, units)
        await connection.execute("ANALYZE")
        await connection.close()
        metadata = (("authorization", f"Bearer {stack.token('supervisor', '62')}"),)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{stack.ports['escalation']}") as channel:
            for name, question in questions(channel, f"{now:%Y-%m}").items():
                for where, asked in (("a county", units), ("the province", ["62"])):
                    took = await milliseconds(question, asked, metadata)
                    values[f"{name}: {where}"] = (
                        f"p50 {percentile(took, 0.5):.1f} ms, p95 {percentile(took, 0.95):.1f} ms"
                    )
    return Figures("s", "supervision over 10,000 open and 5,000 closed matters of 100 units", values)


if __name__ == "__main__":
    import asyncio
    import sys
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(sys.argv[1] if len(sys.argv) > 1 else folder)).text())
