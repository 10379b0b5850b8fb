"""Clocks that cannot be lost: late, once, in order; a pause that costs nothing; a calendar that moves what it must."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import pytest
from pb.clock.v1 import clock_pb2
from pb.escalation.v1 import escalation_pb2
from pb.intake.v1 import intake_pb2
from temporalio.client import Client
from typer.testing import CliRunner

from accord.cli import app
from accord.embedded.folder import StateFolder
from accord.embedded.pace import pace_settings
from accord.embedded.process import ProcessSpec
from accord.embedded.roster import Surroundings, processes
from accord.embedded.stack import Stack
from casework.clocks.calendar import LOCAL
from services.kit.instants import instant
from tests.conftest import COUNTY, Clients, request_id
from tests.patience import CALL, PATIENCE
from tests.people import People
from tests.scratch import Scratch
from tests.still import standing_still
from tests.world import new_report

DAY = timedelta(days=1)
ROOT = Path(__file__).resolve().parent.parent


def only(*names: str) -> Callable[[Surroundings], list[ProcessSpec]]:
    return lambda around: [spec for spec in processes(around) if spec.name in names]


@contextmanager
def services(state: Path, *names: str, speed: float = 1.0, **more: Any) -> Iterator[Stack]:
    """Run just these processes beside the engines; nobody asks a clock to fire unless the test does."""
    settings = pace_settings(StateFolder.at(state), speed) if speed != 1.0 else {}
    with Stack(state=state, port_base=0, settings=settings, roster=only(*names), **more) as stack:
        yield stack


@pytest.fixture(scope="module")
async def unattended(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clients]:
    """Return clients of the three services alone; each test leaves every clock sound and none late."""
    with services(tmp_path_factory.mktemp("unattended"), "intake", "mediation", "escalation") as stack:
        clients = Clients.of(stack)
        yield clients
        await clients.close()


@pytest.fixture(scope="module")
async def years(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clients]:
    """Return clients of a whole stack in which a year passes in four seconds."""
    state = tmp_path_factory.mktemp("years")
    with Stack(state=state, port_base=0, settings=pace_settings(StateFolder.at(state), 8_000_000.0)) as stack:
        clients = Clients.of(stack)
        yield clients
        await clients.close()


async def rows(stack: Stack, query: str, *arguments: Any, service: str = "") -> list[Any]:
    connection = await Scratch.main(stack).connect(service)
    try:
        return list(await connection.fetch(query, *arguments))
    finally:
        await connection.close()


async def run_cli(*words: str) -> Any:
    # In a thread of its own: a command runs an event loop where the test has one.
    return await asyncio.to_thread(CliRunner().invoke, app, list(words))


async def received(clients: Clients, count: int, at: Callable[[int], datetime]) -> None:
    """Import reports that wait at the door, each received at its instant."""

    async def stream() -> Any:
        for first in range(0, count, 500):
            batch = []
            for index in range(first, min(first + 500, count)):
                report = new_report()
                report.receive_time.FromDatetime(at(index))
                batch.append(intake_pb2.ImportRow(row=index, report=report, request_id=f"row-{index:06d}"))
            yield intake_pb2.ImportReportsRequest(rows=batch)

    access = clients.as_service("cli") | {"timeout": CALL}
    created = 0
    async for answer in clients.intake.ImportReports(stream(), **access):
        created += sum(bool(result.report) for result in answer.results)
    assert created == count


async def test_of_ten_thousand_open_clocks_every_overdue_one_fires_oldest_first(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    overdue = 500

    def at(index: int) -> datetime:
        # Every twentieth was received long ago, in no order; the others today.
        return now - timedelta(days=20 + index * 7 % 300, minutes=index) if index % 20 == 0 else now

    with services(tmp_path, "intake") as stack:
        clients = Clients.of(stack)
        await received(clients, 10_000, at)
        fired: list[Any] = []
        more = True
        while more:
            answer = await clients.clocks["intake"].FireDueClocks(
                clock_pb2.FireDueClocksRequest(service="intake", max_cases=150), **clients.as_service("worker")
            )
            fired += answer.firings
            more = answer.more
        dues = [instant(each.due_time) for each in fired]
        assert dues == sorted(dues)
        breached = [each.clock for each in fired if each.rung == "overdue"]
        assert len(breached) == len(set(breached)) == overdue
        again = await clients.clocks["intake"].FireDueClocks(
            clock_pb2.FireDueClocksRequest(service="intake"), **clients.as_service("worker")
        )
        assert not again.firings
        told = await rows(
            stack, "SELECT payload->>'due_at' AS due FROM intake.events WHERE kind LIKE 'Clock%' ORDER BY id"
        )
        assert [datetime.fromisoformat(row["due"]) for row in told] == dues
        await clients.close()


async def test_a_pause_on_the_very_end_moves_the_breach_and_does_not_lose_it(stack: Stack, clients: Clients) -> None:
    async with standing_still(stack, "mediation") as still:
        clients = still.clients(clients)
        still.to("2026-03-02T09:00")
        handler, worker, stub = clients.as_("handler"), clients.as_service("worker"), clients.clocks["mediation"]
        case = await open_case(clients, "620102-2026-000901", grade=2)
        name = f"clocks/mediation/{case.removeprefix('cases/')}.close"
        due = instant((await stub.GetClock(clock_pb2.GetClockRequest(name=name), **handler)).due_time)
        still.time.set(due + timedelta(hours=2))
        pause = clock_pb2.PauseClockRequest(name=name, cause="illness", request_id=request_id())
        pause.effective_time.FromDatetime(due)
        await stub.PauseClock(pause, **handler)
        still.time.set(due + 2 * DAY)
        fire = clock_pb2.FireClocksRequest(service="mediation", case=case)
        while_paused = await stub.FireClocks(fire, **worker)
        assert not [each for each in while_paused.firings if each.clock == name and each.kind == "overdue"]
        resumed = await stub.ResumeClock(clock_pb2.ResumeClockRequest(name=name, request_id=request_id()), **handler)
        moved = instant(resumed.due_time)
        assert moved >= due + 2 * DAY
        still.time.set(moved + timedelta(seconds=1))
        fired = await stub.FireClocks(fire, **worker)
        (breach,) = [each for each in fired.firings if each.clock == name and each.rung == "overdue"]
        assert instant(breach.due_time) == moved + timedelta(seconds=1)
        assert not (await stub.FireClocks(fire, **worker)).firings


async def open_case(clients: Clients, number: str, grade: int) -> str:
    from pb.mediation.v1 import case_pb2, mediation_pb2

    case = case_pb2.Case(name=f"cases/{number}", unit=f"units/{COUNTY}", category="categories/neighbour", grade=grade)
    request = mediation_pb2.CreateCaseRequest(case=case, request_id=request_id())
    await clients.mediation.CreateCase(request, **clients.as_service("worker"))
    return case.name


async def paused_in_time(years: Clients) -> tuple[str, str]:
    """Return a case and its clock, paused before it was due: a quarter of a second, on a machine that may be busy."""
    until = asyncio.get_running_loop().time() + PATIENCE
    while asyncio.get_running_loop().time() < until:
        case = await People(years).accept(await People(years).file(category="categories/labour", people_affected=8))
        clock = f"clocks/mediation/{case.removeprefix('cases/')}.close"
        request = clock_pb2.PauseClockRequest(name=clock, cause="related_case", request_id=request_id())
        try:
            await years.clocks["mediation"].PauseClock(request, **years.as_("handler"))
            return case, clock
        except grpc.aio.AioRpcError as error:
            if error.details() != "PAUSE_AFTER_DUE":
                raise
    raise AssertionError("no clock was paused in time")


async def test_a_pause_of_a_year_polls_nothing_and_its_clock_fires_when_time_runs_on(years: Clients) -> None:
    stub, handler = years.clocks["mediation"], years.as_("handler")
    opened, clock = await paused_in_time(years)
    client = await Client.connect(f"127.0.0.1:{years.stack.ports['temporal']}")
    handle = client.get_workflow_handle(opened)
    before = 0
    async with asyncio.timeout(PATIENCE):
        # Everything else of the case fires and climbs as far as it can; then more than a year adds nothing.
        while (length := (await handle.describe()).history_length) != before:
            # What stands at the top is called to mind for ever, until somebody has dealt with it.
            settle = escalation_pb2.SettleEscalationsRequest(parent=opened, request_id=request_id())
            with contextlib.suppress(grpc.aio.AioRpcError):  # nothing was raised yet
                await years.escalation.SettleEscalations(settle, **years.as_("operator", "cn"))
            before = length
            await asyncio.sleep(5)
    paused = await stub.GetClock(clock_pb2.GetClockRequest(name=clock), **handler)
    assert paused.state == clock_pb2.CLOCK_STATE_PAUSED
    await stub.ResumeClock(clock_pb2.ResumeClockRequest(name=clock, request_id=request_id()), **handler)
    async with asyncio.timeout(PATIENCE):
        while not any(rung.HasField("fire_time") and rung.name == "overdue" for rung in paused.rungs):
            await asyncio.sleep(0.1)
            paused = await stub.GetClock(clock_pb2.GetClockRequest(name=clock), **handler)


async def test_after_ten_days_without_workers_every_clock_fires_late_once_and_in_order(tmp_path: Path) -> None:
    speed = 172_800.0  # two days a second
    with services(tmp_path, "intake", speed=speed) as stack:
        clients = Clients.of(stack)
        reports = [await People(clients).file() for _ in range(12)]
        await clients.close()
        await asyncio.sleep(5.0)
    with Stack(state=tmp_path, port_base=0, settings=pace_settings(StateFolder.at(tmp_path), speed)) as stack:
        query = """SELECT r.clock, r.rung, r.due_at, r.fired_at, e.late, e.seq FROM intake.clock_rungs r
            JOIN (SELECT split_part(payload->>'clock', '/', 3) AS clock, payload->>'rung' AS rung, seq,
                  (payload->>'late_by_seconds')::int AS late FROM intake.events WHERE kind LIKE 'Clock%') e
            USING (clock, rung) WHERE r.kind = 'overdue' OR r.kind = 'warning' ORDER BY r.clock, e.seq"""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await rows(stack, query)
                if sum(row["rung"] == "overdue" for row in found) >= 12:
                    break
                await asyncio.sleep(0.2)
        assert {row["clock"].split(".")[0] for row in found} == {each.name.split("/")[1] for each in reports}
        assert len({(row["clock"], row["rung"]) for row in found}) == len(found)
        for row in found:
            assert row["late"] == int((row["fired_at"] - row["due_at"]).total_seconds())
            if row["rung"] == "overdue":
                assert row["fired_at"] - row["due_at"] > DAY
        for clock in {row["clock"] for row in found}:
            dues = [row["due_at"] for row in found if row["clock"] == clock]
            assert dues == sorted(dues)


async def test_what_nobody_deals_with_climbs_level_by_level_to_the_top_and_no_further(years: Clients) -> None:
    report = await years.file_report(unit="units/620102001001")
    number = report.name.removeprefix("reports/")
    query = "SELECT from_unit, to_unit, subject FROM escalation.escalations WHERE number = $1 ORDER BY escalation"
    async with asyncio.timeout(PATIENCE):
        while len(found := await rows(years.stack, query, number)) < 4:
            await asyncio.sleep(0.2)
    ladder = ["620102001001", "620102001", "620102", "6201", "62"]
    assert [(row["from_unit"], row["to_unit"]) for row in found] == list(pairwise(ladder))
    assert found[0]["subject"] == report.name
    assert [row["subject"] for row in found[1:]] == [f"cases/{number}/escalations/{each}" for each in (1, 2, 3)]
    await asyncio.sleep(3)  # the province has let it lie as well, and there is no level above
    assert len(await rows(years.stack, query, number)) == 4


LIST = """source: a notice of the county
days:
  - {{date: {day}, working: false, zh: 地方节日}}
"""


async def test_a_calendar_shows_what_it_moves_before_it_moves_it_and_is_journaled(
    unattended: Clients, tmp_path: Path
) -> None:
    clients, state = unattended, str(unattended.stack.folder.root)
    region = "620104"  # where no other test has a clock
    here, there = [await clients.file_report(unit=f"units/{unit}") for unit in (region, "620103")]
    clock = f"clocks/intake/{here.name.removeprefix('reports/')}.accept"
    before = await clock_of(clients, clock)
    last_day = instant(before.due_time).astimezone(LOCAL).date()
    file = tmp_path / "festival.yaml"
    file.write_text(LIST.format(day=last_day.isoformat()), "utf-8")

    said = await run_cli("calendar", "preview", str(file), "--region", region, "--state", state, "--json")
    assert said.exit_code == 0, said.output
    preview = json.loads(said.output)["intake"]
    assert (preview["moved"], [move["clock"] for move in preview["moves"]]) == (1, [clock])
    assert (await clock_of(clients, clock)).due_time == before.due_time

    done = await run_cli("calendar", "apply", str(file), "--region", region, "--state", state, "--reason", "festival")
    assert done.exit_code == 0, done.output
    after = await clock_of(clients, clock)
    assert instant(after.due_time).astimezone(LOCAL).date() > last_day
    (told,) = await rows(clients.stack, "SELECT payload::text AS p FROM intake.events WHERE kind = 'ClockMoved'")
    payload = json.loads(told["p"])
    assert datetime.fromisoformat(payload["due_before"]) == instant(before.due_time)
    assert datetime.fromisoformat(payload["due_at"]) == instant(after.due_time)
    assert payload["reason"] == "festival"
    other = await clock_of(clients, f"clocks/intake/{there.name.removeprefix('reports/')}.accept")
    assert other.generation == 1

    later = await clients.file_report(unit=f"units/{region}")
    new = await clock_of(clients, f"clocks/intake/{later.name.removeprefix('reports/')}.accept")
    assert new.due_time == after.due_time  # the list holds for what starts now
    checked = await run_cli("clocks", "verify", "--state", state)
    assert checked.exit_code == 0, checked.output


async def test_a_running_case_keeps_its_rule_until_somebody_moves_it_to_the_newer_version(tmp_path: Path) -> None:
    rules = Path(shutil.copytree(ROOT / "rules", tmp_path / "rules"))
    state, settings = tmp_path / "state", {"ACCORD_RULES": str(rules)}
    with Stack(state=state, port_base=0, settings=settings, roster=only("mediation")) as stack:
        clients = Clients.of(stack)
        case = await open_case(clients, "620102-2026-000902", grade=2)
        await clients.close()
    house = rules / "limits" / "house.yaml"
    text = house.read_text("utf-8").replace('version: "2026-11"', 'version: "2027-01"', 1)
    head, tail = text.split("- name: close_medium", 1)
    house.write_text(head + "- name: close_medium" + tail.replace("n: 15", "n: 25", 1), "utf-8")
    with Stack(state=state, port_base=0, settings=settings, roster=only("intake", "mediation", "escalation")) as stack:
        clients = Clients.of(stack)
        clock = f"clocks/mediation/{case.removeprefix('cases/')}.close"
        before = await clock_of(clients, clock)
        assert before.rule_version == "2026-11"
        to = ("--rule", "close_medium", "--state", str(state))
        preview = json.loads((await run_cli("calendar", "preview", *to, "--json")).output)["mediation"]
        assert [move["clock"] for move in preview["moves"]] == [clock]
        assert await clock_of(clients, clock) == before
        done = await run_cli("calendar", "apply", *to, "--reason", "longer-by-decision")
        assert done.exit_code == 0, done.output
        after = await clock_of(clients, clock)
        assert after.rule_version == "2027-01"
        assert instant(after.due_time) - instant(before.due_time) >= 8 * DAY
        (told,) = await rows(stack, "SELECT payload::text AS p FROM mediation.events WHERE kind = 'ClockMoved'")
        assert json.loads(told["p"])["to_version"].startswith("2027-01/")
        await clients.close()


async def clock_of(clients: Clients, name: str) -> clock_pb2.Clock:
    service = name.split("/")[1]
    request = clock_pb2.GetClockRequest(name=name)
    clock: clock_pb2.Clock = await clients.clocks[service].GetClock(request, **clients.as_("handler", "62"))
    return clock


async def test_a_projection_that_was_tampered_with_is_reported(unattended: Clients) -> None:
    clients, state = unattended, str(unattended.stack.folder.root)
    report = await clients.file_report()
    number = report.name.removeprefix("reports/")
    shift = "UPDATE intake.clocks SET due_at = due_at + $2 WHERE number = $1"
    await rows(clients.stack, shift, number, DAY, service="intake")
    said = await run_cli("clocks", "verify", "--state", state, "--json")
    assert said.exit_code == 1
    (found,) = json.loads(said.output.splitlines()[0])["differences"]
    assert (found["clock"], found["field"]) == (f"{number}.accept", "due_at")
    await rows(clients.stack, shift, number, -DAY, service="intake")


async def test_what_is_late_is_reported_and_healed(unattended: Clients) -> None:
    clients, state = unattended, str(unattended.stack.folder.root)
    await received(clients, 6, lambda index: datetime.now(UTC) - timedelta(days=30 + index))
    said = await run_cli("clocks", "late", "--state", state, "--json")
    assert said.exit_code == 1, said.output
    assert len(json.loads(said.output)["late"]) == 6
    healed = await run_cli("clocks", "late", "--heal", "--state", state, "--json")
    assert healed.exit_code == 0, healed.output
    assert len(json.loads(healed.output)["fired"]) >= 6
    assert (await run_cli("clocks", "late", "--state", state)).exit_code == 0


async def test_a_matter_without_a_workflow_is_an_orphan_and_gets_one(unattended: Clients) -> None:
    clients, state = unattended, str(unattended.stack.folder.root)
    others = json.loads((await run_cli("clocks", "orphans", "--state", state, "--json")).output)["orphans"]
    report = await clients.file_report()
    said = await run_cli("clocks", "orphans", "--state", state, "--json")
    assert sorted(json.loads(said.output)["orphans"]) == sorted([*others, report.name.removeprefix("reports/")])
    assert said.exit_code == 1
    healed = await run_cli("clocks", "orphans", "--heal", "--state", state)
    assert healed.exit_code == 0, healed.output
    async with asyncio.timeout(PATIENCE):
        while (await run_cli("clocks", "orphans", "--state", state)).exit_code:
            await asyncio.sleep(0.3)
