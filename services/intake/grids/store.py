"""Statements of grids, the roster, and reports from grids."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import (
    Boolean,
    Date,
    DateTime,
    Integer,
    Interval,
    Text,
    any_,
    bindparam,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from casework.door.rounds import Term
from casework.errors import CaseError, Reason
from services.intake.grids.models import Grid, GridReport, GridTraining, GridWorker
from services.intake.models import Report
from services.kit.serving.request.named import missing
from services.kit.storage import rows
from services.kit.storage.database import Connection

_NOW = func.clock_timestamp(type_=DateTime(timezone=True))
_UNIT, _BEHIND = bindparam("unit", type_=Text), bindparam("behind", type_=Text)
_ACCOUNT, _LIMIT = bindparam("account", type_=Text), bindparam("limit", type_=Integer)
_NO = bindparam("worker_no", type_=Integer)
_GRIDS = bindparam("grids", type_=ARRAY(Text(collation="C")))
_ADD = (
    insert(Grid)
    .values({each: bindparam(each) for each in ("grid", "unit", "display_name", "created_at")})
    .on_conflict_do_nothing(index_elements=[Grid.grid])
    .returning(Grid)
)
_GET = select(Grid).where(Grid.grid == bindparam("grid", type_=Text))
_LISTED = (
    select(Grid)
    .where(Grid.unit.like(_UNIT), Grid.closed_at.is_(None), Grid.grid > _BEHIND)
    .order_by(Grid.grid)
    .limit(_LIMIT)
)
_CLOSE = (
    update(Grid)
    .where(Grid.grid == bindparam("which", type_=Text), Grid.closed_at.is_(None))
    .values(closed_at=bindparam("at", type_=DateTime(timezone=True)))
    .returning(true())
)
# All grids of the village: of two entries made at once, the second sees the first.
_LOCK = select(Grid).where(Grid.unit == _UNIT, Grid.closed_at.is_(None)).order_by(Grid.grid).with_for_update()
_WORKER = select(GridWorker).where(GridWorker.unit == _UNIT, GridWorker.worker_no == _NO)
_LOCKED = _WORKER.with_for_update()
# One at a time: of two entries of an account, made at once in two villages, the second sees the first.
_ALONE = select(func.pg_advisory_xact_lock(4213, func.hashtext(_ACCOUNT)))
_TERMS = select(GridWorker).where(GridWorker.account == _ACCOUNT)
_ROSTER = (
    select(GridWorker)
    .where(
        GridWorker.unit.like(_UNIT), or_(_ACCOUNT == "", GridWorker.account == _ACCOUNT),
        or_(bindparam("ended", type_=Boolean), GridWorker.last_on >= bindparam("today", type_=Date)),
        tuple_(GridWorker.unit, GridWorker.worker_no) > tuple_(_BEHIND, _NO),
    )
    .order_by(GridWorker.unit, GridWorker.worker_no)
    .limit(_LIMIT)
)  # fmt: skip
_END_TERM = (
    update(GridWorker)
    .where(GridWorker.unit == _UNIT, GridWorker.worker_no == _NO)
    .values(last_on=bindparam("last", type_=Date), version=GridWorker.version + 1, changed_at=_NOW)
    .returning(GridWorker)
)
_LATELY = literal_column("interval '10 minutes'", Interval())
_CHANGED = (
    select(GridWorker)
    .where(
        or_(not_(bindparam("recent", type_=Boolean)), GridWorker.changed_at > _NOW - _LATELY),
        tuple_(GridWorker.unit, GridWorker.worker_no) > tuple_(_BEHIND, _NO),
    )
    .order_by(GridWorker.unit, GridWorker.worker_no)
    .limit(_LIMIT)
)
_TRAININGS = (
    select(GridTraining)
    .where(GridTraining.unit == any_(bindparam("units", type_=ARRAY(Text(collation="C")))))
    .order_by(GridTraining.held_on.desc(), GridTraining.training.desc())
)
_SEEN = select(GridReport).where(GridReport.number == bindparam("number", type_=Text))
_OWN = (
    select(GridReport)
    .where(
        GridReport.filed_by == _ACCOUNT, GridReport.filed_by != "",
        tuple_(GridReport.received_at, GridReport.number)
        < tuple_(bindparam("at", type_=DateTime(timezone=True)), _BEHIND),
    )
    .order_by(GridReport.received_at.desc(), GridReport.number.desc())
    .limit(_LIMIT)
)  # fmt: skip
_REPORTS = select(Report).where(Report.number == any_(bindparam("numbers", type_=ARRAY(Text(collation="C")))))


async def add(connection: Connection, grid: str, unit: str, name: str, at: datetime) -> Grid:
    """Store a grid and return its row; ALREADY_EXISTS if its code is taken."""
    columns = {"grid": grid, "unit": unit, "display_name": name, "created_at": at}
    row = (await connection.execute(_ADD, columns)).first()
    if row is None:
        raise CaseError(Reason.ALREADY_EXISTS, f"grids/{grid}")
    return row


async def find(connection: Connection, grid: str) -> Grid | None:
    """Return a grid, None if there is none."""
    return (await connection.execute(_GET, {"grid": grid})).first()


async def get(connection: Connection, grid: str) -> Grid:
    """Return a grid; NOT_FOUND if there is none."""
    row = await find(connection, grid)
    if row is None:
        raise missing("name", f"grids/{grid}")
    return row


async def listed(connection: Connection, unit: str, behind: str, limit: int) -> Sequence[Grid]:
    """Return the open grids of a unit pattern, by code."""
    return await connection.execute(_LISTED, {"unit": unit, "behind": behind, "limit": limit})


async def close(connection: Connection, grid: str, at: datetime) -> None:
    """Close a grid; one that is closed stays as it is."""
    await connection.execute(_CLOSE, {"which": grid, "at": at})


async def lock(connection: Connection, unit: str) -> set[str]:
    """Lock the open grids of a village, and return their codes."""
    return {row.grid for row in await connection.execute(_LOCK, {"unit": unit})}


async def appoint(connection: Connection, unit: str, account: str, term: Term) -> GridWorker:
    """Store an entry under the next number of its village, whose grids are locked, and return it."""
    return await rows.add(
        connection, GridWorker, "worker_no", {"unit": unit}, rows.PAGED, account=account, grids=sorted(term.grids),
        first_on=term.first, last_on=term.last,
    )  # fmt: skip


async def worker(connection: Connection, name: str, *, locked: bool = False) -> GridWorker:
    """Return an entry by its name; NOT_FOUND if there is none."""
    unit, _, number = name.removeprefix("gridWorkers/").partition("-")
    key = {"unit": unit, "worker_no": int(number)}
    row = (await connection.execute(_LOCKED if locked else _WORKER, key)).first()
    if row is None:
        raise missing("name", name)
    return row


async def terms_alone(connection: Connection, account: str) -> list[Term]:
    """Return the terms of an account; nobody else enters one before this transaction ends."""
    await connection.execute(_ALONE, {"account": account})
    return await terms(connection, account)


async def terms(connection: Connection, account: str) -> list[Term]:
    """Return the terms of an account, in whatever village."""
    return [term_of(row) for row in await connection.execute(_TERMS, {"account": account})]


def term_of(row: GridWorker) -> Term:
    """Return the term of an entry."""
    return Term(frozenset(row.grids), row.first_on, row.last_on)


async def roster(
    connection: Connection, unit: str, account: str, ended: bool, today: date, behind: tuple[str, int], limit: int
) -> Sequence[GridWorker]:
    """Return entries of a unit pattern, by village and number; with an account, only its own."""
    key = {"unit": unit, "account": account, "ended": ended, "today": today, "behind": behind[0],
           "worker_no": behind[1], "limit": limit}  # fmt: skip
    return await connection.execute(_ROSTER, key)


async def end_term(connection: Connection, row: GridWorker, last: date) -> GridWorker:
    """Set the last day of a term and return the new row."""
    key = {"unit": row.unit, "worker_no": row.worker_no, "last": last}
    return (await connection.execute(_END_TERM, key)).one()


async def changed(
    connection: Connection, recent: bool, behind: tuple[str, int], limit: int
) -> Sequence[GridWorker]:  # fmt: skip
    """Return entries of all villages, by village and number; those that changed lately, or all."""
    key = {"recent": recent, "behind": behind[0], "worker_no": behind[1], "limit": limit}
    return await connection.execute(_CHANGED, key)


async def add_training(connection: Connection, row: GridWorker, title: str, held_on: date) -> None:
    """Store a training of a locked entry."""
    key = {"unit": row.unit, "worker_no": row.worker_no}
    await rows.add(connection, GridTraining, "training", key, 100, title=title, held_on=held_on)


async def trainings(connection: Connection, units: Sequence[str]) -> dict[tuple[str, int], list[GridTraining]]:
    """Return the trainings of the entries of villages, the latest first."""
    found: dict[tuple[str, int], list[GridTraining]] = {}
    for row in await connection.execute(_TRAININGS, {"units": list(units)}):
        found.setdefault((row.unit, row.worker_no), []).append(row)
    return found


async def keep(connection: Connection, number: str, **columns: object) -> GridReport:
    """Store from which grid a report came, when that was seen, and who filed it; return the row."""
    return await rows.insert(connection, GridReport, number=number, **columns)


async def seen(connection: Connection, number: str) -> GridReport | None:
    """Return what is known of a report because it was seen in a grid, None if nothing is."""
    return (await connection.execute(_SEEN, {"number": number})).first()


async def own(
    connection: Connection, account: str, behind: tuple[datetime, str], limit: int
) -> list[tuple[GridReport, Report]]:
    """Return what an account reported as a grid worker, newest first."""
    key = {"account": account, "at": behind[0], "behind": behind[1], "limit": limit}
    found = list(await connection.execute(_OWN, key))
    by_number = {row.number: row for row in await connection.execute(_REPORTS, {"numbers": [r.number for r in found]})}
    return [(each, by_number[each.number]) for each in found]
