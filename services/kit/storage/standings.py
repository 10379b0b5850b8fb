"""Which unit a case belongs to, in the services that do not own cases: reported by the owner; the last report counts.

No service calls another one while it handles a call. Mediation's feed reports every change; the worker passes it on
within moments. Until then the earlier state counts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pb.access.v1 import standing_pb2 as pb
from pb.access.v1 import standing_pb2_grpc
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    SmallInteger,
    Text,
    any_,
    bindparam,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.orm import InstrumentedAttribute

from casework.case import Outcome
from casework.errors import Reason, field_error
from casework.names import ROOT_UNIT, last, number_of, unit_name
from services.kit.instants import instant, stamp
from services.kit.serving.access import Call, Context, Kept, Part, current_call
from services.kit.storage.database import Connection, Database
from services.kit.storage.models import CaseStanding, Stored

Then = Callable[[Connection, Sequence[str]], Awaitable[None]]
"""A store's function that changes what depends on the unit of these cases."""
TABLE = """
CREATE TABLE case_standings (
    number   text COLLATE "C" PRIMARY KEY,
    seq      bigint NOT NULL,
    unit     text COLLATE "C" NOT NULL,
    about    text COLLATE "C" NOT NULL,
    co_units text[] COLLATE "C" NOT NULL,
    mediator text NOT NULL,
    grants   jsonb NOT NULL
);
COMMENT ON TABLE case_standings IS 'Whose a case is, as its owner told it last; what is older changes nothing.';
"""
CLOSED = """
ALTER TABLE case_standings ADD COLUMN closed boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN case_standings.closed IS 'Whether the case is closed, as its owner told it last.';
"""
EXCLUSIONS = """
ALTER TABLE case_standings ADD COLUMN excluded text[] NOT NULL DEFAULT '{}';
CREATE INDEX case_standings_excluded ON case_standings USING gin (excluded) WHERE excluded <> '{}';
"""
PARTIES = "ALTER TABLE case_standings ADD COLUMN parties text[] NOT NULL DEFAULT '{}';"
SIDED = """
ALTER TABLE case_standings ADD COLUMN sided text[] NOT NULL DEFAULT '{}';
UPDATE case_standings SET sided = parties WHERE parties <> '{}';
CREATE INDEX case_standings_sided ON case_standings USING gin (sided) WHERE sided <> '{}';
"""
ENDS = """
ALTER TABLE case_standings ADD COLUMN outcome smallint NOT NULL DEFAULT 0, ADD COLUMN closed_at timestamptz;
"""
EXPECTED = """
ALTER TABLE case_standings ADD COLUMN expected_at timestamptz;
COMMENT ON COLUMN case_standings.expected_at IS 'By when the case is to be closed, as its owner told it last.';
CREATE INDEX case_standings_closed ON case_standings (closed_at) WHERE closed_at IS NOT NULL;
"""
_TOLD = (
    func.jsonb_to_recordset(bindparam("rows", type_=Stored))
    .table_valued(
        column("number", Text), column("seq", BigInteger), column("unit", Text), column("about", Text),
        column("co_units", ARRAY(Text)), column("mediator", Text), column("grants", JSONB), column("closed", Boolean),
        column("excluded", ARRAY(Text)), column("parties", ARRAY(Text)), column("outcome", SmallInteger),
        column("closed_at", DateTime(timezone=True)), column("expected_at", DateTime(timezone=True)),
        column("sided", ARRAY(Text)),
    )
    .render_derived("told", with_types=True)
)  # fmt: skip
_ADDED = insert(CaseStanding).from_select([column.name for column in _TOLD.c], select(*_TOLD.c))
_RECORD = _ADDED.on_conflict_do_update(
    index_elements=[CaseStanding.number],
    set_={column.name: _ADDED.excluded[column.name] for column in _TOLD.c if column.name != "number"},
    where=CaseStanding.seq <= _ADDED.excluded.seq,
).returning(CaseStanding.number)
_SUBJECTS = bindparam("subjects", type_=ARRAY(Text))


def _numbers_where(accounts: InstrumentedAttribute[list[str]]) -> ColumnElement[list[str]]:
    found = select(CaseStanding.number).where(accounts != literal_column("'{}'"), accounts.contains(_SUBJECTS))
    return func.array(found.scalar_subquery(), type_=ARRAY(Text))


KEPT = (_numbers_where(CaseStanding.excluded), _numbers_where(CaseStanding.sided))
"""The numbers of the cases that `subjects` are excluded from, and of those on a side of which they ever stood: columns
of any statement."""
_KEPT_FROM = select(*KEPT)
_OF = select(CaseStanding).where(CaseStanding.number == any_(bindparam("numbers", type_=ARRAY(Text))))


async def of(connection: Connection, numbers: Sequence[str]) -> Mapping[str, CaseStanding]:
    """Return the standings of those cases that were reported, by number."""
    rows = await connection.execute(_OF, {"numbers": list(numbers)})
    return {row.number: row for row in rows}


async def kept_from(connection: Connection, subject: str) -> Kept:
    """Return the cases that an account is excluded from, and those on a side of which it ever stood."""
    excluded, sided = (await connection.execute(_KEPT_FROM, {"subjects": [subject]})).one()
    return Kept(frozenset(excluded), frozenset(sided))


async def one(connection: Connection, number: str) -> CaseStanding | None:
    """Return the standing of a case; None if it was never reported."""
    return (await of(connection, [number])).get(number)


def parts_of(call: Call, unit: str, standing: CaseStanding | None) -> frozenset[Part]:
    """Return which parts the caller has in a case; `standing` is None while there is only its report."""
    caller, access = call.caller, call.access
    found = {Part.accountable: caller.unit == unit}
    if standing is not None:
        co_units = [each for each in standing.co_units if each != unit and access.knows(each)]
        found[Part.co_unit] = any(access.lies_under(each, caller.unit) for each in co_units)
        found[Part.mediator] = bool(standing.mediator) and standing.mediator == caller.subject
        until = standing.grants.get(caller.subject)
        found[Part.party] = caller.subject in standing.parties
        found[Part.reader] = until is not None and datetime.fromisoformat(until) > call.time.now()
    return frozenset(part for part, is_so in found.items() if is_so)


def allows(call: Call, permission: str, unit: str, standing: CaseStanding | None) -> bool:
    """Return whether the caller has a permission for a matter of a unit, by the role or by a part in its case."""
    if not call.access.depends_on_parts(call.caller, permission, unit):
        return call.access.allows(call.caller, permission, unit)
    return call.access.allows(call.caller, permission, unit, parts_of(call, unit, standing))


class StandingServicer(standing_pb2_grpc.StandingServiceServicer):
    """Records which unit each case belongs to, as its owner reports it. `then` is done for those that changed."""

    def __init__(self, service: str, database: Database, then: Then | None = None) -> None:
        self._service = service
        self._database = database
        self._then = then

    async def RecordStandings(self, request: pb.RecordStandingsRequest, context: Context) -> pb.RecordStandingsResponse:
        """Record the standings of cases; a repeat changes nothing."""
        if request.service != self._service:
            raise field_error("service", Reason.INVALID_FIELD, f"this is {self._service}")
        current_call().require(ROOT_UNIT)
        newest: dict[str, pb.Standing] = {}
        for each in request.standings:
            if each.case not in newest or newest[each.case].sequence <= each.sequence:
                newest[each.case] = each
        rows = [
            {
                "number": number_of(each.case),
                "seq": each.sequence,
                "unit": last(each.unit),
                "about": last(each.about_unit),
                "co_units": [last(unit) for unit in each.co_units],
                "mediator": each.mediator,
                "grants": {grant.holder: instant(grant.expire_time).isoformat() for grant in each.grants},
                "closed": each.closed,
                "excluded": list(each.excluded),
                "parties": list(each.parties),
                "sided": list(each.sided),
                "outcome": each.outcome,
                "closed_at": instant(each.close_time).isoformat() if each.HasField("close_time") else None,
                "expected_at": instant(each.due_time).isoformat() if each.HasField("due_time") else None,
            }
            for _, each in sorted(newest.items())
        ]
        async with self._database.begin() as connection:
            written = [number for (number,) in await connection.execute(_RECORD, {"rows": rows})]
            if self._then is not None and written:
                await self._then(connection, written)
        return pb.RecordStandingsResponse(recorded=len(written))


class Owned(Protocol):
    """What the owner of a case knows of its standing."""

    @property
    def seq(self) -> int: ...
    @property
    def unit(self) -> str: ...
    @property
    def about(self) -> str | None: ...
    @property
    def co_units(self) -> Sequence[str] | None: ...
    @property
    def mediator(self) -> str | None: ...
    @property
    def closed(self) -> bool: ...
    @property
    def excluded(self) -> Sequence[str] | None: ...
    @property
    def parties(self) -> Sequence[str] | None: ...
    @property
    def sided(self) -> Sequence[str] | None: ...
    @property
    def outcome(self) -> Outcome | None: ...
    @property
    def closed_at(self) -> datetime | None: ...
    @property
    def due_at(self) -> datetime | None: ...


def standing(number: str, row: Owned, grants: Iterable[tuple[str, datetime]]) -> pb.Standing:
    """Return the standing of a case, as its owner reports it, and until when its grants are valid."""
    return pb.Standing(
        case=f"cases/{number}",
        sequence=row.seq,
        unit=unit_name(row.unit),
        about_unit=unit_name(row.about or ""),
        co_units=[unit_name(unit) for unit in row.co_units or ()],
        mediator=row.mediator or "",
        grants=[pb.GrantHeld(holder=holder, expire_time=stamp(until)) for holder, until in grants],
        closed=row.closed,
        excluded=row.excluded or (),
        parties=row.parties or (),
        sided=row.sided or (),
        close_time=stamp(row.closed_at),
        due_time=None if row.closed else stamp(row.due_at),
        outcome=row.outcome or 0,
    )
