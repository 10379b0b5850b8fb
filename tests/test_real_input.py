"""The main job on real input: half a year of Boston's requests through the running stack, row by row.

`make real-input` takes every row, `make test` every twelfth; that every row becomes a report with its own flag is shown
without a stack in `test_import_mapping`.
"""

from __future__ import annotations

import asyncio
import csv
import gzip
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pb.clock.v1 import clock_pb2
from pb.intake.v1 import intake_pb2, report_pb2

from accord.embedded.stack import Stack
from tests.conftest import COUNTY, Clients, data
from tests.patience import PATIENCE

EVERY = int(os.environ.get("REAL_INPUT_EVERY") or 12)
FIRST_ROW = 2
"""The first record's number as the import counts: the line in the file, its header being line 1."""
OPENED = 12
"""Open cases looked at after the import; the others are opened in the background, oldest import first."""


def accord_import(stack: Stack, file: Path, *options: str) -> Any:
    """Return what `accord import … --json` prints, run as a user would."""
    command = [
        sys.executable, "-m", "accord.cli", "import", str(file), "--mapping", "boston311",
        "--state", str(stack.folder.root), "--json", *options,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    return json.loads(done.stdout)


def thinned(whole: Path, thin: Path) -> Path:
    """Return a file with every so many-th row of the whole one; the whole one itself where every row is wanted."""
    if EVERY == 1:
        return whole
    with (
        gzip.open(whole, "rt", encoding="utf-8", newline="") as given,
        gzip.open(thin, "wt", 1, "utf-8", newline="") as out,
    ):
        reader, writer = csv.reader(given), csv.writer(out)
        writer.writerow(next(reader))
        writer.writerows(itertools.islice(reader, 0, None, EVERY))
    return thin


async def test_every_row_is_one_report_and_its_flag_is_the_files_own(tmp_path: Path) -> None:
    file = thinned(data("boston311_2011h2/cases.csv.gz"), tmp_path / "cases.csv.gz")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == -(-58_251 // EVERY)
    with Stack(state=tmp_path / "state", port_base=0) as stack:
        summary = (await asyncio.to_thread(accord_import, stack, file, "--yes"))["summary"]
        assert summary["created"] + summary["rejected"] == len(rows)
        assert summary["rejected"] == 0

        compared = await asyncio.to_thread(accord_import, stack, file, "--compare")
        assert compared["found"] == len(rows)
        assert compared["missing"] == compared["doubled"] == compared["other_times"] == []
        assert compared["clean"]
        # The file's column is blank in 158 rows whose own times say that they are late: listed, see docs/real-input.md.
        differing = [each["row"] for each in compared["overdue"]["differences"]]
        blank = [number for number, row in enumerate(rows, start=FIRST_ROW) if row["ontime"] == ""]
        assert sorted(differing) == blank

        clients = Clients.of(stack)
        await the_promise_becomes_the_cases_due_time(clients)
        await clients.close()


async def the_promise_becomes_the_cases_due_time(clients: Clients) -> None:
    """Look at the first open rows: their case has the file's target as its due time, and is overdue by it."""
    clocks = clock_pb2.ListClocksRequest(service="mediation", running=True, overdue=True, page_size=200)
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await clients.clocks["mediation"].ListClocks(clocks, **clients.as_("clerk", COUNTY))
            promised = [clock for clock in found.clocks if clock.rule == "promised"]
            if len(promised) >= OPENED:
                break
            await asyncio.sleep(0.5)
    for clock in promised[:OPENED]:
        name = clock.case.replace("cases/", "reports/")
        report = await clients.intake.GetReport(intake_pb2.GetReportRequest(name=name), **clients.as_("clerk", COUNTY))
        case = await clients.case(clock.case)
        assert report.state == report_pb2.REPORT_STATE_ACCEPTED
        assert clock.due_time == case.due_time == report.history.due_time
        assert case.overdue
