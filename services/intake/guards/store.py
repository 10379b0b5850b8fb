"""Statements of guards: what was spent.

A solution is an entry of `requests`, like every other thing that counts once: whoever spends it first, has it; a second
one waits until the first has committed. Its key begins with the second of its end, so that what is over lies in front.
"""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select

from services.kit.storage import requests
from services.kit.storage.database import Connection
from services.kit.storage.models import StoredRequest

_REGISTER = "challenges of filing"
_AT_ONCE = 100
_OVER = (
    select(StoredRequest.request_id)
    .where(StoredRequest.caller == _REGISTER, StoredRequest.request_id < bindparam("now"))
    .order_by(StoredRequest.request_id)
    .limit(_AT_ONCE)
    .with_for_update(skip_locked=True)
)
_FORGET = delete(StoredRequest).where(StoredRequest.caller == _REGISTER, StoredRequest.request_id.in_(_OVER))


async def spend(connection: Connection, nonce: str, until: int, now: int) -> bool:
    """Spend a challenge that ends at `until`, in seconds of Unix time; return whether it had not been spent before."""
    await connection.execute(_FORGET, {"now": f"{now:012d}"})
    return await requests.claim(connection, _REGISTER, f"{until:012d}-{nonce}", b"") is None
