"""A row of a partner's file → an item, by the rule for its files; what is wrong is said by its heading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from pb.intake.v1 import partners_pb2 as pb
from pb.intake.v1 import report_pb2

from accord.importing.mapping import Quantity, Times
from accord.importing.moment import Clock
from accord.importing.rejection import RowReason, RowRefused
from accord.importing.source import SourceError, positions
from accord.importing.value import Cells, Columns, fen, number_reader
from accord.partners.attached import named
from casework.clocks.calendar import LOCAL
from casework.door.programs.partner import FileRule
from services.kit.serving import validation

REQUIRED = ("number", "category", "text")
ATTACHMENTS = "attachments"
"""The field that names files which go with an item; they are no part of it."""
_WORDS = (
    "number", "category", "area", "address", "text", "wish", "urgency", "reporter.display_name", "reporter.phone",
    "hand_over.letter",
)  # fmt: skip
_TIMES = {"receive_time": "00:00", "due_time": "23:59", "hand_over.petition_accept_time": "00:00"}
"""What a date alone means: the beginning of the day on which it came in, the end of that by which it is to be done."""
_NUMBERS = ("people_affected", "amount")
_YES_OR_NO = ("danger", "hand_over.decided")
_TERMS: Mapping[str, Any] = {
    "hand_over.procedure": report_pb2.CourtProcedure, "hand_over.subject": report_pb2.PetitionSubject,
}  # fmt: skip
_BLANK = frozenset({"", " "})
_SAID = {
    RowReason.UNREADABLE_ROW: ("这一行无法读取。", "the row cannot be read"),
    RowReason.UNREADABLE_CELL: ("单元格无法读取，请写成文本。", "the cell cannot be read: write it as text"),
    RowReason.MISSING_VALUE: ("必填。", "is required"),
    RowReason.UNMAPPED_VALUE: ("不是约定的用语。", "is no word that was agreed"),
    RowReason.INVALID_TIME: ("不是有效的时间。", "is no time in the form agreed"),
    RowReason.INVALID_NUMBER: ("不是合理的数字。", "is no plausible number"),
    RowReason.AMBIGUOUS_NUMBER: ("数字有歧义，请去掉千分位。", "the number is ambiguous: leave out the groups"),
}
_Set = Callable[[pb.PartnerItem, Cells], None]


class ItemRefusedError(Exception):
    """A row that is no item: its number if it can be read, the heading, a reason code, words in both languages."""

    def __init__(self, heading: str, reason: str, zh: str, en: str, number: str = "") -> None:
        super().__init__(en)
        self.heading, self.reason, self.number = heading, reason, number
        self._words = (zh, en)

    @classmethod
    def of(cls, heading: str, reason: RowReason) -> ItemRefusedError:
        """Return the refusal for a reason that a row has."""
        return cls(heading, reason, *_SAID[reason])

    def message(self, language: str) -> str:
        """Return what is wrong."""
        return self._words[language == "en"]


class ItemReader:
    """Reads the rows of one file."""

    def __init__(self, rule: FileRule, headings: Sequence[str]) -> None:
        """Raise SourceError if the heading of a required field is not there."""
        at = positions(headings)
        self._columns = Columns(at, _BLANK)
        self._headings = {
            name: heading
            for name in (*_WORDS, *_TIMES, *_NUMBERS, *_YES_OR_NO, *_TERMS, ATTACHMENTS)
            if (
                heading := next(
                    (each for each in (rule.columns.get(name, ""), name, _json_name(name)) if each in at), ""
                )
            )
        }
        missing = [rule.columns.get(name, name) for name in REQUIRED if name not in self._headings]
        if missing:
            raise SourceError(f"no column 缺少列: {'、'.join(missing)}")
        self.unread = [each for each in headings if each and each not in self._headings.values()]
        self._number = self._columns.key(self._headings["number"])
        read = {name: heading for name, heading in self._headings.items() if name != ATTACHMENTS}
        self._steps = {name: self._step(name, heading, rule) for name, heading in read.items()}
        attached = self._headings.get(ATTACHMENTS, "")
        self._attached = self._columns.text(attached) if attached else None

    def heading(self, field: str) -> str:
        """Return the heading of a field, as the file has it; the field where it has none."""
        return self._headings.get(field) or next(
            (heading for name, heading in self._headings.items() if field and name.startswith(f"{field}.")), field
        )

    def attached(self, cells: Cells) -> list[str]:
        """Return the names of the files that go with a row, or raise ItemRefusedError."""
        try:
            return named((self._attached(cells) if self._attached else None) or "")
        except RowRefused as error:
            raise ItemRefusedError.of(self._headings[ATTACHMENTS], RowReason(error.reason)) from None

    def read(self, cells: Cells) -> pb.PartnerItem:
        """Return a row as an item, or raise ItemRefusedError."""
        item, name = pb.PartnerItem(), "number"
        try:
            for name, step in self._steps.items():  # noqa: B007 (the field that refused is named below)
                step(item, cells)
        except RowRefused as error:
            refused = ItemRefusedError.of(self._headings[name], RowReason(error.reason))
            refused.number = item.number
            raise refused from None
        for fault in validation.faults_of(item):
            heading = self.heading(fault.field)
            raise ItemRefusedError(heading, RowReason.INVALID_FIELD, fault.zh, fault.en, item.number)
        return item

    def _step(self, name: str, heading: str, rule: FileRule) -> _Set:
        if name in _TIMES:
            times = Times(zone=LOCAL.key, formats=list(rule.times), time_of_day=_TIMES[name])
            return _moment(name, self._columns.cell(heading), Clock(times))
        if name in _NUMBERS:
            read = number_reader(Quantity(column=heading), self._columns, None)
            return _amount(read) if name == "amount" else _count(read)
        text = self._number if name == "number" else self._columns.text(heading)
        if name in _TERMS:
            return _words(name, text, partial(_term, _TERMS[name].items(), rule.terms))
        return _words(name, text, partial(_yes, rule.words) if name in _YES_OR_NO else None)


def _words(
    name: str, read: Callable[[Cells], str | None], means: Callable[[str], object] | None = None
) -> _Set:  # fmt: skip
    whole, _, part = name.rpartition(".")

    def put(item: pb.PartnerItem, cells: Cells) -> None:
        said = (read(cells) or "").strip()
        if said:
            setattr(getattr(item, whole) if whole else item, part, means(said) if means else said)
        elif name in REQUIRED:
            raise RowRefused(RowReason.MISSING_VALUE, name)

    return put


def _yes(words: Mapping[str, bool], said: str) -> bool:
    if said.lower() not in words:
        raise RowRefused(RowReason.UNMAPPED_VALUE, said)
    return words[said.lower()]


def _term(numbers: Iterable[tuple[str, int]], terms: Mapping[str, str], said: str) -> int:
    """Return the number of a word of theirs, or of the name that the contract has for it."""
    named = {name: number for name, number in numbers if number}
    short = {name.partition("_")[2].partition("_")[2].lower(): number for name, number in named.items()}
    found = named.get(said) or short.get(terms.get(said, ""))
    if found is None:
        raise RowRefused(RowReason.UNMAPPED_VALUE, said)
    return int(found)


def _moment(name: str, read: Callable[[Cells], str | datetime | None], clock: Clock) -> _Set:
    whole, _, part = name.rpartition(".")

    def put(item: pb.PartnerItem, cells: Cells) -> None:
        cell = read(cells)
        cell = cell.strip() if isinstance(cell, str) else cell
        if cell:
            getattr(getattr(item, whole) if whole else item, part).FromDatetime(clock.read(cell)[0])

    return put


def _count(read: Callable[[Cells], Decimal | None]) -> _Set:
    def put(item: pb.PartnerItem, cells: Cells) -> None:
        value = read(cells)
        if value is None:
            return
        if value != value.to_integral_value() or value > 2**31 - 1:
            raise RowRefused(RowReason.INVALID_NUMBER, "people_affected")
        item.people_affected = int(value)

    return put


def _amount(read: Callable[[Cells], Decimal | None]) -> _Set:
    def put(item: pb.PartnerItem, cells: Cells) -> None:
        value = read(cells)
        if value is None:
            return
        item.amount_fen = fen(value)

    return put


def _json_name(name: str) -> str:
    """Return the name of a field as bodies of calls have it."""
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)


def plain(item: pb.PartnerItem) -> dict[str, Any]:
    """Return an item as the body of a call has it."""
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(item)
