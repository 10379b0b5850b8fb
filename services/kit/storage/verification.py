"""Verification: recomputes every chain of a service from its events alone and names the first broken link."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg

from casework.chain import GENESIS, chain_hash, content_hash
from casework.names import file_name

HEADS = {"intake": "reports", "mediation": "cases", "escalation": "files"}
"""The table of each service that carries the heads of its chains."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in one service: how much was checked, and the first broken link where there is one."""

    service: str
    cases: int
    events: int
    seals: int
    broken: str = ""


class _BrokenError(Exception):
    pass


async def verify(url: str, service: str) -> Verdict:
    """Return the verdict on one service's history; `url` may be any role's that can read its schema."""
    connection = await asyncpg.connect(url)
    counts = {"cases": 0, "events": 0, "seals": 0}
    try:
        # One snapshot for all of it: what is written meanwhile is left for the next time.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(f"SET LOCAL search_path = {service}, public")
            try:
                await _cases(connection, HEADS[service], counts)
                await _seals(connection, counts)
            except _BrokenError as broken:
                return Verdict(service, counts["cases"], counts["events"], counts["seals"], str(broken))
            return Verdict(service, counts["cases"], counts["events"], counts["seals"])
    finally:
        await connection.close()


async def _cases(connection: asyncpg.Connection, heads: str, counts: dict[str, int]) -> None:
    last_number, sequence, before = "", 0, GENESIS
    known = {
        row["number"]: (row["seq"], bytes(row["head"]))
        async for row in _rows(connection, f"SELECT number, seq, head FROM {heads}")
    }
    query = (
        "SELECT number, seq, kind, unit, occurred_at, actor, payload, content, hash FROM events ORDER BY number, seq"
    )

    def end(number: str) -> None:
        if number and known.pop(number, (0, b"")) != (sequence, before):
            raise _BrokenError(f"{file_name(number)}: the chain ends at event {sequence}, its head says otherwise")

    async for row in _rows(connection, query):
        if row["number"] != last_number:
            end(last_number)
            last_number, sequence, before = row["number"], 0, GENESIS
            counts["cases"] += 1
        before = _link(row, sequence + 1, before)
        sequence += 1
        counts["events"] += 1
    end(last_number)
    for number, (expected, _) in sorted(known.items()):
        if expected:
            raise _BrokenError(f"{file_name(number)}: all {expected} events are gone")


def _link(row: Any, sequence: int, before: bytes) -> bytes:
    name = f"{file_name(row['number'])} event {row['seq']} ({row['kind']})"
    if row["seq"] != sequence:
        raise _BrokenError(f"{name}: event {sequence} is missing before it")
    payload = json.loads(row["payload"])
    content = content_hash(row["number"], row["kind"], row["unit"], row["occurred_at"], row["actor"], payload)
    if content != bytes(row["content"]):
        raise _BrokenError(f"{name}: what it says was changed")
    link = chain_hash(before, sequence, content)
    if link != bytes(row["hash"]):
        raise _BrokenError(f"{name}: its hash does not follow from the event before it")
    return link


async def _seals(connection: asyncpg.Connection, counts: dict[str, int]) -> None:
    seals = await connection.fetch("SELECT last_position, count, hash FROM seals ORDER BY last_position")
    positions = _rows(
        connection,
        "SELECT feed.position, events.hash FROM feed JOIN events ON events.id = feed.event_id ORDER BY feed.position",
    )
    before, position = bytes(32), 0
    for seal in seals:
        digest = hashlib.sha256(before)
        for _ in range(seal["count"]):
            row = await anext(positions, None)
            position += 1
            if row is None or row["position"] != position:
                raise _BrokenError(f"feed position {position}: missing")
            digest.update(bytes(row["hash"]))
        if position != seal["last_position"] or digest.digest() != bytes(seal["hash"]):
            raise _BrokenError(f"seal at feed position {seal['last_position']}: does not match the events it covers")
        before = digest.digest()
        counts["seals"] += 1
    head = await connection.fetchrow("SELECT position, hash FROM feed_head")
    if (head["position"], bytes(head["hash"])) != (position, before):
        raise _BrokenError(f"the feed ends at position {position}, its head says {head['position']}")
    if await anext(positions, None) is not None:
        raise _BrokenError(f"feed position {position + 1}: not covered by any seal")


async def _rows(connection: asyncpg.Connection, query: str) -> AsyncIterator[Any]:
    async for row in connection.cursor(query, prefetch=2000):
        yield row
