"""SQL of the parts of clauses: what was performed of them and what followed a default."""

from __future__ import annotations

from typing import Any

from casework import names
from casework.mediation.agreement import AgreementState, ClauseKind
from casework.mediation.fulfilment import Instalment
from services.kit.storage import rows
from services.kit.storage.database import Connection, text
from services.kit.storage.rows import not_found

_PARTS = """
    SELECT i.*, c.kind, c.performer, c.beneficiary, a.form, a.effective_at FROM instalments i
    JOIN clauses c USING (number, agreement, clause) JOIN agreements a USING (number, agreement)
    WHERE i.number = :number AND a.state = :effective
"""
_ORDER = " ORDER BY agreement, clause, instalment"
_EFFECTIVE = int(AgreementState.EFFECTIVE)


async def of_case(connection: Connection, number: str) -> list[Any]:
    """Return the parts of all clauses of the effective agreements of a case, in order."""
    return await connection.execute(text(_PARTS + _ORDER), {"number": number, "effective": _EFFECTIVE})


async def get(connection: Connection, number: str, ids: tuple[int, ...]) -> Any:
    """Return one part of an effective agreement; NOT_FOUND where there is none."""
    query = text(_PARTS + " AND i.agreement = :agreement AND i.clause = :clause AND i.instalment = :instalment")
    key = dict(zip(("agreement", "clause", "instalment"), ids, strict=True))
    found = await connection.execute(query, {"number": number, "effective": _EFFECTIVE, **key})
    return not_found(found.first(), names.instalment_name(number, *ids))


def facts(row: Any) -> Instalment:
    """Return a part as the field knows it."""
    return Instalment(
        ClauseKind(row.kind), row.amount, row.paid, row.due_at, row.begun, row.performed_on, row.defaulted_at
    )


def key_of(row: Any) -> dict[str, Any]:
    """Return the key of a part's row."""
    return {"number": row.number, "agreement": row.agreement, "clause": row.clause, "instalment": row.instalment}


async def change(connection: Connection, row: Any, **columns: Any) -> None:
    """Change columns of a part."""
    await rows.update(connection, "instalments", key_of(row), **columns)


async def performed(connection: Connection, row: Any, **columns: Any) -> None:
    """Write down that something was performed."""
    await rows.insert(connection, "performances", **key_of(row), **columns)


async def pursued(connection: Connection, row: Any, **columns: Any) -> None:
    """Write down what followed a default."""
    await rows.insert(connection, "default_steps", **key_of(row), **columns)


async def performances(connection: Connection, number: str) -> list[Any]:
    """Return everything performed in a case, in order."""
    return await rows.select(connection, "performances", "id", number=number)


async def steps(connection: Connection, number: str) -> list[Any]:
    """Return everything that followed defaults in a case, in order."""
    return await rows.select(connection, "default_steps", "id", number=number)
