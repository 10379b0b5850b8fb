"""Counts how many texts have each sign, after filing; computes the signs of imported reports, which have none yet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from casework.door.likeness import prefecture_of
from services.intake.duplicates import store
from services.intake.duplicates.store import Unsigned
from services.intake.reception import Reception
from services.intake.search import store as search
from services.kit.serving.loops import Loop
from services.kit.storage.database import Database
from services.kit.storage.sealing import SealError

log = structlog.get_logger()
_BATCH = 1_000
_PAUSE = 5.0
"""Seconds between two looks. A report filed alone is found at once, and only how rare its signs are comes later."""
_REST = 3
"""How many times as long it rests after a whole batch: whoever imports does not wait for it."""


async def keep_counting(loop: Loop, database: Database, reception: Reception) -> None:
    """Count in batches, for as long as the process runs; of an import, a quarter of the time at most."""
    clock = asyncio.get_running_loop().time
    while True:
        loop.begin()
        began = clock()
        found = await count_some(database, reception)
        loop.turned()
        await asyncio.sleep(_PAUSE if found < _BATCH else min(_PAUSE, _REST * (clock() - began)))


async def count_some(database: Database, reception: Reception) -> int:
    """Count the texts of a batch of reports; return how many there were."""
    async with database.begin() as connection:
        found = await store.uncounted(connection, _BATCH)
        if found:
            unsigned = [each for each in found if not each.signed]
            signed = await asyncio.to_thread(_signed, unsigned, reception) if unsigned else {}
            await store.count(connection, [each.number for each in found], signed)
            await search.mark_new(connection, [each.number for each in found])
    return len(found)


def _signed(found: Sequence[Unsigned], reception: Reception) -> dict[str, list[int]]:
    """Return the signs of reports that have none yet. The text unsealed for it is not kept."""
    return {each.number: _signs(each, reception) for each in found}


def _signs(each: Unsigned, reception: Reception) -> list[int]:
    if each.erased_at is not None or each.sealed_key is None or each.sealed is None:
        return []
    try:
        content = reception.open(each.number, each.sealed_key, each.sealed)
    except SealError:
        # A damaged one must not keep all others from being found.
        log.error("a report cannot be opened; it will not be found as a likely same matter", report=each.number)
        return []
    return reception.signs.signs(content.text, prefecture_of(each.number))
