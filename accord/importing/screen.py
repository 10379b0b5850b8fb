"""The output of an import, for a person or as JSON for a program."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

from google.protobuf.json_format import MessageToDict
from pb.intake.v1 import report_pb2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from accord.importing.comparison import Findings
from accord.importing.journal import Totals
from accord.importing.moment import AMBIGUOUS, SKIPPED
from accord.importing.overdue import Comparison
from accord.importing.preview import Preview, Tally
from accord.importing.rejection import Rejection
from accord.importing.row import DUE_BEFORE_RECEIPT, DUE_FAR_AWAY, ROUNDED
from accord.importing.value import DEFAULTED, NOT_LOCATED

_NOTES = {
    AMBIGUOUS: "local time that the clocks show twice; `fold` decides which",
    SKIPPED: "local time that the clocks skip; moved as `fold` says",
    DUE_BEFORE_RECEIPT: "due before it was received; kept as in the source",
    DUE_FAR_AWAY: "due more than ten years later; kept as in the source",
    ROUNDED: "more than two decimals; rounded to whole fen",
    DEFAULTED: "value not in the map; the default was used",
    NOT_LOCATED: "placeholder for an unknown place; dropped",
}
_PLAIN_SECONDS = 3.0


def show_preview(console: Console, preview: Preview) -> None:
    """Print columns, first reports, counts, refusals and unusual values."""
    used, unused = ", ".join(preview.columns_used), ", ".join(preview.columns_unused)
    console.print(f"columns used     {used}", markup=False, soft_wrap=True)
    console.print(f"columns not used {unused or 'none'}", markup=False, soft_wrap=True)
    for mapped in preview.sample:
        console.print(f"row {mapped.row}  {mapped.request_id}", style="bold", markup=False)
        for line in _report_lines(mapped.report):
            console.print(f"  {line}", markup=False, soft_wrap=True)
    _counts(console, "channel", {report_pb2.Channel.Name(number): n for number, n in preview.channels.most_common()})
    _counts(console, "category", dict(preview.categories.most_common()))
    if preview.notes:
        described = {(_NOTES[kind], field): tally for (kind, field), tally in preview.notes.items()}
        _tallies(console, "unusual, but accepted", described)
    if preview.refused:
        _tallies(console, "would be rejected", preview.refused)
    if preview.overdue:
        console.print("overdue computed from the file's times, compared with the file's own column:")
        show_overdue(console, preview.overdue)
    console.print(f"{preview.rows:,} rows: {preview.taken:,} ready to send, {preview.rows - preview.taken:,} rejected")


def show_overdue(console: Console, comparison: Comparison) -> None:
    """Print how many rows agree, and the others by what explains them."""
    console.print(f"  equal: {comparison.equal[True]:,} overdue, {comparison.equal[False]:,} not overdue")
    for why, count, first in comparison.by_reason():
        console.print(f"  {count:,}: {why} (first in row {first})", markup=False)
    console.print(f"  differences without an explanation: {len(comparison.unexplained):,}")


def show_findings(console: Console, findings: Findings) -> None:
    """Print what the comparison with the service found."""
    console.print(f"{findings.rows:,} rows: {findings.found:,} found as reports, {findings.refused:,} not importable, "
                  f"{len(findings.missing):,} missing{_first(findings.missing)}")  # fmt: skip
    console.print(f"reports of this source that are not in the file: {findings.beyond:,}")
    console.print(f"rows stored twice: {len(findings.doubled):,}{_first(findings.doubled)}")
    console.print(f"rows with another received, due or close time: {len(findings.other_times):,}"
                  f"{_first(findings.other_times)}")  # fmt: skip
    if findings.overdue:
        console.print("overdue according to the service, compared with the file's own column:")
        show_overdue(console, findings.overdue)


def show_summary(console: Console, totals: Totals, seconds: float, sent: int) -> None:
    """Print the results of all rows, including earlier runs; `sent` and `seconds` are of this run."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_row(f"{totals.rows:,}", "rows processed")
    table.add_row(f"{totals.created:,}", "created")
    table.add_row(f"{totals.repeated:,}", "already there (repeated)")
    table.add_row(f"{len(totals.rejected):,}", "rejected")
    console.print(table)
    if sent:
        console.print(f"{sent:,} rows in {seconds:.1f} s, {sent / max(seconds, 0.001):,.0f} a second")
    counts: dict[tuple[str, str], Tally] = {}
    for each in sorted(totals.rejected, key=lambda rejection: rejection.row):
        tally = counts.setdefault((each.reason, each.field), Tally(0, each.row, each.message))
        tally.count += 1
    if counts:
        _tallies(console, "rejected", counts)


class ProgressLine:
    """Progress of the transfer: a bar on a terminal, elsewhere a line every few seconds."""

    def __init__(self, console: Console, total: int, done: int) -> None:
        self._console, self._total, self._done = console, total, done
        self._begin = self._said = time.monotonic()
        self._before = done
        self._rejected = 0
        self._last = ""
        self._bar: Progress | None = None
        if console.is_terminal:
            columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=console)
            self._task = self._bar.add_task("", total=total, completed=done)

    def __enter__(self) -> ProgressLine:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def advance(self, rows: int, rejected: int) -> None:
        """Count rows as processed."""
        self._done += rows
        self._rejected += rejected
        now = time.monotonic()
        text = f"{(self._done - self._before) / max(now - self._begin, 0.001):,.0f} rows/s, {self._rejected:,} rejected"
        if self._bar:
            self._bar.update(self._task, completed=self._done, description=text)
        elif now - self._said >= _PLAIN_SECONDS:
            self._said = now
            self.say(f"{self._done:,} of {self._total:,} rows, {text}")

    def say(self, line: str) -> None:
        """Print one line, above the bar where there is one; the same line again is left out."""
        if line == self._last:
            return
        self._last = line
        self._console.print(line, markup=False, soft_wrap=True)


def preview_json(preview: Preview) -> dict[str, Any]:
    """Return the preview as plain data."""
    return {
        "rows": preview.rows,
        "good": preview.taken,
        "columns_used": preview.columns_used,
        "columns_not_used": preview.columns_unused,
        "sample": [{"row": each.row, "report": MessageToDict(each.report)} for each in preview.sample],
        "channels": {report_pb2.Channel.Name(number): count for number, count in preview.channels.most_common()},
        "categories": dict(preview.categories.most_common()),
        "rejected": _tallies_json(preview.refused, "reason"),
        "odd": _tallies_json(preview.notes, "kind"),
        "overdue": overdue_json(preview.overdue) if preview.overdue else None,
    }


def overdue_json(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison of flags as plain data, every difference with its row."""
    return {
        "equal": {"overdue": comparison.equal[True], "not_overdue": comparison.equal[False]},
        "by_reason": [{"why": why, "rows": n, "first_row": first} for why, n, first in comparison.by_reason()],
        "unexplained": len(comparison.unexplained),
        "differences": [
            {"row": each.row, "id": each.source_id, "file": each.stated, "accord": each.computed, "why": each.why}
            for each in comparison.differences
        ],
    }


def findings_json(findings: Findings) -> dict[str, Any]:
    """Return what a comparison with the service found as plain data."""
    return {
        "clean": findings.clean,
        "rows": findings.rows,
        "found": findings.found,
        "not_importable": findings.refused,
        "missing": findings.missing,
        "doubled": findings.doubled,
        "other_times": findings.other_times,
        "not_in_file": findings.beyond,
        "overdue": overdue_json(findings.overdue) if findings.overdue else None,
    }


def summary_json(totals: Totals, seconds: float, sent: int, report: str) -> dict[str, Any]:
    """Return the summary as plain data; `report` is the path of the rejected rows' file."""
    return {
        "rows": totals.rows,
        "created": totals.created,
        "repeated": totals.repeated,
        "rejected": len(totals.rejected),
        "rejections": _rejections_json(totals.rejected),
        "rejected_file": report,
        "sent": sent,
        "seconds": round(seconds, 3),
    }


def _rejections_json(rejections: Iterable[Rejection], limit: int = 1000) -> list[dict[str, Any]]:
    ordered = sorted(rejections, key=lambda rejection: rejection.row)[:limit]
    return [{"row": r.row, "id": r.source_id, "reason": r.reason, "field": r.field, "message": r.message}
            for r in ordered]  # fmt: skip


def _tallies_json(tallies: dict[tuple[str, str], Tally], name: str) -> list[dict[str, Any]]:
    return [
        {name: kind, "field": field, "rows": tally.count, "first_row": tally.first_row, "example": tally.example}
        for (kind, field), tally in tallies.items()
    ]


def _report_lines(report: report_pb2.Report) -> list[str]:
    fields = MessageToDict(report, preserving_proto_field_name=True)
    # As JSON: a control character in a file must not reach the terminal.
    return [
        f"{name}: {json.dumps(value, ensure_ascii=False)}"
        for name, value in fields.items()
        if name not in ("source", "source_id")
    ]


def _counts(console: Console, title: str, counts: dict[str, int]) -> None:
    table = Table(box=None, pad_edge=False, title=title, title_justify="left", show_header=False)
    table.add_column(justify="right")
    table.add_column()
    for name, count in counts.items():
        table.add_row(f"{count:,}", name)
    console.print(table)


def _tallies(console: Console, title: str, tallies: dict[tuple[str, str], Tally]) -> None:
    table = Table(box=None, pad_edge=False, title=title, title_justify="left", header_style="bold")
    for heading in ("rows", "first row", "what", "field", "example"):
        table.add_column(heading, justify="right" if heading.endswith(("rows", "row")) else "left", overflow="fold")
    for (what, field), tally in sorted(tallies.items(), key=lambda item: -item[1].count):
        example = tally.example if tally.example.isprintable() else json.dumps(tally.example)
        table.add_row(f"{tally.count:,}", f"{tally.first_row}", what, field, example)
    console.print(table, markup=False)


def _first(rows: list[Any]) -> str:
    return f" (first: {', '.join(map(str, rows[:5]))})" if rows else ""
