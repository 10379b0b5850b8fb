"""The data key of a case: made when the first thing is told, gone when the case's data is erased."""

from __future__ import annotations

from typing import Any

from casework import names
from casework.errors import CaseError, Reason
from services.kit.storage.database import Connection, text
from services.kit.storage.sealing import CaseSealer, Sealer

_KEEP = text("UPDATE cases SET sealed_key = :key WHERE number = :number")


async def writing(connection: Connection, sealer: Sealer, case: Any) -> CaseSealer:
    """Return what seals for a case whose row is locked; its key is made where there is none yet.

    Raises DATA_ERASED where the key was destroyed: nothing personal is taken in again.
    """
    if case.erased_at is not None:
        raise CaseError(Reason.DATA_ERASED, names.case_name(case.number))
    wrapped = case.sealed_key
    if wrapped is None:
        # What was read under the case's lock may be older than what this transaction did since.
        wrapped = await connection.scalar(
            text("SELECT sealed_key FROM cases WHERE number = :number"), {"number": case.number}
        )
    if wrapped is None:
        wrapped = sealer.new_key(case.number)
        await connection.execute(_KEEP, {"number": case.number, "key": wrapped})
    return sealer.under(case.number, bytes(wrapped))


def reading(sealer: Sealer, case: Any) -> CaseSealer:
    """Return what opens the sealed columns of a case; DATA_ERASED where its key was destroyed."""
    if case.erased_at is not None or case.sealed_key is None:
        raise CaseError(Reason.DATA_ERASED, names.case_name(case.number))
    return sealer.under(case.number, bytes(case.sealed_key))
