"""What a small statement costs through SQLAlchemy's engine and through asyncpg itself (docs/decisions/0005)."""

from __future__ import annotations

import asyncio
import statistics
import time

from sqlalchemy import text as sqlalchemy_text
from sqlalchemy.ext.asyncio import create_async_engine

from accord.embedded.stack import Stack
from bench.measure import Figures
from services.kit.storage.database import Database, text

STATEMENTS = 10
TRANSACTIONS = 200
QUERY = "SELECT CAST(:a AS text) AS a, CAST(:b AS bigint) AS b"


async def run(state: str) -> Figures:
    """Measure transactions of ten small statements, as a command has, and return CPU and wall time a statement."""
    with Stack(state=state, port_base=0, roster=lambda _: []) as stack:
        engine = create_async_engine(stack.database_url.replace("postgresql://", "postgresql+asyncpg://"))
        database = Database(stack.database_url, 2)
        layered, direct = sqlalchemy_text(QUERY), text(QUERY)
        values = {"a": "x", "b": 1}

        async def through_engine() -> None:
            async with engine.begin() as connection:
                for _ in range(STATEMENTS):
                    (await connection.execute(layered, values)).first()

        async def through_asyncpg() -> None:
            async with database.begin() as connection:
                for _ in range(STATEMENTS):
                    (await connection.execute(direct, values)).first()

        cost: dict[str, list[float]] = {"SQLAlchemy's engine": [], "asyncpg": []}
        for _ in range(5):
            for name, transaction in (("SQLAlchemy's engine", through_engine), ("asyncpg", through_asyncpg)):
                await transaction()
                started = time.process_time()
                for _ in range(TRANSACTIONS):
                    await transaction()
                cost[name].append((time.process_time() - started) / TRANSACTIONS / STATEMENTS * 1e6)
        await engine.dispose()
        await database.close()
    medians = {name: statistics.median(values_) for name, values_ in cost.items()}
    values_out = {f"CPU a statement through {name}": f"{micros:.0f} µs" for name, micros in medians.items()}
    layer, bare = medians.values()
    values_out["ratio"] = f"{layer / bare:.1f}"
    return Figures("driver", "a command's ten small statements, client side", values_out)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(folder)).text())
