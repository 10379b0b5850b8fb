"""Settings of the gateway: where it listens, whom it calls, what it allows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from services.kit.serving.limits import HttpLimitSettings
from services.kit.serving.settings import ClientSettings

# Which backends serve which gRPC service. With several backends, the request field `service` or the second part of
# its `name` selects one.
SERVED_BY: dict[str, tuple[str, ...]] = {
    "accord.intake.v1.IntakeService": ("intake",),
    "accord.intake.v1.ReporterService": ("intake",),
    "accord.intake.v1.DeskService": ("intake",),
    "accord.intake.v1.HallService": ("intake",),
    "accord.intake.v1.ForwardService": ("intake",),
    "accord.intake.v1.LinkService": ("intake",),
    "accord.intake.v1.GridService": ("intake",),
    "accord.intake.v1.PublicReportService": ("intake",),
    "accord.intake.v1.PartnerService": ("intake",),
    "accord.intake.v1.AttachmentService": ("intake",),
    "accord.intake.v1.PredecessorService": ("intake",),
    "accord.intake.v1.ReportFactsService": ("intake",),
    "accord.hooks.v1.SubscriptionService": ("intake",),
    "accord.lookup.v1.LookupService": ("intake",),
    "accord.privacy.v1.ReportPrivacyService": ("intake",),
    "accord.privacy.v1.CaseFileService": ("mediation",),
    "accord.privacy.v1.CluePrivacyService": ("escalation",),
    "accord.mediation.v1.MediationService": ("mediation",),
    "accord.mediation.v1.CaseContentService": ("mediation",),
    "accord.mediation.v1.PeopleService": ("mediation",),
    "accord.mediation.v1.InvitationService": ("mediation",),
    "accord.mediation.v1.ConsentService": ("mediation",),
    "accord.mediation.v1.ErasureService": ("mediation",),
    "accord.mediation.v1.MediatorService": ("mediation",),
    "accord.mediation.v1.OfficialService": ("mediation",),
    "accord.mediation.v1.SafeguardService": ("mediation",),
    "accord.mediation.v1.SessionService": ("mediation",),
    "accord.mediation.v1.BookingService": ("mediation",),
    "accord.mediation.v1.CalendarService": ("mediation",),
    "accord.mediation.v1.EvidenceService": ("mediation",),
    "accord.mediation.v1.CaucusService": ("mediation",),
    "accord.mediation.v1.AgreementService": ("mediation",),
    "accord.mediation.v1.FulfilmentService": ("mediation",),
    "accord.mediation.v1.ConfirmationService": ("mediation",),
    "accord.mediation.v1.FollowUpService": ("mediation",),
    "accord.mediation.v1.DockingService": ("mediation",),
    "accord.mediation.v1.DocumentService": ("mediation",),
    "accord.mediation.v1.ObjectionService": ("mediation",),
    "accord.mediation.v1.OfferService": ("mediation",),
    "accord.mediation.v1.PanelService": ("mediation",),
    "accord.mediation.v1.GrantService": ("mediation",),
    "accord.mediation.v1.CaseFactsService": ("mediation",),
    "accord.mediation.v1.NoticeService": ("mediation",),
    "accord.mediation.v1.ProgressService": ("mediation",),
    "accord.mediation.v1.CasePlanService": ("mediation",),
    "accord.mediation.v1.PlanTypeService": ("mediation",),
    "accord.mediation.v1.PlanMigrationService": ("mediation",),
    "accord.mediation.v1.PortableCaseService": ("mediation",),
    "accord.escalation.v1.EscalationService": ("escalation",),
    "accord.escalation.v1.ReviewService": ("escalation",),
    "accord.escalation.v1.MeetingService": ("escalation",),
    "accord.escalation.v1.ScheduleService": ("escalation",),
    "accord.escalation.v1.WarningService": ("escalation",),
    "accord.escalation.v1.ClueService": ("escalation",),
    "accord.escalation.v1.BacklogService": ("escalation",),
    "accord.escalation.v1.ClusterService": ("escalation",),
    "accord.escalation.v1.RecommendationService": ("escalation",),
    "accord.escalation.v1.CampaignService": ("escalation",),
    "accord.escalation.v1.PlanService": ("escalation",),
    "accord.escalation.v1.TaskForceService": ("escalation",),
    "accord.escalation.v1.LeadService": ("escalation",),
    "accord.escalation.v1.ExpertService": ("escalation",),
    "accord.escalation.v1.ConsultationService": ("escalation",),
    "accord.escalation.v1.MonitoringService": ("escalation",),
    "accord.escalation.v1.AbsenceService": ("escalation",),
    "accord.escalation.v1.HandoverService": ("escalation",),
    "accord.escalation.v1.FactsService": ("escalation",),
    "accord.escalation.v1.WorklistService": ("escalation",),
    "accord.escalation.v1.DigestService": ("escalation",),
    "accord.escalation.v1.IndicatorService": ("escalation",),
    "accord.escalation.v1.AssessmentService": ("escalation",),
    "accord.escalation.v1.StatisticsService": ("escalation",),
    "accord.escalation.v1.RegisterService": ("escalation",),
    "accord.escalation.v1.LedgerService": ("escalation",),
    "accord.escalation.v1.LetterService": ("escalation",),
    "accord.access.v1.StandingService": ("intake", "escalation"),
    "accord.access.v1.GridTermService": ("mediation", "escalation"),
    "accord.access.v1.ContactService": ("intake", "mediation"),
    "accord.feed.v1.FeedService": ("intake", "mediation", "escalation"),
    "accord.feed.v1.HistoryService": ("intake", "escalation"),
    "accord.clock.v1.ClockService": ("intake", "mediation", "escalation"),
}


class GatewaySettings(ClientSettings, HttpLimitSettings):
    """The gateway's settings in addition to those of every client of the services."""

    listen: str = Field("127.0.0.1:8410", pattern=r"^[^:]+:\d+$", description="address to serve HTTP on, host:port")
    open311_keys_file: Path | None = Field(None, description="keys of Open311's partners, as SHA-256; unset for none")
    partner_secrets_file: Path | None = Field(None, description="secrets of partners that must sign; unset for none")
    issuer_key_file: Path | None = Field(None, description="private key of the embedded issuer; unset for none")
    issuer_accounts_file: Path | None = Field(
        None, description="service accounts of the embedded issuer, with their keys"
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field((), description="origins allowed, separated by commas")
    request_timeout: float = Field(10.0, gt=0, le=600, description="seconds a call to a service may take at most")
    heartbeat: float = Field(15.0, gt=0, description="seconds of silence after which an event stream sends a heartbeat")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(origin.strip() for origin in value.split(",") if origin.strip())
        return value

    @property
    def backends(self) -> dict[str, str]:
        """Return the address of each backend, by name."""
        return {
            "intake": self.intake_address,
            "mediation": self.mediation_address,
            "escalation": self.escalation_address,
        }
