"""`accord verify`, `accord rebuild`, `accord migrate`: check the history, restore workflows, update schemas."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Annotated

import typer

from accord.embedded.folder import StackError, StateFolder, read_json

State = Annotated[Path, typer.Option("--state", envvar="ACCORD_STATE", help="Folder that holds the stack's data.")]


def verify_history(
    state: State = Path(".accord"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per service.")] = False,
) -> None:
    """Recompute every hash chain and name the first broken link. Exit 1 if one is broken."""
    from services.kit.storage.verification import HEADS, verify

    url = database_url(StateFolder.at(state))

    async def run() -> bool:
        sound = True
        for service in HEADS:
            verdict = await verify(url, service)
            sound = sound and not verdict.broken
            if as_json:
                typer.echo(json.dumps({name: getattr(verdict, name) for name in verdict.__slots__}))
                continue
            checked = f"{verdict.events} events of {verdict.cases} cases, {verdict.seals} seals"
            typer.echo(f"{service:<12} {'BROKEN: ' + verdict.broken if verdict.broken else 'sound'}   ({checked})")
        return sound

    try:
        sound = asyncio.run(run())
    except OSError as error:
        raise StackError(f"cannot reach the database: {error}") from None
    if not sound:
        raise typer.Exit(1)


def rebuild_workflows(state: State = Path(".accord")) -> None:
    """Start the workflow of every open case again where it is missing. Safe to repeat."""
    from accord.embedded.rebuild import rebuild

    matters, started = rebuild(state)
    typer.echo(f"{matters} open matters, {started} workflows started, {matters - started} already running")


def migrate_database() -> None:
    """Bring the database of ACCORD_DATABASE_URL up to date: roles, schemas, tables; make it if it is not there.

    ACCORD_ROLE_PASSWORD_INTAKE, _MEDIATION and _ESCALATION set the passwords of the services' roles.
    """
    import asyncpg
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    from accord.embedded.engines.database import admin_url, ensure_database
    from services.kit.storage.migration import SERVICES, MigrationError, migrate

    url = os.environ.get("ACCORD_DATABASE_URL", "")
    if not url:
        raise StackError("set ACCORD_DATABASE_URL to the administrator's URL")
    url = admin_url(url)
    ensure_database(url)
    passwords = {name: os.environ[variable] for name in SERVICES if (variable := _variable(name)) in os.environ}
    try:
        migrate(url, passwords)
    except MigrationError as error:
        raise StackError(str(error)) from None
    except (OSError, SQLAlchemyError, asyncpg.PostgresError) as error:
        at = make_url(url)
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StackError(f"the database at {at.host}:{at.port or 5432} cannot be used: {why}") from None
    typer.echo("the database is up to date")


def _variable(service: str) -> str:
    return f"ACCORD_ROLE_PASSWORD_{service.upper()}"


def database_url(folder: StateFolder) -> str:
    """Return the administrator's URL of a running stack, or ACCORD_DATABASE_URL."""
    if url := os.environ.get("ACCORD_DATABASE_URL"):
        return url
    facts = read_json(folder.stack)
    if not facts:
        raise StackError(f"no stack runs in {folder.root}; start it with `accord up`")
    return str(facts["database_url"])
