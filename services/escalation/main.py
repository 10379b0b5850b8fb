"""Escalation: composition root."""

from __future__ import annotations

from pb.escalation.v1 import (
    assessments_pb2,
    assessments_pb2_grpc,
    digests_pb2,
    digests_pb2_grpc,
    escalation_pb2,
    escalation_pb2_grpc,
    facts_pb2,
    facts_pb2_grpc,
    indicators_pb2,
    indicators_pb2_grpc,
    registers_pb2,
    registers_pb2_grpc,
    statistics_pb2,
    statistics_pb2_grpc,
    worklists_pb2,
    worklists_pb2_grpc,
)

from services.escalation import store
from services.escalation.assessments.service import AssessmentServicer
from services.escalation.digests.service import DigestServicer
from services.escalation.facts.service import FactsServicer
from services.escalation.indicators.service import IndicatorServicer
from services.escalation.registers.service import RegisterServicer
from services.escalation.service import EscalationServicer
from services.escalation.statistics.service import StatisticsServicer
from services.escalation.worklists.service import WorklistServicer
from services.kit.composition import Parts, Registration, clock_service, run, served


def build(parts: Parts) -> list[Registration]:
    """Return what escalation serves."""
    servicer = EscalationServicer(parts.database, parts.time, parts.pulse, parts.rules, parts.clockwork)
    return [
        (
            escalation_pb2.DESCRIPTOR.services_by_name["EscalationService"],
            lambda server: escalation_pb2_grpc.add_EscalationServiceServicer_to_server(servicer, server),
        ),
        *_facts(parts),
        clock_service("escalation", parts, servicer.log, store.OPEN_MATTER),
    ]


def _facts(parts: Parts) -> list[Registration]:
    """Return what is counted: the read model, worklists, digests, indicators, assessments, statistics, registers."""
    return [
        served("FactsService", facts_pb2, facts_pb2_grpc, FactsServicer(parts)),
        served("WorklistService", worklists_pb2, worklists_pb2_grpc, WorklistServicer(parts)),
        served("DigestService", digests_pb2, digests_pb2_grpc, DigestServicer(parts)),
        served("IndicatorService", indicators_pb2, indicators_pb2_grpc, IndicatorServicer(parts)),
        served("AssessmentService", assessments_pb2, assessments_pb2_grpc, AssessmentServicer(parts)),
        served("StatisticsService", statistics_pb2, statistics_pb2_grpc, StatisticsServicer(parts)),
        served("RegisterService", registers_pb2, registers_pb2_grpc, RegisterServicer(parts)),
    ]


def main() -> None:
    """Serve escalation."""
    run("escalation", build)


if __name__ == "__main__":
    main()
