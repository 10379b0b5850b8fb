"""Intake: composition root."""

from __future__ import annotations

from services.intake import erasing, store
from services.intake.contacts import ContactServicer
from services.intake.desk.forwards import ForwardServicer
from services.intake.desk.links import LinkServicer
from services.intake.desk.service import DeskServicer
from services.intake.directory import ReportDirectory
from services.intake.duplicates.counting import keep_counting
from services.intake.facts import ReportFactsServicer
from services.intake.grids.service import GridServicer
from services.intake.hall.service import HallServicer
from services.intake.privacy import ReportPrivacyServicer
from services.intake.reception import Reception
from services.intake.reporters.service import ReporterServicer
from services.intake.service import IntakeServicer
from services.kit.composition import Parts, Registration, clock_service, run, served
from services.kit.serving.loops import Work
from services.kit.storage.standings import StandingServicer

DIRECTORY = ReportDirectory
"""Looks up the names in requests."""


def build(parts: Parts) -> list[Registration]:
    """Return what intake serves."""
    return [
        served(IntakeServicer(parts)),
        served(ReporterServicer(parts)),
        served(DeskServicer(parts)),
        served(HallServicer(parts)),
        served(ForwardServicer(parts)),
        served(LinkServicer(parts)),
        served(GridServicer(parts)),
        served(ReportFactsServicer(parts)),
        served(ReportPrivacyServicer(parts)),
        served(ContactServicer(parts)),
        served(StandingServicer("intake", parts.database, store.follow_case)),
        clock_service("intake", "reports", parts, store.open_matter),
    ]


def keep(parts: Parts) -> dict[str, Work]:
    """Return what runs behind the calls."""
    reception = Reception(parts.rules, parts.sealer, parts.clockwork)
    return {"likeness": lambda loop: keep_counting(loop, parts.database, reception)}


def main() -> None:
    """Serve intake."""
    run("intake", build, DIRECTORY, "reports", erasing.erase, keep)


if __name__ == "__main__":
    main()
