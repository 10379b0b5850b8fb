"""Tells authorities what became of the matters they handed over: follows mediation's own feed, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from casework.mediation.docking import Change
from services.kit.composition import Parts
from services.kit.serving.loops import Loop
from services.kit.storage.database import Database
from services.mediation.docking import store
from services.mediation.docking.store import Happened

_STRIDE = 5_000
"""Places of the feed that are looked at in one transaction."""
_PAUSE = 1.0
"""Seconds between two looks."""
STEPS = {
    "DockingHandedOver": Change.HANDED_OVER, "DockingConsented": Change.CONSENTED, "DockingSigned": Change.SIGNED,
    "DockingExtended": Change.EXTENDED, "DockingAgreed": Change.AGREED, "DockingPerformed": Change.PERFORMED,
    "DockingApplied": Change.APPLIED, "DockingReturned": Change.RETURNED, "DockingAnswered": Change.ANSWERED,
}  # fmt: skip
"""Events of dockings, and what changed by each."""
MOVES = frozenset(
    {
        "ClockPaused", "ClockResumed", "ClockExtended", "ClockExtensionRevoked", "ClockMoved", "ClockReopened",
        "ClockRestarted",
    }
)  # fmt: skip
"""Events after which a clock may end at another moment."""
_CLOCK = ".docking-"
"""What the clock of a docking has between the number of its case and its own."""


@dataclass(slots=True)
class Told:
    """What is told of a docking at once."""

    position: int
    at: datetime
    kinds: list[Change] = field(default_factory=list)


async def keep_informing(loop: Loop, parts: Parts) -> None:
    """Look and tell, for as long as the process runs."""
    while True:
        loop.begin()
        more = await inform(parts.database)
        loop.turned()
        if not more:
            await asyncio.sleep(_PAUSE)


async def inform(database: Database) -> bool:
    """Tell what happened since the last look; return whether the feed goes on from there."""
    async with database.begin() as connection:
        place = await store.look(connection, _STRIDE)
        if place is None:
            return False
        after, to, head = place
        for (number, docking), told in gathered(await store.happened(connection, after, to, [*STEPS, *MOVES])).items():
            await store.tell(connection, number, docking, told.position, told.kinds, told.at)
        if to > after:
            await store.looked_at(connection, to)
    return to < head


def gathered(events: Iterable[Happened]) -> Mapping[tuple[str, int], Told]:
    """Return what is told of each docking: what happened to it within a look is one change, at its last place."""
    found: dict[tuple[str, int], Told] = {}
    for event in events:
        docking, change = _change(event)
        if change is None:
            continue
        told = found.setdefault((event.number, docking), Told(event.position, event.at))
        told.position, told.at = event.position, event.at
        if change not in told.kinds:
            told.kinds.append(change)
    return found


def _change(event: Happened) -> tuple[int, Change | None]:
    """Return which docking of its case an event changed, and what of it; None for an event that changed none."""
    payload: Any = event.payload
    if event.kind in STEPS:
        return int(payload["docking"]), STEPS[event.kind]
    clock, moved = str(payload["clock"]), payload.get("due_before") != payload.get("due_at")
    _, is_docking, docking = clock.partition(_CLOCK)
    return (int(docking), Change.TERM_MOVED) if is_docking and moved else (0, None)
