"""What tests share: one real stack a session, and clients of it in every role."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import hypothesis
import pytest
from pb.access.v1 import standing_pb2
from pb.access.v1.standing_pb2_grpc import StandingServiceStub
from pb.clock.v1.clock_pb2_grpc import ClockServiceStub
from pb.escalation.v1 import escalation_pb2
from pb.escalation.v1.absences_pb2_grpc import AbsenceServiceStub
from pb.escalation.v1.assessments_pb2_grpc import AssessmentServiceStub
from pb.escalation.v1.backlog_pb2_grpc import BacklogServiceStub
from pb.escalation.v1.campaigns_pb2_grpc import CampaignServiceStub
from pb.escalation.v1.clues_pb2_grpc import ClueServiceStub
from pb.escalation.v1.consultations_pb2_grpc import ConsultationServiceStub, ExpertServiceStub
from pb.escalation.v1.digests_pb2_grpc import DigestServiceStub
from pb.escalation.v1.escalation_pb2_grpc import EscalationServiceStub
from pb.escalation.v1.facts_pb2_grpc import FactsServiceStub
from pb.escalation.v1.handovers_pb2_grpc import HandoverServiceStub
from pb.escalation.v1.indicators_pb2_grpc import IndicatorServiceStub
from pb.escalation.v1.lead_pb2_grpc import LeadServiceStub
from pb.escalation.v1.ledger_pb2_grpc import LedgerServiceStub
from pb.escalation.v1.letters_pb2_grpc import LetterServiceStub
from pb.escalation.v1.meetings_pb2_grpc import MeetingServiceStub
from pb.escalation.v1.monitoring_pb2_grpc import MonitoringServiceStub
from pb.escalation.v1.plans_pb2_grpc import PlanServiceStub
from pb.escalation.v1.recommendations_pb2_grpc import ClusterServiceStub, RecommendationServiceStub
from pb.escalation.v1.registers_pb2_grpc import RegisterServiceStub
from pb.escalation.v1.reviews_pb2_grpc import ReviewServiceStub
from pb.escalation.v1.schedules_pb2_grpc import ScheduleServiceStub
from pb.escalation.v1.statistics_pb2_grpc import StatisticsServiceStub
from pb.escalation.v1.task_force_pb2_grpc import TaskForceServiceStub
from pb.escalation.v1.warnings_pb2_grpc import WarningServiceStub
from pb.escalation.v1.worklists_pb2_grpc import WorklistServiceStub
from pb.feed.v1.feed_pb2_grpc import FeedServiceStub
from pb.intake.v1 import intake_pb2, report_pb2
from pb.intake.v1.desk_pb2_grpc import DeskServiceStub
from pb.intake.v1.intake_pb2_grpc import IntakeServiceStub
from pb.intake.v1.reporter_pb2_grpc import ReporterServiceStub
from pb.mediation.v1 import case_pb2, mediation_pb2
from pb.mediation.v1.consent_pb2_grpc import ConsentServiceStub
from pb.mediation.v1.documents_pb2_grpc import DocumentServiceStub
from pb.mediation.v1.invitations_pb2_grpc import InvitationServiceStub
from pb.mediation.v1.mediation_pb2_grpc import MediationServiceStub
from pb.mediation.v1.mediators_pb2_grpc import MediatorServiceStub
from pb.mediation.v1.objections_pb2_grpc import ObjectionServiceStub
from pb.mediation.v1.people_pb2_grpc import PeopleServiceStub
from pb.mediation.v1.safeguards_pb2_grpc import SafeguardServiceStub

from accord.embedded.forks import FORKS
from accord.embedded.keys import client_token
from accord.embedded.stack import Stack
from tests.browser import browser as browser  # a fixture for everybody
from tests.patience import CALL, PATIENCE

# The same examples in every run, however slow the machine is; `HYPOTHESIS_PROFILE=default` draws others.
hypothesis.settings.register_profile(
    "accord", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "accord")

# Whoever runs the tests may be signed in; the commands under test are not.
os.environ["ACCORD_LOGIN_FILE"] = str(Path(tempfile.gettempdir()) / "accord-tests-nobody-signed-in.json")

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
COUNTY = "620102"
SIGNING = "620122-petition"
"""A partner that must sign what it pushes, with either of its secrets."""
PARTNER_SECRETS = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]


def data(path: str) -> Path:
    """Return a file of the real records, or skip the test saying which file is not there."""
    found = DATA / path
    if not found.exists():
        pytest.skip(f"the real records are not here: ../shared/data/{path}")
    return found


_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def request_id() -> str:
    """Return a request id that no other call has; of letters alone, which look like no number of a person."""
    return "test-" + uuid.uuid4().hex.translate(_LETTERS)


@dataclass
class Clients:
    """Stubs of a running stack, and calls in any role."""

    stack: Stack
    channels: dict[str, grpc.aio.Channel]

    @classmethod
    def of(cls, stack: Stack) -> Clients:
        """Return clients of this stack."""
        names = ("intake", "mediation", "escalation")
        channels = {name: grpc.aio.insecure_channel(f"127.0.0.1:{stack.ports[name]}") for name in names}
        return cls(stack, channels)

    def __post_init__(self) -> None:
        self._tokens: dict[tuple[str, str, str | None], tuple[float, str]] = {}
        self.intake = IntakeServiceStub(self.channels["intake"])
        self.reporters = ReporterServiceStub(self.channels["intake"])
        self.desks = DeskServiceStub(self.channels["intake"])
        self.mediation = MediationServiceStub(self.channels["mediation"])
        self.people = PeopleServiceStub(self.channels["mediation"])
        self.invitations = InvitationServiceStub(self.channels["mediation"])
        self.consents = ConsentServiceStub(self.channels["mediation"])
        self.mediators = MediatorServiceStub(self.channels["mediation"])
        self.safeguards = SafeguardServiceStub(self.channels["mediation"])
        self.documents = DocumentServiceStub(self.channels["mediation"])
        self.objections = ObjectionServiceStub(self.channels["mediation"])
        self.escalation = EscalationServiceStub(self.channels["escalation"])
        self.reviews = ReviewServiceStub(self.channels["escalation"])
        self.meetings = MeetingServiceStub(self.channels["escalation"])
        self.schedules = ScheduleServiceStub(self.channels["escalation"])
        self.backlog = BacklogServiceStub(self.channels["escalation"])
        self.clues = ClueServiceStub(self.channels["escalation"])
        self.warnings = WarningServiceStub(self.channels["escalation"])
        self.clusters = ClusterServiceStub(self.channels["escalation"])
        self.recommendations = RecommendationServiceStub(self.channels["escalation"])
        self.campaigns = CampaignServiceStub(self.channels["escalation"])
        self.plans = PlanServiceStub(self.channels["escalation"])
        self.forces = TaskForceServiceStub(self.channels["escalation"])
        self.leads = LeadServiceStub(self.channels["escalation"])
        self.experts = ExpertServiceStub(self.channels["escalation"])
        self.consultations = ConsultationServiceStub(self.channels["escalation"])
        self.monitorings = MonitoringServiceStub(self.channels["escalation"])
        self.absences = AbsenceServiceStub(self.channels["escalation"])
        self.handovers = HandoverServiceStub(self.channels["escalation"])
        self.facts = FactsServiceStub(self.channels["escalation"])
        self.worklists = WorklistServiceStub(self.channels["escalation"])
        self.digests = DigestServiceStub(self.channels["escalation"])
        self.indicators = IndicatorServiceStub(self.channels["escalation"])
        self.assessments = AssessmentServiceStub(self.channels["escalation"])
        self.statistics = StatisticsServiceStub(self.channels["escalation"])
        self.registers = RegisterServiceStub(self.channels["escalation"])
        self.ledger = LedgerServiceStub(self.channels["escalation"])
        self.letters = LetterServiceStub(self.channels["escalation"])
        self.feeds = {name: FeedServiceStub(channel) for name, channel in self.channels.items()}
        self.clocks = {name: ClockServiceStub(channel) for name, channel in self.channels.items()}

    def as_(self, role: str, unit: str = COUNTY, sub: str | None = None, language: str = "en") -> dict[str, Any]:
        """Return the keyword arguments of a call in this role: `stub.GetReport(request, **clients.as_("clerk"))`."""
        token = self._token(role, unit, sub)
        return {"metadata": (("authorization", f"Bearer {token}"), ("accept-language", language)), "timeout": CALL}

    def _token(self, role: str, unit: str, sub: str | None) -> str:
        """Return a token of the last minute, as somebody has who works on; to sign and check each anew costs more."""
        made, token = self._tokens.get((role, unit, sub), (0.0, ""))
        if time.monotonic() - made > 60:
            made, token = time.monotonic(), self.stack.token(role, unit, sub)
            self._tokens[role, unit, sub] = made, token
        return token

    def as_service(self, name: str = "relay") -> dict[str, Any]:
        """Return the keyword arguments of a call as a machine client."""
        token = client_token(self.stack.keys, name)
        return {"metadata": (("authorization", f"Bearer {token}"), ("accept-language", "en")), "timeout": CALL}

    async def file_report(self, text: str = "楼上漏水，天花板泡坏了，对方不赔。", **fields: Any) -> report_pb2.Report:
        """Return a new report, filed at the county's counter."""
        report = report_pb2.Report(
            **{
                "channel": report_pb2.CHANNEL_COUNTER,
                "unit": f"units/{COUNTY}",
                "category": "categories/neighbour",
                "text": text,
                **fields,
            }
        )
        request = intake_pb2.CreateReportRequest(report=report, request_id=request_id())
        created: report_pb2.Report = await self.intake.CreateReport(request, **self.as_("clerk", "62"))
        return created

    async def accept(self, report: report_pb2.Report) -> case_pb2.Case:
        """Accept a report and return its case once the workflow has opened it."""
        request = intake_pb2.AcceptReportRequest(name=report.name, request_id=request_id())
        await self.intake.AcceptReport(request, **self.as_("duty_officer", "62"))
        return await self.case(report.case)

    async def case(self, name: str, seconds: float = PATIENCE) -> case_pb2.Case:
        """Return a case, waiting for it to be opened."""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    case: case_pb2.Case = await self.mediation.GetCase(
                        mediation_pb2.GetCaseRequest(name=name), **self.as_("handler", "62")
                    )
                    # Escalation decides by what it was told: a moment later it knows whose the case is.
                    await self.escalation.ListEscalations(
                        escalation_pb2.ListEscalationsRequest(parent=name), **self.as_("handler", "62")
                    )
                    return case
                except grpc.aio.AioRpcError as error:
                    if error.code() is not grpc.StatusCode.NOT_FOUND:
                        raise
                await asyncio.sleep(0.05)

    async def tell_of(self, name: str, unit: str = COUNTY) -> str:
        """Tell escalation of a case that is nowhere else, as the relay does, and return its name."""
        standing = standing_pb2.Standing(case=name, sequence=1, unit=f"units/{unit}")
        request = standing_pb2.RecordStandingsRequest(service="escalation", standings=[standing])
        await StandingServiceStub(self.channels["escalation"]).RecordStandings(request, **self.as_service())
        return name

    async def finish(self, name: str) -> case_pb2.Case:
        """Carry an opened case to its end: every task signed, reported, verified; closed by a reviewer."""
        plan = await self.mediation.GetPlan(
            mediation_pb2.GetPlanRequest(name=f"{name}/plan"), **self.as_("handler", "62")
        )
        handler, reviewer = self.as_("handler", "62"), self.as_("reviewer", "62")
        for task in plan.tasks:
            await self.mediation.SignTask(
                mediation_pb2.SignTaskRequest(name=task.name, request_id=request_id()), **handler
            )
            await self.mediation.ReportTask(
                mediation_pb2.ReportTaskRequest(name=task.name, evidence="doc-1", request_id=request_id()), **handler
            )
            await self.mediation.VerifyTask(
                mediation_pb2.VerifyTaskRequest(name=task.name, sufficient=True, request_id=request_id()), **reviewer
            )
        await self.mediation.RequestClosing(
            mediation_pb2.RequestClosingRequest(name=name, outcome=case_pb2.OUTCOME_RESOLVED, request_id=request_id()),
            **handler,
        )
        closed: case_pb2.Case = await self.mediation.CloseCase(
            mediation_pb2.CloseCaseRequest(name=name, approved=True, request_id=request_id()), **reviewer
        )
        return closed

    async def close(self) -> None:
        """Close the channels."""
        for channel in self.channels.values():
            await channel.close()


SLOW = (
    "test_faults", "test_caucus_compartment", "test_access", "test_clock_durability", "test_demo", "test_fuzz",
    "test_rights", "test_hooks", "test_named", "test_chaos", "test_search", "test_bad_names", "test_schedules",
    "test_gateway_contract", "test_loops", "test_master_key", "test_personal_data", "test_numbering",
    "test_stories_letters", "test_real_input", "test_wheel",
)  # fmt: skip
"""Files that take longest, those that wait beside those that work. They come first: at the end one process would work
on while the others have nothing left."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first."""
    items.sort(key=lambda item: SLOW.index(item.path.stem) if item.path.stem in SLOW else len(SLOW))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run one real stack for the whole session: PostgreSQL, Temporal, three services, worker, relay, gateway."""
    state = tmp_path_factory.mktemp("accord")
    secrets = tmp_path_factory.mktemp("secrets") / "partners.json"
    secrets.write_text(json.dumps({"secrets": {SIGNING: PARTNER_SECRETS}}), "utf-8")
    settings = {
        "ACCORD_TRACE_FILE": str(state / "spans.jsonl"), "ACCORD_HOOK_NETWORKS": "127.0.0.0/8",
        "ACCORD_PARTNER_SECRETS_FILE": str(secrets),
    }  # fmt: skip
    with Stack(state=state, port_base=0, settings=settings) as running:
        yield running


@pytest.fixture(scope="session")
async def clients(stack: Stack) -> AsyncIterator[Clients]:
    """Return gRPC clients of the session's stack."""
    found = Clients.of(stack)
    yield found
    await found.close()


@pytest.fixture
async def rest(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Return a REST client of the session's gateway, as a clerk of the county; its headers may be overridden."""
    headers = {"Authorization": f"Bearer {stack.token('clerk', COUNTY)}", "Accept-Language": "en"}
    async with httpx.AsyncClient(base_url=stack.urls["api"], headers=headers, timeout=CALL) as client:
        yield client


@pytest.fixture(scope="module")
def no_unforeseen_fault(stack: Stack) -> Iterator[None]:
    """Whatever the tests of a file send, no log of any process may hold an unforeseen fault afterwards."""
    logs = sorted(stack.folder.logs.glob("*.log"))
    assert logs
    before = {path: path.stat().st_size for path in logs}
    yield
    for path in logs:
        told = path.read_bytes()[before[path] :].decode("utf-8", "replace")
        assert "unforeseen fault" not in told, f"{path.name}: {told[-3000:]}"
        assert "Traceback" not in told, f"{path.name}: {told[-3000:]}"


@pytest.fixture(scope="session", autouse=True)
def _one_fork_server() -> Iterator[None]:
    """Keep what the first stack imported for those after it."""
    with FORKS.used():
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_stack_of_the_shell() -> None:
    """Keep a developer's own settings out of the tests."""
    for name in [name for name in os.environ if name.startswith("ACCORD_")]:
        del os.environ[name]
    # An event that differs from its contract fails the command that tells it.
    os.environ["ACCORD_STRICT_EVENTS"] = "true"
    # Where the tests run in several processes, each has ports of its own for its stacks.
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    os.environ["ACCORD_PORT_RANGE"] = f"{20_000 + 3_000 * worker}-{22_999 + 3_000 * worker}"
