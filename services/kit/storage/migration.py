"""Migrations: a schema and a role per service; no role has any right on another's schema.

A migration says what goes with it. `OLDER_PROGRAM_WORKS = True`: the program before it also works on the schema after
it. `WORKS_WITHOUT = True`: this program also works on the schema before it. Neither is assumed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic import command, context, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from services.kit.storage.tables.clock_tables import CLOCK_TABLES
from services.kit.storage.tables.ledger_tables import SEALED_TABLES

SERVICES = ("intake", "mediation", "escalation")
EXTENSIONS = ("pg_trgm", "intarray", "btree_gist")
"""What schemas need that is in none of them: a dump of schemas does not have it."""
_HERE = Path(__file__).resolve().parent.parent.parent


class MigrationError(Exception):
    """The database cannot serve Accord; the message says why and what to do."""


def migrate(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Bring the database up to date: extension, roles, schemas, tables, rights. Safe to repeat.

    `passwords` gives each service's role (`accord_<service>`) its password. Raises MigrationError for a database in
    which trigrams cannot see Chinese.
    """
    asyncio.run(_migrate(admin_url, passwords))


def _async_url(url: str) -> str:
    return re.sub("^postgres(ql)?://", "postgresql+asyncpg://", url)


def prepare(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Make the extensions and roles that a restored dump needs, and no tables. Safe to repeat."""

    async def run() -> None:
        engine = create_async_engine(_async_url(admin_url), poolclass=NullPool)
        try:
            async with engine.begin() as connection:
                await _prepare(connection, engine, passwords)
        finally:
            await engine.dispose()

    asyncio.run(run())


async def _migrate(admin_url: str, passwords: Mapping[str, str]) -> None:
    engine = create_async_engine(_async_url(admin_url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await _prepare(connection, engine, passwords)
            for service in SERVICES:
                if await connection.run_sync(_upgrade, service):
                    for statement in _grants(service):
                        await connection.execute(text(statement))
    finally:
        await engine.dispose()


async def _prepare(connection: AsyncConnection, engine: AsyncEngine, passwords: Mapping[str, str]) -> None:
    # One migration at a time, whoever starts it.
    await connection.execute(text("SELECT pg_advisory_xact_lock(4208)"))
    for extension in EXTENSIONS:
        await connection.execute(text(f"CREATE EXTENSION IF NOT EXISTS {extension} SCHEMA public"))
    seen = await connection.scalar(text("SELECT public.similarity('拖欠工资三个月', '拖欠农民工工资三个月')"))
    if not seen:
        raise MigrationError(
            "this database's LC_CTYPE makes pg_trgm blind to Chinese: create it with a UTF-8 LC_CTYPE, "
            "for instance C.UTF-8 of libc"
        )
    for service in SERVICES:
        await _role(service, passwords.get(service), engine)


async def _role(service: str, password: str | None, engine: AsyncEngine) -> None:
    role = f"accord_{service}"
    async with engine.begin() as connection:
        exists = await connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
        verb = "ALTER" if exists else "CREATE"
        secret = ""
        if password is not None:
            quoted = await connection.scalar(text("SELECT quote_literal(:password)"), {"password": password})
            secret = f" PASSWORD {quoted}"
        await connection.execute(text(f"{verb} ROLE {role} LOGIN{secret}".replace(":", "\\:")))
        await connection.execute(text(f"ALTER ROLE {role} SET search_path = {service}, public"))
        await connection.execute(text(f"ALTER ROLE {role} SET idle_in_transaction_session_timeout = '60s'"))


def _upgrade(connection: Connection, service: str) -> bool:
    """Bring a schema up to date; return False, and touch nothing, if a newer program has, with which this one works."""
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {service}"))
    connection.execute(text(f"SET LOCAL search_path = {service}, public"))
    if connection.scalar(text(f"SELECT to_regclass('{service}.alembic_version') IS NOT NULL")):
        there, comment = connection.execute(text(_THERE)).first() or (None, None)
        if there is not None and there not in revisions(service):
            if why := misfit(service, str(there), str(comment or "")):
                raise MigrationError(why)
            return False
    config = _config(service)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.execute(text(f"COMMENT ON TABLE {service}.alembic_version IS '{_SERVES} {works_since(service)}'"))
    return True


_THERE = "SELECT version_num, obj_description(to_regclass('alembic_version'), 'pg_class') FROM alembic_version"


def _config(service: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE / service / "migrations"))
    return config


_SERVES = "programs since"
"""How the comment of the table of versions begins; a revision follows."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A migration, and what it says of the programs beside it."""

    name: str
    older_program_works: bool
    works_without: bool


@lru_cache
def known_revisions(service: str) -> Sequence[Revision]:
    """Return the migrations that this program knows of a service, oldest first."""
    scripts = ScriptDirectory.from_config(_config(service)).walk_revisions()
    found = [
        Revision(
            each.revision,
            older_program_works=getattr(each.module, "OLDER_PROGRAM_WORKS", False),
            works_without=getattr(each.module, "WORKS_WITHOUT", False),
        )
        for each in scripts
    ]
    return tuple(reversed(found))


def revisions(service: str) -> list[str]:
    """Return the names of the migrations that this program knows of a service, oldest first."""
    return [each.name for each in known_revisions(service)]


def works_since(service: str, known: Sequence[Revision] | None = None) -> str:
    """Return the revision of the oldest program that works on the newest schema; it is written into the database."""
    chain = known_revisions(service) if known is None else known
    for at in range(len(chain) - 1, 0, -1):
        if not chain[at].older_program_works:
            return chain[at].name
    return chain[0].name


def too_new(service: str, there: str) -> str:
    """Return the refusal of a database that a newer program has migrated."""
    return (
        f"{service}'s database is at revision {there}, and this program knows {revisions(service)[-1]}: "
        "run the version that migrated it, or a newer one"
    )


def misfit(service: str, there: str, comment: str, known: Sequence[Revision] | None = None) -> str:
    """Return why this program cannot serve a database at revision `there`, in one line; empty if it can.

    `comment` is that of the table of versions, in which a newer program says which older ones still work.
    """
    chain = known_revisions(service) if known is None else known
    names, own = [each.name for each in chain], chain[-1].name
    if there == own:
        return ""
    if there not in names:
        since = comment.removeprefix(_SERVES).strip() if comment.startswith(_SERVES) else ""
        # Up to this program's own revision, everything that came later says that it still works.
        if since in names:
            return ""
        return too_new(service, there)
    lacking = [each.name for each in chain[names.index(there) + 1 :] if not each.works_without]
    if not lacking:
        return ""
    return f"{service}'s database is at revision {there}, and this program needs {lacking[-1]}: run `accord migrate`"


def _grants(service: str) -> Iterable[str]:
    role = f"accord_{service}"
    yield f"REVOKE ALL ON SCHEMA {service} FROM PUBLIC"
    yield f"GRANT USAGE ON SCHEMA {service} TO {role}"
    yield f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA {service} TO {role}"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {service} TO {role}"
    yield f"GRANT DELETE ON {service}.requests TO {role}"
    for table in (*SEALED_TABLES, *CLOCK_TABLES):
        yield f"REVOKE UPDATE, DELETE, TRUNCATE ON {service}.{table} FROM {role}"
    yield f"REVOKE UPDATE ON {service}.master_key FROM {role}"
    yield f"REVOKE INSERT, UPDATE, DELETE ON {service}.alembic_version FROM {role}"
    yield f"REVOKE INSERT, UPDATE, DELETE ON {service}.maintenance FROM {role}"


def run_script(script: str) -> None:
    """Run several statements inside the current migration; SQLAlchemy's execute takes one at a time."""
    adapted: Any = op.get_bind().connection.dbapi_connection
    adapted.run_async(lambda raw: raw.execute(script))


def run_environment(service: str) -> None:
    """Run a service's migrations inside Alembic's environment, on the connection of `migrate`."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, version_table_schema=service, transactional_ddl=True)
    context.run_migrations()
