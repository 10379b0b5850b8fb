"""`accord plans`: previews and runs an approved migration of running cases on a running stack."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accord.commands.clocks_command import AsJson, ask

if TYPE_CHECKING:
    from pb.mediation.v1 import plan_migrations_pb2 as pb

    from workflows.backends import Backends

Name = Annotated[str, typer.Argument(help="The migration, planMigrations/7.")]
State = Annotated[Path, typer.Option("--state", envvar="ACCORD_STATE", help="Folder that holds the stack's data.")]

plans_app = typer.Typer(help="Move running cases to another version of a plan type.", no_args_is_help=True)


@plans_app.command()
def preview(name: Name, state: State = Path(".accord"), as_json: AsJson = False) -> None:
    """Show what a migration would do now to each case that is left. Changes nothing."""
    cases = ask(state, lambda backends, _: _preview(backends, name))
    if as_json:
        typer.echo(json.dumps([_plain(each) for each in cases], ensure_ascii=False))
        return
    for each in cases:
        kinds = Counter(_kind(move) for move in each.moves)
        changes = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        typer.echo(f"{each.case}  {each.obstacle or changes}")
    held = sum(bool(each.obstacle) for each in cases)
    typer.echo(f"{len(cases) - held} would move, {held} cannot move now")


@plans_app.command()
def run(
    name: Name,
    state: State = Path(".accord"),
    batch: Annotated[int, typer.Option(min=1, max=100, help="Cases in a transaction.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Run an approved migration through all cases once. Exit 1 if some could not move; run it again later."""
    rows = ask(state, lambda backends, _: _run(backends, name, batch))
    held = [row for row in rows if row.obstacle]
    if as_json:
        typer.echo(json.dumps([_plain(row) for row in rows], ensure_ascii=False))
    else:
        for row in held:
            typer.echo(f"{row.case}  {row.obstacle}: {row.obstacle_text}")
        typer.echo(f"{len(rows) - len(held)} moved, {len(held)} could not move")
    if held:
        raise typer.Exit(1)


async def _preview(backends: Backends, name: str) -> list[pb.PlanMigrationPreview]:
    from pb.mediation.v1 import plan_migrations_pb2 as pb

    cases: list[pb.PlanMigrationPreview] = []
    request = pb.PreviewPlanMigrationRequest(name=name, page_size=100)
    while True:
        page = await backends.plan_migrations.PreviewPlanMigration(request)
        cases += page.cases
        if not page.next_page_token:
            return cases
        request.page_token = page.next_page_token


async def _run(backends: Backends, name: str, batch: int) -> list[pb.PlanMigrationRow]:
    from pb.mediation.v1 import plan_migrations_pb2 as pb

    rows: list[pb.PlanMigrationRow] = []
    more = True
    while more:
        request = pb.RunPlanMigrationRequest(name=name, max_cases=batch, request_id=f"plans-{uuid.uuid4().hex}")
        answer = await backends.plan_migrations.RunPlanMigration(request, timeout=120)
        rows, more = [*rows, *answer.rows], answer.more
    return rows


def _kind(move: pb.PlanMove) -> str:
    from pb.mediation.v1 import plan_migrations_pb2 as pb

    return pb.PlanMoveKind.Name(move.kind).removeprefix("PLAN_MOVE_KIND_").lower()


def _plain(message: pb.PlanMigrationPreview | pb.PlanMigrationRow) -> dict[str, object]:
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(message)
