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

import httpx
import pytest
from pb.intake.v1 import report_pb2
from pb.mediation.v1 import case_pb2

from accord.demo.arrival import Arrivals
from accord.demo.comparison import compare
from accord.demo.desk import Desk
from accord.demo.play import Played
from accord.demo.record import Record
from accord.folder import StateFolder
from accord.generator import reports
from accord.lock import StateLock
from accord.running import stop_running
from services.kit.verification import Verdict
from tests.patience import PATIENCE

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
    assert "told by all three services" in played.stdout

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
