"""Mediation: composition root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from services.kit.command import Consequence
from services.kit.composition import Parts, Registration, clock_service, run, served
from services.mediation import store
from services.mediation.agreement.service import AgreementServicer
from services.mediation.caucus.service import CaucusServicer
from services.mediation.closing.service import FollowUpServicer
from services.mediation.confirmation.service import ConfirmationServicer
from services.mediation.consents import terms
from services.mediation.consents.service import ConsentServicer
from services.mediation.directory import CaseDirectory
from services.mediation.docking.service import DockingServicer
from services.mediation.documents.service import DocumentServicer
from services.mediation.erasure import store as erasures
from services.mediation.erasure.service import ErasureServicer
from services.mediation.evidence.service import EvidenceServicer
from services.mediation.facts.service import CaseFactsServicer
from services.mediation.fulfilment.service import FulfilmentServicer
from services.mediation.grants.service import GrantServicer
from services.mediation.mediators import finding
from services.mediation.mediators.service import MediatorServicer
from services.mediation.objections.service import ObjectionServicer
from services.mediation.offers import service as offers
from services.mediation.people import store as people
from services.mediation.people.service import PeopleServicer
from services.mediation.safeguards.service import SafeguardServicer
from services.mediation.service import MediationServicer
from services.mediation.sessions.service import SessionServicer

DIRECTORY = CaseDirectory
"""Knows what a request may name here."""
SERVICERS = (
    MediationServicer, PeopleServicer, ConsentServicer, ErasureServicer, MediatorServicer, SafeguardServicer,
    SessionServicer, EvidenceServicer, CaucusServicer, AgreementServicer, FulfilmentServicer, ConfirmationServicer,
    FollowUpServicer, DockingServicer, GrantServicer, ObjectionServicer, offers.OfferServicer, DocumentServicer,
    CaseFactsServicer,
)  # fmt: skip


def build(parts: Parts) -> list[Registration]:
    """Return what mediation serves."""
    parts = replace(parts, consequences=consequences(parts))
    return [
        *(served(each(parts)) for each in SERVICERS),
        clock_service("mediation", "cases", parts, store.OPEN_MATTER, people.said_to_extension),
    ]


def consequences(parts: Parts) -> Mapping[str, Consequence]:
    """Return what follows from missed deadlines, by rule."""
    return finding.consequences(parts.sealer) | terms.consequences() | offers.consequences()


def main() -> None:
    """Serve mediation."""
    run("mediation", build, DIRECTORY, "cases", erasures.erase)


if __name__ == "__main__":
    main()
