"""The demonstration: a short day over a stack of its own, and what its summary must not hide."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from pb.clock.v1 import clock_pb2
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import report_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2

from accord.demo.arrival import Arrivals
from accord.demo.board import Board
from accord.demo.comparison import compare
from accord.demo.desk import Desk
from accord.demo.order import oddities
from accord.demo.play import Played
from accord.demo.record import Record, Told
from accord.demo.words import Narrator
from accord.embedded.folder import StateFolder
from accord.embedded.lock import StateLock
from accord.embedded.running import stop_running
from accord.embedded.stack import Stack
from accord.generator import SHIPPED, reports
from services.kit.instants import instant, stamp
from services.kit.storage.verification import Verdict
from tests.conftest import COUNTY, Clients, request_id
from tests.patience import PATIENCE
from tests.still import shipped_rules, standing_still

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def accord(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person without a terminal does."""
    return subprocess.run(
        [sys.executable, "-m", "accord.cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state folder in which nothing runs when the test is over."""
    yield tmp_path / "demo"
    stop_running(StateFolder.at(tmp_path / "demo"))


def test_the_demo_plays_a_day_loses_nothing_and_leaves_a_stack_to_look_at(state: Path) -> None:
    played = accord("demo", "--state", str(state), "--reports", "24", "--speed", "90000", "--port-base", "0")
    assert played.returncode == 0, played.stdout
    assert "1 real second = 1500 business minutes" in played.stdout
    assert "nothing that was received is lost (24 reports)" in played.stdout
    assert played.stdout.count("sound") == 3
    assert re.search(r"workflows in Temporal +24 completed; open cases in mediation: 0", played.stdout), played.stdout
    assert "as recorded by all three services" in played.stdout
    assert "no item is lost and none is there twice; every partner was told of every one" in played.stdout
    assert "receipt and term of every letter came back to the court and to the police" in played.stdout

    url = re.search(r'curl .* "(http\S+)"', played.stdout)
    assert url, played.stdout
    token = accord("token", "supervisor", "--unit", "62", "--state", str(state)).stdout.strip()
    answer = httpx.get(url[1], headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    assert answer.status_code == 200

    assert accord("down", "--state", str(state)).stdout.startswith("stopped the stack")


def test_the_demo_refuses_a_stack_whose_business_time_runs_like_the_walls(state: Path) -> None:
    folder = StateFolder.at(state)
    folder.create()
    lock = StateLock.take(folder)  # as a stack that runs there does
    try:
        refused = accord("demo", "--state", str(state))
    finally:
        lock.release()
    assert refused.returncode == 2
    assert "runs 1 times as fast as the wall's; give the demo a folder of its own" in refused.stdout


async def test_at_the_desk_the_earliest_deadline_goes_first() -> None:
    desk, served = Desk(1), []

    async def ask(hours: int) -> None:
        async with desk.seat(NOW + timedelta(hours=hours)):
            served.append(hours)
            await asyncio.sleep(0)

    await asyncio.gather(*(ask(hours) for hours in (9, 7, 3, 5)))
    assert served == [9, 3, 5, 7]  # the first found the desk empty


SLOW_DESK = """
import asyncio, contextlib, sys
from accord.demo import cast, desk
from accord.cli import main
class Slow(desk.Desk):
    @contextlib.asynccontextmanager
    async def seat(self, due):
        async with super().seat(due):
            await asyncio.sleep(0.1)
            yield
cast.Desk = lambda seats: Slow(2)
sys.argv = ["accord", *sys.argv[1:]]
main()
"""
"""The demo with two people at its desk, who are slow: everything is done late."""


@pytest.mark.fault("E11")
def test_however_slow_the_desk_is_it_works_on_until_every_case_is_carried_to_its_end(state: Path) -> None:
    words = ("demo", "--state", str(state), "--reports", "16", "--speed", "40000", "--port-base", "0", "--no-leave")
    played = subprocess.run(
        [sys.executable, "-c", SLOW_DESK, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert played.returncode == 0, played.stdout
    assert "open cases in mediation: 0" in played.stdout
    assert "every case was carried to its end" in played.stdout


def test_who_becomes_a_party_is_told_in_words() -> None:
    added = Told("mediation", "cases/1", "PartyAdded", NOW, "accord-worker", {"party": 2.0, "side": "RESPONDENT"})
    assert Narrator(shipped_rules(SHIPPED).units, {}).tell(added) == "party 2 added: respondent"


@pytest.mark.fault("E11")
@pytest.mark.parametrize("seed", range(4))
async def test_at_any_load_a_life_is_recorded_in_an_order_that_can_be(
    stack: Stack, clients: Clients, seed: int
) -> None:
    dice, case = Random(f"load/{seed}"), f"cases/{COUNTY}-2026-{991_000 + seed}"
    async with standing_still(stack, "mediation") as still:
        at = still.clients(clients)
        still.to("2026-03-02T09:00")
        opened = case_pb2.Case(name=case, unit=f"units/{COUNTY}", category="categories/neighbour", grade=1 + seed % 3)
        await at.mediation.CreateCase(
            mediation_pb2.CreateCaseRequest(case=opened, request_id=request_id()), **at.as_service("worker")
        )
        for request, role in steps(case, len((await plan(at, case)).tasks)):
            # A slow machine: days late, now and then asked about before, mostly not.
            still.time.set(still.time.now() + timedelta(hours=dice.choice((1, 20, 90, 400))))
            if dice.random() < 0.3:
                await at.clocks["mediation"].FireClocks(
                    clock_pb2.FireClocksRequest(service="mediation", case=case), **at.as_service("worker")
                )
            await getattr(at.mediation, type(request).__name__.removesuffix("Request"))(request, **at.as_(role))
        record = await recorded(at, case)
    overdue = record.of("ClockOverdue")
    assert overdue
    assert oddities(record) == []
    kinds = [event.kind for event in record.events]
    assert kinds.index("CaseClosed") > max(record.events.index(event) for event in overdue)


def steps(case: str, tasks: int) -> Iterator[tuple[Any, str]]:
    """Yield what is asked for one after the other until a case is closed, and by whom."""
    for number in range(1, tasks + 1):
        name = f"{case}/tasks/{number}"
        yield mediation_pb2.SignTaskRequest(name=name, request_id=request_id()), "handler"
        yield mediation_pb2.ReportTaskRequest(name=name, evidence="doc-1", request_id=request_id()), "handler"
        yield mediation_pb2.VerifyTaskRequest(name=name, sufficient=True, request_id=request_id()), "reviewer"
    asked = mediation_pb2.RequestClosingRequest(name=case, outcome=case_pb2.OUTCOME_AGREED, request_id=request_id())
    yield asked, "handler"
    yield mediation_pb2.CloseCaseRequest(name=case, approved=True, request_id=request_id()), "reviewer"


async def plan(at: Clients, case: str) -> case_pb2.Plan:
    """Return the plan of a case."""
    request = mediation_pb2.GetPlanRequest(name=f"{case}/plan")
    found: case_pb2.Plan = await at.mediation.GetPlan(request, **at.as_("handler"))
    return found


async def recorded(at: Clients, case: str) -> Record:
    """Return what the service has of one case."""
    request = feed_pb2.ListEventsRequest(service="mediation", case=case, page_size=200)
    events = (await at.feeds["mediation"].ListEvents(request, **at.as_("handler"))).events
    listed = clock_pb2.ListClocksRequest(service="mediation", case=case, page_size=200)
    clocks = (await at.clocks["mediation"].ListClocks(listed, **at.as_("handler"))).clocks
    told = [
        Told("mediation", each.case, each.type, instant(each.occur_time), each.actor, MessageToDict(each.payload))
        for each in events
    ]
    return Record({}, {}, [], list(clocks), told, [], {})


@pytest.mark.fault("E11")
def test_a_clock_that_is_overdue_when_it_has_ended_is_an_order_that_cannot_be() -> None:
    case, name = "cases/620102-2026-000001", "620102-2026-000001.close"
    clock = clock_pb2.Clock(name=f"clocks/mediation/{name}", state=clock_pb2.CLOCK_STATE_MET, stop_time=stamp(NOW))
    closed = Told("mediation", case, "CaseClosed", NOW, "x", {})
    for since, expected in ((NOW - timedelta(hours=1), 0), (NOW + timedelta(milliseconds=20), 1)):
        late = Told("mediation", case, "ClockOverdue", NOW, "x", {"clock": name, "due_at": since.isoformat()})
        assert len(oddities(Record({}, {}, [], [clock], [late, closed], [], {}))) == expected
        assert len(oddities(Record({}, {}, [], [clock], [closed, late], [], {}))) == 1


@pytest.mark.fault("E11")
async def test_what_was_transferred_is_asked_of_whoever_has_it_now() -> None:
    board = Board(cast=None)  # type: ignore[arg-type]
    for came, went in (("6201021", "620102"), ("620102", "6201")):
        payload = {"from": f"units/{came}", "to": f"units/{went}"}
        event = feed_pb2.Event(case="cases/1", type="CaseTransferred")
        event.payload.update(payload)
        board.tell(event)
    assert board.unit_now("cases/1", "6201021") == "6201"
    assert board.unit_now("cases/2", "6201021") == "6201021"


async def one_performed() -> tuple[Played, Record]:
    """Return a day with one report that is meant to be performed, and a record in which it was."""
    told = replace(next(reports(1, 1, date(2026, 11, 24))), outcome="performed", category="contract/loan")
    name, case = "reports/620102-2026-000001", "cases/620102-2026-000001"
    played = Played(Arrivals.of([told]), {1: name}, NOW, NOW, [], 0, 1.0)
    report = report_pb2.Report(name=name, state=report_pb2.REPORT_STATE_ACCEPTED, case=case)
    closed = case_pb2.Case(name=case, stage=case_pb2.STAGE_CLOSED, outcome=case_pb2.OUTCOME_AGREED)
    verdict = Verdict("intake", cases=1, events=1, seals=1)
    return played, Record({name: report}, {case: closed}, [], [], [], [verdict], {"Completed": 1})


async def test_what_came_as_it_was_meant_is_counted_so() -> None:
    played, record = await one_performed()
    found = compare(played, record)
    assert found.came == found.meant
    assert not found.lost
    assert not found.differences


async def test_a_report_that_a_service_no_longer_lists_is_called_lost() -> None:
    played, record = await one_performed()
    assert "does not list it" in compare(played, replace(record, reports={})).lost[0]
    assert "no case of it" in compare(played, replace(record, cases={})).lost[0]


async def test_a_broken_history_is_a_loss_and_an_open_case_a_difference() -> None:
    played, record = await one_performed()
    broken = replace(record, verdicts=[Verdict("intake", cases=1, events=1, seals=1, broken="event 2 is missing")])
    assert "event 2 is missing" in compare(played, broken).lost[0]
    record.cases["cases/620102-2026-000001"].stage = case_pb2.STAGE_HANDLING
    found = compare(played, record)
    assert not found.lost
    assert "still handling" in found.differences[0]
    assert found.open == 1
