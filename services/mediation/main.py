"""Mediation: composition root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from services.kit.command import Consequence
from services.kit.composition import Parts, Registration, clock_service, run, served
from services.kit.serving.loops import Work
from services.kit.storage.grid_terms import GridTermServicer
from services.mediation import store
from services.mediation.bookings.service import BookingServicer
from services.mediation.calendars.service import CalendarServicer
from services.mediation.case_file.service import CaseFileServicer
from services.mediation.caucus.service import CaucusServicer
from services.mediation.course import finding, fulfilment, offers, terms
from services.mediation.course.agreements import AgreementServicer
from services.mediation.course.cases import MediationServicer
from services.mediation.course.closing import FollowUpServicer
from services.mediation.course.confirmation import ConfirmationServicer
from services.mediation.course.consents import ConsentServicer
from services.mediation.course.content import CaseContentServicer
from services.mediation.course.docking import DockingServicer
from services.mediation.course.fulfilment import FulfilmentServicer
from services.mediation.course.mediators import MediatorServicer
from services.mediation.course.objections import ObjectionServicer
from services.mediation.course.people import PeopleServicer
from services.mediation.course.plans.migrations import PlanMigrationServicer
from services.mediation.course.plans.service import CasePlanServicer
from services.mediation.course.progress import ProgressServicer
from services.mediation.directory import CaseDirectory
from services.mediation.docking.informing import keep_informing
from services.mediation.documents.service import DocumentServicer
from services.mediation.erasure import store as erasures
from services.mediation.erasure.service import ErasureServicer
from services.mediation.evidence.service import EvidenceServicer
from services.mediation.facts.service import CaseFactsServicer
from services.mediation.grants.service import GrantServicer
from services.mediation.invitations.service import InvitationServicer
from services.mediation.notices import proving
from services.mediation.notices.contacts import ContactServicer
from services.mediation.notices.service import NoticeServicer
from services.mediation.officials.service import OfficialServicer
from services.mediation.panel.service import PanelServicer
from services.mediation.people import store as people
from services.mediation.plan_types import keeping as plan_types
from services.mediation.plan_types.service import PlanTypeServicer
from services.mediation.portable.service import PortableCaseServicer
from services.mediation.safeguards.service import SafeguardServicer
from services.mediation.sessions.service import SessionServicer

DIRECTORY = CaseDirectory
"""Looks up the names in requests."""
SERVICERS = (
    MediationServicer, PeopleServicer, ConsentServicer, ErasureServicer, MediatorServicer, SafeguardServicer,
    BookingServicer, CalendarServicer,
    SessionServicer, EvidenceServicer, CaucusServicer, AgreementServicer, FulfilmentServicer, ConfirmationServicer,
    FollowUpServicer, DockingServicer, GrantServicer, ObjectionServicer, offers.OfferServicer, DocumentServicer,
    CaseContentServicer, CaseFactsServicer, CaseFileServicer, NoticeServicer, ContactServicer,
    ProgressServicer, InvitationServicer, CasePlanServicer, PlanTypeServicer,
    PlanMigrationServicer, PanelServicer, OfficialServicer, PortableCaseServicer,
)  # fmt: skip


def build(parts: Parts) -> list[Registration]:
    """Return what mediation serves."""
    parts = replace(parts, consequences=consequences(parts))
    return [
        *(served(each(parts)) for each in SERVICERS),
        served(GridTermServicer("mediation", parts.database)),
        clock_service("mediation", "cases", parts, store.open_matter, people.said_to_extension),
    ]


def consequences(parts: Parts) -> Mapping[str, Consequence]:
    """Return what follows from missed deadlines, by rule."""
    followed = finding.consequences(parts.sealer) | terms.consequences() | offers.consequences()
    followed |= fulfilment.consequences()
    return followed | proving.consequences(parts.rules)


def keep(parts: Parts) -> Mapping[str, Work]:
    """Return what runs behind the calls."""
    return {"dockings": lambda loop: keep_informing(loop, parts)}


def main() -> None:
    """Serve mediation."""
    run("mediation", build, DIRECTORY, "cases", erasures.erase, keep, ready=plan_types.keep)


if __name__ == "__main__":
    main()
