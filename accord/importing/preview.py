"""What an import would do, determined by mapping the whole file without sending anything."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from accord.importing.mapping import ImportMapping
from accord.importing.overdue import Comparison, overdue
from accord.importing.rejection import Rejection
from accord.importing.row import MappedRow, RowMapper
from accord.importing.source import Source

SAMPLE = 5


@dataclass(slots=True)
class Tally:
    """How often something occurred, the first row, and that first case in words."""

    count: int
    first_row: int
    example: str


@dataclass(slots=True)
class Preview:
    """The result: `rows` of the file, `taken` of them ready to send; the rest by reason and field."""

    columns_used: dict[str, list[str]]
    columns_unused: list[str]
    rows: int = 0
    taken: int = 0
    sample: list[MappedRow] = field(default_factory=list)
    channels: Counter[int] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    refused: dict[tuple[str, str], Tally] = field(default_factory=dict)
    notes: dict[tuple[str, str], Tally] = field(default_factory=dict)
    overdue: Comparison | None = None

    def add(self, mapped: MappedRow | Rejection, now: datetime) -> None:
        """Count one row."""
        self.rows += 1
        if isinstance(mapped, Rejection):
            _count(self.refused, (mapped.reason, mapped.field), mapped.row, mapped.message)
            return
        self.taken += 1
        if len(self.sample) < SAMPLE:
            self.sample.append(mapped)
        self.channels[mapped.report.channel] += 1
        self.categories[mapped.report.category] += 1
        for note in mapped.notes:
            _count(self.notes, (note.kind, note.field), mapped.row, note.detail)
        if self.overdue is not None:
            self.overdue.add(mapped, overdue(mapped.report.history, now))


def preview(source: Source, mapping: ImportMapping, mapper: RowMapper, now: datetime, limit: int | None) -> Preview:
    """Return the preview of the file's rows, or of the first `limit`; `now` decides which open ones are overdue,
    unless the mapping says as of when the source told."""
    used = mapping.columns()
    result = Preview(used, [column for column in source.columns if column not in used])
    if mapping.check.overdue:
        result.overdue = Comparison()
    as_of = mapping.as_of(now)
    for row in islice(source.rows(), limit):
        result.add(mapper.map(row), as_of)
    return result


def _count(tallies: dict[tuple[str, str], Tally], key: tuple[str, str], row: int, example: str) -> None:
    tally = tallies.get(key)
    if tally is None:
        tallies[key] = Tally(1, row, example)
    else:
        tally.count += 1
