"""`accord import`: reports of another system, from a file and a mapping, through the running stack."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from accord.embedded.folder import StackError, StateFolder
from accord.importing.shipped import shipped

_FAILED, _WRONG_INPUT, _INTERRUPTED = 1, 2, 130


def import_(
    file: Annotated[Path, typer.Argument(help="CSV, JSON lines or XLSX, each also with .gz.")],
    mapping: Annotated[str, typer.Option(help=f"Shipped ({', '.join(shipped())}) or the path of a YAML file.")],
    preview_only: Annotated[bool, typer.Option("--preview", help="Show what would be done, and exit.")] = False,
    compare_only: Annotated[
        bool, typer.Option("--compare", help="Compare the file with the service's reports; send nothing.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Only this many rows from the start of the file.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Continue after the preview without asking.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="CSV file for rejected rows; with --compare, for differences.")
    ] = None,
    state: Annotated[
        Path, typer.Option("--state", envvar="ACCORD_STATE", help="Folder that holds the stack's data.")
    ] = Path(".accord"),
    server: Annotated[str, typer.Option(help="host:port of intake, instead of the stack in the folder.")] = "",
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Rows in one message.")] = 500,
    unit: Annotated[str, typer.Option(help="Unit that receives the reports, instead of the mapping's.")] = "",
    restart: Annotated[bool, typer.Option("--restart", help="Resend rows already processed.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print results as JSON on stdout, everything else on stderr.")
    ] = False,
) -> None:
    """Import reports of another system: preview, ask, send, and report the result of every row.

    If interrupted, run it again to continue where it stopped; repeating it creates no duplicates. Rejected rows
    are listed with their reasons in the --report file, or next to the journal in the state folder.
    Exit code 0: done, even with rejected rows; 1: not finished, or --compare found a difference; 2: wrong input.
    """
    # Imported late, so that the other commands start without it.
    import grpc
    from rich.console import Console

    from accord.importing.catalogue import MappingError, load_mapping
    from accord.importing.journal import JournalInUse
    from accord.importing.session import Order, run_comparison, run_import
    from accord.importing.source import Source, SourceError
    from accord.importing.transfer import TransferStopped

    # If the width is unknown (a pipe, a log), a table may be wider than the assumed 80 columns.
    width = None if sys.stdout.isatty() else 120
    console = Console(stderr=as_json, highlight=False, width=width)
    try:
        found = load_mapping(mapping)
        layout = found.mapping.file
        source = Source(file, layout.encoding, layout.delimiter, layout.sheet, layout.hidden == "read")
        order = Order(
            source, found, StateFolder.at(state), server, unit, limit, batch, report, restart, as_json, console
        )
        if not compare_only:
            run_import(order, preview_only, yes)
        elif not run_comparison(order):
            raise typer.Exit(_FAILED)
    except (MappingError, SourceError, StackError, JournalInUse) as error:
        _end(str(error), _WRONG_INPUT)
    except OSError as error:
        _end(f"{error.filename or file}: {error.strerror}", _WRONG_INPUT)
    except TransferStopped as error:
        _end(f"{error}; progress is saved, run the same command to continue from there", _FAILED)
    except grpc.aio.AioRpcError as error:
        _end(f"{error.code().name}: {error.details()}", _FAILED)
    except KeyboardInterrupt:
        _end("stopped; run the same command to continue from there", _INTERRUPTED)


def _end(message: str, code: int) -> NoReturn:
    typer.echo(f"accord: {message}", err=True)
    raise typer.Exit(code)
