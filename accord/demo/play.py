"""The play: every report of the day lives its life, all at once, until the last case is closed."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from accord.demo import officials
from accord.demo.arrival import DECLINED, Arrivals, arrive
from accord.demo.board import Board
from accord.demo.cast import Cast, Refused
from accord.demo.handling import Handling
from accord.demo.progress import Progress
from accord.demo.scene import PHASES, Scene
from accord.demo.supervision import Supervision
from accord.embedded.keys import Keys
from accord.generator import MERGED, GeneratedReport, reports
from casework.clocks.calendar import LOCAL
from casework.units import UnitTree
from services.kit.serving.businesstime import BusinessTime

STILL = timedelta(days=40)
"""Business time in which nothing at all is answered after which the play ends: longer than any wait of the day."""
STILL_SECONDS = 600.0
"""And so many real seconds at the least: while the stack answers, the desk works on until all is finished."""

_GENERATED_FOR = date(2026, 11, 24)
_TICK = 0.25


@dataclass(frozen=True)
class Bill:
    """What is played: so many reports of a generated day in a region, told apart by the seed."""

    reports: int
    seed: int
    region: str = "62"


@dataclass
class Played:
    """What was meant, and what the stack answered at the door. All else is read back from the services."""

    arrivals: Arrivals
    names: dict[int, str]
    began_at: datetime
    began_real: datetime
    trouble: list[str]
    unfinished: int
    seconds: float


async def play(
    facts: dict[str, Any], keys: Keys, clock: BusinessTime, units: UnitTree, bill: Bill, progress: Progress
) -> Played:
    """Play the day and return what was meant to happen; ends when all is over, however long that takes."""
    cast = Cast(facts, keys, f"demo-{uuid.uuid4().hex[:8]}")
    scene = Scene(cast, Board(cast), clock, units, bill.seed)
    try:
        await scene.board.begin()
        return await _play(scene, bill, progress)
    finally:
        await cast.close()


async def _play(scene: Scene, bill: Bill, progress: Progress) -> Played:
    began_at, began_real = scene.now(), datetime.now(UTC)
    day = began_at.astimezone(LOCAL).date() + timedelta(days=1)
    told = reports_of(bill, day, scene.units)
    arrivals = Arrivals.of(told)
    scene.total = _totals(arrivals)
    supervision = Supervision(scene)
    with _running(asyncio.create_task(scene.board.follow())), _running(asyncio.create_task(_tick(scene, progress))):
        lives = [asyncio.create_task(_live(scene, supervision, arrivals, each)) for each in told]
        lives.append(asyncio.create_task(officials.enter(scene, told, day)))
        late = await _finished(scene, lives)
        for life in late:
            life.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(supervision.finish(), 30)
    progress.update(scene)
    filed = {
        number: place.result() for number, place in arrivals.filed.items() if place.done() and not place.cancelled()
    }
    seconds = (datetime.now(UTC) - began_real).total_seconds()
    return Played(arrivals, filed, began_at, began_real, scene.trouble, len(late), seconds)


async def _finished(scene: Scene, lives: list[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Wait until all lives are lived, and return those that are not though nothing moved for long: none, if all works.

    However slow the machine is, what is answered is progress.
    """
    still = max(scene.time.real_delay(scene.now() + STILL, scene.now()).total_seconds(), STILL_SECONDS)
    left, answered, since = set(lives), -1, time.monotonic()
    while left:
        _, left = await asyncio.wait(left, timeout=1)
        if scene.cast.answered != answered:
            answered, since = scene.cast.answered, time.monotonic()
        elif time.monotonic() - since > still:
            break
    return left


def reports_of(bill: Bill, day: date, units: UnitTree) -> list[GeneratedReport]:
    """Return the reports, moved to the day on which they are played: a seed gives the same matters at any time."""
    moved = timedelta(days=(day - _GENERATED_FOR).days)
    generated = reports(bill.seed, bill.reports, _GENERATED_FOR, bill.region, units)
    return [replace(told, submitted_at=told.submitted_at + moved) for told in generated]


def _totals(arrivals: Arrivals) -> Counter[str]:
    fates = [arrivals.fate(told) for told in arrivals.by_number.values()]
    cases = sum(fate not in (DECLINED, MERGED) for fate in fates)
    return Counter({phase: len(fates) if phase in ("received", "decided") else cases for phase in PHASES})


async def _live(scene: Scene, supervision: Supervision, arrivals: Arrivals, told: GeneratedReport) -> None:
    random = Random(f"{scene.seed}/{told.number}/life")
    try:
        accepted = await arrive(scene, arrivals, told, random)
        if accepted is not None:
            await Handling(scene, supervision, told, random).carry(accepted)
    except Refused as error:
        scene.trouble.append(f"report {told.number} ({told.outcome}): {error}")


async def _tick(scene: Scene, progress: Progress) -> None:
    while True:
        progress.update(scene)
        await asyncio.sleep(_TICK)


@contextmanager
def _running(task: asyncio.Task[None]) -> Iterator[None]:
    try:
        yield
    finally:
        task.cancel()
