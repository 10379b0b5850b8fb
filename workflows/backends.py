"""The services as called by the worker and the relay: stubs only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import grpc
from pb.clock.v1.clock_pb2_grpc import ClockServiceStub
from pb.escalation.v1.campaigns_pb2_grpc import CampaignServiceStub
from pb.escalation.v1.digests_pb2_grpc import DigestServiceStub
from pb.escalation.v1.escalation_pb2_grpc import EscalationServiceStub
from pb.escalation.v1.letters_pb2_grpc import LetterServiceStub
from pb.escalation.v1.meetings_pb2_grpc import MeetingServiceStub
from pb.escalation.v1.schedules_pb2_grpc import ScheduleServiceStub
from pb.feed.v1.feed_pb2_grpc import FeedServiceStub
from pb.intake.v1.intake_pb2_grpc import IntakeServiceStub
from pb.mediation.v1.docking_pb2_grpc import DockingServiceStub
from pb.mediation.v1.mediation_pb2_grpc import MediationServiceStub
from pb.mediation.v1.plan_migrations_pb2_grpc import PlanMigrationServiceStub

from services.kit.serving.client import channel
from services.kit.serving.settings import ClientSettings
from services.kit.serving.tls import Tls
from services.kit.serving.tokens import TokenMint
from workflows.messages import Source


@dataclass(frozen=True)
class Backends:
    """Stubs of every service."""

    intake: IntakeServiceStub
    mediation: MediationServiceStub
    dockings: DockingServiceStub
    plan_migrations: PlanMigrationServiceStub
    escalation: EscalationServiceStub
    meetings: MeetingServiceStub
    schedules: ScheduleServiceStub
    letters: LetterServiceStub
    campaigns: CampaignServiceStub
    digests: DigestServiceStub
    clocks: dict[Source, ClockServiceStub]
    feeds: dict[Source, FeedServiceStub]
    channels: tuple[grpc.aio.Channel, ...]

    @classmethod
    def of(cls, settings: ClientSettings, mint: TokenMint | None = None) -> Backends:
        """Return stubs that authenticate as this process's machine client, or with other tokens."""
        if settings.client_key_file is None or not settings.client_name:
            raise SystemExit("ACCORD_CLIENT_NAME and ACCORD_CLIENT_KEY_FILE must be set")
        mint = mint or TokenMint(settings.client_name, settings.client_key_file)
        tls = Tls.of(settings)
        addresses = {
            Source.INTAKE: settings.intake_address,
            Source.MEDIATION: settings.mediation_address,
            Source.ESCALATION: settings.escalation_address,
        }
        return cls.over({each: channel(address, mint, each.value, tls) for each, address in addresses.items()})

    @classmethod
    def over(cls, channels: Mapping[Source, grpc.aio.Channel]) -> Backends:
        """Return stubs over a channel to each service."""
        escalation = channels[Source.ESCALATION]
        return cls(
            intake=IntakeServiceStub(channels[Source.INTAKE]),
            mediation=MediationServiceStub(channels[Source.MEDIATION]),
            dockings=DockingServiceStub(channels[Source.MEDIATION]),
            plan_migrations=PlanMigrationServiceStub(channels[Source.MEDIATION]),
            escalation=EscalationServiceStub(escalation),
            meetings=MeetingServiceStub(escalation),
            schedules=ScheduleServiceStub(escalation),
            letters=LetterServiceStub(escalation),
            campaigns=CampaignServiceStub(escalation),
            digests=DigestServiceStub(escalation),
            clocks={source: ClockServiceStub(each) for source, each in channels.items()},
            feeds={source: FeedServiceStub(each) for source, each in channels.items()},
            channels=tuple(channels.values()),
        )

    async def close(self) -> None:
        """Close the channels."""
        for each in self.channels:
            await each.close(grace=None)
