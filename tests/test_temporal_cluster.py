"""On a cluster of Temporal's own server: whatever node fails, nothing is lost or done twice; the demo plays its day."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from accord.embedded import ports
from accord.embedded.folder import StateFolder
from accord.embedded.probe import answers_http
from accord.embedded.process import ProcessSpec
from accord.embedded.roster import Surroundings, processes
from accord.embedded.running import stop_running
from accord.embedded.stack import Stack
from tests.conftest import Clients
from tests.patience import PATIENCE
from tests.people import People
from tests.temporal_cluster import ANOTHER, NODES, Cluster, build, lacking
from tests.test_faults import LIVES, all_lived, live

AT_LEAST = 40
"""Cases under way, however quickly all was restarted."""


@pytest.fixture
async def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    """Run a cluster, which every stack of Accord uses meanwhile."""
    if "CLUSTER" not in os.environ:
        pytest.skip("make cluster builds and runs it")
    if reason := lacking():
        pytest.skip(reason)
    await asyncio.to_thread(build)
    made = Cluster(tmp_path / "cluster")
    await asyncio.to_thread(made.__enter__)
    try:
        for name, text in made.environment.items():
            monkeypatch.setenv(name, text)
        yield made
    finally:
        await asyncio.to_thread(made.__exit__, None, None, None)


def two_workers(around: Surroundings) -> list[ProcessSpec]:
    """Return Accord's processes, with another worker."""
    usual = processes(around)
    worker = next(spec for spec in usual if spec.name == "worker")
    port = ports.pick(around.ports.values())
    environment = {**worker.environment, "ACCORD_METRICS_PORT": str(port)}
    ready = partial(answers_http, port, "/readyz")
    return [*usual, replace(worker, name="worker-2", environment=environment, port=port, ready=ready)]


@asynccontextmanager
async def running(state: Path) -> AsyncIterator[tuple[Stack, Clients]]:
    """Run a stack of Accord with two workers on the cluster."""
    stack = Stack(state=state, port_base=0, roster=two_workers)
    await asyncio.to_thread(stack.start)
    clients = Clients.of(stack)
    try:
        yield stack, clients
    finally:
        await clients.close()
        await asyncio.to_thread(stack.stop)


Break = Callable[[], Awaitable[object]]


async def seconds(awaited: Awaitable[object]) -> float:
    """Return how long something takes."""
    started = time.monotonic()
    await awaited
    return time.monotonic() - started


async def live_through(stack: Stack, clients: Clients, breaks: dict[str, Break]) -> None:
    """Break one thing after the other while cases are filed, and check that each case lives as it is meant to.

    With each, a case is filed at that moment and waited for, so that whatever was broken is needed.
    """
    people = People(clients)
    lives: list[asyncio.Task[tuple[str, str]]] = []
    async with asyncio.TaskGroup() as group:

        def begin(kind: str, pause: float) -> asyncio.Task[tuple[str, str]]:
            lives.append(group.create_task(live(people, kind, pause)))
            return lives[-1]

        async def break_all() -> None:
            for name, broken in breaks.items():
                ready, settled = await asyncio.gather(seconds(broken()), seconds(begin("withdrawn", 0)))
                print(f"  {name}: ready after {ready:.1f} s; a case filed with it was settled after {settled:.1f} s")

        breaking = group.create_task(break_all())
        while not breaking.done() or len(lives) < AT_LEAST:
            begin(list(LIVES)[len(lives) % len(LIVES)], 2.0)
            await asyncio.sleep(0.3)
    lived = dict(task.result() for task in lives)
    assert len(lived) == len(lives)
    await all_lived(stack, lived)
    print(f"  {len(lived)} cases, {people.asked_again} calls made again: none lost, nothing twice")


def ended(stack: Stack, name: str, number: signal.Signals) -> Break:
    """Return what ends a process of Accord and waits until it is ready again."""

    def end() -> None:
        stack.await_restart(name, stack.kill(name, number), PATIENCE)

    return partial(asyncio.to_thread, end)


async def test_nothing_is_lost_or_done_twice_whatever_node_is_killed_while_cases_run(
    cluster: Cluster, tmp_path: Path
) -> None:
    seed = int(os.environ.get("FAULT_SEED") or random.randrange(1_000_000))
    print(f"\nFAULT_SEED={seed}")
    async with running(tmp_path / "state") as (stack, clients):
        breaks: dict[str, Break] = {name: partial(asyncio.to_thread, cluster.kill, name) for name in NODES}
        breaks["half of the workers"] = ended(stack, "worker-2", signal.SIGKILL)
        breaks["every connection to the database"] = cluster.cut_connections
        breaks["postgres"] = partial(asyncio.to_thread, cluster.kill, "postgres")
        order = random.Random(seed).sample(list(breaks), len(breaks))
        await live_through(stack, clients, {name: breaks[name] for name in order})


async def test_everything_is_restarted_one_after_the_other_while_cases_run(cluster: Cluster, tmp_path: Path) -> None:
    print()
    async with running(tmp_path / "state") as (stack, clients):
        breaks: dict[str, Break] = {
            name: partial(asyncio.to_thread, cluster.kill, name, signal.SIGTERM) for name in NODES
        }
        breaks |= {each.name: ended(stack, each.name, signal.SIGTERM) for each in stack.standings()}
        breaks["postgres"] = partial(asyncio.to_thread, cluster.kill, "postgres", signal.SIGINT)
        await live_through(stack, clients, breaks)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state folder in which nothing runs when the test is over."""
    yield tmp_path / "demo"
    stop_running(StateFolder.at(tmp_path / "demo"))


async def test_the_demo_plays_its_day_on_it_in_a_namespace_of_another_name(
    cluster: Cluster, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCORD_TEMPORAL_NAMESPACE", ANOTHER)
    command = (sys.executable, "-m", "accord.cli", "demo", "--state", str(state), "--reports", "24")
    played = await asyncio.to_thread(
        subprocess.run, (*command, "--speed", "20000", "--port-base", "0"), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert played.returncode == 0, played.stdout
    assert "nothing that was received is lost (24 reports)" in played.stdout
    assert played.stdout.count("sound") == 3
    assert re.search(r"workflows in Temporal +24 completed; open cases in mediation: 0", played.stdout), played.stdout
