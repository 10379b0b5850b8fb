"""`accord facts rebuild`: rebuilds the read model of supervision from the first event."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import grpc
import typer

from accord.embedded.folder import StackError, StateFolder

State = Annotated[Path, typer.Option("--state", envvar="ACCORD_STATE", help="Folder that holds the stack's data.")]

facts_app = typer.Typer(
    help="The read model of supervision: facts taken over from the other services.", no_args_is_help=True
)


@facts_app.callback()
def facts() -> None:
    """Maintain the read model."""


@facts_app.command("rebuild")
def rebuild_facts(state: State = Path(".accord")) -> None:
    """Take over every case from position 0 of the feeds. Nothing newer is overwritten; safe to repeat while it runs."""
    from accord.embedded.rebuild import client_settings
    from workflows.backends import Backends
    from workflows.feeds.facts import SOURCES, FactsBackends, rebuild

    # Only the machine client that follows the feeds may record facts: this command acts as that client.
    settings = client_settings(StateFolder.at(state), "relay")

    async def run() -> None:
        backends = Backends.of(settings)
        try:
            for source in SOURCES:
                typer.echo(f"{source}: {await rebuild(source, FactsBackends.of(backends))} cases taken over")
        finally:
            await backends.close()

    try:
        asyncio.run(run())
    except grpc.aio.AioRpcError as error:
        raise StackError(f"{error.code().name}: {error.details()}") from None
