"""Ladders that escalations are pinned to: the whole content of each is kept, once."""

from __future__ import annotations

import hashlib

import orjson

from casework.supervision.raising.ladder import Ladder, from_data, to_data
from services.kit.storage.database import Connection, text

_KEEP = text("""
    INSERT INTO ladders (hash, name, version, content)
    VALUES (:hash, :name, :version, CAST(:content AS jsonb)) ON CONFLICT (hash) DO NOTHING
""")
_GET = text("SELECT content FROM ladders WHERE hash = :hash")


async def keep(connection: Connection, ladder: Ladder) -> str:
    """Keep a ladder and return what names just this content: 16 hex digits."""
    content = orjson.dumps(to_data(ladder), option=orjson.OPT_SORT_KEYS)
    key = hashlib.sha256(content).hexdigest()[:16]
    parameters = {"hash": key, "name": ladder.name, "version": ladder.version, "content": content.decode()}
    await connection.execute(_KEEP, parameters)
    return key


async def get(connection: Connection, key: str) -> Ladder:
    """Return the ladder an escalation is pinned to."""
    content = await connection.scalar(_GET, {"hash": key})
    return from_data(orjson.loads(content) if isinstance(content, str) else content)
