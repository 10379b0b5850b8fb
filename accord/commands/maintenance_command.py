"""`accord maintenance`: writes are refused for a while, with a reason in words; reads and clocks go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")
State = Annotated[Path, typer.Option("--state", envvar="ACCORD_STATE", help="Folder that holds the stack's data.")]

maintenance_app = typer.Typer(help="Refuse writes for a while, with a reason.", no_args_is_help=True)

_ON = """
INSERT INTO {}.maintenance (zh, en, until) VALUES ($1, $2, $3)
ON CONFLICT (one) DO UPDATE SET zh = excluded.zh, en = excluded.en, until = excluded.until
"""


@maintenance_app.command()
def on(
    minutes: Annotated[int, typer.Option(min=1, max=10_080, help="How long it is to last; it ends by `off` alone.")],
    zh: Annotated[str, typer.Option(help="What people read in Chinese, after a general sentence.")] = "",
    en: Annotated[str, typer.Option(help="What people read in English.")] = "",
    state: State = Path(".accord"),
) -> None:
    """Refuse writes with 503 and Retry-After, from within a second; repeated, it changes words and time."""
    until = datetime.now(UTC) + timedelta(minutes=minutes)

    async def write(connection: asyncpg.Connection, service: str) -> None:
        await connection.execute(_ON.format(service), zh, en, until)

    _each(state, write)
    typer.echo(f"maintenance until {until:%Y-%m-%d %H:%M} UTC: writes are refused; `accord maintenance off` ends it")


@maintenance_app.command()
def off(state: State = Path(".accord")) -> None:
    """Accept writes again."""

    async def write(connection: asyncpg.Connection, service: str) -> None:
        await connection.execute(f"DELETE FROM {service}.maintenance")

    _each(state, write)
    typer.echo("maintenance is over: writes are accepted")


@maintenance_app.command()
def status(state: State = Path(".accord")) -> None:
    """Say whether writes are refused. Exit code 0: accepted; 1: refused."""

    async def read(connection: asyncpg.Connection, service: str) -> str:
        row = await connection.fetchrow(f"SELECT until, zh, en FROM {service}.maintenance")
        return f"until {row['until']:%Y-%m-%d %H:%M} UTC: {row['zh']} {row['en']}".rstrip() if row else ""

    found = _each(state, read)
    for service, told in found.items():
        typer.echo(f"{service:<12} {f'refuses writes {told}' if told else 'accepts writes'}")
    if any(found.values()):
        raise typer.Exit(1)


def _each(state: Path, work: Callable[[asyncpg.Connection, str], Awaitable[T]]) -> dict[str, T]:
    """Do it for every service, in one transaction."""
    from accord.commands.administrator import as_administrator
    from services.kit.storage.verification import HEADS

    async def all_of_them(connection: asyncpg.Connection) -> dict[str, T]:
        async with connection.transaction():
            return {service: await work(connection, service) for service in HEADS}

    return as_administrator(state, all_of_them)
