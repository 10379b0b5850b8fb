"""The RPCs of the desk that has a report."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pb.intake.v1 import desk_pb2 as pb
from pb.intake.v1 import desk_pb2_grpc, filing_pb2, report_pb2

from casework import names
from casework.door import amending as rules_of
from casework.door.report import OPEN
from casework.door.triage import CaseFacts
from casework.errors import Reason, field_error
from services.intake import erasing, record, store, view
from services.intake import reception as reception_
from services.intake.desk import limits, suggesting
from services.intake.models import Report
from services.intake.reception import GRADES, Reception
from services.intake.search.searcher import Searcher
from services.kit.clocks.clockwork import NewClock
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.composition import Parts
from services.kit.instants import instant
from services.kit.servicer import Servicer
from services.kit.serving.access import Context, current_call
from services.kit.storage import access_log
from services.kit.storage.events import NewEvent


@dataclass(slots=True)
class _Change:
    """What a correction changes: columns of the report, and the payload of its event."""

    columns: dict[str, Any] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    fields: list[str] = field(default_factory=list)


class DeskServicer(Servicer, desk_pb2_grpc.DeskServiceServicer):
    """Serves the desk that has a report."""

    service = "intake"
    heads = "reports"
    body_key_name = "requests of desks"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._reception = Reception(parts.rules, parts.sealer, parts.clockwork)
        self._searcher = Searcher(parts.rules, parts.sealer)

    @command(report_pb2.Report)
    async def AmendReport(self, request: pb.AmendReportRequest, work: Work) -> report_pb2.Report:
        """Correct a report; grade and limits are computed again."""
        row = await self._locked(request, work)
        rules_of.may_amend(row.state, await record.case_is_closed(work.connection, row.number))
        change = _Change()
        if request.HasField("reporter"):
            self._reporter(row, request.reporter, change)
        received_at = await self._received(row, request, work, change)
        clock = await self._regraded(row, request, received_at, work, change)
        if not change.fields:
            raise field_error("category", Reason.NOTHING_TO_CHANGE)
        if clock is not None:
            change.columns |= clock.shown()
            change.told |= {"acceptance": clock.rule.name, "due_at": clock.due_at}
        changed = await store.change(work.connection, row.number, work.now, **change.columns)
        told = {"fields": change.fields, "reason": request.reason, **change.told}
        await work.append(NewEvent(row.number, "ReportAmended", row.unit, told))
        return view.report(changed, work.call.language, work.now)

    async def SuggestUnits(self, request: pb.SuggestUnitsRequest, context: Context) -> pb.SuggestUnitsResponse:
        """Return which units could take a report; comparing the people in it with those units is logged."""
        call, now = current_call(), self.time.now()
        async with self.database.begin() as connection:
            row = await store.get(connection, names.number_of(request.name))
            await record.admit(connection, call, row)
            readable = row.erased_at is None and await record.may(connection, call, row, "reports.readContent")
            content = self._reception.open(row.number, row.sealed_key, row.sealed) if readable else None
            found = await suggesting.suggested(connection, row, self.rules, content, now)
            if content is not None:
                await access_log.record(connection, call, now, row.number, request.name)
        field = self.rules.fields.named(row.category)
        return pb.SuggestUnitsResponse(
            suggestions=[
                suggesting.view(
                    each, row, self.rules, call.language,
                    acceptable=row.state in OPEN and call.access.allows(call.caller, suggesting.ACCEPT, each.unit),
                )
                for each in found
            ],
            field=field.key if field else "",
            field_display_name=getattr(field, call.language) if field else "",
            people_compared=content is not None,
        )  # fmt: skip

    async def SearchReports(self, request: pb.SearchReportsRequest, context: Context) -> pb.SearchReportsResponse:
        """Return the cases of open reports that have all words, as far as the caller may read them; this is logged."""
        call = current_call()
        call.require(call.caller.unit)
        async with self.database.begin() as connection:
            found = await self._searcher.found(connection, request.query, call)
            subjects = [(number, names.report_name(number)) for number in sorted(found)] or [("", "")]
            await access_log.record_all(connection, call, self.time.now(), subjects, 0)
        return pb.SearchReportsResponse(cases=sorted(set(map(names.case_name, found.values()))))

    def _reporter(self, row: Report, told: report_pb2.Reporter, change: _Change) -> None:
        """Correct the contact; its content is not in the event."""
        if row.anonymity == filing_pb2.ANONYMITY_ALL:
            raise field_error("reporter", Reason.INVALID_FIELD, "known to nobody: leave it out")
        content = self._reception.open(row.number, row.sealed_key, row.sealed)
        before = content.SerializeToString(deterministic=True)
        reception_.correct_reporter(content, told)
        after = content.SerializeToString(deterministic=True)
        if after == before:
            return
        change.columns |= {
            "sealed": self.sealer.under(row.number, row.sealed_key).seal(after),
            "reachable": row.reachable or reception_.left_a_contact(content.reporter),
        }
        change.fields.append("reporter")

    @staticmethod
    async def _received(row: Report, request: pb.AmendReportRequest, work: Work, change: _Change) -> datetime | None:
        """Return the corrected receipt; None if it stays."""
        if not request.HasField("receive_time"):
            return None
        recorded_at = await store.recorded_at(work.connection, row.number)
        told = rules_of.true_receipt(instant(request.receive_time), channel=row.channel, recorded_at=recorded_at)
        if told == row.received_at:
            return None
        if view.is_imported(row):
            raise field_error("receive_time", Reason.INVALID_FIELD, "its source says when it was received")
        change.columns["received_at"] = told
        change.told |= {"received_at": told, "received_before": row.received_at}
        change.fields.append("receive_time")
        return told

    async def _regraded(
        self, row: Report, request: pb.AmendReportRequest, received_at: datetime | None, work: Work, change: _Change
    ) -> NewClock | None:
        """Grade again under another category, and compute the limit for accepting; return it if it changed."""
        category = request.category.removeprefix("categories/") or row.category
        if category not in self.rules.categories:
            raise field_error("category", Reason.UNKNOWN_CATEGORY, category)
        facts = CaseFacts(
            row.people, row.amount_fen, reception_.SCOPES[row.scope], reception_.URGENCIES[row.urgency], row.danger,
            category,
        )  # fmt: skip
        triage, acceptance = self.rules.triage.evaluate(facts), self.rules.acceptance.evaluate(facts)
        if category != row.category:
            grade = GRADES[triage.grade]
            stored = reception_.triage_json(triage, acceptance, work.now)
            change.columns |= {"category": category, "grade": grade, "triage": stored}
            graded = {"rule": triage.rule, "version": triage.version, "row": triage.row, "inputs": triage.inputs}
            change.told |= {
                "category": category, "category_before": row.category, "grade": triage.grade, "triage": graded
            }  # fmt: skip
            change.fields.append("category")
        elif received_at is None:
            return None
        if row.decided_at is None:
            return await limits.anew(work, row, acceptance, received_at)
        return await limits.derived(work, row, received_at) if received_at else None

    @staticmethod
    async def _locked(request: Versioned, work: Work) -> Report:
        """Return the report, locked, if the caller may act on it and means its current version."""
        row = await store.lock(work.connection, names.number_of(request.name))
        await record.admit(work.connection, work.call, row)
        erasing.must_be_there(row)
        check_etag(row.version, request.etag)
        return row
