"""The event log of a service: appending to a case's chain, and sealing committed events into the feed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from casework.chain import content_hash
from services.kit.storage.catalogue import catalogue
from services.kit.storage.database import Connection, Database, text


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that happened to a case. `unit` is whose matter it is; `wakes` whether its workflow must hear of it.

    `bulk` says that it came with many others or from a machine: what a person did is followed up first. The payload is
    handed in as the code has it, enums, instants and days as such; the catalogue says how it is written.
    """

    number: str
    kind: str
    unit: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    wakes: bool = False
    bulk: bool = False
    firing: Any = field(default=None, repr=False, compare=False)
    """The rung of a clock whose firing it reports."""


class EventLog:
    """Appends a service's events. `heads` is its table with one row a case, which carries the chain's head."""

    def __init__(self, service: str, heads: str) -> None:
        self._service = service
        # The head's row lock orders the events of a case; PostgreSQL computes what casework.chain.chain_hash computes.
        self._append = text(f"""
            WITH head AS (
                UPDATE {heads} SET seq = seq + 1, head = sha256(head || int8send(seq + 1) || :content)
                WHERE number = :number RETURNING seq, head
            )
            INSERT INTO events
                (number, seq, kind, occurred_at, actor, unit, payload, content, hash, wakes, trace_parent, bulk)
            SELECT :number, head.seq, :kind, :at, :actor, :unit, CAST(:payload AS jsonb), :content, head.head,
                   :wakes, :trace, :bulk
            FROM head RETURNING seq
        """)

        self._lock = text(f"SELECT FROM {heads} WHERE number = :number FOR NO KEY UPDATE")

    async def lock(self, connection: Connection, number: str) -> None:
        """Lock a case until the end of the transaction: the first lock of all that change anything of a case."""
        await connection.execute(self._lock, {"number": number})

    async def append(
        self, connection: Connection, events: list[NewEvent], *, at: datetime, actor: str, trace: str
    ) -> int:
        """Append the events, in order, inside the caller's transaction; return the last one's number in its case."""
        seq = 0
        for event in events:
            payload = catalogue(self._service).written(event.kind, event.payload)
            parameters = {
                "number": event.number,
                "kind": event.kind,
                "at": at,
                "actor": actor,
                "unit": event.unit,
                "payload": orjson.dumps(payload).decode(),
                "content": content_hash(event.number, event.kind, event.unit, at, actor, payload),
                "wakes": event.wakes,
                "trace": trace,
                "bulk": event.bulk or event.kind.startswith("Clock"),
            }
            found = (await connection.execute(self._append, parameters)).scalar()
            if found is None:
                raise LookupError(f"no case {event.number} to append to")
            seq = int(found)
        return seq


# Everything in one statement, so that the snapshot that is remembered is the one the events were read with: the next
# pass takes exactly the transactions that were committed between the two. A transaction that is still running is left
# for the pass after its commit, however slow it is, and holds nobody up. What was committed between the same two passes
# is ordered by when it was written. A pass that finds nothing writes nothing.
_SEAL = """
    WITH fresh AS (
        SELECT (SELECT position FROM feed_head) + row_number() OVER (ORDER BY id) AS position, id, hash
        FROM events WHERE {committed_since}
    ),
    placed AS (INSERT INTO feed (position, event_id) SELECT position, id FROM fresh ORDER BY position),
    seal AS (
        SELECT max(position) AS last, count(*) AS count,
               sha256((SELECT hash FROM feed_head) || string_agg(hash, ''::bytea ORDER BY position)) AS hash
        FROM fresh HAVING count(*) > 0
    ),
    sealed AS (INSERT INTO seals (last_position, count, hash) SELECT last, count, hash FROM seal)
    UPDATE feed_head
    SET snapshot = pg_current_snapshot(),
        position = coalesce((SELECT last FROM seal), feed_head.position),
        hash = coalesce((SELECT hash FROM seal), feed_head.hash),
        cluster = (SELECT system_identifier::text FROM pg_control_system())
    WHERE {worth_writing}
    RETURNING position
"""
# Scalars, so that every pass is a look into the indexes however long the history is. A snapshot with transactions under
# way is replaced once they have ended, or passes would go over all that was committed since the oldest of them. Its
# place is asked for because the transaction numbers of a cluster this was restored from come round again here.
_SEAL_NEW = text(
    _SEAL.format(
        committed_since="""xid >= (SELECT pg_snapshot_xmin(snapshot) FROM feed_head)
            AND xid < pg_snapshot_xmax(pg_current_snapshot())
            AND NOT pg_visible_in_snapshot(xid, (SELECT snapshot FROM feed_head))
            AND (SELECT true FROM feed WHERE feed.event_id = events.id) IS NULL""",
        worth_writing="""EXISTS (SELECT FROM seal)
            OR pg_snapshot_xmin(feed_head.snapshot) < pg_snapshot_xmax(feed_head.snapshot)""",
    )
)
# After a dump was restored into another cluster, old transaction numbers mean nothing: take what has no place yet.
_SEAL_RESTORED = text(
    _SEAL.format(
        committed_since="NOT EXISTS (SELECT 1 FROM feed WHERE feed.event_id = events.id)", worth_writing="true"
    )
)
_STANDING = text("""
    SELECT position, cluster = (SELECT system_identifier::text FROM pg_control_system()) AS same_cluster FROM feed_head
""")
_ONE_AT_A_TIME = text("SELECT pg_try_advisory_xact_lock(4209, hashtext(current_schema()))")


class FeedSealer:
    """Gives committed events their positions. One at a time per service, whichever process holds the lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def seal(self) -> int | None:
        """Seal what was committed since the last pass; return the feed's last position, None if another one seals."""
        async with self._database.begin() as connection:
            if not await connection.scalar(_ONE_AT_A_TIME):
                return None
            # Asked every time: a service outlives the cluster it is connected to.
            standing = (await connection.execute(_STANDING)).one()
            position = await connection.scalar(_SEAL_NEW if standing.same_cluster else _SEAL_RESTORED)
        return int(standing.position if position is None else position)


async def head_position(database: Database) -> int:
    """Return the feed's last position."""
    async with database.read() as connection:
        return int(await connection.scalar(text("SELECT position FROM feed_head")))


def row_payload(value: Any) -> Any:
    """Return a payload as stored: asyncpg hands jsonb out as text."""
    return orjson.loads(value) if isinstance(value, str) else value
