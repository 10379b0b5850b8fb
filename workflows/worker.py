"""The worker: runs cases and their activities. Start more of them to scale out."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from datetime import timedelta

import structlog
import uvloop
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from services.kit.serving import telemetry
from services.kit.serving.businesstime import BusinessTime
from services.kit.serving.health import serve_health
from services.kit.serving.loops import Loops
from services.kit.serving.settings import ClientSettings, read_settings
from workflows.backends import Backends
from workflows.cases.activities import Activities
from workflows.cases.workflow import CaseWorkflow
from workflows.chains import Chains
from workflows.engine.runtime import connect, watch_engine
from workflows.engine.unfailing import Unfailing
from workflows.files.activities import Findings
from workflows.files.workflow import FileWorkflow
from workflows.letters.activities import LetterSteps
from workflows.letters.workflow import LetterWorkflow
from workflows.messages import TASK_QUEUE
from workflows.schedules import schedules
from workflows.schedules.activities import Rhythms
from workflows.schedules.workflow import ScheduledWorkflow

log = structlog.get_logger()

CACHED_WORKFLOWS = 500
"""Open cases sleep for days: a small cache bounds the worker's memory, and a wake-up replays a short history."""


ACTIVITIES = 16
"""Activities at a time: work in progress cannot be overtaken by what a person is waiting for."""
WORKFLOW_TASKS = 8
"""Workflow tasks at a time. They share one interpreter: more would only make each slower."""
STUCK_AFTER = 20.0
"""Seconds after which workflow code counts as stuck. The SDK's default of 2 is less than a replay of a long history may
need on a busy machine; the task would then fail and be replayed for as long as it stays busy."""


def sandbox() -> SandboxedWorkflowRunner:
    """Return the sandbox that runs workflows; pure modules pass through it."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules("workflows.messages", "opentelemetry")
    )


def be_patient(worker: Worker) -> None:
    """Let workflow code take `STUCK_AFTER` seconds; the SDK's only setting for it disables the sandbox."""
    assert worker._workflow_worker is not None
    worker._workflow_worker._deadlock_timeout_seconds = STUCK_AFTER  # type: ignore[assignment]


async def work(settings: ClientSettings) -> None:
    """Work until told to stop."""
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    loops, standing = Loops(), {"worker": "not started yet"}
    health = await serve_health(settings, lambda: standing | loops.standing())
    connecting = asyncio.ensure_future(connect(settings))
    await asyncio.wait({connecting, asyncio.ensure_future(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    if not connecting.done():
        connecting.cancel()
        return
    backends = Backends.of(settings)
    time = BusinessTime.of(settings)
    steps, findings, letters = Activities(backends, time), Findings(backends), LetterSteps(backends)
    client = connecting.result()
    worker = Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[CaseWorkflow, FileWorkflow, LetterWorkflow, ScheduledWorkflow],
        activities=[
            Chains(backends).read_chains,
            steps.open_case,
            steps.fire_clocks,
            steps.transfer_case,
            steps.settle_escalations,
            steps.raise_default,
            findings.hand_over_findings,
            Rhythms(backends).run_schedule,
            letters.letter_stage,
            letters.draft_next_letter,
        ],
        interceptors=[Unfailing()],
        workflow_runner=sandbox(),
        max_cached_workflows=CACHED_WORKFLOWS,
        max_concurrent_activities=ACTIVITIES,
        max_concurrent_workflow_tasks=WORKFLOW_TASKS,
        graceful_shutdown_timeout=timedelta(seconds=5),
    )
    be_patient(worker)
    async with worker:
        standing["worker"] = "well"
        log.info("working", queue=TASK_QUEUE)
        loops.start("temporal", lambda loop: watch_engine(loop, client))
        loops.start("schedules", lambda loop: schedules.keep(loop, client, backends, time))
        await stop.wait()
        await loops.stop()
    await backends.close()
    if health:
        health.close()


def main() -> None:
    """Run a worker."""
    settings = read_settings(ClientSettings)
    telemetry.set_up(settings, "worker")
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work(settings))


if __name__ == "__main__":
    main()
