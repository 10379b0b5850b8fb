"""The command line: `accord up`, `down`, `status`, `token`, `version`."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from accord.embedded import ports
from accord.embedded.folder import StackError, StateFolder
from accord.embedded.pace import pace_settings
from accord.lazy import LazyGroup

app = typer.Typer(
    help="Accord: one case, one plan, one accountable unit, and clocks that cannot be lost.",
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

StateOption = Annotated[
    Path, typer.Option("--state", envvar="ACCORD_STATE", help="Folder that holds the stack's data.")
]
PortOption = Annotated[int | None, typer.Option(min=0, max=65535, show_default=False)]

_METRICS = [name for name in ports.DEFAULTS if name.endswith("_metrics")]


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn a StackError into its line on stderr and exit code 2, without a traceback."""
    try:
        yield
    except StackError as error:
        typer.echo(f"accord: {error}", err=True)
        raise SystemExit(2) from None


@app.command()
def up(
    state: StateOption = Path(".accord"),
    port_base: Annotated[
        int | None,
        typer.Option(help=f"Move all ports: {ports.BASE} is the default, 0 picks free ones and remembers them."),
    ] = None,
    gateway_port: PortOption = None,
    postgres_port: PortOption = None,
    temporal_port: PortOption = None,
    temporal_ui_port: PortOption = None,
    intake_port: PortOption = None,
    mediation_port: PortOption = None,
    escalation_port: PortOption = None,
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="First of the metrics ports, one per process.")
    ] = None,
    speed: Annotated[float | None, typer.Option(help="Business time runs this many times faster.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Start missing workflows again from the facts.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Return once it is ready and leave it running.")] = False,
) -> None:
    """Start the whole stack and keep it running until Ctrl-C.

    ACCORD_DATABASE_URL and ACCORD_TEMPORAL_ADDRESS name engines to use instead of the embedded ones.
    """
    given = {
        "gateway": gateway_port, "postgres": postgres_port, "temporal": temporal_port,
        "temporal_ui": temporal_ui_port, "intake": intake_port, "mediation": mediation_port,
        "escalation": escalation_port,
    } | _metrics_ports(metrics_port)  # fmt: skip
    settings = {"ACCORD_LOG_LEVEL": log_level} if log_level else {}
    with clear_errors():
        folder = StateFolder.at(state)
        settings |= pace_settings(folder, speed)
        if detach:
            _detach(folder)
        else:
            _run(folder, port_base, given, settings, rebuild)


def _metrics_ports(first: int | None) -> dict[str, int | None]:
    if not first:
        return dict.fromkeys(_METRICS, first)
    return {name: first + offset for offset, name in enumerate(_METRICS)}


def _run(
    folder: StateFolder, port_base: int | None, given: dict[str, int | None], settings: dict[str, str], rebuild: bool
) -> None:
    from accord.console import StackConsole
    from accord.embedded.folder import read_json
    from accord.embedded.stack import Interrupted, Stack

    console = StackConsole()
    stack = Stack(folder.root, port_base, given, settings=settings, observer=console, rebuild_now=rebuild)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stack.interrupt())
    try:
        with console:
            stack.start()
        console.welcome(read_json(folder.stack))
        stack.await_interrupt()
        console.note("stopping; press Ctrl-C again to stop at once")
    except Interrupted:
        return
    finally:
        stack.stop()


def _detach(folder: StateFolder) -> None:
    from accord.console import StackConsole
    from accord.embedded.detach import start_detached
    from accord.embedded.folder import read_json

    # The same command again without --detach; a later --state does no harm, it is the same folder.
    pid = start_detached(folder, [word for word in sys.argv[sys.argv.index("up") + 1 :] if word != "--detach"])
    console = StackConsole()
    console.welcome(read_json(folder.stack))
    console.note(f"runs in the background (pid {pid}); stop it with `accord down --state {folder.root}`")


@app.command()
def down(state: StateOption = Path(".accord")) -> None:
    """Stop the stack that runs in the state folder, and wait until it has ended."""
    from accord.embedded.running import stop_running

    with clear_errors():
        typer.echo(stop_running(StateFolder.at(state)))


@app.command()
def status(
    state: StateOption = Path(".accord"),
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, for programs.")] = False,
) -> None:
    """Show the processes of the running stack. Exit code 0: all ready; 1: not all; 2: none runs."""
    from accord.console import StackConsole, table
    from accord.embedded.process import State
    from accord.embedded.running import RunningStack
    from accord.embedded.supervisor import Standing

    with clear_errors():
        stack = RunningStack.of(StateFolder.at(state))
    if as_json:
        typer.echo(json.dumps(stack.facts | {"database_url": None}, indent=2))
    else:
        console = StackConsole()
        console.show(table([Standing(**each | {"state": State(each["state"])}) for each in stack.facts["processes"]]))
        console.welcome(stack.facts)
    raise typer.Exit(0 if stack.ready else 1)


@app.command()
def token(
    role: Annotated[str, typer.Argument(help="citizen, clerk, mediator, ...; none: of who is signed in.")] = "",
    unit: Annotated[str, typer.Option(help="Unit the user belongs to, e.g. 620102 or 620102-labour.")] = "cn",
    sub: Annotated[str | None, typer.Option(help="Name of the user in the token.")] = None,
    hours: Annotated[float, typer.Option(help="How long it is valid.")] = 12.0,
    state: StateOption = Path(".accord"),
) -> None:
    """Print a bearer token: of the embedded issuer for a demo user, or of `accord login`."""
    from accord.embedded.keys import Keys, demo_token

    with clear_errors():
        if not role:
            typer.echo(_own_token())
            return
        typer.echo(demo_token(Keys(StateFolder.at(state).keys), role, unit, sub, timedelta(hours=hours)))


def _own_token() -> str:
    from accord.sign_in.login import stored

    signed_in = stored()
    if signed_in is None:
        raise StackError("nobody is signed in: accord login, or name a role")
    return signed_in.token


@app.command("version")
def show_version() -> None:
    """Print the version."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        typer.echo(version("accord"))
    except PackageNotFoundError:
        typer.echo("unknown (not installed)")


def _version_asked(asked: bool) -> None:
    if asked:
        show_version()
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version_asked, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Accord: one case, one plan, one accountable unit, and clocks that cannot be lost."""


def main() -> None:
    """Run the command line."""
    with clear_errors():
        app()


if __name__ == "__main__":
    main()
