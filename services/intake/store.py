"""SQL of intake: the only place that knows its tables."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from casework import names
from casework.door.report import ReportState
from casework.errors import CaseError, Reason
from services.intake.reception import Received, first_link
from services.kit.clocks import clocks
from services.kit.storage.database import Connection, Database, text

_BLOCK = 50
OPEN_MATTER = "SELECT unit, false AS closed FROM reports WHERE number = :number AND state IN (1, 2, 3)"
"""The unit of a matter on which clocks may be started here: a report that waits at the door."""


FOLLOW_CASE = """
    UPDATE reports SET unit = s.unit FROM case_standings s
    WHERE s.number = coalesce(nullif(reports.merged_into, ''), reports.number) AND s.unit <> reports.unit
      AND (reports.number = ANY(CAST(:numbers AS text[]))
           OR reports.merged_into = ANY(CAST(:numbers AS text[])) AND reports.merged_into <> '')
"""
"""A report is whose case it is: with the case it goes to another unit, and so do those that were merged into it."""


class Numbers:
    """Hands out running numbers per county and year, from blocks taken ahead; a restart leaves a gap."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._free: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._lock = asyncio.Lock()

    async def take(self, series: Sequence[tuple[str, int]]) -> list[names.CaseNumber]:
        """Return one new number for each (county, year) asked for, in that order."""
        async with self._lock:
            wanted = Counter(series)
            missing = {key: count - len(self._free[key]) for key, count in wanted.items()}
            if short := {key: max(count, _BLOCK) for key, count in missing.items() if count > 0}:
                await self._refill(short)
            return [names.case_number(county, year, self._free[county, year].pop()) for county, year in series]

    def give_back(self, series: tuple[str, int], number: names.CaseNumber) -> None:
        """Take back a number that was not used."""
        self._free[series].append(int(number.rsplit("-", 1)[1]))

    async def _refill(self, short: dict[tuple[str, int], int]) -> None:
        # In one order and one transaction: two processes that refill at once wait for each other, and never in a ring.
        keys = sorted(short)
        parameters = {
            "counties": [county for county, _ in keys],
            "years": [year for _, year in keys],
            "counts": [short[key] for key in keys],
        }
        async with self._database.begin() as connection:
            rows = await connection.execute(_TAKE, parameters)
        for row in rows:
            key = (row.county, row.year)
            # The lowest number is taken first: pop() from the end.
            self._free[key] = list(range(row.last, row.last - short[key], -1)) + self._free[key]


_TAKE = text("""
    INSERT INTO counters (county, year, last)
    SELECT * FROM unnest(CAST(:counties AS text[]), CAST(:years AS integer[]), CAST(:counts AS bigint[]))
    ON CONFLICT (county, year) DO UPDATE SET last = counters.last + excluded.last
    RETURNING county, year, last
""")

_COLUMNS = (
    "number", "seq", "head", "state", "unit", "about", "channel", "category", "area", "latitude", "longitude", "people",
    "amount_fen", "scope", "urgency", "danger", "grade", "triage", "likeness", "sealed_key", "sealed",
    "receipt_index", "source", "source_id", "received_at", "due_at", "closed_at", "updated_at",
)  # fmt: skip
_EVENT = (
    "number", "seq", "kind", "occurred_at", "actor", "unit", "payload", "content", "hash", "wakes", "trace_parent",
    "bulk",
)  # fmt: skip
_REQUEST = ("caller", "request_id", "body_hash", "answer")


@dataclass(frozen=True, slots=True)
class _Rows:
    """What is stored of one new report, in the order of the columns of each table."""

    report: tuple[Any, ...]
    event: tuple[Any, ...]
    clock: tuple[Any, ...] = ()
    entry: tuple[Any, ...] = ()


def _rows_of(each: Received, at: datetime, actor: str, trace: str, *, bulk: bool) -> _Rows:
    event, row = each.event, each.row
    content, link = first_link(event, at, actor)
    row["head"] = link
    payload = orjson.dumps(event.payload).decode()
    told = (event.number, 1, event.kind, at, actor, event.unit, payload, content, link, event.wakes, trace, bulk)
    report = tuple(row[name] for name in _COLUMNS)
    if each.clock is None:
        return _Rows(report, told)
    return _Rows(report, told, clocks.columns_of(each.clock), clocks.start_entry(each.clock, at, actor))


def _adding(*tables: tuple[str, Sequence[str]]) -> str:
    """Return one statement that adds a row to each table and answers that of the first."""
    parts, taken = [], 0
    for table, columns in tables:
        values = ", ".join(f"${taken + place + 1}" for place in range(len(columns)))
        parts.append(f"added_{table} AS (INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}) RETURNING *)")
        taken += len(columns)
    return f"WITH {', '.join(parts)} SELECT * FROM added_{tables[0][0]}"


_REPORT_ROWS = (("reports", _COLUMNS), ("events", _EVENT))
_CLOCK_ROWS = (("clocks", clocks.COLUMNS), ("clock_entries", clocks.ENTRY_COLUMNS))
_ADD = {False: _adding(*_REPORT_ROWS), True: _adding(*_REPORT_ROWS, *_CLOCK_ROWS)}


async def add_one(connection: Connection, received: Received, *, at: datetime, actor: str, trace: str) -> Any:
    """Store a new report with its clock and first event, in one statement; return its row."""
    rows = _rows_of(received, at, actor, trace, bulk=received.event.bulk)
    values = (*rows.report, *rows.event, *rows.clock, *rows.entry)
    return await connection.raw.fetchrow(_ADD[bool(rows.clock)], *values)


async def add(connection: Connection, received: Iterable[Received], *, at: datetime, actor: str, trace: str) -> None:
    """Store new reports with their clocks and first events, by COPY."""
    received = list(received)
    # One of many waits its turn; what somebody files alone is followed up first.
    many = len(received) > 1
    rows = [_rows_of(each, at, actor, trace, bulk=many or each.event.bulk) for each in received]
    raw = connection.raw
    await raw.copy_records_to_table("reports", records=[each.report for each in rows], columns=_COLUMNS)
    await raw.copy_records_to_table("events", records=[each.event for each in rows], columns=_EVENT)
    if running := [each for each in rows if each.clock]:
        await raw.copy_records_to_table("clocks", records=[each.clock for each in running], columns=clocks.COLUMNS)
        entries = [each.entry for each in running]
        await raw.copy_records_to_table("clock_entries", records=entries, columns=clocks.ENTRY_COLUMNS)


async def remember_all(connection: Connection, answers: Iterable[tuple[str, str, bytes, bytes]]) -> None:
    """Store (caller, request id, body hash, answer) of many commands."""
    raw = connection.raw
    await raw.copy_records_to_table("requests", records=list(answers), columns=_REQUEST)


_EARLIER = text("""
    SELECT request_id, body_hash, answer FROM requests
    WHERE caller = :caller AND request_id = ANY(CAST(:ids AS text[]))
""")
# Who received a report is who sent its row: the actor of its first event.
_SOURCED = text("""
    SELECT reports.source_id, reports.number, requests.body_hash
    FROM unnest(CAST(:ids AS text[]), CAST(:keys AS text[])) AS sent (source_id, request_id)
    JOIN reports ON reports.source = :source AND reports.source_id = sent.source_id
    LEFT JOIN events ON events.number = reports.number AND events.seq = 1
    LEFT JOIN requests ON requests.caller = events.actor AND requests.request_id = sent.request_id
""")


async def earlier(connection: Connection, caller: str, ids: list[str]) -> dict[str, tuple[bytes, bytes]]:
    """Return body hash and answer of those request ids that were used before."""
    rows = (await connection.execute(_EARLIER, {"caller": caller, "ids": ids})).all()
    return {row.request_id: (bytes(row.body_hash), bytes(row.answer)) for row in rows}


async def sourced(connection: Connection, source: str, keys: dict[str, str]) -> dict[str, tuple[str, bytes | None]]:
    """Return number and body hash of the reports that came from this source, by the ids they have there.

    `keys`: request ids by those ids; the body hash is that of the row sent with this key, whoever sent it, None where
    the report came under another key.
    """
    parameters = {"source": source, "ids": list(keys), "keys": list(keys.values())}
    rows = (await connection.execute(_SOURCED, parameters)).all()
    return {row.source_id: (row.number, bytes(row.body_hash) if row.body_hash else None) for row in rows}


_GET = "SELECT * FROM reports WHERE number = :number"


async def get(connection: Connection, number: str) -> Any:
    """Return a report's row; NOT_FOUND where there is none."""
    row = (await connection.execute(text(_GET), {"number": number})).first()
    if row is None:
        raise CaseError(Reason.NOT_FOUND, names.report_name(number))
    return row


async def lock(connection: Connection, number: str) -> Any:
    """Return a report's row, locked for change; NOT_FOUND where there is none."""
    row = (await connection.execute(text(_GET + " FOR UPDATE"), {"number": number})).first()
    if row is None:
        raise CaseError(Reason.NOT_FOUND, names.report_name(number))
    return row


async def lock_both(connection: Connection, one: str, other: str) -> None:
    """Lock two reports in an order of their own, so that two links into each other wait and do not deadlock.

    What is decided on the other's state then holds until the commit.
    """
    for number in sorted((one, other)):
        await lock(connection, number)


async def redirect_merged(connection: Connection, number: str, target: str, at: datetime) -> None:
    """Let reports that were merged into this one follow it to where it is merged now."""
    query = text("""
        UPDATE reports SET merged_into = :target, version = version + 1, updated_at = :at
        WHERE merged_into = :number AND merged_into <> ''
    """)
    await connection.execute(query, {"number": number, "target": target, "at": at})


async def bring_back(connection: Connection, number: str, target: str, at: datetime) -> None:
    """Let reports that had been merged into this one, and followed it into another, come back with it."""
    query = text("""
        WITH RECURSIVE followers (number) AS (
            SELECT number FROM links WHERE target = :number AND kind = 2
            UNION
            SELECT links.number FROM links JOIN followers ON links.target = followers.number AND links.kind = 2
        )
        UPDATE reports SET merged_into = :number, version = version + 1, updated_at = :at
        WHERE merged_into = :target AND number <> :number AND number IN (SELECT number FROM followers)
    """)
    await connection.execute(query, {"number": number, "target": target, "at": at})


async def state_before_merge(connection: Connection, number: str) -> str:
    """Return the name of the state in which a report waited at the door before it was merged."""
    query = text("""
        SELECT replace(payload ->> 'state', 'REPORT_STATE_', '') FROM events
        WHERE number = :number AND kind IN ('ReportReceived', 'ReportVerified') ORDER BY seq DESC LIMIT 1
    """)
    return str(await connection.scalar(query, {"number": number}))


async def by_receipt(connection: Connection, index: bytes) -> Any:
    """Return the row of the report with this receipt; NOT_FOUND where there is none."""
    found = await connection.execute(text("SELECT * FROM reports WHERE receipt_index = :index"), {"index": index})
    row = found.first()
    if row is None:
        raise CaseError(Reason.NOT_FOUND)
    return row


async def change(connection: Connection, number: str, at: datetime, **columns: Any) -> Any:
    """Change columns of a report and return its new row."""
    sets = ", ".join(f"{name} = {_cast(name)}" for name in columns)
    query = f"UPDATE reports SET {sets}, version = version + 1, updated_at = :at WHERE number = :number RETURNING *"
    return (await connection.execute(text(query), {"number": number, "at": at, **columns})).one()


def _cast(column: str) -> str:
    return "CAST(:triage AS jsonb)" if column == "triage" else f":{column}"


async def listed(
    connection: Connection,
    unit: str,
    states: Sequence[int],
    source: str,
    overdue_by: datetime | None,
    behind: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Any]:
    """Return rows newest first, of a unit pattern; `behind` is where the page before ended."""
    where, parameters = ["unit LIKE :unit"], {"unit": unit, "limit": limit}
    if states:
        where.append("state = ANY(CAST(:states AS smallint[]))")
        parameters["states"] = list(states)
    if source:
        where.append("source = :source AND source <> ''")
        parameters["source"] = source
    if overdue_by:
        where.append("due_at < coalesce(closed_at, decided_at, CAST(:now AS timestamptz))")
        parameters["now"] = overdue_by
    if behind:
        where.append("(received_at, number) < (CAST(:at AS timestamptz), :number)")
        parameters.update(at=behind[0], number=behind[1])
    query = f"""SELECT * FROM reports WHERE {" AND ".join(where)}
        ORDER BY received_at DESC, number DESC LIMIT :limit"""
    return (await connection.execute(text(query), parameters)).all()


# The candidates come first, each by its own index: under one condition the planner reads a whole county and compares
# every text in it (at 26,000 reports 700 ms instead of 15).
_ALIKE = text("""
    WITH candidates AS MATERIALIZED (
        SELECT number FROM reports WHERE likeness % :form
        UNION
        (SELECT number FROM reports
         WHERE area <> '' AND area = :area AND category = :category AND received_at > :since
         ORDER BY received_at DESC LIMIT 500)
    )
    SELECT number, state, unit, category, area, received_at,
           similarity(likeness, :form) AS alike, category = :category AS same_category,
           area <> '' AND area = :area AS same_place
    FROM candidates JOIN reports USING (number)
    WHERE number LIKE :county AND number <> :self AND state <> :merged
      AND (about = '' OR :asked_by <> about AND NOT (about NOT LIKE '%-%' AND :asked_by LIKE about || '%'))
      AND NOT EXISTS (
        SELECT 1 FROM links WHERE links.kind = 3
          AND ((links.number = reports.number AND links.target = :self)
            OR (links.target = reports.number AND links.number = :self)))
    ORDER BY 0.7 * similarity(likeness, :form) + CASE WHEN category = :category THEN 0.15 ELSE 0 END
             + CASE WHEN area <> '' AND area = :area THEN 0.15 ELSE 0 END DESC, received_at DESC
    LIMIT :limit
""")


async def alike(
    connection: Connection,
    form: str,
    *,
    self: str,
    county: str,
    category: str,
    area: str,
    since: datetime,
    limit: int,
    asked_by: str,
) -> Sequence[Any]:
    """Return reports of the county that may tell of the same matter, most alike first.

    A text as alike as 0.25, or the same place and category since `since`, makes a candidate. The unit that asks is
    shown no complaint about itself or a unit above it.
    """
    await connection.execute(text("SET LOCAL pg_trgm.similarity_threshold = 0.25"))
    parameters = {
        "form": form,
        "self": self,
        "county": f"{county}-%",
        "category": category,
        "area": area,
        "since": since,
        "merged": int(ReportState.MERGED),
        "limit": limit,
        "asked_by": asked_by,
    }
    return (await connection.execute(_ALIKE, parameters)).all()


_LINK = text("""
    INSERT INTO links (number, target, kind, reason, actor, created_at)
    VALUES (:number, :target, :kind, :reason, :actor, :at)
    ON CONFLICT (number, target) DO UPDATE
    SET kind = excluded.kind, reason = excluded.reason, actor = excluded.actor, created_at = excluded.created_at
""")


async def link(
    connection: Connection, number: str, target: str, kind: int, reason: str, actor: str, at: datetime
) -> None:
    """Store a decision on how two reports hang together; a later decision on the same two replaces it."""
    await connection.execute(
        _LINK, {"number": number, "target": target, "kind": kind, "reason": reason, "actor": actor, "at": at}
    )
