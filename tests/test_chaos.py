"""Chaos: processes are killed at random while cases run and clocks fire; nothing is lost, late or done twice.

The disk runs full as well, and halfway the clock of the machine is set on.

`make chaos` runs it for ten minutes (`CHAOS_SECONDS`), `make test` in its short form. `CHAOS_SEED` repeats a run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pb.mediation.v1 import case_pb2
from temporalio.client import Client

from accord.embedded.folder import StackError, StateFolder, read_json, write_json
from accord.embedded.pace import pace_settings
from accord.embedded.rebuild import client_settings
from accord.embedded.stack import Stack
from services.kit.clocks.clockwork import Clockwork
from services.kit.clocks.verification import differences
from services.kit.storage.database import Database
from services.kit.storage.migration import SERVICES
from tests.disks import a_disk, fill
from tests.patience import PATIENCE
from tests.people import People
from tests.scratch import Scratch
from tests.still import shipped_rules
from tests.test_faults import rows, running, sound
from workflows.backends import Backends
from workflows.nets import net

KILLED = ("intake", "mediation", "escalation", "worker", "relay", "gateway", "temporal", "postgres")
SPEED = 20_000.0
"""A day in 4.3 seconds: limits of days pass while one waits, and what is killed is back within hours."""
SHORT = 16.0
LONG = 1800.0
"""Seconds somebody waits here for what others have to do: with a thousand matters at this speed there is a queue."""
CALM = 2_000.0
"""The pace of the last part, a day in 43 seconds: what is left over is done before more comes than a machine can do."""
LEAP = timedelta(seconds=6)
"""How far the clock is set on between two starts."""


async def run_full(disk: Path, seconds: float) -> None:
    """Let the disk be full to the last byte for a while."""
    filler = await asyncio.to_thread(fill, disk)
    await asyncio.sleep(seconds)
    filler.unlink()


async def break_things(stack: Stack, disk: Path, chance: random.Random, seconds: float) -> Counter[str]:
    """Kill something every second or two, sometimes two at once, until the time is up; return what was killed.

    Once in a while it is the disk that runs full instead; the first time early on, so that no run is without.
    """
    loop = asyncio.get_running_loop()
    end, killed = loop.time() + seconds, Counter[str]()
    await run_full(disk, chance.uniform(0.5, 3.0))
    killed["disk"] += 1
    while loop.time() < end:
        if chance.random() < 0.05:
            await run_full(disk, chance.uniform(0.5, 5.0))
            killed["disk"] += 1
            continue
        names = chance.sample(KILLED, chance.choice((1, 1, 1, 2)))
        pids = {}
        for name in names:
            with contextlib.suppress(StackError):  # it is down already: the disk was full
                pids[name] = await asyncio.to_thread(stack.kill, name)
        for name, pid in pids.items():
            killed[name] += 1
            await asyncio.to_thread(stack.await_restart, name, pid, PATIENCE)
        await asyncio.sleep(chance.uniform(0.2, 2.0))
    return killed


async def live(people: People, chance: random.Random) -> None:
    """File a matter and do what comes to somebody's mind: settle it, pause and resume it, or let it lie."""
    report = await people.file(category="categories/labour", people_affected=8)
    fate = chance.random()
    if fate < 0.2:
        return  # nobody ever looks at it
    if fate < 0.3:
        await people.decline(report)
        return
    name = await people.accept(report)
    clock = f"clocks/mediation/{name.removeprefix('cases/')}.close"
    if fate < 0.6:
        await people.pause(clock, "illness")
        await asyncio.sleep(chance.uniform(0, 4))
        await people.resume(clock)
    if fate < 0.5:
        return  # begun, and left to lie
    await asyncio.sleep(chance.uniform(0, 4))
    await people.close(name, case_pb2.OUTCOME_WITHDRAWN)


async def quiet(stack: Stack) -> None:
    """Wait until no rung of any clock is due and unfired, and every breach has been escalated as far as it goes.

    Days pass in seconds, and a machine that is busy falls behind them: as long as anything moves it is waited for.
    """
    settings = client_settings(stack.folder)
    backends = Backends.of(settings)
    unraised = """SELECT b.clock FROM (SELECT 'intake' AS owner, * FROM intake.clock_rungs UNION ALL
        SELECT 'mediation', * FROM mediation.clock_rungs) AS b
        WHERE consequence = 'escalate' AND NOT EXISTS (SELECT FROM escalation.requests AS r
            WHERE r.request_id = 'clocks/' || b.owner || '/' || b.clock || '/' || b.rung)"""
    heads = " UNION ALL ".join(f"SELECT position FROM {service}.feed_head" for service in SERVICES)
    moved: Any = None
    try:
        async with asyncio.timeout(PATIENCE) as patience:
            while True:
                # What fires is done within minutes; what is hours late is stuck.
                late, left = await net.late(backends, settings, grace=43_200), await rows(stack, unraised)
                if not late and not left:
                    return
                now = ([row["position"] for row in await rows(stack, heads)], len(left))
                if now != moved:
                    moved = now
                    patience.reschedule(asyncio.get_running_loop().time() + PATIENCE)
                await asyncio.sleep(0.5)
    finally:
        await backends.close()


async def check(stack: Stack) -> dict[str, int]:
    """Check what must hold whatever was killed, and return how much there was to check."""
    await sound(stack)
    counts = Counter[str]()
    for service in SERVICES:
        # In one statement, since more fires meanwhile.
        claims = await rows(
            stack,
            f"""SELECT clock, rung, fired_at >= due_at AS due, coalesce(told, 0) AS told FROM {service}.clock_rungs
            FULL JOIN (SELECT split_part(payload->>'clock', '/', 3) AS clock, payload->>'rung' AS rung, count(*) AS told
                FROM {service}.events WHERE payload ? 'rung' AND payload ? 'late_by_seconds' GROUP BY 1, 2) AS events
            USING (clock, rung)""",
        )
        assert all(row["told"] == 1 for row in claims), f"{service}: a rung was told twice or not at all"
        assert all(row["due"] for row in claims), f"{service}: a rung fired before it was due, or was never claimed"
        counts["rungs"] += len(claims)
        database = Database(Scratch.main(stack).url, 2, schema=service)
        try:
            async for each in differences(database, Clockwork(shipped_rules(ROOT / "rules"))):
                assert isinstance(each, int), each
                counts["clocks"] += each
        finally:
            await database.close()
    twice = "SELECT unit, subject, kind FROM escalation.letters GROUP BY 1, 2, 3 HAVING count(*) > 1"
    assert not await rows(stack, twice), "a rule drafted a letter twice"
    counts["letters"] = (await rows(stack, "SELECT count(*) FROM escalation.letters"))[0][0]
    client = await Client.connect(f"127.0.0.1:{stack.ports['temporal']}")
    backends = Backends.of(client_settings(stack.folder))
    try:
        async with asyncio.timeout(PATIENCE):
            while orphans := await net.orphans(client, backends):
                print(f"{len(orphans)} orphans, healing")
                await asyncio.to_thread(_rebuild, stack)
                await asyncio.sleep(1)
    finally:
        await backends.close()
    return dict(counts)


def set_on(folder: StateFolder) -> None:
    """Do as if the machine's clock had been set on between two starts: business time leaps by more than a day."""
    pace = read_json(folder.root / "pace.json")
    assert pace
    epoch = datetime.fromisoformat(pace["epoch"]) - LEAP
    write_json(folder.root / "pace.json", pace | {"epoch": epoch.isoformat()})


def calm_down(folder: StateFolder) -> None:
    """Let business time run on from where it is at the pace of the last part."""
    pace = read_json(folder.root / "pace.json")
    assert pace
    now, epoch = datetime.now(UTC), datetime.fromisoformat(pace["epoch"])
    ahead = (now - epoch) * (pace["speed"] - 1)
    write_json(folder.root / "pace.json", {"speed": CALM, "epoch": (now - ahead / (CALM - 1)).isoformat()})


ROOT = Path(__file__).resolve().parent.parent


def _rebuild(stack: Stack) -> None:
    from accord.embedded.rebuild import rebuild

    rebuild(stack.folder.root)


async def cases_come(people: People, chance: random.Random, breaking: asyncio.Task[Any]) -> int:
    """Let people come for as long as things break; return how many came."""
    living = []
    while not breaking.done():
        living.append(asyncio.create_task(live(people, random.Random(chance.random()))))
        await asyncio.sleep(chance.uniform(0.1, 0.5))
    await asyncio.gather(*living)
    return len(living)


@pytest.mark.chaos
async def test_whatever_is_killed_every_clock_fires_once_and_no_case_is_stuck(tmp_path: Path) -> None:
    seed = int(os.environ.get("CHAOS_SEED") or random.randrange(1_000_000))
    seconds = float(os.environ.get("CHAOS_SECONDS") or SHORT)
    print(f"CHAOS_SEED={seed} CHAOS_SECONDS={seconds:g}")
    chance, killed, came = random.Random(seed), Counter[str](), 0
    with a_disk(tmp_path / "disk", "1500m") as disk:
        state = disk / "state"
        for _ in range(2):
            async with running(state, pace_settings(StateFolder.at(state), SPEED)) as (stack, clients):
                breaking = asyncio.create_task(break_things(stack, disk, chance, seconds / 2))
                came += await cases_come(People(clients, seed=seed, patience=LONG), chance, breaking)
                killed += breaking.result()
            # Once in the middle and once at the end, everything the engine knew is lost.
            for path in state.glob("temporal.db*"):
                path.unlink()
            set_on(StateFolder.at(state))
        calm_down(StateFolder.at(state))
        async with running(state, pace_settings(StateFolder.at(state), CALM)) as (stack, _):
            await quiet(stack)
            counts = await check(stack)
    told = ", ".join(f"{counts[what]} {what}" for what in ("clocks", "rungs", "letters"))
    print(f"{came} matters, {told}; killed: {dict(killed)}")
    assert counts["rungs"] > 0
    assert counts["letters"] > 0
