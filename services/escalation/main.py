"""Escalation: composition root."""

from __future__ import annotations

from collections.abc import Mapping

from pb.access.v1 import standing_pb2, standing_pb2_grpc
from pb.escalation.v1 import (
    absences_pb2,
    absences_pb2_grpc,
    assessments_pb2,
    assessments_pb2_grpc,
    campaigns_pb2,
    campaigns_pb2_grpc,
    consultations_pb2,
    consultations_pb2_grpc,
    digests_pb2,
    digests_pb2_grpc,
    escalation_pb2,
    escalation_pb2_grpc,
    facts_pb2,
    facts_pb2_grpc,
    handovers_pb2,
    handovers_pb2_grpc,
    indicators_pb2,
    indicators_pb2_grpc,
    lead_pb2,
    lead_pb2_grpc,
    ledger_pb2,
    ledger_pb2_grpc,
    letters_pb2,
    letters_pb2_grpc,
    meetings_pb2,
    meetings_pb2_grpc,
    monitoring_pb2,
    monitoring_pb2_grpc,
    plans_pb2,
    plans_pb2_grpc,
    recommendations_pb2,
    recommendations_pb2_grpc,
    registers_pb2,
    registers_pb2_grpc,
    reviews_pb2,
    reviews_pb2_grpc,
    schedules_pb2,
    schedules_pb2_grpc,
    statistics_pb2,
    statistics_pb2_grpc,
    task_force_pb2,
    task_force_pb2_grpc,
    warnings_pb2,
    warnings_pb2_grpc,
    worklists_pb2,
    worklists_pb2_grpc,
)

from services.escalation import erasing, occasions
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
from services.escalation.matters.ledger.service import LedgerServicer
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
from services.escalation.raising.levels import store, timing
from services.escalation.raising.levels.service import EscalationServicer
from services.kit.clocks.service import Consequence
from services.kit.composition import Parts, Registration, clock_service, run, served
from services.kit.storage.standings import StandingServicer

DIRECTORY = FileDirectory
"""Knows what a request may name here."""


def build(parts: Parts) -> list[Registration]:
    """Return what escalation serves."""
    servicer = EscalationServicer(parts)
    return [
        served("EscalationService", escalation_pb2, escalation_pb2_grpc, servicer),
        *_levels(parts),
        served("LedgerService", ledger_pb2, ledger_pb2_grpc, LedgerServicer(parts)),
        served("LetterService", letters_pb2, letters_pb2_grpc, LetterServicer(parts)),
        *_special(parts),
        *_meetings(parts),
        *_warnings(parts),
        *_facts(parts),
        served("StandingService", standing_pb2, standing_pb2_grpc, StandingServicer("escalation", parts.database)),
        clock_service("escalation", parts, servicer.log, store.OPEN_MATTER, consequences()),
    ]


def consequences() -> Mapping[str, Consequence]:
    """Return what escalation itself draws from missed deadlines, by rule."""
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


def _levels(parts: Parts) -> list[Registration]:
    """Return what is served about the officials of a unit: who stands in for whom, who takes over what."""
    return [
        served("AbsenceService", absences_pb2, absences_pb2_grpc, AbsenceServicer(parts)),
        served("HandoverService", handovers_pb2, handovers_pb2_grpc, HandoverServicer(parts)),
    ]


def _special(parts: Parts) -> list[Registration]:
    """Return the special handling of matters."""
    return [
        served("PlanService", plans_pb2, plans_pb2_grpc, PlanServicer(parts)),
        served("TaskForceService", task_force_pb2, task_force_pb2_grpc, TaskForceServicer(parts)),
        served("LeadService", lead_pb2, lead_pb2_grpc, LeadServicer(parts)),
        served("ExpertService", consultations_pb2, consultations_pb2_grpc, ExpertServicer(parts)),
        served("ConsultationService", consultations_pb2, consultations_pb2_grpc, ConsultationServicer(parts)),
        served("MonitoringService", monitoring_pb2, monitoring_pb2_grpc, MonitoringServicer(parts)),
    ]


def _meetings(parts: Parts) -> list[Registration]:
    """Return the review of answers, dispatch meetings, and what comes round again."""
    return [
        served("ReviewService", reviews_pb2, reviews_pb2_grpc, ReviewServicer(parts)),
        served("MeetingService", meetings_pb2, meetings_pb2_grpc, MeetingServicer(parts)),
        served("ScheduleService", schedules_pb2, schedules_pb2_grpc, ScheduleServicer(parts)),
    ]


def _warnings(parts: Parts) -> list[Registration]:
    """Return early warning, clusters with their recommendations, and campaigns."""
    recommendations = (recommendations_pb2, recommendations_pb2_grpc)
    return [
        served("WarningService", warnings_pb2, warnings_pb2_grpc, WarningServicer(parts)),
        served("ClusterService", *recommendations, ClusterServicer(parts)),
        served("RecommendationService", *recommendations, RecommendationServicer(parts)),
        served("CampaignService", campaigns_pb2, campaigns_pb2_grpc, CampaignServicer(parts)),
    ]


def _facts(parts: Parts) -> list[Registration]:
    """Return what is counted: the read model, worklists, digests, indicators, assessments, statistics, registers."""
    return [
        served("FactsService", facts_pb2, facts_pb2_grpc, FactsServicer(parts)),
        served("WorklistService", worklists_pb2, worklists_pb2_grpc, WorklistServicer(parts)),
        served("DigestService", digests_pb2, digests_pb2_grpc, DigestServicer(parts)),
        served("IndicatorService", indicators_pb2, indicators_pb2_grpc, IndicatorServicer(parts)),
        served("AssessmentService", assessments_pb2, assessments_pb2_grpc, AssessmentServicer(parts)),
        served("StatisticsService", statistics_pb2, statistics_pb2_grpc, StatisticsServicer(parts)),
        served("RegisterService", registers_pb2, registers_pb2_grpc, RegisterServicer(parts)),
    ]


def main() -> None:
    """Serve escalation."""
    run("escalation", build, DIRECTORY, "files", erasing.erase)


if __name__ == "__main__":
    main()
