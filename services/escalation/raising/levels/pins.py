"""Ladders that escalations are pinned to: the whole content of each is kept, once."""

from __future__ import annotations

import hashlib

import orjson
from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from casework.supervision.raising.ladder import Ladder, from_data, to_data
from services.escalation.raising.levels.models import PinnedLadder
from services.kit.storage.database import Connection

_KEEP = (
    insert(PinnedLadder)
    .values({name: bindparam(name) for name in ("hash", "name", "version", "content")})
    .on_conflict_do_nothing(index_elements=[PinnedLadder.hash])
)
_GET = select(PinnedLadder.content).where(PinnedLadder.hash == bindparam("hash"))


async def keep(connection: Connection, ladder: Ladder) -> str:
    """Keep a ladder and return what names just this content: 16 hex digits."""
    content = orjson.dumps(to_data(ladder), option=orjson.OPT_SORT_KEYS)
    key = hashlib.sha256(content).hexdigest()[:16]
    parameters = {"hash": key, "name": ladder.name, "version": ladder.version, "content": content.decode()}
    await connection.execute(_KEEP, parameters)
    return key


async def get(connection: Connection, key: str) -> Ladder:
    """Return the ladder an escalation is pinned to."""
    ((content,),) = await connection.execute(_GET, {"hash": key})
    return from_data(content)
