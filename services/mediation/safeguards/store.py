"""SQL of safeguards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pb.mediation.v1 import safeguards_pb2 as pb

from casework import names
from casework.errors import CaseError, Reason
from services.kit.storage.database import Connection, text
from services.kit.storage.sealing import CaseSealer

_SCREEN = text("""
    INSERT INTO screenings (number, party, sealed, screened_at, screened_by)
    VALUES (:number, :party, :sealed, :at, :by)
    ON CONFLICT (number, party) DO UPDATE SET sealed = :sealed, screened_at = :at, screened_by = :by
""")
_ADD_ALERT = text("""
    INSERT INTO alerts (number, alert, danger, target, sealed, requested_by, requested_at)
    SELECT :number, coalesce(max(alert), 0) + 1, :danger, :target, :sealed, :by, :at
    FROM alerts WHERE number = :number RETURNING *
""")


async def screen(connection: Connection, number: str, party: int, sealed: bytes, at: datetime, by: str) -> None:
    """Keep what a party said in private, in place of what it said before."""
    await connection.execute(_SCREEN, {"number": number, "party": party, "sealed": sealed, "at": at, "by": by})


async def screening(connection: Connection, opener: CaseSealer, number: str, party: int) -> pb.Screening | None:
    """Return what a party said in private; None where it was not asked."""
    query = text("SELECT sealed FROM screenings WHERE number = :number AND party = :party AND sealed IS NOT NULL")
    sealed = await connection.scalar(query, {"number": number, "party": party})
    return pb.Screening.FromString(opener.open(bytes(sealed))) if sealed else None


async def joint_barred(connection: Connection, opener: CaseSealer, number: str) -> bool:
    """Return whether somebody told of violence and does not want to sit in one room all the same."""
    query = text("SELECT sealed FROM screenings WHERE number = :number AND sealed IS NOT NULL")
    told = [pb.Screening.FromString(opener.open(bytes(row.sealed)))
            for row in await connection.execute(query, {"number": number})]  # fmt: skip
    return any(each.concern and not each.wants_joint_session for each in told)


async def add_alert(connection: Connection, number: str, at: datetime, **columns: Any) -> Any:
    """Keep that an alert is asked for, under the next number of its case; the case must be locked."""
    return (await connection.execute(_ADD_ALERT, {"number": number, "at": at, **columns})).one()


async def get_alert(connection: Connection, number: str, alert: int) -> Any:
    """Return an alert's row; NOT_FOUND where there is none."""
    query = text("SELECT * FROM alerts WHERE number = :number AND alert = :alert")
    row = (await connection.execute(query, {"number": number, "alert": alert})).first()
    if row is None:
        raise CaseError(Reason.NOT_FOUND, names.alert_name(number, alert))
    return row


async def list_alerts(connection: Connection, number: str) -> Sequence[Any]:
    """Return the alerts of a case, oldest first."""
    query = text("SELECT * FROM alerts WHERE number = :number ORDER BY alert")
    return (await connection.execute(query, {"number": number})).all()


async def change_alert(connection: Connection, number: str, alert: int, **columns: Any) -> Any:
    """Change columns of an alert and return its new row."""
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    query = f"""UPDATE alerts SET {sets}, version = version + 1
        WHERE number = :number AND alert = :alert RETURNING *"""
    return (await connection.execute(text(query), {"number": number, "alert": alert, **columns})).one()
