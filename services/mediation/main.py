"""Mediation: composition root."""

from __future__ import annotations

from pb.mediation.v1 import (
    agreement_pb2,
    agreement_pb2_grpc,
    docking_pb2,
    docking_pb2_grpc,
    follow_up_pb2,
    follow_up_pb2_grpc,
    fulfilment_pb2,
    fulfilment_pb2_grpc,
    mediation_pb2,
    mediation_pb2_grpc,
)

from services.kit.composition import Parts, Registration, clock_service, run
from services.mediation.agreement.service import AgreementServicer
from services.mediation.closing.service import FollowUpServicer
from services.mediation.confirmation.bundle import PlainRenderer
from services.mediation.confirmation.service import ConfirmationServicer
from services.mediation.docking.service import DockingServicer
from services.mediation.fulfilment.service import FulfilmentServicer
from services.mediation.opening import Opening
from services.mediation.service import MediationServicer
from services.mediation.servicer import Tools


def build(parts: Parts) -> list[Registration]:
    """Return what mediation serves."""
    opening = Opening(parts.rules, parts.sealer)
    servicer = MediationServicer(parts.database, parts.time, parts.pulse, parts.rules, opening)
    return [
        (
            mediation_pb2.DESCRIPTOR.services_by_name["MediationService"],
            lambda server: mediation_pb2_grpc.add_MediationServiceServicer_to_server(servicer, server),
        ),
        clock_service("mediation", parts, servicer.log),
        *_agreed(Tools(parts.database, parts.time, parts.pulse, parts.rules, parts.sealer, servicer.log)),
    ]


def _agreed(tools: Tools) -> list[Registration]:
    """Return what serves the agreement, what comes of it, and the authorities it goes back to."""
    agreement, fulfilment = AgreementServicer(tools), FulfilmentServicer(tools)
    confirmation = ConfirmationServicer(tools, PlainRenderer())
    follow_up, docking = FollowUpServicer(tools), DockingServicer(tools)
    return [
        (
            agreement_pb2.DESCRIPTOR.services_by_name["AgreementService"],
            lambda server: agreement_pb2_grpc.add_AgreementServiceServicer_to_server(agreement, server),
        ),
        (
            fulfilment_pb2.DESCRIPTOR.services_by_name["FulfilmentService"],
            lambda server: fulfilment_pb2_grpc.add_FulfilmentServiceServicer_to_server(fulfilment, server),
        ),
        (
            fulfilment_pb2.DESCRIPTOR.services_by_name["ConfirmationService"],
            lambda server: fulfilment_pb2_grpc.add_ConfirmationServiceServicer_to_server(confirmation, server),
        ),
        (
            follow_up_pb2.DESCRIPTOR.services_by_name["FollowUpService"],
            lambda server: follow_up_pb2_grpc.add_FollowUpServiceServicer_to_server(follow_up, server),
        ),
        (
            docking_pb2.DESCRIPTOR.services_by_name["DockingService"],
            lambda server: docking_pb2_grpc.add_DockingServiceServicer_to_server(docking, server),
        ),
    ]


def main() -> None:
    """Serve mediation."""
    run("mediation", build)


if __name__ == "__main__":
    main()
