"""Copies facts from the other services; older ones than those stored change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message
from pb.escalation.v1 import facts_pb2 as pb
from pb.escalation.v1 import facts_pb2_grpc
from pb.intake.v1 import facts_pb2 as intake
from pb.intake.v1 import report_pb2
from pb.mediation.v1 import agreement_pb2, case_pb2
from pb.mediation.v1 import facts_pb2 as mediation

from casework import names
from services.escalation.figures.facts import store
from services.escalation.servicer import Servicer
from services.kit.command import Work, command
from services.kit.instants import instant

_OVER = (report_pb2.REPORT_STATE_DECLINED, report_pb2.REPORT_STATE_MERGED, report_pb2.REPORT_STATE_WITHDRAWN)


class FactsServicer(Servicer, facts_pb2_grpc.FactsServiceServicer):
    """Serves the read model to its projector."""

    @command(pb.RecordFactsResponse)
    async def RecordFacts(self, request: pb.RecordFactsRequest, work: Work) -> pb.RecordFactsResponse:
        """Replace facts by newer ones. No event is appended: the services that own them have the events."""
        work.call.require(names.ROOT_UNIT)
        # By key, the last one counts: a statement cannot write a row twice.
        reports = {each.report: _report(each) for each in request.reports}
        cases = {each.case: _case(each) for each in request.cases}
        sequences = {("intake", row["number"]): row["report_seq"] for row in reports.values()}
        sequences |= {("mediation", row["number"]): row["case_seq"] for row in cases.values()}
        clocks = {each.clock: row for each in request.clocks if (row := _clock(each, sequences))}
        written = await store.record(work.connection, reports.values(), cases.values(), clocks.values())
        return pb.RecordFactsResponse(recorded=written)


def _at(message: Message, field: str) -> datetime | None:
    return instant(getattr(message, field)) if message.HasField(field) else None


def _word(enum: EnumTypeWrapper, value: int, prefix: str) -> str:
    """Return the name of a value without the prefix of its enum; empty for the unspecified one."""
    return str(enum.Name(value)).removeprefix(prefix) if value else ""


def _report(told: intake.ReportFacts) -> dict[str, Any]:
    state, decided = told.state, _at(told, "decide_time")
    accepted = decided if state == report_pb2.REPORT_STATE_ACCEPTED else None
    return {
        "number": names.number_of(told.report),
        "report_seq": told.sequence,
        "state": _word(report_pb2.ReportState, state, "REPORT_STATE_"),
        "unit": names.last(told.unit),
        "place": told.area,
        "about": names.last(told.about_unit),
        "door": _word(report_pb2.Channel, told.channel, "CHANNEL_").lower(),
        "category": told.category.removeprefix("categories/"),
        "grade": told.grade,
        "received_at": _at(told, "receive_time"),
        "accepted_at": accepted,
        "declined_at": decided if state == report_pb2.REPORT_STATE_DECLINED else None,
        "merged_into": names.number_of(told.merged_into) if told.merged_into else "",
        "closed_at": decided if state in _OVER else _at(told, "close_time"),
    }


def _case(told: mediation.CaseFacts) -> dict[str, Any]:
    return {
        "number": names.number_of(told.case),
        "case_seq": told.sequence,
        "unit": names.last(told.unit),
        "category": told.category.removeprefix("categories/"),
        "grade": told.grade,
        "stage": _word(case_pb2.Stage, told.stage, "STAGE_"),
        "received_at": _at(told, "receive_time"),
        "opened_at": _at(told, "open_time"),
        "closed_at": _at(told, "close_time"),
        "last_closed_at": _at(told, "last_close_time"),
        "outcome": _word(case_pb2.Outcome, told.outcome, "OUTCOME_"),
        "mediation": _word(agreement_pb2.MediationOutcome, told.mediation, "MEDIATION_OUTCOME_"),
        "mediation_ended_at": _at(told, "mediation_end_time"),
        "notices": told.notices,
        "notices_served": told.notices_served,
        "performance": _word(agreement_pb2.Performance, told.performance, "PERFORMANCE_"),
        "answers": told.answers,
        "satisfied": told.satisfied,
        "visits": told.visits,
        "recurred": told.recurred,
        "reopenings": told.reopenings,
    }


def _clock(told: pb.ClockFacts, sequences: Mapping[tuple[str, str], int]) -> dict[str, Any] | None:
    """Return what is stored of a clock; None if its matter was not reported."""
    _, service, clock = told.clock.split("/", 2)
    number, _ = names.clock_parts(clock)
    sequence = sequences.get((service, number))
    if sequence is None:
        return None
    return {
        "service": service,
        "clock": clock,
        "number": number,
        "rule": told.rule,
        "unit": names.last(told.unit),
        "subject": told.subject,
        "state": told.state,
        "started_at": _at(told, "start_time"),
        "due_at": _at(told, "due_time"),
        "next_at": _at(told, "next_time"),
        "stopped_at": _at(told, "stop_time"),
        "taken_by": told.taken_by,
        "seq": sequence,
    }
