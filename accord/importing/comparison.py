"""Compares the file with the service, row by row: is every row there once, with its times and its overdue flag?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import grpc
from google.protobuf.message import Message
from pb.intake.v1 import intake_pb2, intake_pb2_grpc, report_pb2

from accord.importing.overdue import Comparison
from accord.importing.rejection import Rejection
from accord.importing.row import MappedRow

_PAGE = 1000
_SECONDS = 60.0

Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Held:
    """What the service has for one row; times as seconds and nanoseconds since 1970."""

    name: str
    overdue: bool
    received: Stamp | None
    due: Stamp | None
    closed: Stamp | None

    def overdue_at(self, instant: datetime) -> bool:
        """Return whether it was overdue at an instant: its due time had passed and it was not closed by then."""
        seconds = instant.timestamp()
        if self.due is None or self.due >= (int(seconds), 0):
            return False
        return self.closed is None or self.closed > self.due


@dataclass(slots=True)
class Findings:
    """The comparison's findings. Rows are numbers of the source; `refused` ones are not compared."""

    overdue: Comparison | None
    rows: int = 0
    refused: int = 0
    found: int = 0
    missing: list[int] = field(default_factory=list)
    other_times: list[int] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    beyond: int = 0

    @property
    def clean(self) -> bool:
        """Whether every row is there once, with its times, and every difference in the flag is explained."""
        unexplained = self.overdue.unexplained if self.overdue else []
        return not (self.missing or self.other_times or self.doubled or unexplained)


async def held_reports(
    channel: grpc.aio.Channel, token: Callable[[], str], source: str, on_page: Callable[[int], None] = lambda _: None
) -> tuple[dict[str, Held], list[str]]:
    """Return all reports of a source by their number there, and duplicate numbers. Raises AioRpcError."""
    stub: Any = intake_pb2_grpc.IntakeServiceStub(channel)
    held: dict[str, Held] = {}
    doubled: list[str] = []
    page = ""
    while True:
        request = intake_pb2.ListReportsRequest(source=source, page_size=_PAGE, page_token=page)
        metadata = (("authorization", f"Bearer {token()}"), ("accept-language", "en"))
        response = await stub.ListReports(request, metadata=metadata, timeout=_SECONDS)
        for report in response.reports:
            if report.source_id in held:
                doubled.append(report.source_id)
            held[report.source_id] = _held(report)
        on_page(len(held))
        page = response.next_page_token
        if not page:
            return held, doubled


def compare(
    rows: Iterable[MappedRow | Rejection],
    held: dict[str, Held],
    doubled: list[str],
    stated: bool,
    as_of: datetime | None = None,
) -> Findings:
    """Return how the file's rows and the reports differ; `stated`: whether the source has its own flag.

    `as_of`: when the source stated it; overdue is then computed for that instant from the times, not by the service.
    """
    findings = Findings(Comparison() if stated else None, doubled=doubled)
    for row in rows:
        findings.rows += 1
        if isinstance(row, Rejection):
            findings.refused += 1
            continue
        report = held.get(row.source_id)
        if report is None:
            findings.missing.append(row.row)
            continue
        findings.found += 1
        if not _same_times(row.report, report):
            findings.other_times.append(row.row)
        if findings.overdue:
            findings.overdue.add(row, report.overdue if as_of is None else report.overdue_at(as_of))
    findings.beyond = len(held) - findings.found
    return findings


def _stamp(message: Message, name: str) -> Stamp | None:
    if not message.HasField(name):
        return None
    stamp = getattr(message, name)
    return stamp.seconds, stamp.nanos


def _held(report: report_pb2.Report) -> Held:
    times = (_stamp(report, name) for name in ("receive_time", "due_time", "close_time"))
    return Held(report.name, report.overdue, *times)


def _same_times(report: report_pb2.Report, held: Held) -> bool:
    sent = _stamp(report, "receive_time")
    if sent and sent != held.received:
        return False
    if not report.HasField("history"):
        return True
    # The source's own due and closing times count; without a due time nothing is due.
    return (_stamp(report.history, "due_time"), _stamp(report.history, "close_time")) == (held.due, held.closed)
