"""Holds a service to the master key its database was sealed with: another one is refused before anything is served."""

from __future__ import annotations

import asyncio

import asyncpg
import structlog

from casework.errors import CaseError
from services.kit.storage.database import Database, text
from services.kit.storage.sealing import Sealer, SealError
from services.kit.storage.verification import HEADS

_RETRY = 0.5
_KNOWN = text("SELECT fingerprint FROM master_key")
_KEEP = text("INSERT INTO master_key (fingerprint) VALUES (:fingerprint) ON CONFLICT DO NOTHING")

log = structlog.get_logger()


class WrongKeyError(SealError):
    """This database was sealed with another master key."""


async def check_key(database: Database, service: str, sealer: Sealer) -> None:
    """Compare the master key's fingerprint with the one the database keeps; the first key that comes is kept.

    A database that was sealed before it kept a fingerprint is asked to open one of its keys. Raises WrongKeyError.
    """
    own = sealer.fingerprint()
    sample = text(f"SELECT number, sealed_key FROM {HEADS[service]} WHERE sealed_key IS NOT NULL LIMIT 1")
    async with database.begin() as connection:
        if await connection.scalar(_KNOWN) is None:
            for row in (await connection.execute(sample)).all():
                _must_open(sealer, row.number, bytes(row.sealed_key))
            await connection.execute(_KEEP, {"fingerprint": own})
        known = str(await connection.scalar(_KNOWN))
    if known != own:
        raise WrongKeyError(
            f"this is not the key that {service}'s database was sealed with: its fingerprint is {own}, the database "
            f"has {known}; put the right key back, nothing was changed"
        )


def _must_open(sealer: Sealer, number: str, wrapped: bytes) -> None:
    try:
        sealer.under(number, wrapped)
    except SealError:
        raise WrongKeyError("this is not the key that the database was sealed with; put the right key back") from None


async def await_right_key(database: Database, service: str, sealer: Sealer) -> None:
    """Check the key as soon as the database is there; end the process where the key or the database is a wrong one."""
    while True:
        try:
            return await check_key(database, service, sealer)
        except WrongKeyError as error:
            raise SystemExit(f"ACCORD_MASTER_KEY_FILE or ACCORD_MASTER_KEY: {error}") from None
        except asyncpg.UndefinedTableError:
            raise SystemExit("ACCORD_DATABASE_URL: the database is not up to date; run `accord migrate`") from None
        except CaseError as error:
            log.warning("the database is not there yet", reason=str(error.reason))
        await asyncio.sleep(_RETRY)
