"""Escalation: composition root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from services.escalation import erasing
from services.escalation.backlog.service import BacklogServicer
from services.escalation.clues.privacy import CluePrivacyServicer
from services.escalation.clues.service import ClueServicer
from services.escalation.directory import FileDirectory
from services.escalation.figures.assessments.service import AssessmentServicer
from services.escalation.figures.digests.service import DigestServicer
from services.escalation.figures.facts.service import FactsServicer
from services.escalation.figures.indicators.service import IndicatorServicer
from services.escalation.figures.registers.service import RegisterServicer
from services.escalation.figures.statistics.service import StatisticsServicer
from services.escalation.figures.worklists.service import WorklistServicer
from services.escalation.letters import course as letters
from services.escalation.letters.service import LetterServicer
from services.escalation.matters.ledger import course as ledger
from services.escalation.matters.service import LedgerServicer
from services.escalation.matters.special.consultations import course as consultations
from services.escalation.matters.special.consultations.service import ConsultationServicer
from services.escalation.matters.special.experts.service import ExpertServicer
from services.escalation.matters.special.forces.service import TaskForceServicer
from services.escalation.matters.special.leads import course as leads
from services.escalation.matters.special.leads.service import LeadServicer
from services.escalation.matters.special.monitorings import service as monitorings
from services.escalation.matters.special.monitorings.service import MonitoringServicer
from services.escalation.matters.special.plans.service import PlanServicer
from services.escalation.meetings.dispatch.service import MeetingServicer
from services.escalation.meetings.reviews import course as reviews
from services.escalation.meetings.reviews.service import ReviewServicer
from services.escalation.meetings.schedules.service import ScheduleServicer
from services.escalation.prevention.campaigns import rounds
from services.escalation.prevention.campaigns.service import CampaignServicer
from services.escalation.prevention.recommendations.cluster_service import ClusterServicer
from services.escalation.prevention.recommendations.service import RecommendationServicer
from services.escalation.prevention.warnings.service import WarningServicer
from services.escalation.raising.absences import standing_in
from services.escalation.raising.absences.service import AbsenceServicer
from services.escalation.raising.handovers import taking_over
from services.escalation.raising.handovers.service import HandoverServicer
from services.escalation.raising.leaving import leaves
from services.escalation.raising.levels import occasions, store, timing
from services.escalation.raising.levels.service import EscalationServicer
from services.kit.command import Consequence
from services.kit.composition import Parts, Registration, clock_service, history_service, run, served
from services.kit.storage.grid_terms import GridTermServicer
from services.kit.storage.standings import StandingServicer

DIRECTORY = FileDirectory
"""Knows what a request may name here."""
SERVICERS = (
    EscalationServicer, LedgerServicer, LetterServicer, AbsenceServicer, HandoverServicer, PlanServicer,
    TaskForceServicer, LeadServicer, ExpertServicer, ConsultationServicer, MonitoringServicer, ReviewServicer,
    MeetingServicer, ScheduleServicer, WarningServicer, ClusterServicer, RecommendationServicer, CampaignServicer,
    FactsServicer, WorklistServicer, DigestServicer, IndicatorServicer, AssessmentServicer, StatisticsServicer,
    RegisterServicer, ClueServicer, CluePrivacyServicer, BacklogServicer,
)  # fmt: skip


def build(parts: Parts) -> list[Registration]:
    """Return what escalation serves."""
    parts = replace(parts, consequences=consequences())
    return [
        *(served(each(parts)) for each in SERVICERS),
        served(StandingServicer("escalation", parts.database)),
        served(GridTermServicer("escalation", parts.database)),
        clock_service("escalation", "files", parts, store.open_matter),
        history_service("escalation", parts, DIRECTORY.owner, leaves),
    ]


def consequences() -> Mapping[str, Consequence]:
    """Return the consequences of missed deadlines inside escalation, by rule."""
    return {
        **timing.CONSEQUENCES,
        **standing_in.CONSEQUENCES,
        **taking_over.CONSEQUENCES,
        **letters.CONSEQUENCES,
        **occasions.CONSEQUENCES,
        "matter_plan": ledger.plan_missing,
        "warning/matter_unit": ledger.due_soon,
        **leads.consequences(),
        **consultations.consequences(),
        **monitorings.consequences(),
        **reviews.CONSEQUENCES,
        **rounds.CONSEQUENCES,
    }


def main() -> None:
    """Serve escalation."""
    run("escalation", build, DIRECTORY, "files", erasing.erase)


if __name__ == "__main__":
    main()
