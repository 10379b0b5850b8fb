"""One import from beginning to end: preview, confirmation, transfer, summary; or a comparison with the service."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from accord.embedded.folder import StateFolder
from accord.importing import screen
from accord.importing.access import credentials, intake_address, intake_channel
from accord.importing.batch import batches
from accord.importing.catalogue import MappingFile
from accord.importing.comparison import Held, compare, held_reports
from accord.importing.journal import Journal, Outcome, Totals, journal_path
from accord.importing.overdue import write_differences
from accord.importing.preview import preview
from accord.importing.rejection import write_rejections
from accord.importing.row import RowMapper
from accord.importing.source import Source
from accord.importing.transfer import Transfer


@dataclass(frozen=True)
class Order:
    """The import's input: file and mapping, opened and checked, and the options."""

    source: Source
    mapping: MappingFile
    folder: StateFolder
    server: str
    unit: str
    limit: int | None
    batch: int
    report: Path | None
    restart: bool
    as_json: bool
    console: Console

    def mapper(self) -> RowMapper:
        """A fresh mapper for the file. Raises MappingError if a column is missing."""
        return RowMapper(self.mapping, self.source.columns, self.unit)

    def journal(self) -> Path:
        """Where the journal of this import is."""
        identity = (self.source.digest, self.mapping.digest, self.unit, self.server)
        return journal_path(self.folder.root, *identity)


def run_import(order: Order, preview_only: bool, yes: bool) -> None:
    """Preview the file; then, if confirmed, send it and report the result of every row."""
    found = preview(order.source, order.mapping.mapping, order.mapper(), datetime.now(UTC), order.limit)
    result: dict[str, Any] = {"preview": screen.preview_json(found)}
    if not order.as_json:
        screen.show_preview(order.console, found)
    if preview_only or not _agreed(order, yes):
        _print_json(order, result)
        return
    address = intake_address(order.folder, order.server)
    with Journal(order.journal(), order.restart) as journal:
        begin, before = time.monotonic(), journal.totals.rows
        try:
            with screen.ProgressLine(order.console, found.rows, before) as progress:
                asyncio.run(_send(order, address, journal, progress))
        finally:
            # Also after an interruption: the known rejected rows are useful.
            path = _write_report(order, journal.totals)
        seconds, sent = time.monotonic() - begin, journal.totals.rows - before
    result["summary"] = screen.summary_json(journal.totals, seconds, sent, path)
    if not order.as_json:
        screen.show_summary(order.console, journal.totals, seconds, sent)
        if path:
            order.console.print(f"rejected rows: {path}", markup=False, soft_wrap=True)
    _print_json(order, result)


def _agreed(order: Order, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty() or order.as_json:
        order.console.print("nothing was sent; add --yes to continue without being asked")
        return False
    return typer.confirm("Send them?")


async def _send(order: Order, address: str, journal: Journal, progress: screen.ProgressLine) -> None:
    def on_outcome(outcome: Outcome) -> None:
        journal.add(outcome)
        rejected = len(outcome.rejected)
        progress.advance(outcome.created + outcome.repeated + rejected, rejected)

    rows = order.source.rows()
    pending = batches(rows, order.mapper(), order.batch, journal.answered(), order.limit)
    async with intake_channel(address) as channel:
        transfer = Transfer(
            channel, credentials(order.folder), on_outcome, lambda why: progress.say(f"trying again: {why}")
        )
        await transfer.run(pending)


def _write_report(order: Order, totals: Totals) -> str:
    """Write the rejected rows and return the path, empty if there are none and the file was not requested."""
    path = order.report or order.journal().with_suffix(".rejected.csv")
    if not totals.rejected and order.report is None:
        path.unlink(missing_ok=True)
        return ""
    write_rejections(path, totals.rejected)
    return str(path)


def run_comparison(order: Order) -> bool:
    """Compare the file with the reports of its source; return whether all is there and every difference explained."""
    mapper, mapping = order.mapper(), order.mapping.mapping
    address, token = intake_address(order.folder, order.server), credentials(order.folder)

    async def held() -> tuple[dict[str, Held], list[str]]:
        async with intake_channel(address) as channel:
            return await held_reports(channel, token, mapping.source)

    reports, doubled = asyncio.run(held())
    rows = (mapper.map(row) for row in islice(order.source.rows(), order.limit))
    check = mapping.check.overdue
    as_of = mapping.as_of(datetime.now(UTC)) if check and check.as_of else None
    findings = compare(rows, reports, doubled, check is not None, as_of)
    if order.report and findings.overdue:
        write_differences(order.report, findings.overdue.differences)
    if not order.as_json:
        screen.show_findings(order.console, findings)
    _print_json(order, screen.findings_json(findings))
    return findings.clean


def _print_json(order: Order, result: dict[str, Any]) -> None:
    if order.as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, indent=2))
