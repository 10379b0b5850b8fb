"""Files of supervision: a letter, a matter of the ledger, a warning. Each has a number, a chain, clocks and a key."""

from __future__ import annotations

from datetime import datetime

from casework import names
from casework.errors import CaseError, Reason
from casework.papers.numbering import year_of
from services.escalation import store
from services.escalation.models import File
from services.kit.storage import numbering
from services.kit.storage.database import Connection
from services.kit.storage.rows import not_found
from services.kit.storage.sealing import CaseSealer, Sealer


async def open_file(connection: Connection, collection: str, unit: str, now: datetime) -> str:
    """Open a file under the next number of its unit's county, and return the number: `letters-620102-2026-000003`.

    The number is taken inside the command's transaction: none is lost or given twice.
    """
    county = names.county_of(unit)
    running = await numbering.running(connection, collection, county, now)
    number = f"{collection}-{names.case_number(county, year_of(now), running)}"
    await store.add(connection, number, unit, now)
    return number


async def lock(connection: Connection, number: str) -> File:
    """Return a file's row, locked: every change of a file takes this lock first. NOT_FOUND if there is none."""
    return not_found(await store.find(connection, number, lock=True), names.file_name(number))


async def get(connection: Connection, number: str) -> File:
    """Return a file's row; NOT_FOUND where there is none."""
    return not_found(await store.find(connection, number), names.file_name(number))


async def writing(connection: Connection, sealer: Sealer, file: File) -> CaseSealer:
    """Return the sealer of a locked file; its data key is created with the first text. DATA_ERASED after erasure."""
    if file.erased_at is not None:
        raise CaseError(Reason.DATA_ERASED, names.file_name(file.number))
    wrapped = (await get(connection, file.number)).sealed_key
    if wrapped is None:
        wrapped = sealer.new_key(file.number)
        await store.keep_key(connection, file.number, wrapped)
    return sealer.under(file.number, wrapped)


def reading(sealer: Sealer, file: File) -> CaseSealer:
    """Return the opener of the sealed texts of a file; DATA_ERASED if its key was destroyed or never created."""
    if file.erased_at is not None or file.sealed_key is None:
        raise CaseError(Reason.DATA_ERASED, names.file_name(file.number))
    return sealer.under(file.number, file.sealed_key)
