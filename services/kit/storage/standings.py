"""Whose a case is, in the services that do not own it: told by its owner, decided by what was told last.

Nothing asks another service while it answers a call. Mediation's feed tells of every change; the worker hands it on
within moments. Until then what was so before holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from pb.access.v1 import standing_pb2 as pb
from pb.access.v1 import standing_pb2_grpc
from sqlalchemy import Executable, Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from casework.errors import Reason, field_error
from casework.names import ROOT_UNIT, last, number_of, unit_name
from services.kit.instants import instant, stamp
from services.kit.serving.access import Call, Part, current_call
from services.kit.storage.database import Connection, Database, prepared, text
from services.kit.storage.events import row_payload
from services.kit.storage.models import CaseStanding

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
_RECORD = text("""
    INSERT INTO case_standings (number, seq, unit, about, co_units, mediator, grants, closed, excluded)
    SELECT number, seq, unit, about, co_units, mediator, grants, closed, excluded
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (
        number text, seq bigint, unit text, about text, co_units text[], mediator text, grants jsonb, closed boolean,
        excluded text[])
    ON CONFLICT (number) DO UPDATE SET
        seq = excluded.seq, unit = excluded.unit, about = excluded.about, co_units = excluded.co_units,
        mediator = excluded.mediator, grants = excluded.grants, closed = excluded.closed,
        excluded = excluded.excluded
    WHERE case_standings.seq <= excluded.seq RETURNING number
""")
EXCLUSIONS = """
ALTER TABLE case_standings ADD COLUMN excluded text[] NOT NULL DEFAULT '{}';
CREATE INDEX case_standings_excluded ON case_standings USING gin (excluded) WHERE excluded <> '{}';
"""
FROM_CASES = "SELECT number FROM case_standings WHERE excluded <> '{}' AND excluded @> ARRAY[CAST(:subject AS text)]"
"""SQL for the cases that an account is excluded from."""
_OF = select(CaseStanding).where(CaseStanding.number == any_(bindparam("numbers", type_=ARRAY(Text))))


async def of(connection: Connection, numbers: Sequence[str]) -> Mapping[str, CaseStanding]:
    """Return whose those of the cases are that were told of, by number."""
    rows = await connection.execute(_OF, {"numbers": list(numbers)})
    return {row.number: row for row in rows}


async def one(connection: Connection, number: str) -> CaseStanding | None:
    """Return whose a case is; None where nothing was told of it."""
    return (await of(connection, [number])).get(number)


def parts_of(call: Call, unit: str, standing: Any) -> frozenset[Part]:
    """Return what a case says that the caller is to it; `standing` is None while there is only its report."""
    caller, access = call.caller, call.access
    found = {Part.accountable: caller.unit == unit}
    if standing is not None:
        co_units = [each for each in standing.co_units if each != unit and access.knows(each)]
        found[Part.co_unit] = any(access.lies_under(each, caller.unit) for each in co_units)
        found[Part.mediator] = bool(standing.mediator) and standing.mediator == caller.subject
        until = row_payload(standing.grants).get(caller.subject)
        found[Part.reader] = until is not None and datetime.fromisoformat(until) > call.time.now()
    return frozenset(part for part, is_so in found.items() if is_so)


class StandingServicer(standing_pb2_grpc.StandingServiceServicer):
    """Takes over from the owner of cases whose they are. `then` is SQL for what follows for `:numbers`."""

    def __init__(self, service: str, database: Database, then: str | Executable = "") -> None:
        self._service = service
        self._database = database
        self._then = None if isinstance(then, str) and not then else prepared(then)

    async def RecordStandings(self, request: pb.RecordStandingsRequest, context: Any) -> pb.RecordStandingsResponse:
        """Record whose cases are; a repeat changes nothing."""
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
            }
            for _, each in sorted(newest.items())
        ]
        async with self._database.begin() as connection:
            written = (await connection.execute(_RECORD, {"rows": orjson.dumps(rows).decode()})).all()
            if self._then is not None and written:
                await connection.execute(self._then, {"numbers": [row.number for row in written]})
        return pb.RecordStandingsResponse(recorded=len(written))


def standing(number: str, row: Any, grants: Iterable[tuple[str, datetime]]) -> pb.Standing:
    """Return whose a case is, as its owner tells it, and until when grants of it hold."""
    return pb.Standing(
        case=f"cases/{number}",
        sequence=row.seq,
        unit=unit_name(row.unit),
        about_unit=unit_name(row.about) if row.about else "",
        co_units=[unit_name(unit) for unit in row.co_units or ()],
        mediator=row.mediator or "",
        grants=[pb.GrantHeld(holder=holder, expire_time=stamp(until)) for holder, until in grants],
        closed=row.closed,
        excluded=row.excluded or (),
    )
