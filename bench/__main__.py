"""`make bench`: runs every part, prints the figures, writes bench/README.md. `ARGS="a c"` renews some parts of it."""

from __future__ import annotations

import asyncio
import platform
import re
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench import (
    bulk,
    calendars,
    clocks,
    counter,
    docs,
    driver,
    feeds,
    files,
    filing,
    hooks,
    identity,
    idle,
    likeness,
    lives,
    matters,
    memory,
    notices,
    offices,
    open311,
    partners,
    portable,
    projection,
    receipts,
    supervision,
    tasks,
    tools,
    unary,
)
from bench.measure import Figures, LeftOut

PARTS = {
    "a": bulk, "b": lives, "c": unary, "d": memory, "e": clocks, "p": projection, "s": supervision,
    "tasks": tasks, "driver": driver, "idle": idle, "counter": counter, "notices": notices, "receipts": receipts,
    "filing": filing, "likeness": likeness, "matters": matters, "offices": offices, "open311": open311,
    "partners": partners, "hooks": hooks, "calendars": calendars, "feeds": feeds, "files": files, "portable": portable,
    "identity": identity, "docs": docs, "tools": tools,
}  # fmt: skip


def main(names: list[str]) -> None:
    """Run the parts named, all where none is."""
    found: list[Figures] = []
    for name in names or list(PARTS):
        try:
            with tempfile.TemporaryDirectory(prefix="accord-bench-") as state:
                figures = asyncio.run(PARTS[name].run(state))
        except LeftOut as missing:
            print(f"({name}) left out: {missing}", flush=True)
            continue
        print(figures.text(), flush=True)
        found.append(figures)
    page = Path(__file__).with_name("README.md")
    page.write_text(renewed(page.read_text("utf-8"), found) if names else report(found), "utf-8")


def renewed(page: str, found: list[Figures]) -> str:
    """Return bench/README.md with the sections of these parts measured alone, today."""
    for figures in found:
        section = f"{figures.markdown()}\nMeasured alone, {datetime.now(UTC).date()}.\n\n"
        old = re.search(rf"^### \({figures.part}\) .*?(?=^### |\Z)", page, re.DOTALL | re.MULTILINE)
        begin, end = old.span() if old else (len(page), len(page))
        page = f"{page[:begin].rstrip()}\n\n{section}{page[end:]}"
    return f"{page.rstrip()}\n"


def report(found: list[Figures]) -> str:
    """Return bench/README.md."""
    memory_ = psutil.virtual_memory().total / 2**30
    machine = f"{psutil.cpu_count()} cores, {memory_:.0f} GiB, {platform.system()} {platform.machine()}"
    versions = f"Python {platform.python_version()}"
    parts = "\n".join(figures.markdown() for figures in found)
    return f"""# Benchmarks

`make bench` on {machine}, {versions}, {datetime.now(UTC).date()}. Medians of rounds within one run; the ratios are what
counts, since everything (servers, engines and the clients that load them) shares the same cores. One part alone:
`make bench ARGS=b` renews its section. PostgreSQL syncs every commit, Temporal's SQLite is in WAL mode.

{parts}"""


if __name__ == "__main__":
    main(sys.argv[1:])
