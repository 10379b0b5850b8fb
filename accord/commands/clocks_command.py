"""`accord clocks`: verify, late, orphans, and `accord calendar preview` and `apply` on a running stack."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import grpc
import typer
from google.protobuf.message import Message

from accord.embedded.folder import StackError, StateFolder

if TYPE_CHECKING:
    from pb.clock.v1 import clock_pb2

    from services.kit.serving.settings import ClientSettings
    from workflows.backends import Backends

T = TypeVar("T")
State = Annotated[Path, typer.Option("--state", envvar="ACCORD_STATE", help="Folder that holds the stack's data.")]
ListFile = Annotated[
    Path | None, typer.Argument(help="JSON, iCal or YAML list; by default the calendars in the rules.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

clocks_app = typer.Typer(help="Check and heal the clocks of a running stack.", no_args_is_help=True)


def ask(state: Path, question: Callable[[Backends, ClientSettings], Awaitable[T]], client: str = "cli") -> T:
    """Return the result of `question(backends, settings)`, called as who is signed in, or as a machine client."""
    from accord.embedded.rebuild import client_settings
    from accord.sign_in.login import LoginMint, login_at
    from workflows.backends import Backends

    folder = StateFolder.at(state)
    settings = client_settings(folder, client)
    login = login_at(folder) if client == "cli" else None

    async def run() -> T:
        backends = Backends.of(settings, LoginMint(login) if login else None)
        try:
            return await question(backends, settings)
        finally:
            await backends.close()

    try:
        return asyncio.run(run())
    except grpc.aio.AioRpcError as error:
        raise StackError(f"{error.code().name}: {error.details()}") from None


@clocks_app.command("verify")
def verify_clocks(state: State = Path(".accord"), as_json: AsJson = False) -> None:
    """Recompute every clock from its ledger and report differences. Exit 1 if there are any."""
    from accord.commands.history_command import database_url
    from accord.commands.rules_command import load_or_exit, rules_folder
    from services.kit.clocks.clockwork import Clockwork
    from services.kit.clocks.verification import Difference, differences
    from services.kit.storage.database import Database
    from services.kit.storage.migration import SERVICES

    url, rules = database_url(StateFolder.at(state)), load_or_exit(rules_folder(None))

    async def run() -> bool:
        sound = True
        for service in SERVICES:
            database, looked, wrong = Database(url, 2, schema=service), 0, []
            try:
                async for each in differences(database, Clockwork(rules)):
                    if isinstance(each, Difference):
                        wrong.append(each)
                    else:
                        looked += each
            finally:
                await database.close()
            sound = sound and not wrong
            if as_json:
                found = [{name: getattr(each, name) for name in each.__slots__} for each in wrong]
                typer.echo(json.dumps({"service": service, "clocks": looked, "differences": found}))
                continue
            typer.echo(f"{service:<12} {looked} clocks, {len(wrong)} differences")
            for each in wrong[:50]:
                typer.echo(f"  {each.clock}  {each.field}: stored {each.stored}, computed {each.derived}")
        return sound

    if not asyncio.run(run()):
        raise typer.Exit(1)


@clocks_app.command("late")
def late_clocks(
    state: State = Path(".accord"),
    grace: Annotated[int, typer.Option(min=0, max=86_400, help="Seconds after which a due rung counts as late.")] = 60,
    heal: Annotated[bool, typer.Option("--heal", help="Fire late rungs, oldest first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Report rungs that are due and have not fired; `--heal` fires them. Exit 1 if any are late and not fired."""
    from workflows.nets import net

    found = ask(state, lambda backends, settings: net.late(backends, settings, grace))
    # Only the machine client that normally fires them has permission: this command acts as that client.
    fired = ask(state, lambda backends, settings: net.fire_late(backends, grace), "relay") if heal and found else []
    if as_json:
        typer.echo(json.dumps({"late": found, "fired": fired}))
    else:
        for each in found[:50]:
            typer.echo(f"{each['clock']}  due {each['due']}, late by {each['late_seconds']} s")
        typer.echo(f"{len(found)} clocks are late" + (f", {len(fired)} rungs fired" if heal else ""))
    if found and not heal:
        raise typer.Exit(1)


@clocks_app.command("orphans")
def orphan_clocks(
    state: State = Path(".accord"),
    heal: Annotated[bool, typer.Option("--heal", help="Start the missing workflows from the facts.")] = False,
    as_json: AsJson = False,
) -> None:
    """Report matters that need a workflow and have no live one; `--heal` starts them. Exit 1 if any are left."""
    from workflows.engine.runtime import connect
    from workflows.nets import net

    async def look(backends: Backends, settings: ClientSettings) -> list[str]:
        return await net.orphans(await connect(settings), backends)

    found = ask(state, look)
    started = 0
    if heal and found:
        from accord.embedded.rebuild import rebuild

        started = rebuild(state)[1]
    if as_json:
        typer.echo(json.dumps({"orphans": found, "started": started}))
    else:
        for number in found[:50]:
            typer.echo(f"cases/{number} has no live workflow")
        typer.echo(f"{len(found)} orphans" + (f", {started} workflows started" if heal else ""))
    if found and not heal:
        raise typer.Exit(1)


def preview_calendar(
    file: ListFile = None,
    region: Annotated[str, typer.Option(help="Area the list is for, by its code.")] = "",
    rule: Annotated[str, typer.Option(help="Also move clocks of this rule to its newest version.")] = "",
    state: State = Path(".accord"),
    as_json: AsJson = False,
) -> None:
    """Show which running clocks of a stack a calendar or a newer rule version would move. Changes nothing."""
    previews = ask(state, lambda backends, _: _previews(backends, _layer(file, region), rule))
    if as_json:
        typer.echo(json.dumps({name: _plain(each) for name, each in previews.items()}))
        return
    for name, preview in previews.items():
        typer.echo(f"{name:<12} {preview.moved} would move, {preview.kept} keep their dates")
        for move in preview.moves[:20]:
            before, after = (_day(move, field) for field in ("from_time", "to_time"))
            typer.echo(f"  {move.clock}  {before} → {after}")


def apply_calendar(
    reason: Annotated[str, typer.Option(help="Reason, as one word, for instance notice-2027.")],
    file: ListFile = None,
    region: Annotated[str, typer.Option(help="Area the list is for, by its code.")] = "",
    rule: Annotated[str, typer.Option(help="Also move clocks of this rule to its newest version.")] = "",
    state: State = Path(".accord"),
) -> None:
    """Apply a calendar or a newer rule version to a stack; every moved clock is recorded with both dates."""
    done = ask(state, lambda backends, _: _apply(backends, _layer(file, region), rule, reason))
    for name, (looked, moved) in done.items():
        typer.echo(f"{name:<12} {moved} moved, {looked - moved} keep their dates")


async def _previews(
    backends: Backends, layer: clock_pb2.CalendarLayer | None, rule: str
) -> dict[str, clock_pb2.PreviewMovesResponse]:
    from pb.clock.v1 import clock_pb2

    return {
        str(source): await stub.PreviewMoves(clock_pb2.PreviewMovesRequest(service=source, layer=layer, rule=rule))
        for source, stub in backends.clocks.items()
    }


async def _apply(
    backends: Backends, layer: clock_pb2.CalendarLayer | None, rule: str, reason: str
) -> dict[str, tuple[int, int]]:
    from pb.clock.v1 import clock_pb2

    done: dict[str, tuple[int, int]] = {}
    for name, preview in (await _previews(backends, layer, rule)).items():
        source = next(each for each in backends.clocks if str(each) == name)
        looked, moved, more = 0, 0, True
        while more:
            answer = await backends.clocks[source].ApplyMoves(
                clock_pb2.ApplyMovesRequest(
                    service=name, layer=layer, rule=rule, candidate=preview.candidate, reason=reason,
                    request_id=f"apply-{uuid.uuid4().hex}",
                ),
                timeout=120,
            )  # fmt: skip
            looked, moved, more = looked + answer.done, moved + answer.moved, answer.more
        done[name] = looked, moved
    return done


def _layer(file: Path | None, region: str) -> clock_pb2.CalendarLayer | None:
    """Return the list of a file as a contract message; None without a file."""
    if file is None:
        return None
    from pb.clock.v1 import clock_pb2

    from accord.calendar_file import read_file

    layer, _ = read_file(file, region)
    days = {**{day: (False, *names) for day, names in layer.closed.items()},
            **{day: (True, *names) for day, names in layer.open.items()}}  # fmt: skip
    return clock_pb2.CalendarLayer(
        name=layer.name,
        region=layer.region,
        years=sorted(layer.years),
        source=layer.source,
        days=[
            clock_pb2.CalendarDay(date=day.isoformat(), working=working, zh=zh, en=en)
            for day, (working, zh, en) in sorted(days.items())
        ],
    )


def _day(move: clock_pb2.ClockMove, field: str) -> str:
    from casework.clocks.calendar import LOCAL
    from services.kit.instants import instant

    return f"{instant(getattr(move, field)).astimezone(LOCAL):%Y-%m-%d %H:%M}" if move.HasField(field) else "open"


def _plain(message: Message) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(message)
