"""What the statements of GetReport and CreateReport cost by three ways to PostgreSQL (docs/decisions/0005).

All three run the code of the services, with the same statements: through SQLAlchemy's engine; compiled, through the
driver connection that SQLAlchemy's pool hands out; compiled, through asyncpg's pool. Counted is the processor time of
the client, which is what a service adds; PostgreSQL does the same for all.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from pb.intake.v1 import report_pb2
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from accord.embedded.stack import Stack
from accord.rules_place import SHIPPED
from bench.measure import Figures
from casework import names
from services.intake import store
from services.intake.reception import Received, Reception
from services.kit.clocks.clockwork import Clockwork
from services.kit.rules import load_rules
from services.kit.storage import requests
from services.kit.storage.database import Connection, Database, Row
from services.kit.storage.sealing import HeldKey, Sealer

TRANSACTIONS = 150
ROUNDS = 9
_COUNTY, _CALLER = "620102", "bench"

Way = Callable[[bool], Any]
"""Gives a connection: for a transaction, or to read only."""


class _Layered:
    """A connection that runs everything through SQLAlchemy's engine."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def execute(self, statement: Any, parameters: Any) -> Any:
        return await self._connection.execute(statement, parameters)

    async def scalar(self, statement: Any, parameters: Any) -> Any:
        return await self._connection.scalar(statement, parameters)


def _through_engine(engine: AsyncEngine) -> Way:
    reading = engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def connected(changes: bool) -> AsyncIterator[Any]:
        async with engine.begin() if changes else reading.connect() as connection:
            yield _Layered(connection)

    return connected


def _through_driver(engine: AsyncEngine) -> Way:
    @asynccontextmanager
    async def connected(changes: bool) -> AsyncIterator[Any]:
        async with engine.connect() as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            if changes:
                async with raw.transaction():
                    yield Connection(raw)
            else:
                yield Connection(raw)

    return connected


def _through_pool(database: Database) -> Way:
    return lambda changes: database.begin() if changes else database.read()


async def run(state: str) -> Figures:
    """Measure each way in turn, round by round, and return the medians a call and how they stand to each other."""
    with Stack(state=state, port_base=0, roster=lambda _: []) as stack:
        url = stack.database_url.replace("postgresql://", "postgresql+asyncpg://")
        settings = {"server_settings": {"search_path": "intake, public", "jit": "off"}}
        engines = [
            create_async_engine(url, pool_size=2, json_deserializer=str, connect_args=settings),
            create_async_engine(
                url, pool_size=2, pool_reset_on_return=None, connect_args={**settings, "record_class": Row}
            ),
        ]
        database = Database(stack.database_url, 2, "intake")
        ways = {
            "SQLAlchemy's engine": _through_engine(engines[0]),
            "its driver connection": _through_driver(engines[1]),
            "asyncpg's pool": _through_pool(database),
        }
        values = await _measured(ways)
        for engine in engines:
            await engine.dispose()
        await database.close()
    return Figures("driver", "the statements of GetReport and CreateReport, client side", values)


async def _measured(ways: dict[str, Way]) -> dict[str, str]:
    rules, now = load_rules(SHIPPED), datetime.now(UTC)
    reception = Reception(rules, Sealer(HeldKey(os.urandom(32))), Clockwork(rules))
    report = report_pb2.Report(
        channel=report_pb2.CHANNEL_COUNTER, unit=f"units/{_COUNTY}", category="categories/neighbour",
        text="楼上漏水，天花板泡坏了，对方不赔。",
    )  # fmt: skip
    draft, running = reception.draft(report, now, importing=False), itertools.count(1)

    def received() -> Received:
        return reception.receive(draft, names.case_number(_COUNTY, now.year, next(running)), now)

    async def create(way: Way, each: Received) -> None:
        number = each.row["number"]
        async with way(True) as connection:
            await requests.claim(connection, _CALLER, number, b"body")
            row = await store.add_one(connection, each, at=now, actor=_CALLER, trace="")
            await requests.remember(connection, _CALLER, number, row.number.encode())

    async def get(way: Way, each: Received) -> None:
        async with way(False) as connection:
            await store.get(connection, each.row["number"])

    calls: dict[str, Callable[[Way, Received], Awaitable[None]]] = {"CreateReport": create, "GetReport": get}
    cost: dict[tuple[str, str], list[tuple[float, float]]] = {(call, name): [] for call in calls for name in ways}
    for _ in range(ROUNDS + 1):
        for name, way in ways.items():
            new = [received() for _ in range(TRANSACTIONS)]
            for call, do in calls.items():
                started, clock = time.process_time(), time.perf_counter()
                for each in new:
                    await do(way, each)
                spent = time.process_time() - started, time.perf_counter() - clock
                cost[call, name].append((spent[0] / TRANSACTIONS * 1e6, spent[1] / TRANSACTIONS * 1e6))
    # The first round opens connections and prepares statements.
    medians = {
        key: [statistics.median(column) for column in zip(*taken[1:], strict=True)] for key, taken in cost.items()
    }
    values = {}
    for call in calls:
        bare = medians[call, "asyncpg's pool"]
        for name in ways:
            cpu, wall = medians[call, name]
            values[f"{call}, {name}"] = f"{cpu:.0f} µs CPU ({cpu / bare[0]:.2f}), {wall:.0f} µs ({wall / bare[1]:.2f})"
    return values


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(folder)).text())
