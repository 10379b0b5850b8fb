"""Reception: turns what is reported into a row, a clock and an event."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from google.type.latlng_pb2 import LatLng
from google.type.money_pb2 import Money
from pb.intake.v1 import filing_pb2
from pb.intake.v1 import report_pb2 as pb

from casework import names
from casework.chain import GENESIS, chain_hash, content_hash
from casework.clocks.calendar import LOCAL
from casework.door import receipt, second_factor
from casework.door.complaint import receiving_unit
from casework.door.filing import HelpLine
from casework.door.likeness import KeyedSigns, prefecture_of
from casework.door.report import ReportState
from casework.door.triage import Acceptance, CaseFacts, Triage
from casework.errors import CaseError, Reason, field_error
from services.kit.catalogue import catalogue
from services.kit.clocks.clockwork import Clockwork, NewClock
from services.kit.instants import instant
from services.kit.rules import Rules
from services.kit.storage.events import NewEvent
from services.kit.storage.sealing import Sealed, SealedBytes, Sealer, WrappedKey

SCOPES = ("household", "household", "village", "township", "county", "wider")
URGENCIES = ("routine", "routine", "soon", "urgent")
GRADES = {"low": 1, "medium": 2, "high": 3}
PORTABLE_CASE, PARTNER = "portable-case", "partner-"
"""Source of what comes as a portable case file; beginning of the source of what a partner sends."""
ACCEPT = "accept"
"""Key of the clock of acceptance; the clock of a limit that applied later has a number after it."""


class Draft(NamedTuple):
    """A checked report before it has a number."""

    report: pb.Report
    filed_to: str
    unit: str
    category: str
    facts: CaseFacts
    received_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    imported: bool
    lines: tuple[HelpLine, ...] = ()
    """The emergency numbers that are shown to whoever files it."""
    account: bool = True
    """Whether it is filed with an account."""
    words: str = ""
    """The second factor of its receipt; empty where that is the phone."""

    @property
    def door(self) -> str:
        """The permission of its channel."""
        return f"doors.{pb.Channel.Name(self.report.channel).removeprefix('CHANNEL_').lower()}"

    @property
    def series(self) -> tuple[str, int]:
        """County and year the report's number runs under."""
        return names.county_of(self.unit), self.received_at.astimezone(LOCAL).year


class Received(NamedTuple):
    """A report with its number: its row, its signs, its clock where one runs, its first event, its receipt.

    One of many has no signs yet.
    """

    row: dict[str, Any]
    signs: list[int]
    clock: NewClock | None
    event: NewEvent
    receipt_code: str
    receipt_words: str = ""


class Reception:
    """Turns reports into what is stored, with the rules, the unit tree and the keys; without a database."""

    def __init__(self, rules: Rules, sealer: Sealer, clockwork: Clockwork) -> None:
        self._rules = rules
        self._sealer = sealer
        self.signs = KeyedSigns(sealer.derive("likeness"))
        self._receipt_key = sealer.derive("receipt")
        self._clockwork = clockwork

    def draft(self, report: pb.Report, now: datetime, *, importing: bool, account: bool = True) -> Draft:
        """Return the report checked against the rules; raise a CaseError naming the field that is wrong."""
        unit, category = names.last(report.unit), report.category.removeprefix("categories/")
        if unit not in self._rules.units:
            raise field_error("report.unit", Reason.UNKNOWN_UNIT, unit)
        if category not in self._rules.categories:
            raise field_error("report.category", Reason.UNKNOWN_CATEGORY, category)
        if report.place.area and report.place.area not in self._rules.units:
            raise field_error("report.place.area", Reason.UNKNOWN_AREA, report.place.area)
        if not is_on_earth(report.place.location):
            raise field_error("report.place.location", Reason.INVALID_FIELD, "latitude -90 … 90, longitude -180 … 180")
        must_keep_its_word(report, now)
        must_be_from_a_grid(report, importing=importing)
        told = _Times.of(report, now, importing)
        receives = receiving_unit(unit, names.last(report.about_unit), self._rules.units)
        return Draft(
            report, unit, receives, category, facts_of(report, category), told.received_at, told.due_at, told.closed_at,
            imported=told.imported, account=account,
            lines=() if importing or not is_dangerous(report)
            else self._rules.filing.call_now(category, minor=report.HasField("minor")),
            words=words_for(report.second_factor, report.reporter.phone, "report.reporter.phone"),
        )  # fmt: skip

    def receive(self, draft: Draft, number: names.CaseNumber, now: datetime, *, many: bool = False) -> Received:
        """Return what is stored for a draft under this number; the signs of one of many are worked out afterwards."""
        report, triage = draft.report, self._rules.triage.evaluate(draft.facts)
        code, index = self.new_receipt()
        content = _content(draft, code)
        sealed = self._sealer.seal(number, content.SerializeToString())
        acceptance = self._rules.acceptance.evaluate(draft.facts)
        state, clock = self._begin(draft, number, acceptance)
        due_at = draft.due_at if draft.imported else (clock.due_at if clock else None)
        event = self._event(draft, number, triage, state, clock, due_at)
        located = report.place.HasField("location")
        row = {
            "number": number,
            "seq": 1,
            "head": b"",
            "state": int(state),
            "unit": draft.unit,
            "about": names.last(report.about_unit),
            "channel": report.channel,
            "category": draft.category,
            "area": report.place.area or report.place.grid[:12],
            "latitude": report.place.location.latitude if located else None,
            "longitude": report.place.location.longitude if located else None,
            "people": draft.facts.people_affected,
            "amount_fen": draft.facts.amount_fen,
            "scope": report.scope or 1,
            "urgency": report.urgency or 1,
            "danger": report.danger,
            "grade": GRADES[triage.grade],
            "triage": triage_json(triage, acceptance, now),
            "sealed_key": sealed.key,
            "sealed": sealed.data,
            "receipt_index": index,
            "reachable": is_reachable(report, account=draft.account),
            "anonymity": report.anonymity,
            "for_minor": report.HasField("minor"),
            "source": report.source,
            "source_id": report.source_id,
            "received_at": draft.received_at,
            "due_at": due_at,
            "due_clock": clock.id if clock else "",
            "closed_at": draft.closed_at,
            "updated_at": now,
        }
        signs = [] if many else self.signs.signs(report.text, prefecture_of(number))
        return Received(row, signs, clock, event, code, draft.words)

    def new_receipt(self) -> tuple[str, bytes]:
        """Return a new receipt code, and the blind index it is found by."""
        code = receipt.receipt_code(os.urandom(receipt.ENTROPY_BYTES))
        return code, self._keyed(code.replace("-", ""))

    def _begin(
        self, draft: Draft, number: names.CaseNumber, acceptance: Acceptance
    ) -> tuple[ReportState, NewClock | None]:
        if draft.closed_at:
            return ReportState.CLOSED, None
        if draft.imported:
            # The source has accepted it: the case is opened here with the deadline promised there.
            return ReportState.ACCEPTED, None
        clock = self._clockwork.new(
            number, ACCEPT, acceptance.limit, subject=names.report_name(number), unit=draft.unit, at=draft.received_at
        )
        return ReportState.RECEIVED, clock

    def _event(
        self,
        draft: Draft,
        number: names.CaseNumber,
        triage: Triage,
        state: ReportState,
        clock: NewClock | None,
        due_at: datetime | None,
    ) -> NewEvent:
        payload: dict[str, Any] = {
            "state": state,
            "channel": draft.report.channel,
            "category": draft.category,
            "grade": triage.grade,
            "triage": {
                "rule": triage.rule,
                "version": triage.version,
                "row": triage.row,
                "inputs": triage.inputs,
            },
            "received_at": draft.received_at,
        }
        if due_at:
            payload["due_at"] = due_at
        if clock and clock.next_at:
            payload["next_at"] = clock.next_at
        if draft.report.source:
            payload["source"] = f"{draft.report.source}/{draft.report.source_id}"
        if draft.closed_at:
            payload["closed_at"] = draft.closed_at
        if draft.report.HasField("observe_time"):
            payload["observed_at"] = min(instant(draft.report.observe_time), draft.received_at)
        if draft.report.place.grid:
            payload["grid"] = draft.report.place.grid
        if draft.lines:
            payload["numbers_shown"] = [each.number for each in draft.lines]
        kind = "ReportImported" if draft.imported else "ReportReceived"
        payload = catalogue("intake").written(kind, payload)
        # A closed matter needs no workflow.
        return NewEvent(number, kind, draft.unit, payload, wakes=state is not ReportState.CLOSED, bulk=draft.imported)

    def receipt_index(self, code: str) -> bytes:
        """Return the blind index of a receipt code; NOT_FOUND if it is not well-formed."""
        normal = receipt.normal_form(code)
        if normal is None:
            raise CaseError(Reason.NOT_FOUND)
        return self._keyed(normal)

    def _keyed(self, normal: str) -> bytes:
        return hashlib.blake2b(normal.encode(), key=self._receipt_key, digest_size=32).digest()

    def open(self, number: str, key: WrappedKey, data: SealedBytes) -> pb.ReportContent:
        """Return the sealed part of a report."""
        return pb.ReportContent.FromString(self._sealer.open(number, Sealed(key, data)))


def _content(draft: Draft, code: str) -> pb.ReportContent:
    """Return what is sealed of a report, with the code of its receipt."""
    report = draft.report
    content = pb.ReportContent(
        text=report.text,
        address=report.place.address,
        receipt_code=code,
        receipt_words=draft.words,
        happened=report.happened,
        wish=report.wish,
    )
    if report.parties:
        content.parties.extend(report.parties)
    for name in ("reporter", "happen_time", "on_behalf", "minor"):
        if report.HasField(name):
            getattr(content, name).CopyFrom(getattr(report, name))
    return content


class _Times(NamedTuple):
    received_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    imported: bool

    @classmethod
    def of(cls, report: pb.Report, now: datetime, importing: bool) -> _Times:
        """Return when it was received, promised and closed; earlier times may only be imported."""
        if not importing:
            for name in ("receive_time", "history"):
                if report.HasField(name):
                    raise field_error(f"report.{name}", Reason.INVALID_FIELD, "set on import only")
            return cls(now, None, None, False)
        received_at = instant(report.receive_time) if report.HasField("receive_time") else now
        if received_at > now:
            raise field_error("report.receive_time", Reason.INVALID_FIELD, "lies in the future")
        if not report.HasField("history"):
            return cls(received_at, None, None, False)
        history = report.history
        closed_at = instant(history.close_time) if history.HasField("close_time") else None
        if closed_at and closed_at < received_at:
            raise field_error("report.history.close_time", Reason.INVALID_FIELD, "before receive_time")
        if closed_at and closed_at > now:
            raise field_error("report.history.close_time", Reason.INVALID_FIELD, "lies in the future")
        due_at = instant(history.due_time) if history.HasField("due_time") else None
        return cls(received_at, due_at, closed_at, True)


# A batch has one time of recording and few deadlines: each is formatted once.
_written = lru_cache(maxsize=1024)(datetime.isoformat)


def _fen(amount: Money) -> int:
    """Return an amount in fen; INVALID_FIELD if it is none in whole fen: rounding would change it."""
    if amount.currency_code not in ("", "CNY"):
        raise field_error("report.amount.currency_code", Reason.INVALID_FIELD, "CNY")
    fen = amount.units * 100 + amount.nanos // 10_000_000
    whole = amount.nanos % 10_000_000 == 0
    if not (whole and 0 <= amount.nanos < 1_000_000_000 and 0 <= fen <= 100_000_000_000_000):
        raise field_error("report.amount", Reason.INVALID_FIELD, "0 … 1,000,000,000,000 CNY")
    return fen


def facts_of(report: pb.Report, category: str) -> CaseFacts:
    """Return the declared facts of the matter; no personal data."""
    fen = report.amount_fen
    if report.HasField("amount"):
        fen = _fen(report.amount)
        if report.amount_fen not in (0, fen):
            raise field_error("report.amount_fen", Reason.INVALID_FIELD, "differs from amount")
    return CaseFacts(
        report.people_affected, fen, SCOPES[report.scope], URGENCIES[report.urgency], report.danger, category
    )


def is_reachable(report: pb.Report, *, account: bool = True) -> bool:
    """Return whether the reporter can be reached; whoever files in the app may have an account."""
    return left_a_contact(report.reporter) or (account and report.channel == pb.CHANNEL_APP)


def is_dangerous(report: pb.Report) -> bool:
    """Return whether emergency numbers must be shown at once."""
    return report.danger or report.urgency == pb.URGENCY_URGENT


def must_keep_its_word(report: pb.Report, now: datetime) -> None:
    """Raise INVALID_FIELD if an anonymous report names its reporter, or if it happened in the future."""
    if report.anonymity == filing_pb2.ANONYMITY_ALL and report.HasField("reporter"):
        raise field_error("report.reporter", Reason.INVALID_FIELD, "known to nobody: leave it out")
    if report.HasField("happen_time") and instant(report.happen_time) > now:
        raise field_error("report.happen_time", Reason.INVALID_FIELD, "lies in the future")


def must_be_of_its_own_source(report: pb.Report) -> None:
    """Raise INVALID_FIELD for a source whose reports come by a call of their own.

    Its numbers are taken once: whoever filed under one of them would keep out the case file or item that has it.
    """
    if report.source == PORTABLE_CASE or report.source.startswith(PARTNER):
        raise field_error("report.source", Reason.INVALID_FIELD, f"{report.source}: for a call of its own")


def must_be_from_a_grid(report: pb.Report, *, importing: bool) -> None:
    """Raise INVALID_FIELD for a time of observation or a grid where there can be none, or a grid of another area."""
    if report.HasField("observe_time") and (importing or report.channel != pb.CHANNEL_GRID):
        raise field_error("report.observe_time", Reason.INVALID_FIELD, "for what comes by a grid worker")
    grid = report.place.grid
    if grid and (importing or report.channel == pb.CHANNEL_APP):
        raise field_error("report.place.grid", Reason.INVALID_FIELD, "for what an office or a grid worker takes down")
    if not grid.startswith(report.place.area) and grid:
        raise field_error("report.place.grid", Reason.INVALID_FIELD, f"not in {report.place.area}")


def left_a_contact(told: pb.Reporter) -> bool:
    """Return whether a reporter left any contact."""
    return any((told.display_name, told.phone, told.email, told.postal_address))


def correct_reporter(content: pb.ReportContent, told: pb.Reporter) -> None:
    """Correct the reporter's contact: each field that is given replaces the old one; the others stay.

    Raise INVALID_FIELD if the phone was the second factor of the receipt and is gone.
    """
    for field, _ in told.ListFields():
        content.reporter.ClearField(field.name)
    content.reporter.MergeFrom(told)
    must_keep_its_factor(content)


def must_keep_its_factor(content: pb.ReportContent) -> None:
    """Raise INVALID_FIELD if the receipt could never be used again: its second factor, the phone, is gone."""
    if not content.receipt_words and not content.reporter.phone:
        raise factor_missing("reporter.phone")


def words_for(factor: pb.SecondFactor, phone: str, field: str) -> str:
    """Return random words for a receipt; empty if the phone is its second factor."""
    by_phone = factor == pb.SECOND_FACTOR_PHONE or (factor == pb.SECOND_FACTOR_UNSPECIFIED and phone)
    if not by_phone:
        return second_factor.words(os.urandom(2))
    if len(phone) < second_factor.DIGITS:
        raise factor_missing(field)
    return ""


def factor_missing(field: str) -> CaseError:
    """Return the error for a receipt whose second factor would be a phone that is missing."""
    return field_error(field, Reason.INVALID_FIELD, "the last four digits are the second factor of the receipt")


def known_already(report: pb.Report) -> CaseError:
    """Return the error for a report that its source has sent before."""
    return field_error("report.source_id", Reason.ALREADY_EXISTS, report.source)


def is_on_earth(point: LatLng) -> bool:
    """Return whether a point is on the map; NaN is not."""
    return -90 <= point.latitude <= 90 and -180 <= point.longitude <= 180


def triage_json(triage: Triage, acceptance: Acceptance, at: datetime) -> str:
    """Return a triage as stored; its inputs are separate columns, which change together with it."""
    return orjson.dumps(
        {
            "rule": triage.rule,
            "version": triage.version,
            "row": triage.row,
            "zh": triage.reason_zh,
            "en": triage.reason_en,
            "at": _written(at),
            "acceptance": {
                "limit": acceptance.limit,
                "row": acceptance.row,
                "zh": acceptance.reason_zh,
                "en": acceptance.reason_en,
            },
        }
    ).decode()


def first_link(event: NewEvent, at: datetime, actor: str) -> tuple[bytes, bytes]:
    """Return content and chain hash of the first event of a case."""
    content = content_hash(event.number, event.kind, event.unit, at, actor, event.payload)
    return content, chain_hash(GENESIS, 1, content)
