"""Intake: composition root."""

from __future__ import annotations

from pb.access.v1 import standing_pb2, standing_pb2_grpc
from pb.intake.v1 import facts_pb2, facts_pb2_grpc, intake_pb2, intake_pb2_grpc

from services.intake import erasing, store
from services.intake.directory import ReportDirectory
from services.intake.facts import ReportFactsServicer
from services.intake.reception import Reception
from services.intake.service import IntakeServicer
from services.kit.composition import Parts, Registration, clock_service, run, served
from services.kit.storage.standings import StandingServicer

DIRECTORY = ReportDirectory
"""Knows what a request may name here."""


def build(parts: Parts) -> list[Registration]:
    """Return what intake serves."""
    reception = Reception(parts.rules, parts.sealer, parts.clockwork)
    servicer = IntakeServicer(
        parts.database, parts.time, parts.pulse, parts.rules, reception, parts.clockwork, parts.erasures
    )
    return [
        (
            intake_pb2.DESCRIPTOR.services_by_name["IntakeService"],
            lambda server: intake_pb2_grpc.add_IntakeServiceServicer_to_server(servicer, server),
        ),
        served("ReportFactsService", facts_pb2, facts_pb2_grpc, ReportFactsServicer(parts)),
        served(
            "StandingService",
            standing_pb2,
            standing_pb2_grpc,
            StandingServicer("intake", parts.database, store.FOLLOW_CASE),
        ),
        clock_service("intake", parts, servicer.log, store.OPEN_MATTER),
    ]


def main() -> None:
    """Serve intake."""
    run("intake", build, DIRECTORY, "reports", erasing.erase)


if __name__ == "__main__":
    main()
