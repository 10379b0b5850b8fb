"""Rows to send: cut into batches, each confirmed as a whole."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from pb.intake.v1 import intake_pb2

from accord.importing.journal import Outcome
from accord.importing.rejection import Rejection
from accord.importing.row import MappedRow, RowMapper
from accord.importing.source import SourceRow

# Bytes of reports after which a batch is sent, however few: gRPC accepts 4 MiB per message.
_HEAVY = 1 << 20


class AnswerMismatch(Exception):
    """The service's response is for other rows than were sent: it cannot be used."""


@dataclass(slots=True)
class Batch:
    """Consecutive rows of the source: those to send, and those the mapping refused."""

    rows: list[MappedRow] = field(default_factory=list)
    refused: list[Rejection] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows) + len(self.refused)

    def request(self) -> intake_pb2.ImportReportsRequest:
        """Return the message that carries the rows."""
        return intake_pb2.ImportReportsRequest(
            rows=[intake_pb2.ImportRow(row=row.row, report=row.report, request_id=row.request_id) for row in self.rows]
        )

    def outcome(self, results: Iterable[intake_pb2.ImportResult] = ()) -> Outcome:
        """Return the batch's outcome from the service's response. Raises AnswerMismatch."""
        created = repeated = 0
        rejected = list(self.refused)
        results = list(results)
        if [result.row for result in results] != [row.row for row in self.rows]:
            raise AnswerMismatch(f"sent {len(self.rows)} rows, got results for {len(results)} rows or for other rows")
        for row, result in zip(self.rows, results, strict=True):
            if result.reason:
                path = result.field.removeprefix("report.")
                rejected.append(Rejection(row.row, row.source_id, result.reason, path, result.message))
            elif result.repeated:
                repeated += 1
            else:
                created += 1
        numbers = [row.row for row in self.rows] + [refused.row for refused in self.refused]
        return Outcome(min(numbers), max(numbers), created, repeated, rejected)


def batches(
    rows: Iterable[SourceRow], mapper: RowMapper, size: int, answered: Container[int] = (), limit: int | None = None
) -> Iterator[Batch]:
    """Cut unprocessed rows into batches of at most `size` rows; `limit` ends after that many rows of the file."""
    batch, weight = Batch(), 0
    for count, source in enumerate(rows):
        if limit is not None and count >= limit:
            break
        if source.number in answered:
            if batch:  # a batch is one range of the journal, so it must not span rows that are not in it
                yield batch
                batch, weight = Batch(), 0
            mapper.skip(source)
            continue
        mapped = mapper.map(source)
        if isinstance(mapped, Rejection):
            batch.refused.append(mapped)
        else:
            batch.rows.append(mapped)
            weight += mapped.report.ByteSize()
        if len(batch) >= size or weight >= _HEAVY:
            yield batch
            batch, weight = Batch(), 0
    if batch:
        yield batch
