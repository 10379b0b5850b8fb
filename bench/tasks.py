"""Tasks as child workflows, or inside the case's own workflow: what each costs the engine (docs/decisions/0003)."""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import time
import uuid

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from accord.embedded.stack import Stack
from bench.measure import Figures

TASKS = 3
CASES = 120
AT_ONCE = 30
QUEUE = "bench-tasks"
DAY = 86_400


@workflow.defn
class TaskChild:
    """A task as a child workflow: its own timer; ends when it is signalled that the task is done."""

    def __init__(self) -> None:
        self.done = False

    @workflow.run
    async def run(self) -> None:
        """Wait for the task with its own deadline."""
        timer = asyncio.create_task(workflow.sleep(DAY))
        await workflow.wait_condition(lambda: self.done)
        timer.cancel()

    @workflow.signal
    def finish(self) -> None:
        """Hear that the task is done."""
        self.done = True


@workflow.defn
class CaseWithChildren:
    """A case whose tasks are child workflows."""

    @workflow.run
    async def run(self, tasks: int) -> None:
        """Wait for every child."""
        name = workflow.info().workflow_id
        children = [
            await workflow.start_child_workflow(TaskChild.run, id=f"{name}/tasks/{task}") for task in range(tasks)
        ]
        await asyncio.gather(*children)


@workflow.defn
class CaseAlone:
    """A case with one timer, for its earliest deadline, that is signalled when its last task is done."""

    def __init__(self) -> None:
        self.done = False

    @workflow.run
    async def run(self, tasks: int) -> None:
        """Wait for the tasks."""
        timer = asyncio.create_task(workflow.sleep(DAY))
        await workflow.wait_condition(lambda: self.done)
        timer.cancel()

    @workflow.signal
    def finish(self) -> None:
        """Hear that the tasks are done."""
        self.done = True


def worker(address: str) -> None:
    """Run both kinds in a process of their own."""

    async def run() -> None:
        client = await Client.connect(address)
        async with Worker(
            client, task_queue=QUEUE, workflows=[CaseWithChildren, CaseAlone, TaskChild],
            workflow_runner=UnsandboxedWorkflowRunner(), max_cached_workflows=2000,
        ):  # fmt: skip
            await asyncio.Event().wait()

    asyncio.run(run())


async def rate(client: Client, kind: type, children: bool) -> tuple[float, int]:
    """Return cases a second and the history events of one case with its tasks."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def finish(name: str) -> None:
        while True:
            try:
                await client.get_workflow_handle(name).signal("finish")
                return
            except Exception:
                # The child is started by the parent's first task, which may not have run yet.
                await asyncio.sleep(0.02)

    async def live() -> str:
        async with slots:
            name = f"tasks-{uuid.uuid4().hex}"
            handle = await client.start_workflow(kind.run, TASKS, id=name, task_queue=QUEUE)  # type: ignore[attr-defined]
            for each in [f"{name}/tasks/{task}" for task in range(TASKS)] if children else [name]:
                await finish(each)
            await handle.result()
            return name

    started = time.perf_counter()
    names = await asyncio.gather(*(live() for _ in range(CASES)))
    seconds = time.perf_counter() - started
    last = names[-1]
    parts = [last, *(f"{last}/tasks/{task}" for task in range(TASKS) if children)]
    events = sum([len((await client.get_workflow_handle(part).fetch_history()).events) for part in parts])
    return CASES / seconds, events


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    with Stack(state=state, port_base=0, roster=lambda _: []) as stack:
        address = f"127.0.0.1:{stack.ports['temporal']}"
        process = multiprocessing.get_context("spawn").Process(target=worker, args=(address,), daemon=True)
        process.start()
        try:
            client = await Client.connect(address)
            alone: list[float] = []
            with_children: list[float] = []
            for _ in range(3):
                one, events_alone = await rate(client, CaseAlone, False)
                many, events_children = await rate(client, CaseWithChildren, True)
                alone.append(one)
                with_children.append(many)
        finally:
            process.terminate()
            process.join()
    mine, theirs = statistics.median(alone), statistics.median(with_children)
    return Figures(
        "tasks",
        f"a case with {TASKS} tasks: inside its own workflow, or a child workflow each",
        {
            "inside (one timer, one signal)": f"{mine:.1f} cases a second, {events_alone} history events",
            "a child for each task": f"{theirs:.1f} cases a second, {events_children} history events",
            "ratio": f"{mine / theirs:.1f}",
        },
    )


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(folder)).text())
