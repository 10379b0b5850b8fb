"""Statements of safeguards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pb.mediation.v1 import safeguards_pb2 as pb
from sqlalchemy import Integer, Text, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from casework import names
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.sealing import CaseSealer
from services.mediation.models.safeguards import Alert, Screening

_NUMBER = bindparam("number", type_=Text)
_SCREENED = insert(Screening).values({column.name: bindparam(column.name) for column in Screening.__table__.columns})
_SCREEN = _SCREENED.on_conflict_do_update(
    index_elements=[Screening.number, Screening.party],
    set_={name: _SCREENED.excluded[name] for name in ("sealed", "screened_at", "screened_by")},
)
_TOLD = select(Screening.sealed).where(Screening.number == _NUMBER, Screening.sealed.is_not(None))
_TOLD_BY = _TOLD.where(Screening.party == bindparam("party", type_=Integer))
_ALERTS = select(Alert).where(Alert.number == _NUMBER)
_GET = _ALERTS.where(Alert.alert == bindparam("alert", type_=Integer))
_LIST = _ALERTS.order_by(Alert.alert)


async def screen(connection: Connection, number: str, party: int, sealed: bytes, at: datetime, by: str) -> None:
    """Store what a party said in private, replacing what it said before."""
    row = {"number": number, "party": party, "sealed": sealed, "screened_at": at, "screened_by": by}
    await connection.execute(_SCREEN, row)


async def screening(connection: Connection, opener: CaseSealer, number: str, party: int) -> pb.Screening | None:
    """Return what a party said in private; None if it was not asked."""
    sealed = await connection.scalar(_TOLD_BY, {"number": number, "party": party})
    return pb.Screening.FromString(opener.open(sealed)) if sealed else None


async def joint_barred(connection: Connection, opener: CaseSealer, number: str) -> bool:
    """Return whether somebody reported violence and has not asked for joint sessions all the same."""
    told = [
        pb.Screening.FromString(opener.open(sealed))
        for (sealed,) in await connection.execute(_TOLD, {"number": number})
        if sealed is not None
    ]
    return any(each.concern and not each.wants_joint_session for each in told)


async def add_alert(connection: Connection, number: str, at: datetime, **columns: object) -> Alert:
    """Store the request for an alert under the next number of its case; the case must be locked."""
    return await rows.add(connection, Alert, "alert", {"number": number}, requested_at=at, **columns)


async def get_alert(connection: Connection, number: str, alert: int) -> Alert:
    """Return an alert's row; NOT_FOUND where there is none."""
    row = (await connection.execute(_GET, {"number": number, "alert": alert})).first()
    return rows.not_found(row, names.alert_name(number, alert))


async def list_alerts(connection: Connection, number: str) -> Sequence[Alert]:
    """Return the alerts of a case, oldest first."""
    return await connection.execute(_LIST, {"number": number})


async def change_alert(connection: Connection, number: str, alert: int, **columns: object) -> Alert:
    """Change columns of an alert and return its new row."""
    return await rows.update(connection, Alert, {"number": number, "alert": alert}, **columns)
