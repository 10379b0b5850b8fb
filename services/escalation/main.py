"""Escalation: composition root."""

from __future__ import annotations

from pb.escalation.v1 import (
    absences_pb2,
    absences_pb2_grpc,
    escalation_pb2,
    escalation_pb2_grpc,
    handovers_pb2,
    handovers_pb2_grpc,
)

from services.escalation import store
from services.escalation.absences.service import AbsenceServicer
from services.escalation.absences.standing_in import CONSEQUENCES as OF_ABSENCES
from services.escalation.handovers.service import HandoverServicer
from services.escalation.handovers.taking_over import CONSEQUENCES as OF_HANDOVERS
from services.escalation.levels.timing import CONSEQUENCES as OF_LEVELS
from services.escalation.service import EscalationServicer
from services.kit.composition import Parts, Registration, clock_service, run, served


def build(parts: Parts) -> list[Registration]:
    """Return what escalation serves."""
    servicer = EscalationServicer(parts)
    return [
        served("EscalationService", escalation_pb2, escalation_pb2_grpc, servicer),
        *_levels(parts),
        clock_service("escalation", parts, servicer.log, store.OPEN_MATTER, CONSEQUENCES),
    ]


def _levels(parts: Parts) -> list[Registration]:
    """Return what is served about the officials of a unit: who stands in for whom, who takes over what."""
    return [
        served("AbsenceService", absences_pb2, absences_pb2_grpc, AbsenceServicer(parts)),
        served("HandoverService", handovers_pb2, handovers_pb2_grpc, HandoverServicer(parts)),
    ]


CONSEQUENCES = {**OF_LEVELS, **OF_ABSENCES, **OF_HANDOVERS}
"""What escalation itself draws from missed deadlines, by rule."""


def main() -> None:
    """Serve escalation."""
    run("escalation", build)


if __name__ == "__main__":
    main()
