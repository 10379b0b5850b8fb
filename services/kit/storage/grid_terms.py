"""The terms of grid workers in the services that do not keep the roster: reported by intake; the last report counts."""

from __future__ import annotations

from datetime import date

from pb.access.v1 import grid_terms_pb2 as pb
from pb.access.v1 import grid_terms_pb2_grpc
from sqlalchemy import BigInteger, Date, Text, bindparam, column, func, select
from sqlalchemy.dialects.postgresql import insert

from casework.errors import Reason, field_error
from casework.names import ROOT_UNIT, last
from services.kit import dates
from services.kit.serving.access import Context, current_call
from services.kit.storage.database import Connection, Database
from services.kit.storage.models import KnownGridTerm, Stored

TABLE = """
CREATE TABLE grid_terms (
    entry    text COLLATE "C" PRIMARY KEY,
    version  bigint NOT NULL,
    account  text COLLATE "C" NOT NULL,
    first_on date NOT NULL,
    last_on  date NOT NULL
);
COMMENT ON TABLE grid_terms IS
    'The terms of grid workers, as the roster told them last: account and days, nothing else.';
CREATE INDEX grid_terms_account ON grid_terms (account);
"""
_TOLD = (
    func.jsonb_to_recordset(bindparam("rows", type_=Stored))
    .table_valued(
        column("entry", Text), column("version", BigInteger), column("account", Text), column("first_on", Date),
        column("last_on", Date),
    )
    .render_derived("told", with_types=True)
)  # fmt: skip
_ADDED = insert(KnownGridTerm).from_select([column.name for column in _TOLD.c], select(*_TOLD.c))
_RECORD = _ADDED.on_conflict_do_update(
    index_elements=[KnownGridTerm.entry],
    set_={column.name: _ADDED.excluded[column.name] for column in _TOLD.c if column.name != "entry"},
    where=KnownGridTerm.version < _ADDED.excluded.version,
).returning(KnownGridTerm.entry)
_OF = select(KnownGridTerm.first_on, KnownGridTerm.last_on).where(
    KnownGridTerm.account == bindparam("account", type_=Text)
)


async def of(connection: Connection, account: str) -> list[tuple[date, date]]:
    """Return first and last day of every term of an account."""
    return [(first, until) for first, until in await connection.execute(_OF, {"account": account})]


class GridTermServicer(grid_terms_pb2_grpc.GridTermServiceServicer):
    """Records until when grid workers serve, as the roster reports it."""

    def __init__(self, service: str, database: Database) -> None:
        self._service = service
        self._database = database

    async def RecordGridTerms(self, request: pb.RecordGridTermsRequest, context: Context) -> pb.RecordGridTermsResponse:
        """Record terms; a repeat changes nothing."""
        if request.service != self._service:
            raise field_error("service", Reason.INVALID_FIELD, f"this is {self._service}")
        current_call().require(ROOT_UNIT)
        newest: dict[str, tuple[int, dict[str, object]]] = {}
        for place, each in enumerate(request.terms):
            row: dict[str, object] = {
                "entry": last(each.grid_worker), "version": each.version, "account": each.account,
                "first_on": dates.read(each.first_date, f"terms[{place}].first_date").isoformat(),
                "last_on": dates.read(each.last_date, f"terms[{place}].last_date").isoformat(),
            }  # fmt: skip
            if each.version >= newest.get(each.grid_worker, (0, row))[0]:
                newest[each.grid_worker] = each.version, row
        rows = [row for _, (_, row) in sorted(newest.items())]
        async with self._database.begin() as connection:
            written = list(await connection.execute(_RECORD, {"rows": rows}))
        return pb.RecordGridTermsResponse(recorded=len(written))
