"""Verification: recomputes every chain of a service from its events alone and names the first broken link."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache

import asyncpg
from sqlalchemy import Select, select
from sqlalchemy.orm import load_only

from casework.chain import GENESIS, chain_hash, content_hash
from casework.names import file_name
from services.kit.storage.database import M, compiled
from services.kit.storage.events import heads_of
from services.kit.storage.models import Event, FeedHead, FeedPlace, Seal

HEADS = {"intake": "reports", "mediation": "cases", "escalation": "files"}
"""The table of each service that has the heads of its chains."""


_PREFETCH = 2000
_EVENTS = (
    select(Event)
    .options(
        load_only(
            Event.number, Event.seq, Event.kind, Event.unit, Event.occurred_at, Event.actor, Event.payload,
            Event.content, Event.hash,
        )
    )
    .order_by(Event.number, Event.seq)
)  # fmt: skip
_SEALS = select(Seal).order_by(Seal.last_position)
_PLACES = (
    select(FeedPlace.position, Event.hash).join(Event, Event.id == FeedPlace.event_id).order_by(FeedPlace.position)
)
_HEAD = select(FeedHead.position, FeedHead.hash)


@lru_cache
def _heads(service: str) -> Select[str, int, bytes]:
    heads = heads_of(HEADS[service]).c
    return select(heads.number, heads.seq, heads.head)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result for one service: how much was checked, and the first broken link, if any."""

    service: str
    cases: int
    events: int
    seals: int
    broken: str = ""


class _BrokenError(Exception):
    pass


async def verify(url: str, service: str) -> Verdict:
    """Return the result for one service's history; `url` may be that of any role that can read its schema."""
    connection = await asyncpg.connect(url)
    counts = {"cases": 0, "events": 0, "seals": 0}
    try:
        # One snapshot for all of it: what is written meanwhile is checked next time.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(f"SET LOCAL search_path = {service}, public")
            try:
                await _cases(connection, service, counts)
                await _seals(connection, counts)
            except _BrokenError as broken:
                return Verdict(service, counts["cases"], counts["events"], counts["seals"], str(broken))
            return Verdict(service, counts["cases"], counts["events"], counts["seals"])
    finally:
        await connection.close()


async def _cases(connection: asyncpg.Connection, service: str, counts: dict[str, int]) -> None:
    last_number, sequence, before = "", 0, GENESIS
    known = {number: (seq, head) for number, seq, head in await connection.fetch(compiled(_heads(service)).sql)}

    def end(number: str) -> None:
        if number and known.pop(number, (0, b"")) != (sequence, before):
            raise _BrokenError(f"{file_name(number)}: the chain ends at event {sequence}, its head says otherwise")

    async for row in _rows(connection, _EVENTS):
        if row.number != last_number:
            end(last_number)
            last_number, sequence, before = row.number, 0, GENESIS
            counts["cases"] += 1
        before = _link(row, sequence + 1, before)
        sequence += 1
        counts["events"] += 1
    end(last_number)
    for number, (expected, _) in sorted(known.items()):
        if expected:
            raise _BrokenError(f"{file_name(number)}: all {expected} events are gone")


def _link(row: Event, sequence: int, before: bytes) -> bytes:
    name = f"{file_name(row.number)} event {row.seq} ({row.kind})"
    if row.seq != sequence:
        raise _BrokenError(f"{name}: event {sequence} is missing before it")
    content = content_hash(row.number, row.kind, row.unit, row.occurred_at, row.actor, row.payload)
    if content != row.content:
        raise _BrokenError(f"{name}: what it says was changed")
    link = chain_hash(before, sequence, content)
    if link != row.hash:
        raise _BrokenError(f"{name}: its hash does not follow from the event before it")
    return link


async def _seals(connection: asyncpg.Connection, counts: dict[str, int]) -> None:
    positions = connection.cursor(compiled(_PLACES).sql, prefetch=_PREFETCH).__aiter__()
    before, position = bytes(32), 0
    async for seal in _rows(connection, _SEALS):
        digest = hashlib.sha256(before)
        for _ in range(seal.count):
            row = await anext(positions, None)
            position += 1
            if row is None or row["position"] != position:
                raise _BrokenError(f"feed position {position}: missing")
            digest.update(row["hash"])
        if position != seal.last_position or digest.digest() != seal.hash:
            raise _BrokenError(f"seal at feed position {seal.last_position}: does not match the events it covers")
        before = digest.digest()
        counts["seals"] += 1
    head = await connection.fetchrow(compiled(_HEAD).sql)
    if (head["position"], head["hash"]) != (position, before):
        raise _BrokenError(f"the feed ends at position {position}, its head says {head['position']}")
    if await anext(positions, None) is not None:
        raise _BrokenError(f"feed position {position + 1}: not covered by any seal")


async def _rows(connection: asyncpg.Connection, statement: Select[M]) -> AsyncIterator[M]:
    known = compiled(statement)
    async for row in connection.cursor(known.sql, prefetch=_PREFETCH, record_class=known.record):
        yield row
