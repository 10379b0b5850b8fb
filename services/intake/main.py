"""Intake: composition root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.intake import erasing, store
from services.intake.attachments.service import AttachmentServicer
from services.intake.contacts import ContactServicer
from services.intake.desk.forwards import ForwardServicer
from services.intake.desk.links import LinkServicer
from services.intake.desk.service import DeskServicer
from services.intake.directory import ReportDirectory
from services.intake.duplicates.counting import keep_counting
from services.intake.facts import ReportFactsServicer
from services.intake.forwards import ending
from services.intake.grids.service import GridServicer
from services.intake.hall.keeping import keep_emptying
from services.intake.hall.service import HallServicer
from services.intake.hooks.service import SubscriptionServicer
from services.intake.leaving import leaves
from services.intake.lookups.service import LookupServicer
from services.intake.partners.informing import keep_informing
from services.intake.partners.service import PartnerServicer
from services.intake.partners.store import mark
from services.intake.predecessors.service import PredecessorServicer
from services.intake.privacy import ReportPrivacyServicer
from services.intake.public.service import PublicReportServicer
from services.intake.reception import Reception
from services.intake.reporters.service import ReporterServicer
from services.intake.search.searcher import Searcher
from services.intake.search.signing import keep_signing
from services.intake.service import IntakeServicer
from services.kit.composition import Parts, Registration, clock_service, history_service, run, served
from services.kit.serving.loops import Work
from services.kit.storage.database import Connection
from services.kit.storage.standings import StandingServicer

DIRECTORY = ReportDirectory
"""Looks up the names in requests."""


def build(parts: Parts) -> list[Registration]:
    """Return what intake serves."""
    parts = replace(parts, consequences=ending.consequences())
    return [
        served(IntakeServicer(parts)),
        served(ReporterServicer(parts)),
        served(DeskServicer(parts)),
        served(HallServicer(parts)),
        served(ForwardServicer(parts)),
        served(LinkServicer(parts)),
        served(GridServicer(parts)),
        served(PublicReportServicer(parts)),
        served(PartnerServicer(parts)),
        served(AttachmentServicer(parts)),
        served(LookupServicer(parts)),
        served(PredecessorServicer(parts)),
        served(SubscriptionServicer(parts)),
        served(ReportFactsServicer(parts)),
        served(ReportPrivacyServicer(parts)),
        served(ContactServicer(parts)),
        served(StandingServicer("intake", parts.database, _follow)),
        clock_service("intake", "reports", parts, store.open_matter),
        history_service("intake", parts, store.owner, leaves),
    ]


def keep(parts: Parts) -> dict[str, Work]:
    """Return what runs behind the calls."""
    reception = Reception(parts.rules, parts.sealer, parts.clockwork)
    searcher = Searcher(parts.rules, parts.sealer)
    return {
        "likeness": lambda loop: keep_counting(loop, parts.database, reception),
        "partners": lambda loop: keep_informing(loop, parts),
        "search": lambda loop: keep_signing(loop, parts.database, searcher.signed),
        "duties": lambda loop: keep_emptying(loop, parts.database, parts.time),
    }


async def _follow(connection: Connection, numbers: Sequence[str]) -> None:
    """Note that these cases stand otherwise than before."""
    await store.follow_case(connection, numbers)
    await mark(connection, numbers)


def main() -> None:
    """Serve intake."""
    run("intake", build, DIRECTORY, "reports", erasing.erase, keep)


if __name__ == "__main__":
    main()
