"""Escalation: composition root."""

from __future__ import annotations

from pb.escalation.v1 import escalation_pb2, escalation_pb2_grpc, ledger_pb2, ledger_pb2_grpc

from services.escalation import store
from services.escalation.ledger import course
from services.escalation.ledger.service import LedgerServicer
from services.escalation.service import EscalationServicer
from services.kit.clock_service import Consequence
from services.kit.composition import Parts, Registration, clock_service, run, served

CONSEQUENCES: dict[str, Consequence] = {"matter_plan": course.plan_missing}
"""What follows from a missed deadline, by its rule."""


def build(parts: Parts) -> list[Registration]:
    """Return what escalation serves."""
    servicer = EscalationServicer(parts.database, parts.time, parts.pulse, parts.rules, parts.clockwork)
    return [
        (
            escalation_pb2.DESCRIPTOR.services_by_name["EscalationService"],
            lambda server: escalation_pb2_grpc.add_EscalationServiceServicer_to_server(servicer, server),
        ),
        *_ledger(parts),
        clock_service("escalation", parts, servicer.log, store.OPEN_MATTER, CONSEQUENCES),
    ]


def _ledger(parts: Parts) -> list[Registration]:
    return [served("LedgerService", ledger_pb2, ledger_pb2_grpc, LedgerServicer(parts))]


def main() -> None:
    """Serve escalation."""
    run("escalation", build)


if __name__ == "__main__":
    main()
