"""The database a stack uses, embedded or given: its URL, its existence, its locale."""

from __future__ import annotations

import asyncio
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from accord.embedded.folder import StackError
from services.kit.storage.verification import HEADS

DATABASE = "accord"
_OLDEST = 150000


def admin_url(url: str) -> str:
    """`url` in the form all parts of Accord use: scheme postgresql, a database name (`accord` if it has none).

    Raises StackError if it is no PostgreSQL URL.
    """
    parts = urlsplit(url)
    if parts.scheme.split("+")[0] not in ("postgresql", "postgres") or not parts.hostname:
        raise StackError("ACCORD_DATABASE_URL must look like postgresql://user:password@host:port/accord")
    path = parts.path if parts.path.strip("/") else f"/{DATABASE}"
    return urlunsplit(("postgresql", parts.netloc, path, parts.query, ""))


def role_url(url: str, role: str, password: str) -> str:
    """The same database as `url`, for another role."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, f"{quote(role, safe='')}:{quote(password, safe='')}@{place}", parts.path,
                       parts.query, ""))  # fmt: skip


def ensure_database(url: str) -> None:
    """Create the database of `url` if it is missing, and refuse one Accord cannot work in. Raises StackError."""
    place = urlsplit(url).netloc.rpartition("@")[2]
    try:
        asyncio.run(_ensure(url))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StackError(f"cannot use PostgreSQL at {place}: {error or type(error).__name__}") from error


async def _ensure(url: str) -> None:
    name = urlsplit(url).path.strip("/")
    try:
        connection = await asyncpg.connect(url, timeout=20)
    except asyncpg.InvalidCatalogNameError:
        await _create(url, name)
        connection = await asyncpg.connect(url, timeout=20)
    try:
        await _check(connection, name)
    finally:
        await connection.close()


def is_sealed(url: str) -> bool:
    """Tell whether a service has ever sealed anything in this database, and so was held to a master key."""
    return asyncio.run(_is_sealed(url))


async def _is_sealed(url: str) -> bool:
    connection = await asyncpg.connect(url, timeout=20)
    try:
        for service, head in HEADS.items():
            # The head's table holds keys of databases that are older than the fingerprint.
            for table, kept in ((f"{service}.master_key", "true"), (f"{service}.{head}", "sealed_key IS NOT NULL")):
                there = await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table)
                if there and await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table} WHERE {kept})"):
                    return True
        return False
    finally:
        await connection.close()


async def _create(url: str, name: str) -> None:
    connection = await asyncpg.connect(urlunsplit(urlsplit(url)._replace(path="/postgres")), timeout=20)
    try:
        quoted = '"' + name.replace('"', '""') + '"'
        await connection.execute(
            f"CREATE DATABASE {quoted} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
        )
    finally:
        await connection.close()


async def _check(connection: asyncpg.Connection, name: str) -> None:
    if int(await connection.fetchval("SHOW server_version_num")) < _OLDEST:
        raise StackError(f"PostgreSQL is {connection.get_server_version().major}; Accord needs 15 or newer")
    row = await connection.fetchrow(
        "SELECT pg_encoding_to_char(encoding) AS encoding, datctype FROM pg_database WHERE datname = $1", name
    )
    if row["encoding"] != "UTF8" or not row["datctype"].lower().replace("-", "").endswith("utf8"):
        raise StackError(
            f"database {name} has encoding {row['encoding']} and LC_CTYPE {row['datctype']}: the search for duplicates "
            "would see no Chinese letter; create it with ENCODING 'UTF8' LC_CTYPE 'C.UTF-8'"
        )
