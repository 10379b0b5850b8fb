"""(counter) How long a case accepted at the counter takes to be opened while a province's day is imported."""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from pathlib import Path

import grpc
from pb.intake.v1 import intake_pb2, report_pb2
from pb.intake.v1.intake_pb2_grpc import IntakeServiceStub
from pb.mediation.v1 import mediation_pb2
from pb.mediation.v1.mediation_pb2_grpc import MediationServiceStub

from accord.embedded.stack import Stack
from bench.bulk import ROWS, batches, send
from bench.measure import Figures, percentile

QUIET = 50
_PAUSE = 0.5


class Counter:
    """Somebody at a county's counter, who files and accepts."""

    def __init__(self, stack: Stack) -> None:
        self._channels = [
            grpc.aio.insecure_channel(f"127.0.0.1:{stack.ports[name]}") for name in ("intake", "mediation")
        ]
        self._intake, self._mediation = IntakeServiceStub(self._channels[0]), MediationServiceStub(self._channels[1])
        self._stack = stack
        self._tokens: dict[str, str] = {}

    async def close(self) -> None:
        """Close the channels."""
        for each in self._channels:
            await each.close(grace=None)

    async def file(self) -> report_pb2.Report:
        """File a matter of many people and return its report."""
        report = report_pb2.Report(
            channel="CHANNEL_COUNTER", unit="units/620102", category="categories/labour", text="拖欠工资三个月。",
            people_affected=8,
        )  # fmt: skip
        request = intake_pb2.CreateReportRequest(report=report, request_id=uuid.uuid4().hex)
        filed: report_pb2.Report = await self._intake.CreateReport(request, metadata=self._as("clerk"))
        return filed

    async def accept(self, report: report_pb2.Report) -> None:
        """Accept it and wait until its case is open."""
        accept = intake_pb2.AcceptReportRequest(name=report.name, request_id=uuid.uuid4().hex)
        await self._intake.AcceptReport(accept, metadata=self._as("duty_officer"))
        request, caller = mediation_pb2.GetCaseRequest(name=report.case), self._as("handler")
        while True:
            try:
                await self._mediation.GetCase(request, metadata=caller)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
                await asyncio.sleep(0.02)
            else:
                return

    def _as(self, role: str) -> tuple[tuple[str, str], ...]:
        if role not in self._tokens:
            self._tokens[role] = self._stack.token(role, "62")
        return (("authorization", f"Bearer {self._tokens[role]}"),)


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    stack = Stack(state=Path(state), port_base=0)
    await asyncio.to_thread(stack.start)
    people = Counter(stack)
    try:
        quiet = [await _opened(people) for _ in range(QUIET)]
        importing = asyncio.create_task(send(stack, batches(7)))
        busy = []
        while not importing.done():
            busy.append(await _opened(people))
            await asyncio.sleep(_PAUSE)
        seconds = importing.result()
        # Work left by the import continues in the background.
        after = [await _opened(people) for _ in range(QUIET)]
    finally:
        await people.close()
        await asyncio.to_thread(stack.stop)
    return Figures(
        "counter",
        f"seconds from acceptance at the counter to the opened case, beside an import of {ROWS} rows",
        {
            "import": f"{seconds:.1f} s",
            "nothing else under way": _shown(quiet),
            "while it goes in": _shown(busy),
            "right after": _shown(after),
        },
    )


async def _opened(people: Counter) -> float:
    report = await people.file()
    started = time.perf_counter()
    await people.accept(report)
    return time.perf_counter() - started


def _shown(values: list[float]) -> str:
    return f"median {statistics.median(values):.2f}, p99 {percentile(values, 0.99):.2f}, {len(values)} cases"
