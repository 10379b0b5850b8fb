"""Escalation: composition root."""

from __future__ import annotations

from pb.escalation.v1 import (
    escalation_pb2,
    escalation_pb2_grpc,
    meetings_pb2,
    meetings_pb2_grpc,
    reviews_pb2,
    reviews_pb2_grpc,
    schedules_pb2,
    schedules_pb2_grpc,
)

from services.escalation import store
from services.escalation.meetings.service import MeetingServicer
from services.escalation.reviews import course as reviews
from services.escalation.reviews.service import ReviewServicer
from services.escalation.schedules.service import ScheduleServicer
from services.escalation.service import EscalationServicer
    campaigns_pb2,
    campaigns_pb2_grpc,
    escalation_pb2,
    escalation_pb2_grpc,
    recommendations_pb2,
    recommendations_pb2_grpc,
    warnings_pb2,
    warnings_pb2_grpc,
)

from services.escalation import store
from services.escalation.campaigns.rounds import CONSEQUENCES as ROUNDS
from services.escalation.campaigns.service import CampaignServicer
from services.escalation.recommendations.cluster_service import ClusterServicer
from services.escalation.recommendations.service import RecommendationServicer
from services.escalation.service import EscalationServicer
from services.escalation.warnings.service import WarningServicer
from services.kit.composition import Parts, Registration, clock_service, run, served


def build(parts: Parts) -> list[Registration]:
    """Return what escalation serves."""
    servicer = EscalationServicer(parts.database, parts.time, parts.pulse, parts.rules, parts.clockwork)
    return [
        (
            escalation_pb2.DESCRIPTOR.services_by_name["EscalationService"],
            lambda server: escalation_pb2_grpc.add_EscalationServiceServicer_to_server(servicer, server),
        ),
        *_meetings(parts),
        clock_service("escalation", parts, servicer.log, store.OPEN_MATTER, reviews.CONSEQUENCES),
    ]


def _meetings(parts: Parts) -> list[Registration]:
    """Return the review of answers, dispatch meetings, and what comes round again."""
    return [
        served("ReviewService", reviews_pb2, reviews_pb2_grpc, ReviewServicer(parts)),
        served("MeetingService", meetings_pb2, meetings_pb2_grpc, MeetingServicer(parts)),
        served("ScheduleService", schedules_pb2, schedules_pb2_grpc, ScheduleServicer(parts)),
        *_warnings(parts),
        clock_service("escalation", parts, servicer.log, store.OPEN_MATTER, {**ROUNDS}),
    ]


def _warnings(parts: Parts) -> list[Registration]:
    """Return what is served of early warning, recommendations and campaigns."""
    recommendations = (recommendations_pb2, recommendations_pb2_grpc)
    return [
        served("WarningService", warnings_pb2, warnings_pb2_grpc, WarningServicer(parts)),
        served("ClusterService", *recommendations, ClusterServicer(parts)),
        served("RecommendationService", *recommendations, RecommendationServicer(parts)),
        served("CampaignService", campaigns_pb2, campaigns_pb2_grpc, CampaignServicer(parts)),
    ]


def main() -> None:
    """Serve escalation."""
    run("escalation", build)


if __name__ == "__main__":
    main()
