"""Statements of intake. Those that find what is alike are in `duplicates`; nothing else knows its tables."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import orjson
from pb.intake.v1 import report_pb2
from sqlalchemy import (
    BigInteger,
    DateTime,
    Integer,
    Select,
    SmallInteger,
    Text,
    all_,
    and_,
    any_,
    bindparam,
    column,
    exists,
    false,
    func,
    insert,
    literal,
    not_,
    or_,
    outerjoin,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import aliased, load_only
from sqlalchemy.sql.dml import ReturningUpdate

from casework import names
from casework.door.report import OPEN, LinkKind, ReportState
from casework.errors import CaseError, Reason
from services.intake.duplicates import copying
from services.intake.grids.models import GridReport
from services.intake.models import (
    Addition,
    Attachment,
    CountedText,
    Counter,
    DeclineReview,
    Erasure,
    Forward,
    Hold,
    Likeness,
    Link,
    PartnerReply,
    Photo,
    Rating,
    Reach,
    Report,
)
from services.intake.reception import Received, first_link
from services.intake.search import store as search
from services.intake.search.signs import store as search_signs
from services.kit.clocks import clocks
from services.kit.clocks.models import LIVE, Clock, ClockEntry
from services.kit.serving.access import Kept
from services.kit.storage import standings
from services.kit.storage.database import Connection, Database
from services.kit.storage.listing import KEPT_FROM, By, Listing, Order
from services.kit.storage.models import CaseStanding, Event, Model, StoredRequest
from services.kit.storage.tables.erasure_tables import ErasureTables

_BLOCK = 50
# Parameters of several statements, each with its type.
_NUMBER = bindparam("number", type_=Text)
_NUMBERS = bindparam("numbers", type_=ARRAY(Text))
_TARGET = bindparam("target", type_=Text)
_AT = bindparam("at", type_=DateTime(timezone=True))
_LIMIT = bindparam("limit", type_=Integer)

_OPEN_MATTER = select(Report.unit, false()).where(Report.number == _NUMBER, Report.state.in_(OPEN))
_OWNER = select(Report.unit).where(Report.number == _NUMBER)


async def open_matter(connection: Connection, number: str) -> tuple[str, bool] | None:
    """Return the unit of a report that awaits acceptance, on which clocks may be started here."""
    return (await connection.execute(_OPEN_MATTER, {"number": number})).first()


async def owner(connection: Connection, number: str) -> str | None:
    """Return the unit that owns the history of a case here; None if there is no report."""
    return await connection.scalar(_OWNER, {"number": number})


_FOLLOW_CASE = (
    update(Report)
    .values(unit=CaseStanding.unit)
    .where(
        CaseStanding.number == func.coalesce(func.nullif(Report.merged_into, ""), Report.number),
        CaseStanding.unit != Report.unit,
        or_(Report.number == any_(_NUMBERS), and_(Report.merged_into == any_(_NUMBERS), Report.merged_into != "")),
    )
)


async def follow_case(connection: Connection, numbers: Sequence[str]) -> None:
    """Move the reports of these cases, and those merged into them, to the units that have the cases now."""
    await connection.execute(_FOLLOW_CASE, {"numbers": numbers})
    await search.follow(connection, numbers)


_HAND_TO = (
    update(Report)
    .where(or_(Report.number == _NUMBER, and_(Report.merged_into == _NUMBER, Report.merged_into != "")))
    .values(unit=bindparam("to", type_=Text), version=Report.version + 1, updated_at=_AT)
    .returning(Report.number)
)


async def hand_to(connection: Connection, number: str, unit: str, at: datetime) -> list[str]:
    """Give a report, with those merged into it, to another unit before acceptance; return their numbers."""
    found = await connection.execute(_HAND_TO, {"number": number, "to": unit, "at": at})
    return sorted(moved for (moved,) in found)


class Numbers:
    """Gives out running numbers per county and year, from blocks taken in advance; a restart leaves a gap."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._free: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._lock = asyncio.Lock()

    async def take(self, series: Sequence[tuple[str, int]]) -> list[names.CaseNumber]:
        """Return one new number for each (county, year) asked for, in that order."""
        async with self._lock:
            wanted = Tally(series)
            missing = {key: count - len(self._free[key]) for key, count in wanted.items()}
            if short := {key: max(count, _BLOCK) for key, count in missing.items() if count > 0}:
                await self._refill(short)
            return [names.case_number(county, year, self._free[county, year].pop()) for county, year in series]

    def give_back(self, series: tuple[str, int], number: names.CaseNumber) -> None:
        """Take back a number that was not used."""
        self._free[series].append(int(number.rsplit("-", 1)[1]))

    async def _refill(self, short: dict[tuple[str, int], int]) -> None:
        # In a fixed order and one transaction: two processes that refill at once wait for each other without deadlock.
        keys = sorted(short)
        parameters = {
            "counties": [county for county, _ in keys],
            "years": [year for _, year in keys],
            "counts": [short[key] for key in keys],
        }
        async with self._database.begin() as connection:
            rows = await connection.execute(_TAKE, parameters)
        for county, year, last in rows:
            # The lowest number is taken first: pop() from the end.
            self._free[county, year] = list(range(last, last - short[county, year], -1)) + self._free[county, year]


_WANTED = func.unnest(
    bindparam("counties", type_=ARRAY(Text)),
    bindparam("years", type_=ARRAY(Integer)),
    bindparam("counts", type_=ARRAY(BigInteger)),
).table_valued("county", "year", "last").render_derived()  # fmt: skip
_ASKED = upsert(Counter).from_select(["county", "year", "last"], select(_WANTED))
_TAKE = _ASKED.on_conflict_do_update(
    index_elements=[Counter.county, Counter.year], set_={"last": Counter.last + _ASKED.excluded.last}
).returning(Counter.county, Counter.year, Counter.last)

_COLUMNS = (
    "number", "seq", "head", "state", "unit", "about", "channel", "category", "area", "latitude", "longitude", "people",
    "amount_fen", "scope", "urgency", "danger", "grade", "triage", "sealed_key", "sealed", "receipt_index",
    "reachable", "anonymity", "for_minor", "source", "source_id", "received_at", "due_at", "due_clock",
    "closed_at", "updated_at",
)  # fmt: skip
_COUNTED = ("number",)
_EVENT = (
    "number", "seq", "kind", "occurred_at", "actor", "unit", "payload", "content", "hash", "wakes", "trace_parent",
    "bulk",
)  # fmt: skip
_REQUEST = ("caller", "request_id", "body_hash", "answer")


_columns_of = itemgetter(*_COLUMNS)


class _Rows(NamedTuple):
    """What is stored for one new report, in the order of each table's columns."""

    report: tuple[Any, ...]
    signs: tuple[str, list[int], int]
    event: tuple[Any, ...]
    clock: tuple[Any, ...] = ()
    entry: tuple[Any, ...] = ()


def _rows_of(each: Received, at: datetime, actor: str, trace: str, *, bulk: bool) -> _Rows:
    event, row = each.event, each.row
    content, link = first_link(event, at, actor)
    row["head"] = link
    payload = orjson.dumps(event.payload).decode()
    told = (event.number, 1, event.kind, at, actor, event.unit, payload, content, link, event.wakes, trace, bulk)
    report = _columns_of(row)
    signs = (event.number, each.signs, len(each.signs))
    if each.clock is None:
        return _Rows(report, signs, told)
    return _Rows(report, signs, told, clocks.columns_of(each.clock), clocks.start_entry(each.clock, at, actor))


def _adding(*tables: tuple[type[Model], Sequence[str]]) -> Select[Report]:
    """Return one statement that adds a report and a row to each of the other tables, and returns the report.

    A parameter is named after its table and its column.
    """
    added = [
        insert(model).values({name: bindparam(f"{model.__tablename__}_{name}") for name in columns})
        for model, columns in tables
    ]
    report = aliased(Report, added[0].returning(Report).cte("report"))
    return select(report).add_cte(*(each.cte(f"added_{place}") for place, each in enumerate(added[1:])))


_REPORT_ROWS = ((Report, _COLUMNS), (Likeness, copying.COLUMNS), (CountedText, _COUNTED), (Event, _EVENT))
_CLOCK_ROWS = ((Clock, clocks.COLUMNS), (ClockEntry, clocks.ENTRY_COLUMNS))
_ADD: dict[bool, Select[Report]] = {False: _adding(*_REPORT_ROWS), True: _adding(*_REPORT_ROWS, *_CLOCK_ROWS)}


def _named(tables: Sequence[tuple[type[Model], Sequence[str]]]) -> tuple[str, ...]:
    return tuple(f"{model.__tablename__}_{name}" for model, columns in tables for name in columns)


_ADDED = {False: _named(_REPORT_ROWS), True: _named((*_REPORT_ROWS, *_CLOCK_ROWS))}


async def add_one(connection: Connection, received: Received, *, at: datetime, actor: str, trace: str) -> Report:
    """Store a new report with its clock and first event, in one statement; return its row."""
    rows = _rows_of(received, at, actor, trace, bulk=received.event.bulk)
    values = (*rows.report, *rows.signs, received.event.number, *rows.event, *rows.clock, *rows.entry)
    clocked = bool(rows.clock)
    return (await connection.execute(_ADD[clocked], dict(zip(_ADDED[clocked], values, strict=True)))).one()


async def add(connection: Connection, received: Iterable[Received], *, at: datetime, actor: str, trace: str) -> None:
    """Store new reports with their clocks and first events, by COPY; their signs follow (`duplicates/counting.py`)."""
    received = list(received)
    # One of many waits its turn; a report filed on its own is handled first.
    many = len(received) > 1
    rows = [_rows_of(each, at, actor, trace, bulk=many or each.event.bulk) for each in received]
    raw = connection.raw
    await raw.copy_records_to_table("reports", records=[each.report for each in rows], columns=_COLUMNS)
    waiting = [(each.event.number,) for each in received]
    await raw.copy_records_to_table("counted_texts", records=waiting, columns=_COUNTED)
    await raw.copy_records_to_table("events", records=[each.event for each in rows], columns=_EVENT)
    if running := [each for each in rows if each.clock]:
        await raw.copy_records_to_table("clocks", records=[each.clock for each in running], columns=clocks.COLUMNS)
        entries = [each.entry for each in running]
        await raw.copy_records_to_table("clock_entries", records=entries, columns=clocks.ENTRY_COLUMNS)


async def remember_all(connection: Connection, answers: Iterable[tuple[str, str, bytes, bytes]]) -> None:
    """Store (caller, request id, body hash, answer) of many commands."""
    raw = connection.raw
    await raw.copy_records_to_table("requests", records=list(answers), columns=_REQUEST)


_EARLIER = select(StoredRequest.request_id, StoredRequest.body_hash, StoredRequest.answer).where(
    StoredRequest.caller == bindparam("caller"), StoredRequest.request_id == any_(bindparam("ids", type_=ARRAY(Text)))
)
_SENT = (
    func.unnest(bindparam("ids", type_=ARRAY(Text)), bindparam("keys", type_=ARRAY(Text)))
    .table_valued("source_id", "request_id")
    .render_derived("sent")
)
# The sender of a row is the actor of the report's first event.
_SOURCED = (
    select(Report.source_id, Report.number, StoredRequest.body_hash)
    .select_from(_SENT)
    .join(Report, and_(Report.source == bindparam("source"), Report.source_id == _SENT.c.source_id))
    .outerjoin(Event, and_(Event.number == Report.number, Event.seq == 1))
    .outerjoin(StoredRequest, and_(StoredRequest.caller == Event.actor, StoredRequest.request_id == _SENT.c.request_id))
)


async def earlier(connection: Connection, caller: str, ids: list[str]) -> dict[str, tuple[bytes, bytes]]:
    """Return body hash and answer of those request ids that were used before."""
    rows = await connection.execute(_EARLIER, {"caller": caller, "ids": ids})
    return {request_id: (body, answer or b"") for request_id, body, answer in rows}


async def sourced(connection: Connection, source: str, keys: dict[str, str]) -> dict[str, tuple[str, bytes | None]]:
    """Return number and body hash of the reports from this source, by their source ids.

    `keys`: request ids by source id; the body hash is that of the row sent with this key, by whomever, None if
    the report came with another key.
    """
    parameters = {"source": source, "ids": list(keys), "keys": list(keys.values())}
    rows = await connection.execute(_SOURCED, parameters)
    return {source_id: (number, body or None) for source_id, number, body in rows}


_GET = select(Report).where(Report.number == _NUMBER)
_LOCK = _GET.with_for_update()


async def get(connection: Connection, number: str) -> Report:
    """Return a report's row; NOT_FOUND where there is none."""
    return _there((await connection.execute(_GET, {"number": number})).first(), names.report_name(number))


_SOUGHT = select(_NUMBER.label("number")).subquery("sought")
_READ = select(
    Report,
    exists().where(GridReport.number == Report.number),
    exists().where(Link.number == Report.number, Link.kind == LinkKind.REPEAT),
    *standings.KEPT,
).select_from(outerjoin(_SOUGHT, Report, Report.number == _SOUGHT.c.number))


class Reading(NamedTuple):
    """What one statement reads of a report: what most reports have nothing of needs none of its own."""

    report: Report | None
    in_grid: bool
    repeats: bool
    kept: Kept
    """The cases that the account who reads is kept from."""


async def read(connection: Connection, number: str, account: str) -> Reading:
    """Return a report's row, None where there is none, and what is to be known before an account may read it."""
    found = (await connection.execute(_READ, {"number": number, "subjects": [account]})).one()
    row, in_grid, repeats, excluded, sided = found
    # An outer join: where there is no report, its columns are empty.
    there = row if row.number else None
    return Reading(there, in_grid, repeats, Kept(frozenset(excluded), frozenset(sided)))


_SOME = select(Report).where(Report.number == any_(_NUMBERS))


async def some(connection: Connection, numbers: Iterable[str]) -> dict[str, Report]:
    """Return the rows of those reports that exist, by number."""
    return {row.number: row for row in await connection.execute(_SOME, {"numbers": sorted(set(numbers))})}


async def lock(connection: Connection, number: str) -> Report:
    """Return a report's row, locked for change; NOT_FOUND where there is none."""
    return _there((await connection.execute(_LOCK, {"number": number})).first(), names.report_name(number))


def _there(row: Report | None, name: str = "") -> Report:
    if row is None:
        raise CaseError(Reason.NOT_FOUND, name)
    return row


async def lock_both(connection: Connection, one: str, other: str) -> None:
    """Lock two reports in a fixed order, so that two links into each other wait and do not deadlock.

    The state of the other one then cannot change until the commit.
    """
    for number in sorted((one, other)):
        await lock(connection, number)


_CHANGED = {"version": Report.version + 1, "updated_at": _AT}
_REDIRECT = (
    update(Report)
    .where(Report.merged_into == _NUMBER, Report.merged_into != "")
    .values(merged_into=_TARGET, **_CHANGED)
)


async def redirect_merged(connection: Connection, number: str, target: str, at: datetime) -> None:
    """Move reports that were merged into this one to the one it is merged into now."""
    await connection.execute(_REDIRECT, {"number": number, "target": target, "at": at})


# What was merged into what, and whose it was then, is in the history: links are changed by later decisions.
_MERGES = (
    select(
        Event.number, Event.unit,
        func.jsonb_extract_path_text(Event.payload, "target", type_=Text).label("target"),
    )
    .join(Report, Report.number == Event.number)
    .where(Event.kind == "ReportMerged", Report.merged_into == _TARGET, Report.merged_into != "")
    .ext(distinct_on(Event.number))
    .order_by(Event.number, Event.seq.desc())
    .cte("merges")
)  # fmt: skip
_FOLLOWED = select(_MERGES.c.number).where(_MERGES.c.target == literal("reports/").concat(_NUMBER)).cte(recursive=True)
_FOLLOWERS = _FOLLOWED.union(
    select(_MERGES.c.number).join(_FOLLOWED, _MERGES.c.target == literal("reports/").concat(_FOLLOWED.c.number))
)
_BRING_BACK = (
    update(Report)
    .where(
        Report.number == _MERGES.c.number, Report.number != _NUMBER, Report.number.in_(select(_FOLLOWERS.c.number))
    )
    .values(merged_into=_NUMBER, unit=_MERGES.c.unit, **_CHANGED)
)  # fmt: skip


async def bring_back(connection: Connection, number: str, target: str, at: datetime) -> None:
    """Move reports that had been merged into this one, and followed it into another one, back to it."""
    await connection.execute(_BRING_BACK, {"number": number, "target": target, "at": at})


_UNIT_THEN = (
    select(Event.unit)
    .where(Event.number == _NUMBER, Event.kind == "ReportMerged")
    .order_by(Event.seq.desc())
    .limit(1)
)  # fmt: skip


async def unit_before_merge(connection: Connection, number: str) -> str | None:
    """Return the unit that had a report when it was merged."""
    return await connection.scalar(_UNIT_THEN, {"number": number})


_STATE_TOLD = (
    select(func.jsonb_extract_path_text(Event.payload, "state", type_=Text))
    .where(Event.number == _NUMBER, Event.kind.in_(("ReportReceived", "ReportVerified", "RefusalSetAside")))
    .order_by(Event.seq.desc())
    .limit(1)
)


async def state_before_merge(connection: Connection, number: str) -> ReportState:
    """Return the state of a report before it was merged."""
    told = await connection.scalar(_STATE_TOLD, {"number": number})
    return ReportState[str(told).removeprefix("REPORT_STATE_")]


_BY_RECEIPT = select(Report).where(Report.receipt_index == bindparam("index"))


async def by_receipt(connection: Connection, index: bytes) -> Report:
    """Return the row of the report with this receipt; NOT_FOUND where there is none."""
    return _there((await connection.execute(_BY_RECEIPT, {"index": index})).first())


_FOUND_BY = frozenset({"state", "sealed"})


@lru_cache(maxsize=64)
def _change(*columns: str) -> ReturningUpdate[Report]:
    values = {**{name: bindparam(name) for name in columns}, **_CHANGED}
    return update(Report).where(Report.number == _NUMBER).values(values).returning(Report)


async def change(connection: Connection, number: str, at: datetime, **columns: object) -> Report:
    """Change columns of a report and return its new row; what it is found by is worked out again, if that changes."""
    if not _FOUND_BY.isdisjoint(columns):
        await search_signs.touch(connection, number)
    return (await connection.execute(_change(*columns), {"number": number, "at": at, **columns})).one()


_INSTANT = DateTime(timezone=True)
_SHORTS = ARRAY(SmallInteger)
_KEPT = bindparam(KEPT_FROM, type_=ARRAY(Text))
LISTED = Listing(
    Report, Report.number, Report.unit.like(bindparam("unit", type_=Text)), Order("receive_time", descending=True),
    {"receive_time": By(Report.received_at, attrgetter("received_at"))},
    {
        "states": Report.state == any_(bindparam("states", type_=_SHORTS)),
        "source": and_(Report.source == bindparam("source", type_=Text), Report.source != ""),
        "overdue_by": Report.due_at < func.coalesce(
            Report.closed_at, Report.decided_at, bindparam("overdue_by", type_=_INSTANT)
        ),
        "categories": Report.category == any_(bindparam("categories", type_=ARRAY(Text))),
        "grades": Report.grade == any_(bindparam("grades", type_=_SHORTS)),
        "channels": Report.channel == any_(bindparam("channels", type_=_SHORTS)),
        "start": Report.received_at >= bindparam("start", type_=_INSTANT),
        "end": Report.received_at < bindparam("end", type_=_INSTANT),
        KEPT_FROM: and_(Report.number != all_(_KEPT), Report.merged_into != all_(_KEPT)),
    },
)  # fmt: skip
"""Lists of reports of a unit pattern."""


_FILED_BY = select(Event.actor).where(Event.number == _NUMBER, Event.seq == 1)


async def filed_by(connection: Connection, number: str) -> str | None:
    """Return who filed a report."""
    return await connection.scalar(_FILED_BY, {"number": number})


_REPORTED_BY = (
    select(
        Report.number, Report.merged_into,
        and_(Report.channel == report_pb2.CHANNEL_APP, Event.actor == bindparam("subject", type_=Text)),
    )
    .join(Event, and_(Event.number == Report.number, Event.seq == 1))
    .where(or_(Report.number == any_(_NUMBERS), and_(Report.merged_into == any_(_NUMBERS), Report.merged_into != "")))
)  # fmt: skip


async def reported_by(
    connection: Connection, numbers: Sequence[str], subject: str
) -> Sequence[tuple[str, str, bool]]:  # fmt: skip
    """Return reports, and those merged into them: number, into which it is merged, whether an account filed it itself.

    Whoever takes a report down at a counter, by telephone or in a grid files it for somebody else.
    """
    return await connection.execute(_REPORTED_BY, {"numbers": numbers, "subject": subject})


_ACCEPTED_BY = (
    select(Event.actor)
    .where(Event.number == _NUMBER, Event.kind == "ReportAccepted")
    .order_by(Event.seq.desc())
    .limit(1)
)


async def accepted_by(connection: Connection, number: str) -> str:
    """Return who accepted a report last; empty if nobody did."""
    return await connection.scalar(_ACCEPTED_BY, {"number": number}) or ""


_FILERS = select(Event.number, Event.actor).where(Event.number == any_(_NUMBERS), Event.seq == 1)
_WITH_CONTENT = (
    select(Report)
    .where(Report.number == any_(_NUMBERS), Report.erased_at.is_(None))
    .order_by(Report.number)
)  # fmt: skip


async def with_content(connection: Connection, numbers: Iterable[str]) -> Sequence[Report]:
    """Return those reports whose content is not erased, by number."""
    return await connection.execute(_WITH_CONTENT, {"numbers": sorted(set(numbers))})


async def filers(connection: Connection, numbers: Iterable[str]) -> dict[str, str]:
    """Return who filed each report, by number."""
    return dict(iter(await connection.execute(_FILERS, {"numbers": sorted(set(numbers))})))


_ACCEPTING = (
    select(Clock)
    .where(Clock.number == _NUMBER, Clock.id.like(bindparam("keys", type_=Text)), Clock.state.in_(LIVE))
    .with_for_update()
)


async def acceptance_clock(connection: Connection, number: str, keys: str) -> Clock | None:
    """Return the clock of acceptance that runs, locked; None where none does. `keys` is a LIKE pattern."""
    return (await connection.execute(_ACCEPTING, {"number": number, "keys": names.clock_id(number, keys)})).first()


_RECORDED = select(Event.occurred_at).where(Event.number == _NUMBER, Event.seq == 1)


async def recorded_at(connection: Connection, number: str) -> datetime:
    """Return when a report was recorded here, whenever it was received."""
    return (await connection.execute(_RECORDED, {"number": number})).one()[0]


_CLOCK_DATE = select(Clock.due_at).where(Clock.id == bindparam("id", type_=Text))


async def clock_date(connection: Connection, clock: str) -> datetime | None:
    """Return the date of a clock."""
    return await connection.scalar(_CLOCK_DATE, {"id": clock})


_WHOSE = select(Report.number, Report.unit, Report.about).where(Report.number == any_(_NUMBERS))


async def whose(connection: Connection, numbers: Iterable[str]) -> Sequence[tuple[str, str, str]]:
    """Return number, unit and unit complained of, of those reports that exist."""
    return await connection.execute(_WHOSE, {"numbers": sorted(numbers)})


_CODES = (
    select(Report)
    .options(
        load_only(
            Report.number, Report.seq, Report.state, Report.unit, Report.area, Report.channel, Report.category,
            Report.grade, Report.received_at, Report.decided_at, Report.closed_at, Report.about,
            Report.reachable, Report.merged_into,
        )
    )
    .where(Report.number == any_(_NUMBERS))
    .order_by(Report.number)
)  # fmt: skip


async def codes_of(connection: Connection, numbers: Iterable[str]) -> Sequence[Report]:
    """Return codes and times of those reports that exist, by number; nothing else."""
    return await connection.execute(_CODES, {"numbers": list(numbers)})


_TOUCHED = (
    select(Report.number, Report.unit)
    .where(or_(Report.number == _NUMBER, Report.merged_into == _NUMBER), Report.erased_at.is_(None))
    .order_by(Report.number)
    .with_for_update(key_share=True)
)
_ERASE = (
    update(Report)
    .where(Report.number == any_(_NUMBERS))
    .values(
        sealed_key=b"", sealed=b"", latitude=None, longitude=None, reachable=False, erased_at=_AT,
        **_CHANGED,
    )
)  # fmt: skip


_MATTER = (
    select(Report.number)
    .where(or_(Report.number == _NUMBER, Report.merged_into == _NUMBER))
    .order_by(Report.number)
)  # fmt: skip
_COUNTS = (
    select(func.count(), func.count().filter(or_(Likeness.signs.is_(None), Likeness.size > 0)))
    .select_from(Report)
    .outerjoin(Likeness, Likeness.number == Report.number)
    .where(or_(Report.number == _NUMBER, Report.merged_into == _NUMBER), Report.erased_at.is_(None))
)


async def matter(connection: Connection, number: str) -> list[str]:
    """Return the numbers of a report and of those merged into it."""
    return [each for (each,) in await connection.execute(_MATTER, {"number": number})]


async def told(connection: Connection, number: str) -> dict[str, int]:
    """Return counts of what an erasure of a report reaches here."""
    reports, forms = (await connection.execute(_COUNTS, {"number": number})).one()
    return {"reports": reports, "search_forms": forms} if reports else {}


_ERASE_ADDITIONS = update(Addition).where(Addition.number == any_(_NUMBERS)).values(sealed=b"")
_ERASE_PHOTOS = update(Photo).where(Photo.number == any_(_NUMBERS)).values(sealed=b"", thumbnail=b"")
_ERASE_ATTACHMENTS = update(Attachment).where(Attachment.number == any_(_NUMBERS)).values(named=b"", sealed=b"")
_ERASE_FORWARDS = (
    update(Forward)
    .where(Forward.number == any_(_NUMBERS))
    .values(reason=b"", answer=None, decision=None)
)  # fmt: skip
_ERASE_REPLIES = update(PartnerReply).where(PartnerReply.report == any_(_NUMBERS)).values(sealed=b"")
_ERASE_RATINGS = update(Rating).where(Rating.number == any_(_NUMBERS)).values(sealed=None)
_ERASE_REVIEWS = (
    update(DeclineReview)
    .where(DeclineReview.number == any_(_NUMBERS), DeclineReview.sealed.is_not(None))
    .values(sealed=b"")
)  # fmt: skip


async def still_told(connection: Connection, number: str) -> dict[str, str]:
    """Return the unit of each report of a matter that is not erased, by number; all are locked."""
    return dict(iter(await connection.execute(_TOUCHED, {"number": number})))


async def erase(connection: Connection, numbers: Iterable[str], at: datetime) -> None:
    """Erase the content of reports: data key, what it sealed, place. Its signs are forgotten by `duplicates`."""
    parameters = {"numbers": list(numbers), "at": at}
    await connection.execute(_ERASE, parameters)
    await connection.execute(_ERASE_ADDITIONS, parameters)
    await connection.execute(_ERASE_REVIEWS, parameters)
    await connection.execute(_ERASE_RATINGS, parameters)
    await connection.execute(_ERASE_FORWARDS, parameters)
    await connection.execute(_ERASE_PHOTOS, parameters)
    await connection.execute(_ERASE_ATTACHMENTS, parameters)
    await connection.execute(_ERASE_REPLIES, parameters)


class Due(NamedTuple):
    """A report that never became a case and whose retention is over."""

    number: str
    state: ReportState
    until: datetime


KEPT = ErasureTables(Erasure, Reach, Hold)
"""Erasures and holds as stored."""
_CLASSES = (
    func.unnest(bindparam("states", type_=ARRAY(SmallInteger)), bindparam("years", type_=ARRAY(Integer)))
    .table_valued(column("state", SmallInteger), column("years", Integer))
    .render_derived("classes")
)
_UNTIL = func.coalesce(Report.decided_at, Report.closed_at, Report.updated_at) + func.make_interval(_CLASSES.c.years)
_HELD = exists().where(Hold.number == Report.number, Hold.lifted_at.is_(None))


@lru_cache(maxsize=2)
def _due(behind: bool) -> Select[*tuple[Any, ...]]:
    found = (
        select(Report.number, Report.state, _UNTIL)
        .join(_CLASSES, Report.state == _CLASSES.c.state)
        .where(
            Report.unit.like(bindparam("unit", type_=Text)), Report.erased_at.is_(None), _UNTIL <= _AT, not_(_HELD)
        )
    )  # fmt: skip
    if behind:
        found = found.where(tuple_(_UNTIL, Report.number) > tuple_(bindparam("mark", type_=_AT.type), _NUMBER))
    return found.order_by(_UNTIL, Report.number).limit(_LIMIT)


async def due(
    connection: Connection, years: Mapping[ReportState, int], unit: str, now: datetime,
    behind: tuple[datetime, str] | None, limit: int,
) -> list[Due]:  # fmt: skip
    """Return reports of a unit pattern whose retention is over, the longest expired first; `years` by state."""
    mark, number = behind or (None, "")
    parameters = {
        "states": list(map(int, years)), "years": list(years.values()), "unit": unit, "at": now, "mark": mark,
        "number": number, "limit": limit,
    }  # fmt: skip
    return [Due(*row) for row in await connection.execute(_due(behind is not None), parameters)]
