"""Another master key: the new one wraps from now on, and what the old one wrapped is wrapped again while all runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from accord.embedded.folder import StackError, write_private
from services.kit.storage.sealing import HeldKey, SealError
from services.kit.storage.verification import HEADS

_BATCH = 500
_ROWS = """
SELECT number, sealed_key FROM {}.{} WHERE number > $1 AND length(sealed_key) > 0 ORDER BY number LIMIT $2
"""
# Erased meanwhile, or given a key meanwhile: then it is not this one any more.
_WRAP = "UPDATE {}.{} SET sealed_key = $3 WHERE number = $1 AND sealed_key = $2"
_NOTE = "UPDATE {}.master_key SET wrapping = $1"


@dataclass
class Count:
    """How many data keys of a service are wrapped by the first key, by an old one, and by none that is here."""

    new: int = 0
    old: int = 0
    lost: int = 0

    @property
    def all(self) -> int:
        """All of them."""
        return self.new + self.old + self.lost


def held(path: Path) -> HeldKey:
    """Return the keys of a file. Raises StackError."""
    try:
        return HeldKey.from_file(path)
    except SealError as error:
        raise StackError(f"{path}: {error}") from None


async def begin(connection: asyncpg.Connection, path: Path) -> HeldKey:
    """Put a new key in front of those in the file; the database notes both before anything is wrapped by the new one.

    Raises StackError while another change is not over.
    """
    now = held(path)
    if now.retired():
        raise StackError(
            f"{path} has an old key already: `accord rekey run`, then `accord rekey retire`, end that change"
        )
    following = now.followed_by(os.urandom(32))
    await note(connection, following)
    write_private(path, following.text())
    return following


async def note(connection: asyncpg.Connection, keys: HeldKey) -> None:
    """Store which keys a service needs from now on: one that has not all of them does not start."""
    for service in HEADS:
        await connection.execute(_NOTE.format(service), list(keys.opens()))


async def walk(
    connection: asyncpg.Connection,
    service: str,
    keys: HeldKey,
    *,
    wrap: bool,
    told: Callable[[Count], None] = lambda _: None,
) -> Count:
    """Count the data keys of a service by the key that wraps them; with `wrap`, wrap those of old keys by the new one.

    A batch at a time, each in a transaction of its own; it may be broken off and repeated.
    """
    count, after, table = Count(), "", HEADS[service]
    while rows := await connection.fetch(_ROWS.format(service, table), after, _BATCH):
        changes = []
        for row in rows:
            bound = row["number"].encode()
            try:
                again = keys.rewrapped(row["sealed_key"], bound)
            except SealError:
                count.lost += 1
                continue
            if again is None or wrap:
                count.new += 1
            else:
                count.old += 1
            if again is not None:
                changes.append((row["number"], row["sealed_key"], again))
        if wrap and changes:
            async with connection.transaction():
                await connection.executemany(_WRAP.format(service, table), changes)
        after = rows[-1]["number"]
        told(count)
    return count


async def retire(connection: asyncpg.Connection, path: Path) -> Path:
    """Take the old keys out of the file once nothing uses them, and put them beside it. Raises StackError otherwise.

    Backups from before the change still need them: whoever deletes the last of those deletes this file.
    """
    keys = held(path)
    if not keys.retired():
        raise StackError(f"{path} has no old key")
    for service in HEADS:
        count = await walk(connection, service, keys, wrap=False)
        if count.old or count.lost:
            raise StackError(
                f"{count.old + count.lost} data keys of {service} are not wrapped by the new key: run first"
            )
    kept = path.with_name(f"{path.name}.retired-{keys.opens()[1]}")
    write_private(kept, path.read_text("ascii"))
    alone = keys.alone()
    await note(connection, alone)
    write_private(path, alone.text())
    return kept
