"""`accord units merge`: what is open at one unit goes to another one in one act, shown before."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accord.embedded.folder import StackError

if TYPE_CHECKING:
    from pb.mediation.v1 import case_pb2

    from workflows.backends import Backends

State = Annotated[Path, typer.Option("--state", envvar="ACCORD_STATE", help="Folder that holds the stack's data.")]

units_app = typer.Typer(help="Units that are merged into others.", no_args_is_help=True)


@units_app.callback()
def units() -> None:
    """Units that are merged into others."""


@dataclass(frozen=True)
class Matters:
    """What is open at a unit, under its own code."""

    cases: list[case_pb2.Case]
    reports: int
    """Reports that are not accepted yet: the successor accepts them under the old code."""
    tasks: int
    """Open tasks of other units' cases: they stay, and the successor does them."""

    @property
    def digest(self) -> str:
        """What a preview is known by: other cases, or one that changed, make another."""
        whole = "\n".join(f"{each.name} {each.etag}" for each in self.cases)
        return hashlib.sha256(whole.encode()).hexdigest()[:12]


@units_app.command()
def merge(
    old: Annotated[str, typer.Argument(help="Code of the unit that ends.")],
    new: Annotated[str, typer.Argument(help="Code of its successor.")],
    confirm: Annotated[str, typer.Option(help="What the preview ends with; without it nothing is changed.")] = "",
    state: State = Path(".accord"),
) -> None:
    """Hand every open case of a unit to its successor, as who is signed in: somebody of a unit above both.

    No deadline moves; every case has its event, and those concerned are told. It may be repeated: what moved stays
    moved. Exit 1 if some could not move.
    """
    from accord.commands.clocks_command import ask

    found = ask(state, lambda backends, _: _open(backends, old))
    if not confirm:
        for each in found.cases:
            due = f"due {each.due_time.ToDatetime():%Y-%m-%d %H:%M} UTC" if each.HasField("due_time") else "no deadline"
            typer.echo(f"{each.name}  {due}")
        typer.echo(f"{len(found.cases)} cases would go from {old} to {new}, with their tasks; no deadline moves")
        typer.echo(f"stay under the old code: {found.reports} reports not yet accepted, {found.tasks} tasks of others")
        typer.echo(f"--confirm {found.digest}")
        return
    if confirm != found.digest:
        raise StackError("it has changed since the preview: preview again")
    refused = ask(state, lambda backends, _: _hand_over(backends, found, old, new))
    for name, why in refused.items():
        typer.echo(f"{name}  {why}")
    typer.echo(f"{len(found.cases) - len(refused)} cases went from {old} to {new}, {len(refused)} could not")
    if refused:
        raise typer.Exit(1)
    typer.echo(f"now retire the code: in retired.csv of the rules, {old},NAME,{new},DAY")


async def _open(backends: Backends, unit: str) -> Matters:
    from pb.intake.v1 import intake_pb2, report_pb2
    from pb.mediation.v1 import case_pb2, mediation_pb2

    own = f"units/{unit}"
    stages = [name for name, stage in case_pb2.Stage.items() if stage not in (0, case_pb2.STAGE_CLOSED)]
    cases: list[case_pb2.Case] = []
    asked = mediation_pb2.ListCasesRequest(unit=own, stages=stages, page_size=1000)
    while True:
        page = await backends.mediation.ListCases(asked)
        # A list has the units below as well: each of them goes by its own code.
        cases += [each for each in page.cases if each.unit == own]
        asked.page_token = page.next_page_token
        if not page.next_page_token:
            break
    waiting = intake_pb2.ListReportsRequest(
        unit=own,
        states=[report_pb2.REPORT_STATE_RECEIVED, report_pb2.REPORT_STATE_VERIFIED],
        page_size=1,
        with_total=True,
    )
    reports = await backends.intake.ListReports(waiting)
    undone = [name for name, state in case_pb2.TaskState.items() if 0 < state < case_pb2.TASK_STATE_VERIFIED]
    tasks = mediation_pb2.ListTasksRequest(parent="cases/-", unit=own, states=undone, page_size=1000)
    names = {each.name for each in cases}
    others = [
        each
        for each in (await backends.mediation.ListTasks(tasks)).tasks
        if each.name.rpartition("/tasks/")[0] not in names
    ]
    return Matters(sorted(cases, key=lambda each: each.name), reports.total_size, len(others))


async def _hand_over(backends: Backends, found: Matters, old: str, new: str) -> dict[str, str]:
    """Transfer each case as it was shown; return why some could not be."""
    import grpc
    from pb.mediation.v1 import mediation_pb2

    refused: dict[str, str] = {}
    for each in found.cases:
        key = f"merge-{old}-{new}-{each.name.rpartition('/')[2]}-{each.etag.strip(chr(34))}"
        request = mediation_pb2.TransferCaseRequest(
            name=each.name, unit=f"units/{new}", etag=each.etag, request_id=key
        )  # fmt: skip
        try:
            await backends.mediation.TransferCase(request)
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED):
                raise
            refused[each.name] = str(error.details())
    return refused
