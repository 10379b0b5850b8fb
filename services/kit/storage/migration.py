"""Migrations: a schema and a role per service; no role has any right on another's schema."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from alembic import command, context, op
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from services.kit.storage.tables.clock_tables import CLOCK_TABLES
from services.kit.storage.tables.ledger_tables import SEALED_TABLES

SERVICES = ("intake", "mediation", "escalation")
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


async def _migrate(admin_url: str, passwords: Mapping[str, str]) -> None:
    engine = create_async_engine(_async_url(admin_url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            # One migration at a time, whoever starts it.
            await connection.execute(text("SELECT pg_advisory_xact_lock(4208)"))
            await connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public"))
            await connection.execute(text("CREATE EXTENSION IF NOT EXISTS intarray SCHEMA public"))
            seen = await connection.scalar(text("SELECT public.similarity('拖欠工资三个月', '拖欠农民工工资三个月')"))
            if not seen:
                raise MigrationError(
                    "this database's LC_CTYPE makes pg_trgm blind to Chinese: create it with a UTF-8 LC_CTYPE, "
                    "for instance C.UTF-8 of libc"
                )
            for service in SERVICES:
                await _role(connection.sync_connection, service, passwords.get(service), engine)
                await connection.run_sync(_upgrade, service)
                for statement in _grants(service):
                    await connection.execute(text(statement))
    finally:
        await engine.dispose()


async def _role(sync: Connection | None, service: str, password: str | None, engine: AsyncEngine) -> None:
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


def _upgrade(connection: Connection, service: str) -> None:
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {service}"))
    connection.execute(text(f"SET LOCAL search_path = {service}, public"))
    config = Config()
    config.set_main_option("script_location", str(_HERE / service / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


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


def run_script(script: str) -> None:
    """Run several statements inside the current migration; SQLAlchemy's execute takes one at a time."""
    adapted: Any = op.get_bind().connection.dbapi_connection
    adapted.run_async(lambda raw: raw.execute(script))


def run_environment(service: str) -> None:
    """Run a service's migrations inside Alembic's environment, on the connection of `migrate`."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, version_table_schema=service, transactional_ddl=True)
    context.run_migrations()
