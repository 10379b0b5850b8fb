"""Overdue as stated by the source and overdue by Accord's rule, row by row.

Accord's rule: a report is overdue when it was closed after it was due, or is open and was due before now. Without a due
time it is never overdue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from google.protobuf.timestamp_pb2 import Timestamp
from pb.intake.v1 import report_pb2

from accord.importing.moment import AMBIGUOUS
from accord.importing.row import MappedRow
from services.kit.spreadsheets.writing import write


class Timed(Protocol):
    """A report's history, or a report returned by the service: both have these two times."""

    due_time: Timestamp
    close_time: Timestamp

    def HasField(self, field_name: str) -> bool:
        """Tell whether the time is there."""


def overdue(times: Timed | report_pb2.History | report_pb2.Report, now: datetime) -> bool:
    """Return whether something with this due time and closing time is overdue at `now` (timezone-aware)."""
    if not times.HasField("due_time"):
        return False
    due = times.due_time.seconds, times.due_time.nanos
    if now.timestamp() <= due[0] + due[1] / 1e9:
        return False
    return not times.HasField("close_time") or (times.close_time.seconds, times.close_time.nanos) > due


def expected_overdue(row: MappedRow) -> bool | None:
    """Return what the source states for this row; None if nothing."""
    return row.stated_overdue


@dataclass(frozen=True, slots=True)
class Difference:
    """A row where the source differs from Accord or states nothing; `why` explains it if possible."""

    row: int
    source_id: str
    stated: bool | None
    computed: bool
    explained: bool
    why: str


@dataclass(slots=True)
class Comparison:
    """The rows compared so far: how many agree, and every difference."""

    equal: Counter[bool] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)

    def add(self, row: MappedRow, computed: bool) -> None:
        """Compare one row with what was computed for it."""
        stated = expected_overdue(row)
        if stated is computed:
            self.equal[computed] += 1
        else:
            explained, why = explain(row, computed)
            self.differences.append(Difference(row.row, row.source_id, stated, computed, explained, why))

    def by_reason(self) -> list[tuple[str, int, int]]:
        """Return each explanation with the number of rows and the first of them, most frequent first."""
        counts = Counter(each.why for each in self.differences)
        first: dict[str, int] = {}
        for each in self.differences:
            first.setdefault(each.why, each.row)
        return [(why, count, first[why]) for why, count in counts.most_common()]

    @property
    def unexplained(self) -> list[Difference]:
        """Differences for which no cause is known."""
        return [each for each in self.differences if not each.explained]


def write_differences(path: Path, differences: Iterable[Difference]) -> None:
    """Write the differences to a file, CSV or .xlsx, one per line; `file` is empty if the source states nothing."""
    heading = ("row", "source_id", "file", "accord", "explained", "why")
    rows = (
        (each.row, each.source_id, "" if each.stated is None else each.stated, each.computed, each.explained, each.why)
        for each in differences
    )
    write(path, [heading, *rows])


def explain(row: MappedRow, computed: bool) -> tuple[bool, str]:
    """Return whether a difference can be explained, and the explanation."""
    history, stated = row.report.history, row.stated_overdue
    if stated is None:
        ending = "was closed after its due time" if history.HasField("close_time") else "is open past its due time"
        if not computed:
            ending = "is in time" if history.HasField("due_time") else "has no due time"
        return True, f"the source states nothing; the row {ending}"
    if any(note.kind == AMBIGUOUS for note in row.notes):
        return True, "a time of the row is in the hour that the clocks show twice"
    says = "overdue" if stated else "in time"
    if not history.HasField("due_time"):
        return False, f"the source states {says} and has no due time"
    return False, f"the source states {says}, its own times say otherwise"
