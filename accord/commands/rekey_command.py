"""`accord rekey`: another master key, in steps that can be repeated, while everything runs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accord.embedded.folder import StateFolder

if TYPE_CHECKING:
    import asyncpg

    from accord.backups.rekeying import Count

State = Annotated[Path, typer.Option("--state", envvar="ACCORD_STATE", help="Folder that holds the stack's data.")]
KeyFile = Annotated[
    Path | None, typer.Option("--key-file", envvar="ACCORD_MASTER_KEY_FILE", help="The file of the master key.")
]

rekey_app = typer.Typer(help="Change the master key while everything runs.", no_args_is_help=True)


@rekey_app.command()
def begin(state: State = Path(".accord"), key_file: KeyFile = None) -> None:
    """Make a new key that wraps from the next start of the services on; the old one opens what it wrapped."""
    from accord.backups import rekeying
    from accord.commands.administrator import as_administrator

    path = _path(state, key_file)
    keys = as_administrator(state, lambda connection: rekeying.begin(connection, path))
    typer.echo(f"{path} has the new key {keys.opens()[0]}; keep a copy where the old one is kept")
    typer.echo("give it to the three services and restart them, then: accord rekey run")


@rekey_app.command()
def run(state: State = Path(".accord"), key_file: KeyFile = None) -> None:
    """Wrap by the new key what the old one wrapped. It may be broken off and repeated. Exit 1 if something is left."""
    _walked(state, key_file, wrap=True)


@rekey_app.command("status")
def rekey_status(state: State = Path(".accord"), key_file: KeyFile = None) -> None:
    """Count data keys by the key that wraps them. Exit 1 unless the new one wraps all."""
    _walked(state, key_file, wrap=False)


@rekey_app.command()
def retire(state: State = Path(".accord"), key_file: KeyFile = None) -> None:
    """Take the old key out of the file, once nothing uses it; it is kept beside it for older backups."""
    from accord.backups import rekeying
    from accord.commands.administrator import as_administrator

    path = _path(state, key_file)
    kept = as_administrator(state, lambda connection: rekeying.retire(connection, path))
    typer.echo(f"{path} has the new key alone; {kept.name} opens older backups: delete it with the last of them")


def _walked(state: Path, key_file: Path | None, *, wrap: bool) -> None:
    from accord.backups import rekeying
    from accord.commands.administrator import as_administrator
    from services.kit.storage.verification import HEADS

    keys = rekeying.held(_path(state, key_file))

    async def walk(connection: asyncpg.Connection) -> dict[str, Count]:
        return {
            service: await rekeying.walk(connection, service, keys, wrap=wrap, told=partial(_progress, service))
            for service in HEADS
        }

    found = as_administrator(state, walk)
    for service, count in found.items():
        lost = f", {count.lost} BY A KEY THAT IS NOT HERE" if count.lost else ""
        typer.echo(f"{service:<12} {count.new} of {count.all} by {keys.opens()[0]}{lost}")
    if any(count.old or count.lost for count in found.values()):
        raise typer.Exit(1)


def _progress(service: str, count: Count) -> None:
    if count.all % 10_000 == 0:
        typer.echo(f"{service:<12} {count.all} looked at", err=True)


def _path(state: Path, key_file: Path | None) -> Path:
    from accord.embedded.keys import Keys

    return key_file or Keys(StateFolder.at(state).keys).master
