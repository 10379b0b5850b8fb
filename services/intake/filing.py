"""Receiving one report: stored with its clock, first event and first answer, or answered again."""

from __future__ import annotations

from dataclasses import dataclass

from asyncpg import UniqueViolationError
from pb.intake.v1 import filing_pb2, report_pb2

from casework import names
from casework.door.filing import KEY_LENGTH
from casework.errors import CaseError, Reason, field_error
from services.intake import erasing, reception, store, view
from services.intake.reception import Draft, Reception
from services.kit.rules import Rules
from services.kit.serving.access import Call
from services.kit.serving.businesstime import BusinessTime
from services.kit.storage import requests
from services.kit.storage.database import Connection, Database
from services.kit.storage.feed import FeedPulse

GATEWAY = "accord-gateway"
"""Who files for people without an account, and for those who want to be known to nobody."""


@dataclass(frozen=True, slots=True)
class Filing:
    """Receives reports one by one."""

    database: Database
    reception: Reception
    numbers: store.Numbers
    rules: Rules
    time: BusinessTime
    pulse: FeedPulse

    async def receive(self, draft: Draft, call: Call, caller: str, request_id: str, body: bytes) -> report_pb2.Report:
        """Store a report and return it with its receipt; a repeat gets the first answer."""
        now = self.time.now()
        (number,) = await self.numbers.take([draft.series])
        received = self.reception.receive(draft, number, now)
        try:
            async with self.database.begin() as connection:
                earlier = await requests.claim(connection, caller, request_id, body)
                if earlier is not None:
                    self.numbers.give_back(draft.series, number)
                    return await self._first_answer(connection, earlier)
                row = await store.add_one(connection, received, at=now, actor=caller, trace=call.trace_parent)
                answer = view.report(row, call.language, now)
                answer.call_now.extend(view.help_line(each, call.language) for each in draft.lines)
                await requests.remember(connection, caller, request_id, answer.SerializeToString())
        except UniqueViolationError:
            self.numbers.give_back(draft.series, number)
            raise reception.known_already(draft.report) from None
        self.pulse.beat()
        answer.receipt_code, answer.receipt_words = received.receipt_code, received.receipt_words
        return answer

    async def _first_answer(self, connection: Connection, stored: bytes) -> report_pb2.Report:
        """Return a repeated call's first answer; the receipt code comes out of the sealed part, where it alone is."""
        answer = report_pb2.Report.FromString(stored)
        row = await store.get(connection, names.number_of(answer.name))
        erasing.must_be_there(row)
        content = self.reception.open(row.number, row.sealed_key, row.sealed)
        answer.receipt_code, answer.receipt_words = content.receipt_code, content.receipt_words
        return answer

    def must_be_open(self, unit: str) -> None:
        """Raise DOOR_CLOSED, with the telephone to call, where people do not file without an account."""
        if not self.rules.filing.is_open(unit, self.rules.units):
            name, phone = self.rules.units.known(unit).name, self.rules.units.phone(unit)
            raise CaseError(Reason.DOOR_CLOSED, f"{name}: {phone}", phone=phone)


def filed_by(report: report_pb2.Report, call: Call, request_id: str) -> str:
    """Return in whose name a report is filed: the account, or nobody's.

    In nobody's name, the key is the secret by which the receipt is answered again; a short one could be guessed, or be
    that of another person's client.
    """
    if not is_nobody(call) and report.anonymity != filing_pb2.ANONYMITY_ALL:
        return call.caller.subject
    if len(request_id) < KEY_LENGTH:
        raise field_error("request_id", Reason.INVALID_FIELD, f"{KEY_LENGTH} characters or more, drawn at random")
    return GATEWAY


def is_nobody(call: Call) -> bool:
    """Return whether it is somebody without an account who calls."""
    return call.caller.subject == GATEWAY
