"""`accord run`, `keys`, `namespace`: one process, and what all need, where `accord up` does not start them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from accord.embedded.folder import StackError
from accord.embedded.programs import PROGRAMS, command, python_path


def run(process: Annotated[str, typer.Argument(help=f"Which one: {', '.join(PROGRAMS)}.")]) -> None:
    """Run one process of Accord in the foreground, with the settings in its environment; SIGTERM stops it."""
    if process not in PROGRAMS:
        raise StackError(f"there is no process {process!r}; processes are {', '.join(PROGRAMS)}")
    program, *arguments = command(process)
    # It takes the place of this one: whoever started it sees its pid, its signals and its exit code.
    os.execve(program, [program, *arguments], os.environ | {"PYTHONPATH": python_path()})


def make_keys(
    folder: Annotated[Path, typer.Argument(help="Where they are kept; made if it is not there.")],
    sealed: Annotated[
        bool, typer.Option("--sealed", help="Make no master key: there is a database that has one.")
    ] = False,
) -> None:
    """Make the keys that are missing in a folder, and write its trust file anew; none that is there is changed.

    In ACCORD_PROFILE=production without the issuer of demo users. `issuers.json` in the folder names issuers of OpenID
    Connect.
    """
    from accord.embedded.keys import ensure_keys, ensure_master

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = ensure_keys(folder)
        ensure_master(keys, sealed)
    except OSError as error:
        raise StackError(f"{error.filename or folder}: {error.strerror}") from None
    typer.echo(f"{keys.trust} and the keys beside it; keep {keys.master.name} apart from the database's backups")


def prepare_namespace(
    retention_days: Annotated[
        int, typer.Option(min=1, max=365, help="Days for which Temporal keeps what a finished workflow did.")
    ] = 30,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for a Temporal that is not there yet.")] = 120.0,
) -> None:
    """Make the namespace of Accord in Temporal, with its search attributes, or bring it up to date.

    ACCORD_TEMPORAL_ADDRESS and ACCORD_TEMPORAL_NAMESPACE say where; certificates and keys as for the worker.
    """
    from accord.embedded.engines.namespace import prepare

    typer.echo(prepare(retention_days, wait))
