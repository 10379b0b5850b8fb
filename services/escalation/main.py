"""Escalation: composition root."""

from __future__ import annotations

from pb.escalation.v1 import escalation_pb2, escalation_pb2_grpc, letters_pb2, letters_pb2_grpc

from services.escalation import occasions, store
from services.escalation.letters import course
from services.escalation.letters.service import LetterServicer
from services.escalation.service import EscalationServicer
from services.kit.composition import Parts, Registration, clock_service, run, served


def build(parts: Parts) -> list[Registration]:
    """Return what escalation serves."""
    servicer = EscalationServicer(parts.database, parts.time, parts.pulse, parts.rules, parts.clockwork)
    return [
        (
            escalation_pb2.DESCRIPTOR.services_by_name["EscalationService"],
            lambda server: escalation_pb2_grpc.add_EscalationServiceServicer_to_server(servicer, server),
        ),
        *_letters(parts),
        clock_service(
            "escalation", parts, servicer.log, store.OPEN_MATTER, {**course.CONSEQUENCES, **occasions.CONSEQUENCES}
        ),
    ]


def _letters(parts: Parts) -> list[Registration]:
    """Return supervision letters."""
    return [served("LetterService", letters_pb2, letters_pb2_grpc, LetterServicer(parts))]


def main() -> None:
    """Serve escalation."""
    run("escalation", build)


if __name__ == "__main__":
    main()
