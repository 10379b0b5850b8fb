"""The record: what the services themselves say of the day, read back when the play is over."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from pb.clock.v1 import clock_pb2
from pb.clock.v1.clock_pb2_grpc import ClockServiceStub
from pb.escalation.v1 import escalation_pb2
from pb.escalation.v1.escalation_pb2_grpc import EscalationServiceStub
from pb.feed.v1 import feed_pb2
from pb.feed.v1.feed_pb2_grpc import FeedServiceStub
from pb.intake.v1 import intake_pb2, report_pb2
from pb.intake.v1.intake_pb2_grpc import IntakeServiceStub
from pb.mediation.v1 import case_pb2, mediation_pb2
from pb.mediation.v1.mediation_pb2_grpc import MediationServiceStub
from temporalio.client import Client, WorkflowExecution

from accord.demo.cast import SERVICES, channel
from accord.embedded.engines.temporal import own_namespace
from accord.embedded.keys import Keys, client_token
from casework.names import last
from services.kit.instants import instant
from services.kit.storage.verification import Verdict, verify

_PAGE = 1000
_SETTLE_SECONDS = 20.0
_CLOCKED = ("intake", "mediation")


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a case, as its service tells it."""

    service: str
    case: str
    kind: str
    at: datetime
    actor: str
    payload: dict[str, Any]

    @property
    def since(self) -> datetime:
        """When it came to be so: a clock is overdue from its deadline, whenever that is noticed."""
        return datetime.fromisoformat(str(self.payload["due_at"])) if self.kind == "ClockOverdue" else self.at


@dataclass(frozen=True)
class Record:
    """All that the services have of the day, since the instant it began."""

    reports: dict[str, report_pb2.Report]
    cases: dict[str, case_pb2.Case]
    escalations: list[escalation_pb2.Escalation]
    clocks: list[clock_pb2.Clock]
    events: list[Told]
    verdicts: list[Verdict]
    workflows: dict[str, int]

    def of(self, *kinds: str) -> list[Told]:
        """Return the events of these kinds, oldest first."""
        return [event for event in self.events if event.kind in kinds]

    def by_case(self, *kinds: str) -> dict[str, list[Told]]:
        """Return the events of these kinds, or of all, by case."""
        found: dict[str, list[Told]] = defaultdict(list)
        for event in self.events:
            if not kinds or event.kind in kinds:
                found[event.case].append(event)
        return found


class Reader:
    """Reads as the command line's machine client, which may list everything and see no contents."""

    def __init__(self, facts: dict[str, Any], keys: Keys) -> None:
        self._facts = facts
        self._keys = keys
        self._channels = {name: channel(facts["addresses"][name]) for name in SERVICES}

    async def read(self, since: datetime, since_real: datetime) -> Record:
        """Return the record of everything received since a business instant, once the workflows have settled."""
        workflows = await self._settled(since_real)
        reports = await self._reports(since)
        cases = [each for each in await self._cases() if instant(each.receive_time) >= since]
        escalations = [each for each in await self._escalations() if instant(each.create_time) >= since]
        clocks = [each for name in _CLOCKED for each in await self._clocks(name) if instant(each.start_time) >= since]
        events = [event for name in SERVICES for event in await self._events(name) if event.at >= since]
        # Two services may tell of the same instant: the door comes before the case, the case before its escalation.
        events.sort(key=lambda event: (event.at, SERVICES.index(event.service)))
        verdicts = [await verify(self._facts["database_url"], name) for name in SERVICES]
        return Record(
            {each.name: each for each in reports}, {each.name: each for each in cases}, escalations, clocks, events,
            verdicts, workflows,
        )  # fmt: skip

    async def measures(self, case: str) -> dict[str, str]:
        """Return the wordings of a case's tasks by their number."""
        request = mediation_pb2.GetPlanRequest(name=f"{case}/plan")
        rpc: Any = MediationServiceStub(self._channels["mediation"]).GetPlan
        plan = await rpc(request, metadata=self._metadata(), timeout=30)
        return {last(task.name): task.measure for task in plan.tasks}

    async def close(self) -> None:
        """Close the connections."""
        for each in self._channels.values():
            await each.close(None)

    async def _reports(self, since: datetime) -> list[report_pb2.Report]:
        rpc = IntakeServiceStub(self._channels["intake"]).ListReports
        found = await self._all(
            "reports", rpc, lambda token: intake_pb2.ListReportsRequest(page_size=_PAGE, page_token=token)
        )
        return [each for each in found if instant(each.receive_time) >= since]

    async def _cases(self) -> list[case_pb2.Case]:
        rpc = MediationServiceStub(self._channels["mediation"]).ListCases
        return await self._all(
            "cases", rpc, lambda token: mediation_pb2.ListCasesRequest(page_size=_PAGE, page_token=token)
        )

    async def _escalations(self) -> list[escalation_pb2.Escalation]:
        rpc = EscalationServiceStub(self._channels["escalation"]).ListEscalations
        return await self._all(
            "escalations",
            rpc,
            lambda token: escalation_pb2.ListEscalationsRequest(parent="cases/-", page_size=_PAGE, page_token=token),
        )

    async def _clocks(self, service: str) -> list[clock_pb2.Clock]:
        rpc = ClockServiceStub(self._channels[service]).ListClocks
        return await self._all(
            "clocks", rpc, lambda token: clock_pb2.ListClocksRequest(service=service, page_size=_PAGE, page_token=token)
        )

    async def _events(self, service: str) -> list[Told]:
        rpc = FeedServiceStub(self._channels[service]).ListEvents
        found = await self._all(
            "events", rpc, lambda token: feed_pb2.ListEventsRequest(service=service, page_size=_PAGE, page_token=token)
        )
        return [
            Told(service, each.case, each.type, instant(each.occur_time), each.actor, MessageToDict(each.payload))
            for each in found
        ]

    async def _all(
        self, field: str, rpc: Callable[..., Awaitable[Any]], request: Callable[[str], Message]
    ) -> list[Any]:
        """Return what a list holds, page by page, out of this field of its answers."""
        found: list[Any] = []
        token = ""
        while True:
            page = await rpc(request(token), metadata=self._metadata(), timeout=30)
            found += getattr(page, field)
            token = page.next_page_token
            if not token:
                return found

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {client_token(self._keys)}"), ("accept-language", "en"))

    async def _settled(self, since_real: datetime) -> dict[str, int]:
        """Return how many workflows stand how, once nothing moves: the last signals are still on their way."""
        client = await Client.connect(self._facts["addresses"]["temporal"], namespace=own_namespace())
        since = (since_real - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = f"WorkflowType = 'CaseWorkflow' AND StartTime >= '{since}'"
        before: dict[str, int] = {}
        for _ in range(int(_SETTLE_SECONDS)):
            # Of each workflow its last run: what happens after a case is over may start another one.
            last: dict[str, WorkflowExecution] = {}
            async for run in client.list_workflows(query):
                if run.id not in last or run.start_time > last[run.id].start_time:
                    last[run.id] = run
            stands = (run.status.name.title().replace("_", "") for run in last.values() if run.status)
            found = dict(Counter(stands))
            if not found.get("Running") or found == before:
                return found
            before = found
            await asyncio.sleep(1)
        return before
