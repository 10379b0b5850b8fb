"""What a service checks at its start: the schema, the master key that sealed it, and the units its cases belong to.

A schema that does not fit and another key are refused before anything is served. Units that are not in the list are
logged: their cases are reached from above.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache

import asyncpg
import structlog
from prometheus_client import Gauge
from sqlalchemy import ColumnElement, Integer, Select, bindparam, column, func, select, true
from sqlalchemy.dialects.postgresql import insert

from casework.case import Stage
from casework.door.report import OPEN
from casework.errors import CaseError
from casework.units import UnitTree, is_code
from services.kit.storage.database import Database, text
from services.kit.storage.events import heads_of
from services.kit.storage.models import KnownKey
from services.kit.storage.sealing import Sealer, SealError
from services.kit.storage.verification import HEADS

_RETRY = 0.5
_SCHEMA = text("SELECT version_num, obj_description(to_regclass('alembic_version'), 'pg_class') FROM alembic_version")
_KNOWN = select(KnownKey.fingerprint)
_WRAPPING = select(KnownKey.wrapping)
_KEEP = insert(KnownKey).values(fingerprint=bindparam("fingerprint")).on_conflict_do_nothing()

MISSING = Gauge("accord_units_missing", "Units that have matters and are neither in the list nor retired.", ["open"])

_OPEN: dict[str, ColumnElement[bool]] = {
    "intake": column("state", Integer).in_(sorted(OPEN)),
    "mediation": column("stage", Integer) != Stage.CLOSED,
    "escalation": true(),
}
"""What an open case is in the table of each service that has the heads of its chains."""

log = structlog.get_logger()


class WrongKeyError(SealError):
    """This database was sealed with another master key."""


async def check_key(database: Database, service: str, sealer: Sealer) -> None:
    """Compare the master key's fingerprint with the stored one; the first key's fingerprint is stored.

    In a database from before fingerprints, one of its keys is opened instead. Raises WrongKeyError.
    """
    own = sealer.fingerprint()
    async with database.begin() as connection:
        if await connection.scalar(_KNOWN) is None:
            for number, wrapped in await connection.execute(_sample(service)):
                _must_open(sealer, number, wrapped)
            await connection.execute(_KEEP, {"fingerprint": own})
        known = str(await connection.scalar(_KNOWN))
        missing = set(await connection.scalar(_WRAPPING) or [known]) - set(sealer.opens())
    if known == own and missing:
        raise WrongKeyError(
            f"{service}'s database has data keys that {missing.pop()} wraps, and that key is not here: put the file of "
            "keys back that `accord rekey` wrote; nothing was changed"
        )
    if known != own:
        raise WrongKeyError(
            f"this is not the key that {service}'s database was sealed with: its fingerprint is {own}, the database "
            f"has {known}; put the right key back, nothing was changed"
        )


@lru_cache
def _sample(service: str) -> Select[str, bytes]:
    heads = heads_of(HEADS[service]).c
    return select(heads.number, heads.sealed_key).where(heads.sealed_key.is_not(None)).limit(1)


def _must_open(sealer: Sealer, number: str, wrapped: bytes) -> None:
    try:
        sealer.under(number, wrapped)
    except SealError:
        raise WrongKeyError("this is not the key that the database was sealed with; put the right key back") from None


class WrongSchemaError(Exception):
    """This program cannot serve this database."""


async def check_schema(database: Database, service: str) -> None:
    """Compare the schema with the migrations that this program knows. Raises WrongSchemaError that names both."""
    async with database.read() as connection:
        there, comment = (await connection.execute(_SCHEMA)).one()
    # Imported here: whoever serves needs the migrations once, and everything that reads them never again.
    from services.kit.storage.migration import misfit

    why = misfit(service, str(there), str(comment or ""))
    if why:
        raise WrongSchemaError(why)


async def await_right_key(database: Database, service: str, sealer: Sealer) -> None:
    """Check schema and key as soon as the database answers; end the process if key or database is the wrong one."""
    while True:
        try:
            await check_schema(database, service)
            return await check_key(database, service, sealer)
        except WrongSchemaError as error:
            raise SystemExit(f"ACCORD_DATABASE_URL: {error}") from None
        except WrongKeyError as error:
            raise SystemExit(f"ACCORD_MASTER_KEY_FILE or ACCORD_MASTER_KEY: {error}") from None
        except asyncpg.UndefinedTableError:
            raise SystemExit("ACCORD_DATABASE_URL: the database is not up to date; run `accord migrate`") from None
        except CaseError as error:
            log.warning("the database is not there yet", reason=str(error.reason))
        await asyncio.sleep(_RETRY)


@lru_cache
def _counted(service: str) -> Select[str, int, int]:
    heads = heads_of(HEADS[service])
    counts = (func.count(), func.count().filter(_OPEN[service]))
    return select(heads.c.unit, *counts).select_from(heads).group_by(heads.c.unit)


async def name_missing(database: Database, service: str, tree: UnitTree) -> dict[str, tuple[int, int]]:
    """Log, for each unit with cases that is no longer in the list, how many it has and how many of them are open.

    Return them by code.
    """
    async with database.begin() as connection:
        rows = await connection.execute(_counted(service))
    found = {unit: (every, still_open) for unit, every, still_open in rows if unit and unit not in tree}
    for unit, (every, still_open) in sorted(found.items()):
        successor = tree.successor(unit)
        heir = {"successor": successor} if successor else {}
        log.warning("a unit with matters is not in the list", unit=unit, retired=unit in tree.retired, matters=every,
                    open=still_open, reached_from=tree.parent(unit) if is_code(unit) else None, **heir)  # fmt: skip
    lost = {unit: counts for unit, counts in found.items() if unit not in tree.retired}
    MISSING.labels("true").set(sum(1 for _, still_open in lost.values() if still_open))
    MISSING.labels("false").set(sum(1 for _, still_open in lost.values() if not still_open))
    return found
