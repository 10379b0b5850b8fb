"""Faults: whatever is killed while cases run, nothing accepted is lost, nothing happens twice, every case ends."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from pb.mediation.v1 import case_pb2
from temporalio.client import Client, WorkflowExecutionStatus

from accord.embedded.folder import StateFolder
from accord.embedded.pace import pace_settings
from accord.embedded.rebuild import client_settings
from accord.embedded.stack import Stack
from services.kit.storage.verification import HEADS, verify
from tests.conftest import Clients
from tests.lettering import Letters, today
from tests.lives import end_of
from tests.patience import CALL, PATIENCE
from tests.people import AGAIN, People
from tests.scratch import Scratch
from workflows.backends import Backends
from workflows.nets import net

CASES = 200
KILLED = ("intake", "mediation", "escalation", "worker", "relay", "gateway", "temporal", "postgres")
HUNG = ("intake", "mediation")

RECEIVED, ACCEPTED = ["ReportReceived"], ["ReportReceived", "ReportAccepted"]
TASK = ["TaskSigned", "TaskReported", "TaskVerified"]
END = ["ClosingRequested", "CaseClosed"]
LIVES = {
    "whole": (ACCEPTED, ["CaseOpened", *TASK, *END]),
    "given back": (ACCEPTED, ["CaseOpened", "TaskReturned", "TaskDispatched", *TASK, *END]),
    "transferred": (ACCEPTED, ["CaseOpened", "CaseTransferred", *TASK, *END]),
    "withdrawn": (ACCEPTED, ["CaseOpened", *END]),
    "declined": ([*RECEIVED, "ReportDeclined"], []),
}
"""What each kind of life leaves in the histories of intake and mediation, and nothing else."""


@asynccontextmanager
async def running(state: Path, settings: dict[str, str] | None = None) -> AsyncIterator[tuple[Stack, Clients]]:
    """Run a stack of this test's own."""
    stack = Stack(state=state, port_base=0, settings=settings)
    await asyncio.to_thread(stack.start)
    clients = Clients.of(stack)
    try:
        yield stack, clients
    finally:
        await clients.close()
        await asyncio.to_thread(stack.stop)


async def live(people: People, kind: str, pause: float) -> tuple[str, str]:
    """Carry a matter through a life of this kind and return its number and kind."""
    report = await people.file()
    if kind == "declined":
        await people.decline(report)
    else:
        name = await people.accept(report)
        if kind == "transferred":
            await people.escalate(name)
            async with asyncio.timeout(PATIENCE):
                while (await people.opened(name)).unit != "units/6201":
                    await asyncio.sleep(0.1)
        if kind == "withdrawn":
            await people.close(name, case_pb2.OUTCOME_WITHDRAWN)
        else:
            for task in await people.tasks(name):
                await people.work(task, give_back=kind == "given back", pause=pause)
            await people.close(name)
    return report.name.removeprefix("reports/"), kind


async def break_things(stack: Stack, chance: random.Random) -> None:
    """Kill every process once, and hang two for a while, one after the other."""
    faults = [(name, signal.SIGKILL) for name in KILLED] + [(name, signal.SIGSTOP) for name in HUNG]
    for name, number in chance.sample(faults, len(faults)):
        await asyncio.sleep(chance.uniform(0.1, 1.0))
        pid = await asyncio.to_thread(stack.kill, name, number)
        if number is signal.SIGSTOP:
            await asyncio.sleep(1.5)
            os.kill(pid, signal.SIGCONT)
        else:
            await asyncio.to_thread(stack.await_restart, name, pid, PATIENCE)


async def rows(stack: Stack, query: str) -> list[Any]:
    """Return rows of the stack's database."""
    connection = await Scratch.main(stack).connect()
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


async def histories(stack: Stack, service: str) -> dict[str, list[str]]:
    """Return what happened in each case, by number, reading aside."""
    found = await rows(
        stack, f"SELECT number, kind FROM {service}.events WHERE kind <> 'ContentRead' ORDER BY number, seq"
    )
    by_number: dict[str, list[str]] = {}
    for row in found:
        by_number.setdefault(row["number"], []).append(row["kind"])
    return by_number


async def ended(stack: Stack, numbers: list[str], seconds: float = PATIENCE) -> None:
    """Wait until the workflow of each case has completed, in its one and only run."""
    temporal = await Client.connect(f"127.0.0.1:{stack.ports['temporal']}")
    await asyncio.gather(*(end_of(temporal, f"cases/{number}", seconds) for number in numbers))
    listed: list[Any] = []
    async with asyncio.timeout(PATIENCE):
        # The list lags behind, with what it has and with how that ended.
        while len(listed) < len(numbers) or any(run.status is not WorkflowExecutionStatus.COMPLETED for run in listed):
            # Letters drafted about what was overdue have lives of their own.
            listed = [run async for run in temporal.list_workflows() if run.id.startswith("cases/")]
    runs = Counter(run.id for run in listed)
    assert runs == Counter(f"cases/{number}" for number in numbers)


async def sound(stack: Stack) -> None:
    """Check that every chain holds."""
    for service in HEADS:
        assert not (await verify(Scratch.main(stack).url, service)).broken


async def all_lived(stack: Stack, lives: dict[str, str]) -> None:
    """Check that these cases, by number, are all there are, and that each lived as its kind does: once, to the end."""
    await ended(stack, list(lives))
    intake, mediation = await histories(stack, "intake"), await histories(stack, "mediation")
    assert intake == {number: LIVES[kind][0] for number, kind in lives.items()}
    assert mediation == {number: LIVES[kind][1] for number, kind in lives.items() if LIVES[kind][1]}
    await sound(stack)
    assert not await rows(stack, "SELECT number FROM mediation.cases WHERE stage <> 4")


@pytest.mark.chaos
async def test_nothing_is_lost_or_done_twice_whatever_is_killed_while_cases_run(tmp_path: Path) -> None:
    seed = int(os.environ.get("FAULT_SEED") or random.randrange(1_000_000))
    print(f"FAULT_SEED={seed}")
    chance = random.Random(seed)
    async with (
        running(tmp_path) as (stack, clients),
        httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest,
    ):
        by_counter, by_phone = People(clients, seed=seed), People(clients, rest, seed=seed + 1)
        breaking = asyncio.create_task(break_things(stack, chance))
        living = []
        for index in range(CASES):
            kind = list(LIVES)[index % len(LIVES)]
            living.append(asyncio.create_task(live(chance.choice((by_counter, by_phone)), kind, pause=2.0)))
            # People keep coming for as long as things break.
            await asyncio.sleep(0.01 if breaking.done() else 0.15)
        await breaking
        lives = dict(await asyncio.gather(*living))

        assert len(lives) == CASES
        assert by_counter.asked_again + by_phone.asked_again > 0, "no fault was felt by anybody"
        await all_lived(stack, lives)


class Patient:
    """A stub whose calls are made again, under the same request id, until they are answered."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub

    def __getattr__(self, name: str) -> Any:
        async def press(*request: Any, **caller: Any) -> Any:
            async with asyncio.timeout(PATIENCE):
                while True:
                    try:
                        return await getattr(self._stub, name)(*request, **caller)
                    except grpc.aio.AioRpcError as error:
                        if error.code() not in AGAIN:
                            raise
                    await asyncio.sleep(0.2)

        return press


LETTERS = 24
LETTER = ["LetterDrafted", "LetterApproved", "LetterServed", "LetterReceived", "LetterReplied", "LetterFailed",
          "LetterNextDrafted"]  # fmt: skip


async def fail_a_letter(at: Letters, nth: int) -> str:
    """Carry a letter on until it has failed and its workflow has had the next one drafted; return its number."""
    await asyncio.sleep(nth * 0.8)
    name = await at.draft(subject=f"cases/620102-2026-{nth + 1:06}")
    await at.answer_badly(name)
    await at.next_by_workflow(name, PATIENCE)
    return name.replace("/", "-", 1)


@pytest.mark.chaos
async def test_each_letter_is_numbered_and_followed_once_whatever_is_killed_while_letters_run(tmp_path: Path) -> None:
    seed = int(os.environ.get("FAULT_SEED") or random.randrange(1_000_000))
    print(f"FAULT_SEED={seed}")
    async with running(tmp_path) as (stack, clients):
        at = Letters(Patient(clients.letters), clients.as_, today, tell_of=Patient(clients).tell_of)
        breaking = asyncio.create_task(break_things(stack, random.Random(seed)))
        numbers = await asyncio.gather(*(fail_a_letter(at, nth) for nth in range(LETTERS)))
        await breaking

        told = await histories(stack, "escalation")
        assert {number: told.pop(number) for number in numbers} == dict.fromkeys(numbers, LETTER)
        assert sorted(told.values()) == [["LetterDrafted"]] * LETTERS  # the next one of each
        given = await rows(stack, "SELECT document_number FROM escalation.letters WHERE document_number <> ''")
        running_numbers = sorted(int(row[0].rpartition("〕")[2].removesuffix("号")) for row in given)
        assert running_numbers == list(range(1, LETTERS + 1))
        await sound(stack)
        # Whatever has a clock to come has a workflow that keeps it.
        backends = Backends.of(client_settings(stack.folder))
        try:
            temporal = await Client.connect(f"127.0.0.1:{stack.ports['temporal']}")
            async with asyncio.timeout(PATIENCE):
                while await net.orphans(temporal, backends):
                    await asyncio.sleep(1)
        finally:
            await backends.close()


async def test_cases_go_on_and_overdue_clocks_fire_once_after_temporal_lost_everything(tmp_path: Path) -> None:
    settings = pace_settings(StateFolder.at(tmp_path), 20_000.0)  # a day in 4.3 seconds
    async with running(tmp_path, settings) as (_, clients):
        people = People(clients)
        waiting = [await people.file() for _ in range(8)]
        accepted = [await people.accept(await people.file()) for _ in range(8)]
        for name in accepted[:4]:
            await people.work((await people.tasks(name))[0])
    for path in tmp_path.glob("temporal.db*"):
        path.unlink()

    async with running(tmp_path, settings) as (stack, clients):
        people = People(clients)
        temporal = await Client.connect(f"127.0.0.1:{stack.ports['temporal']}")
        wanted = {report.case for report in waiting} | set(accepted)
        for name in wanted:
            description = await temporal.get_workflow_handle(name).describe()
            assert description.status is WorkflowExecutionStatus.RUNNING
        await all_overdue_fired(stack, 16)

        await asyncio.gather(*(people.decline(report) for report in waiting))
        for name in accepted[4:]:
            await people.work((await people.tasks(name))[0])
        await asyncio.gather(*(people.close(name) for name in accepted))
        await ended(stack, [name.removeprefix("cases/") for name in wanted])
        await overdue_once(stack)
        await sound(stack)


BREACHES = """(SELECT *, 'intake' AS owner FROM intake.clock_rungs UNION ALL
    SELECT *, 'mediation' FROM mediation.clock_rungs) AS rungs WHERE consequence = 'escalate'"""


RAISED = """SELECT from_unit, to_unit FROM escalation.escalations WHERE subject NOT LIKE '%escalations%'
    UNION ALL SELECT from_unit, '6201' FROM escalation.escalation_reasons WHERE subject NOT LIKE '%escalations%'"""
"""What was raised from a unit to the one above, and what was added to that."""


async def all_overdue_fired(stack: Stack, wanted: int, seconds: float = PATIENCE) -> None:
    """Wait until this many clocks have run out and were fired, and every one of them was escalated."""
    query = f"""SELECT (SELECT count(*) FROM {BREACHES}) AS overdue,
        (SELECT count(*) FROM ({RAISED}) AS raised) AS raised"""
    async with asyncio.timeout(seconds):
        while True:
            (row,) = await rows(stack, query)
            if row["overdue"] >= wanted and row["overdue"] == row["raised"]:
                return
            await asyncio.sleep(0.2)


async def overdue_once(stack: Stack) -> None:
    """Check that each breach was told of once and escalated once, to the level above its unit."""
    breaches = await rows(stack, f"SELECT clock, rung, unit FROM {BREACHES}")
    told = await rows(
        stack,
        """SELECT split_part(payload->>'clock', '/', 3) AS clock, payload->>'rung' AS rung FROM intake.events
        WHERE payload->>'consequence' = 'escalate'
        UNION ALL SELECT split_part(payload->>'clock', '/', 3), payload->>'rung' FROM mediation.events
        WHERE payload->>'consequence' = 'escalate'""",
    )
    assert Counter((row["clock"], row["rung"]) for row in told) == Counter(
        (row["clock"], row["rung"]) for row in breaches
    )
    raised = await rows(stack, RAISED)
    assert len(raised) == len(breaches)
    assert {(row["from_unit"], row["to_unit"]) for row in raised} == {("620102", "6201")}


def _rung(row: Any) -> tuple[str, str]:
    return row["clock"], row["rung"]
