"""A row that did not become a report, and why: the same form whether the mapping or the service refused it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from enum import StrEnum
from pathlib import Path

from services.kit.spreadsheets.writing import write


class RowReason(StrEnum):
    """Reasons the mapping has to refuse a row. A row refused by the service has the service's own reason code.

    INVALID_FIELD is also used by the service: the rules of the contract are checked on both sides.
    """

    UNREADABLE_ROW = "UNREADABLE_ROW"
    UNREADABLE_CELL = "UNREADABLE_CELL"
    MISSING_VALUE = "MISSING_VALUE"
    UNMAPPED_VALUE = "UNMAPPED_VALUE"
    INVALID_TIME = "INVALID_TIME"
    INVALID_NUMBER = "INVALID_NUMBER"
    AMBIGUOUS_NUMBER = "AMBIGUOUS_NUMBER"
    INVALID_FIELD = "INVALID_FIELD"
    REPEATED_ID = "REPEATED_ID"


@dataclass(frozen=True, slots=True)
class Rejection:
    """One refused row. `row` as the source counts (see `accord.importing.source`), `field` the path in the report."""

    row: int
    source_id: str
    reason: str
    field: str
    message: str


class RowRefused(Exception):
    """Raised while a row is mapped; the mapper turns it into a Rejection."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def write_rejections(path: Path, rejections: Iterable[Rejection]) -> int:
    """Write the rejections in the order of the source's rows, as CSV or .xlsx by its extension; return how many."""
    ordered = sorted(rejections, key=lambda rejection: rejection.row)
    write(path, [[field.name for field in fields(Rejection)], *map(astuple, ordered)])
    return len(ordered)
