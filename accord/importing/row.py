"""One row → one report, or why not. Everything independent of the row is prepared once per file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from pb.intake.v1 import report_pb2

from accord.importing.catalogue import WORDS, MappingFile
from accord.importing.mapping import Moment, Point, Quantity, Rule, Value
from accord.importing.moment import Clock
from accord.importing.rejection import Rejection, RowReason, RowRefused
from accord.importing.source import SourceRow, positions
from accord.importing.value import Cells, Columns, Note, Notes, Reader, fen, number_reader, point_reader, value_reader
from services.kit.serving import validation

DUE_BEFORE_RECEIPT = "DUE_BEFORE_RECEIPT"
DUE_FAR_AWAY = "DUE_FAR_AWAY"
ROUNDED = "ROUNDED"

_KEY = re.compile(r"[A-Za-z0-9._:/-]{8,80}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAR = timedelta(days=3653)
_ALWAYS_REQUIRED = ("channel", "unit", "category", "text")

Report = report_pb2.Report
Step = Callable[[Report, Cells, Notes], None]


@dataclass(slots=True)
class MappedRow:
    """A row that can become a report. `stated_overdue` is what the source states; None if nothing."""

    row: int
    source_id: str
    request_id: str
    report: Report
    stated_overdue: bool | None
    notes: Notes


def request_id(source: str, source_id: str) -> str:
    """Return the key of a row: always the same for the same row of the same source.

    An id with other characters, or too long for the contract, is replaced by its hash: cleaning could make two equal.
    """
    key = f"import:{source}:{source_id}"
    if _KEY.fullmatch(key):
        return key
    return f"import:{source}:{hashlib.sha256(source_id.encode()).hexdigest()[:32]}"


class RowMapper:
    """Maps the rows of one file. Remembers the ids it saw: the second row with the same id is refused."""

    def __init__(self, file: MappingFile, columns: list[str], unit: str = "") -> None:
        """Raise MappingError if the mapping names a missing column; `unit` replaces the mapping's own."""
        file.missing_columns(columns)
        self._mapping = mapping = file.mapping
        self._columns = Columns(positions(columns), frozenset(mapping.blank))
        self._id = self._columns.key(mapping.id)
        self._seen: dict[str, int] = {}
        self._steps: list[tuple[str, Step]] = []
        for path, rule in mapping.fields.each():
            self._steps.append((path, self._step(path, Value(constant=unit) if unit and path == "unit" else rule)))
        check = mapping.check.overdue
        self._stated = (self._columns.text(check.column), check.map) if check else None

    def map(self, source: SourceRow) -> MappedRow | Rejection:
        """Return the row as a report, or why it cannot be one."""
        number, cells, fault = source
        if fault:
            return Rejection(number, "", RowReason.UNREADABLE_ROW, "", fault)
        try:
            source_id = (self._id(cells) or "").strip()
        except RowRefused as error:
            return Rejection(number, "", error.reason, "source_id", error.message)
        if refused := self._refuse_id(number, source_id):
            return refused
        report, notes = Report(source=self._mapping.source, source_id=source_id), Notes()
        if self._mapping.is_history:
            # Set even if nothing is known of it: no acceptance clock of ours starts for a past matter.
            report.history.SetInParent()
        path = ""
        try:
            for path, step in self._steps:  # noqa: B007 (the field that refused is named below)
                step(report, cells, notes)
            path = "check.overdue"
            stated = self.stated_overdue(cells)
        except RowRefused as error:
            return Rejection(number, source_id, error.reason, path, error.message)
        if faults := validation.faults_of(report):
            return Rejection(number, source_id, RowReason.INVALID_FIELD, faults[0].field, faults[0].en)
        if _closed_before_receipt(report):
            return Rejection(number, source_id, RowReason.INVALID_FIELD, "history.close_time", "before receive_time")
        _look_at_due(report, notes)
        key = request_id(self._mapping.source, source_id)
        return MappedRow(number, source_id, key, report, stated, notes)

    def skip(self, source: SourceRow) -> None:
        """Note a row that need not be mapped again: its id still counts for duplicates."""
        if source.fault:
            return
        with suppress(RowRefused):
            if source_id := (self._id(source.cells) or "").strip():
                self._seen.setdefault(source_id, source.number)

    def stated_overdue(self, cells: Cells) -> bool | None:
        """Return whether the source states that the row was overdue; None if it states nothing."""
        if self._stated is None:
            return None
        read, words = self._stated
        return words.get(read(cells) or "")

    def _refuse_id(self, number: int, source_id: str) -> Rejection | None:
        if not source_id:
            text = f"the column {self._mapping.id} is blank"
            return Rejection(number, "", RowReason.MISSING_VALUE, "source_id", text)
        first = self._seen.setdefault(source_id, number)
        if first != number:
            return Rejection(number, source_id, RowReason.REPEATED_ID, "source_id", f"is also the id of row {first}")
        return None

    def _step(self, path: str, rule: Rule) -> Step:
        match rule:
            case Value():
                required = rule.required or path in _ALWAYS_REQUIRED
                return _value_step(path, value_reader(rule, self._columns, path), required, rule.columns())
            case Quantity():
                return _quantity_step(path, number_reader(rule, self._columns, self._mapping.file.decimal), rule)
            case Moment():
                return _moment_step(path, self._columns, Clock(self._mapping.time, rule.formats), rule)
            case Point():
                read = point_reader(rule, self._columns)
                return lambda report, cells, notes: _set_point(report, read(cells, notes))


def _missing(columns: list[str]) -> RowRefused:
    return RowRefused(RowReason.MISSING_VALUE, f"nothing in {' or '.join(dict.fromkeys(columns)) or 'the mapping'}")


def _value_step(path: str, read: Reader, required: bool, columns: list[str]) -> Step:
    setter = _setter(path)

    def step(report: Report, cells: Cells, notes: Notes) -> None:
        value = read(cells, notes)
        if value is not None:
            setter(report, value)
        elif required:
            raise _missing(columns)

    return step


def _setter(path: str) -> Callable[[Report, str | bool], None]:
    if path in WORDS:
        return _word_setter(path)
    prefix = {"unit": "units/", "category": "categories/"}.get(path, "")
    if path.startswith("place."):
        name = path.removeprefix("place.")
        return lambda report, value: setattr(report.place, name, value)
    return lambda report, value: setattr(report, path, prefix + str(value))


def _word_setter(path: str) -> Callable[[Report, str | bool], None]:
    words = WORDS[path]

    def put(report: Report, value: str | bool) -> None:
        word = str(value).lower()
        if word not in words:
            raise RowRefused(RowReason.UNMAPPED_VALUE, f"{value!r} is not one of {', '.join(words)}")
        setattr(report, path, words[word])

    return put


def _quantity_step(path: str, read: Callable[[Cells], Decimal | None], rule: Quantity) -> Step:
    def step(report: Report, cells: Cells, notes: Notes) -> None:
        value = read(cells)
        if value is None:
            if rule.required:
                raise _missing([rule.column])
        elif path == "amount":
            whole = fen(value)
            if whole != value * 100:
                notes.append(Note(ROUNDED, path, str(value)))
            yuan, rest = divmod(whole, 100)
            report.amount.currency_code, report.amount.units, report.amount.nanos = "CNY", yuan, rest * 10_000_000
        else:
            if value != value.to_integral_value():
                raise RowRefused(RowReason.INVALID_NUMBER, f"{value} ({rule.column}) is not a whole number")
            _set_count(report, path, int(value))

    return step


def _set_count(report: Report, path: str, count: int) -> None:
    try:
        setattr(report, path, count)
    except ValueError:
        raise RowRefused(RowReason.INVALID_NUMBER, f"{count} is too large for the field") from None


def _moment_step(path: str, columns: Columns, clock: Clock, rule: Moment) -> Step:
    read = columns.cell(rule.column)
    name = path.removeprefix("history.")
    in_history = path.startswith("history.")

    def step(report: Report, cells: Cells, notes: Notes) -> None:
        cell = read(cells)
        if cell is None:
            if rule.required:
                raise _missing([rule.column])
            return
        moment, oddity = clock.read(cell)
        if oddity:
            notes.append(Note(oddity, path, str(cell)))
        since = moment - _EPOCH
        stamp = getattr(report.history if in_history else report, name)
        stamp.seconds, stamp.nanos = since.days * 86_400 + since.seconds, since.microseconds * 1_000

    return step


def _set_point(report: Report, point: tuple[float, float] | None) -> None:
    if point is not None:
        report.place.location.latitude, report.place.location.longitude = point


def _closed_before_receipt(report: Report) -> bool:
    # The service refuses it too; checked here so that the preview counts it.
    if not (report.HasField("receive_time") and report.history.HasField("close_time")):
        return False
    received, closed = report.receive_time, report.history.close_time
    return (closed.seconds, closed.nanos) < (received.seconds, received.nanos)


def _look_at_due(report: Report, notes: Notes) -> None:
    """Note an implausible due time. The row is accepted: that is what the source promised, right or wrong."""
    if not (report.HasField("receive_time") and report.history.HasField("due_time")):
        return
    due, received = report.history.due_time, report.receive_time
    if due.seconds < received.seconds:
        notes.append(Note(DUE_BEFORE_RECEIPT, "history.due_time", due.ToJsonString()))
    elif due.seconds - received.seconds > _FAR.total_seconds():
        notes.append(Note(DUE_FAR_AWAY, "history.due_time", due.ToJsonString()))
