"""The data key of a case: everything sealed for it lies under this one, and goes when it is destroyed."""

from __future__ import annotations

from typing import Any

from casework import names
from casework.errors import CaseError, Reason
from services.kit.database import Connection, text
from services.kit.sealing import CaseSealer, Sealer

_KEEP = text("UPDATE cases SET sealed_key = :key WHERE number = :number AND sealed_key IS NULL")


async def sealing(connection: Connection, sealer: Sealer, case: Any) -> CaseSealer:
    """Return what seals for a locked case; a case that has no data key yet gets one."""
    key = case.sealed_key
    if key is None:
        key = sealer.new_key(case.number)
        await connection.execute(_KEEP, {"number": case.number, "key": key})
    return sealer.under(case.number, bytes(key))


def opening(sealer: Sealer, case: Any) -> CaseSealer:
    """Return what opens for a case; NOT_FOUND where its data key was destroyed."""
    if case.sealed_key is None:
        raise CaseError(Reason.NOT_FOUND, names.case_name(case.number))
    return sealer.under(case.number, bytes(case.sealed_key))
