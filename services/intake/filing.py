"""Receives one report: stores it with its clock, first event and first answer, or repeats that answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from asyncpg import UniqueViolationError
from pb.intake.v1 import filing_pb2, report_pb2

from casework import names
from casework.door.filing import KEY_LENGTH, DoorGuard
from casework.errors import CaseError, Reason, field_error
from services.intake import erasing, reception, store, view
from services.intake.guards.guard import FREE, Passage
from services.intake.reception import Draft, Received, Reception
from services.kit.command import Work
from services.kit.rules import Rules
from services.kit.serving.access import Call
from services.kit.serving.businesstime import BusinessTime
from services.kit.storage.database import Connection

GATEWAY = "accord-gateway"
"""Who files for people without an account, and for those who want to be known to nobody."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A report with its number and its receipt, ready to be stored. It is a `Prepared` of the command decorator."""

    filing: Filing
    draft: Draft
    number: names.CaseNumber
    received: Received
    at: datetime
    caller: str
    body: bytes
    language: str
    passage: Passage
    """Leave to file it, used up where it is stored."""

    def stored(self, answer: report_pb2.Report) -> bytes:
        """Return the answer without its receipt, which is stored only in the sealed part."""
        kept = report_pb2.Report()
        kept.CopyFrom(answer)
        kept.receipt_code = kept.receipt_words = ""
        return kept.SerializeToString()

    async def repeated(self, connection: Connection, stored: bytes) -> report_pb2.Report:
        """Return the first answer with its receipt, unsealed; the number of this call is free again."""
        self.filing.give_back(self)
        return await self.filing.first_answer(connection, stored)


@dataclass(frozen=True, slots=True)
class Filing:
    """Receives reports one by one."""

    reception: Reception
    numbers: store.Numbers
    rules: Rules
    time: BusinessTime

    async def prepare(self, draft: Draft, call: Call, caller: str, body: bytes, passage: Passage = FREE) -> Numbered:
        """Return a report with its number, before its transaction begins.

        The number may come from a new block, which needs a connection of its own and a commit of its own: within the
        report's transaction two calls could wait for each other's connections, and after a rollback the block would be
        given out twice.
        """
        now = self.time.now()
        (number,) = await self.numbers.take([draft.series])
        received = self.reception.receive(draft, number, now)
        return Numbered(self, draft, number, received, now, caller, body, call.language, passage)

    async def receive(self, ready: Numbered, work: Work) -> report_pb2.Report:
        """Store a report with its clock and first event; return it with its receipt."""
        received, draft = ready.received, ready.draft
        trace = work.call.trace_parent
        try:
            await ready.passage.use(work.connection)
            row = await store.add_one(work.connection, received, at=ready.at, actor=work.actor, trace=trace)
        except UniqueViolationError:
            self.give_back(ready)
            raise reception.known_already(draft.report) from None
        except CaseError:
            self.give_back(ready)
            raise
        answer = view.report(row, ready.language, ready.at)
        answer.call_now.extend(view.help_line(each, ready.language) for each in draft.lines)
        answer.receipt_code, answer.receipt_words = received.receipt_code, received.receipt_words
        return answer

    def give_back(self, ready: Numbered) -> None:
        """Free a number under which nothing was stored."""
        self.numbers.give_back(ready.draft.series, ready.number)

    async def first_answer(self, connection: Connection, stored: bytes) -> report_pb2.Report:
        """Return a repeated call's first answer; the receipt code is only in the sealed part."""
        answer = report_pb2.Report.FromString(stored)
        row = await store.get(connection, names.number_of(answer.name))
        erasing.must_be_there(row)
        content = self.reception.open(row.number, row.sealed_key, row.sealed)
        answer.receipt_code, answer.receipt_words = content.receipt_code, content.receipt_words
        return answer

    def door(self, unit: str, call: Call) -> DoorGuard:
        """Return the guard of a unit's door."""
        return door_of(self.rules, unit, call)


def door_of(rules: Rules, unit: str, call: Call) -> DoorGuard:
    """Return the guard of a unit's door; raise DOOR_CLOSED, with the telephone to call, if the door is closed.

    Whoever came by a code comes to a door without its token, which is for one matter alone: with it, neither limits nor
    guards would stop them.
    """
    if call.caller.matter:
        raise CaseError(Reason.PERMISSION_DENIED, permission=call.permission)
    kind = rules.filing.guard_at(unit, rules.units)
    if kind is None:
        name, phone = rules.units.known(unit).name, rules.units.phone(unit)
        raise CaseError(Reason.DOOR_CLOSED, f"{name}: {phone}", phone=phone)
    return kind


def filed_by(report: report_pb2.Report, call: Call, request_id: str) -> str:
    """Return in whose name a report is filed: the account's, or nobody's.

    In nobody's name, the key is the secret by which the receipt is answered again; a short one could be guessed, or be
    that of another person's client.
    """
    if not is_nobody(call) and report.anonymity != filing_pb2.ANONYMITY_ALL:
        return call.caller.subject
    if len(request_id) < KEY_LENGTH:
        raise field_error("request_id", Reason.INVALID_FIELD, f"{KEY_LENGTH} characters or more, drawn at random")
    return GATEWAY


def is_nobody(call: Call) -> bool:
    """Return whether the caller has no account."""
    return call.caller.subject == GATEWAY
