"""Ladders that escalations are pinned to: the whole content of each is stored, once."""

from __future__ import annotations

import hashlib

import orjson

from casework.supervision.raising.ladder import Ladder, from_data, to_data
from services.escalation.raising.levels import store
from services.kit.storage.database import Connection


async def keep(connection: Connection, ladder: Ladder) -> str:
    """Store a ladder and return the hash of its content: 16 hex digits."""
    content = orjson.dumps(to_data(ladder), option=orjson.OPT_SORT_KEYS)
    key = hashlib.sha256(content).hexdigest()[:16]
    await store.pin(connection, key, ladder.name, ladder.version, content.decode())
    return key


async def get(connection: Connection, key: str) -> Ladder:
    """Return the ladder an escalation is pinned to."""
    return from_data(await store.pinned(connection, key))
