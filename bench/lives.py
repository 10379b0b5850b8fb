"""(b) Whole case lives a second, beside a bare Temporal workflow with as many signals, activities and timers."""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import time
import uuid
from datetime import timedelta
from functools import partial

import grpc
from pb.feed.v1 import feed_pb2
from pb.feed.v1.feed_pb2_grpc import FeedServiceStub
from pb.intake.v1 import intake_pb2, report_pb2
from pb.intake.v1.intake_pb2_grpc import IntakeServiceStub
from pb.mediation.v1 import case_pb2, mediation_pb2
from pb.mediation.v1.mediation_pb2_grpc import MediationServiceStub
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from accord.embedded.keys import client_token
from accord.embedded.stack import Stack
from bench.measure import Figures

LIVES = 150
AT_ONCE = 40
ROUNDS = 3
QUEUE = "bench-bare"


@activity.defn
async def bare_step(step: int) -> int:
    """Do nothing."""
    return step


@workflow.defn
class BareLife:
    """Starts a long timer, hears `signals` signals, runs `activities` activities, ends."""

    def __init__(self) -> None:
        self.heard = 0

    @workflow.run
    async def run(self, signals: int, activities: int) -> int:
        """Live."""
        timer = asyncio.create_task(workflow.sleep(86_400))
        for step in range(activities):
            await workflow.wait_condition(partial(self.has_heard, min(step + 1, signals)))
            await workflow.execute_activity(bare_step, step, start_to_close_timeout=timedelta(seconds=20))
        await workflow.wait_condition(lambda: self.heard >= signals)
        timer.cancel()
        return self.heard

    def has_heard(self, wanted: int) -> bool:
        """Return whether so many signals were heard."""
        return self.heard >= wanted

    @workflow.signal
    def hear(self, number: int) -> None:
        """Hear."""
        self.heard += 1


def bare_worker(address: str) -> None:
    """Run the bare workflow's worker in a process of its own, as ours has one."""

    async def run() -> None:
        client = await Client.connect(address)
        async with Worker(
            client, task_queue=QUEUE, workflows=[BareLife], activities=[bare_step],
            workflow_runner=UnsandboxedWorkflowRunner(), max_cached_workflows=500,
        ):  # fmt: skip
            await asyncio.Event().wait()

    asyncio.run(run())


async def bare(address: str, signals: int, activities: int) -> float:
    """Return bare lives a second."""
    client = await Client.connect(address)
    slots = asyncio.Semaphore(AT_ONCE)

    async def live() -> None:
        async with slots:
            handle = await client.start_workflow(
                BareLife.run, args=[signals, activities], id=f"bare-{uuid.uuid4().hex}", task_queue=QUEUE
            )
            for number in range(signals):
                await handle.signal(BareLife.hear, number)
            await handle.result()

    started = time.perf_counter()
    await asyncio.gather(*(live() for _ in range(LIVES)))
    return LIVES / (time.perf_counter() - started)


class Lives:
    """Simulated people who carry cases from receipt to closing, one task each."""

    def __init__(self, stack: Stack) -> None:
        channels = {
            name: grpc.aio.insecure_channel(f"127.0.0.1:{stack.ports[name]}") for name in ("intake", "mediation")
        }
        self._intake = IntakeServiceStub(channels["intake"])
        self._mediation = MediationServiceStub(channels["mediation"])
        self._feed = FeedServiceStub(channels["mediation"])
        self._channels = channels
        roles = ("clerk", "duty_officer", "handler", "reviewer")
        self._as = {role: (("authorization", f"Bearer {stack.token(role, '62')}"),) for role in roles}
        self._cli = (("authorization", f"Bearer {client_token(stack.keys, 'cli')}"),)
        self._opened: dict[str, asyncio.Event] = {}
        self._temporal = f"127.0.0.1:{stack.ports['temporal']}"

    async def live(self) -> str:
        """Carry one case through its life; return its name once its workflow has ended."""
        key = uuid.uuid4().hex
        report = report_pb2.Report(
            channel="CHANNEL_COUNTER", unit="units/620102", category="categories/neighbour",
            text="楼上漏水，天花板泡坏了，对方不赔。", people_affected=2,
        )  # fmt: skip
        filed = await self._intake.CreateReport(
            intake_pb2.CreateReportRequest(report=report, request_id=f"{key}-file"), metadata=self._as["clerk"]
        )
        opened = self._opened.setdefault(filed.case, asyncio.Event())
        await self._intake.AcceptReport(
            intake_pb2.AcceptReportRequest(name=filed.name, request_id=f"{key}-accept"),
            metadata=self._as["duty_officer"],
        )
        await opened.wait()
        task = f"{filed.case}/tasks/1"
        handler, reviewer = self._as["handler"], self._as["reviewer"]
        await self._mediation.SignTask(
            mediation_pb2.SignTaskRequest(name=task, request_id=f"{key}-sign"), metadata=handler
        )
        await self._mediation.ReportTask(
            mediation_pb2.ReportTaskRequest(name=task, evidence="doc-1", request_id=f"{key}-report"), metadata=handler
        )
        await self._mediation.VerifyTask(
            mediation_pb2.VerifyTaskRequest(name=task, sufficient=True, request_id=f"{key}-verify"), metadata=reviewer
        )
        await self._mediation.RequestClosing(
            mediation_pb2.RequestClosingRequest(
                name=filed.case, outcome=case_pb2.OUTCOME_AGREED, request_id=f"{key}-request"
            ),
            metadata=handler,
        )
        await self._mediation.CloseCase(
            mediation_pb2.CloseCaseRequest(name=filed.case, approved=True, request_id=f"{key}-close"),
            metadata=reviewer,
        )
        await self._client.get_workflow_handle(filed.case).result()
        return str(filed.case)

    async def _watch(self) -> None:
        request = feed_pb2.WatchEventsRequest(service="mediation")
        async for batch in self._feed.WatchEvents(request, metadata=self._cli):
            for event in batch.events:
                if event.type == "CaseOpened":
                    self._opened.setdefault(event.case, asyncio.Event()).set()

    async def rate(self, lives: int = LIVES) -> tuple[float, str]:
        """Return lives a second and the name of one case."""
        self._client = await Client.connect(self._temporal)
        watching = asyncio.create_task(self._watch())
        slots = asyncio.Semaphore(AT_ONCE)

        async def one() -> str:
            async with slots:
                return await self.live()

        started = time.perf_counter()
        cases = await asyncio.gather(*(one() for _ in range(lives)))
        seconds = time.perf_counter() - started
        watching.cancel()
        return lives / seconds, cases[-1]

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            await channel.close(grace=None)


async def counted(address: str, case: str) -> dict[str, int]:
    """Return how many signals, activities and events a case's history has."""
    history = await (await Client.connect(address)).get_workflow_handle(case).fetch_history()
    kinds = [event.WhichOneof("attributes") or "" for event in history.events]
    return {
        "signals": sum(kind.startswith("workflow_execution_signaled") for kind in kinds),
        "activities": sum(kind.startswith("activity_task_scheduled") for kind in kinds),
        "workflow tasks": sum(kind.startswith("workflow_task_completed") for kind in kinds),
        "history events": len(kinds),
    }


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    with Stack(state=state, port_base=0) as stack:
        address = f"127.0.0.1:{stack.ports['temporal']}"
        worker = multiprocessing.get_context("spawn").Process(target=bare_worker, args=(address,), daemon=True)
        worker.start()
        try:
            lives = Lives(stack)
            _, case = await lives.rate(AT_ONCE)
            shape = await counted(address, case)
            await bare(address, shape["signals"], shape["activities"])
            ours, same, six = [], [], []
            for _ in range(ROUNDS):
                ours.append((await lives.rate())[0])
                print(f"    round: {ours[-1]:.1f} lives a second", flush=True)
                same.append(await bare(address, shape["signals"], shape["activities"]))
                six.append(await bare(address, 6, 6))
            await lives.close()
        finally:
            worker.terminate()
            worker.join()
    mine, bare_same, bare_six = map(statistics.median, (ours, same, six))
    return Figures(
        "b",
        "whole case lives: 9 events of two services from receipt to closing",
        {
            "lives a second (median)": f"{mine:.1f}",
            "a life in Temporal": ", ".join(f"{count} {name}" for name, count in shape.items()),
            f"bare, {shape['signals']} signals and {shape['activities']} activities": f"{bare_same:.1f} a second",
            "ratio to that": f"{mine / bare_same:.2f}",
            "bare, 6 signals and 6 activities": f"{bare_six:.1f} a second",
            "ratio to the bare one with 6 and 6": f"{mine / bare_six:.2f}",
        },
    )


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(folder)).text())
