"""`make bench`: runs every part in one go, prints the figures, writes bench/README.md. `ARGS="a c"` runs some parts."""

from __future__ import annotations

import asyncio
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench import (
    bulk,
    clocks,
    counter,
    driver,
    filing,
    idle,
    likeness,
    lives,
    memory,
    notices,
    projection,
    receipts,
    supervision,
    tasks,
    unary,
)
from bench.measure import Figures

PARTS = {
    "a": bulk, "b": lives, "c": unary, "d": memory, "e": clocks, "p": projection, "s": supervision,
    "tasks": tasks, "driver": driver, "idle": idle, "counter": counter, "notices": notices, "receipts": receipts,
    "filing": filing, "likeness": likeness,
}  # fmt: skip


def main(names: list[str]) -> None:
    """Run the parts named, all where none is."""
    found: list[Figures] = []
    for name in names or list(PARTS):
        with tempfile.TemporaryDirectory(prefix="accord-bench-") as state:
            figures = asyncio.run(PARTS[name].run(state))
        print(figures.text(), flush=True)
        found.append(figures)
    if not names:
        Path(__file__).with_name("README.md").write_text(report(found), "utf-8")


def report(found: list[Figures]) -> str:
    """Return bench/README.md."""
    memory_ = psutil.virtual_memory().total / 2**30
    machine = f"{psutil.cpu_count()} cores, {memory_:.0f} GiB, {platform.system()} {platform.machine()}"
    versions = f"Python {platform.python_version()}"
    parts = "\n".join(figures.markdown() for figures in found)
    return f"""# Benchmarks

`make bench` on {machine}, {versions}, {datetime.now(UTC).date()}. Medians of rounds within one run; the ratios are what
counts, since everything (servers, engines and the clients that load them) shares the same cores. One part alone:
`make bench ARGS=b`. Durability is on: PostgreSQL syncs every commit, Temporal's SQLite runs in WAL mode.

{parts}"""


if __name__ == "__main__":
    main(sys.argv[1:])
