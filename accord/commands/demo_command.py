"""`accord demo`: a stack with fast business time, one day of disputes played through it, and what came of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accord.embedded.folder import StackError, StateFolder, read_json

if TYPE_CHECKING:
    from rich.console import Console

    from accord.demo.play import Played
    from accord.demo.record import Record

_SECONDS_A_DAY = 3.0
"""Real seconds a business day takes for up to 240 reports on two cores; more reports get longer days."""
_REPORTS = 240
_SHORTEST_DAY = 1.5
_MOST_BUSY = 4.0
"""Longer than so many times a day does not become on a machine that is busy."""
_SLOWEST = 2000.0
"""Slower than this, the day's longest limits of thirty days would take over twenty minutes."""
_WIDTH = 132
_INTERRUPTED = 130


def demo(
    state: Annotated[
        Path, typer.Option("--state", envvar="ACCORD_DEMO_STATE", help="Folder that holds the demo's data.")
    ] = Path(".accord-demo"),
    reports: Annotated[int, typer.Option(min=1, max=20_000, help="Reports of the day.")] = _REPORTS,
    seed: Annotated[int, typer.Option(help="Another seed, another day.")] = 1,
    speed: Annotated[
        float | None, typer.Option(help="Business time runs this many times faster; chosen by the number of reports.")
    ] = None,
    port_base: Annotated[int | None, typer.Option(help="As in `accord up`; 0 picks free ports.")] = None,
    leave: Annotated[bool, typer.Option("--leave/--no-leave", help="Leave the stack running afterwards.")] = True,
    detach: Annotated[bool, typer.Option("--detach", help="Return and let the stack run in the background.")] = False,
) -> None:
    """Play one generated day of disputes through a real stack and say what came of it.

    Starts the stack in the folder, unless one runs there. Business time runs fast, so that deadlines of weeks really
    pass, with the real timers. Then five partners hand on a few items, badly. Afterwards the stack keeps running: on a
    terminal until Ctrl-C, otherwise or with --detach in the background (stop it with `accord down`), or not at all with
    --no-leave. Exit code 0: nothing was lost, every case carried to its end, every partner's day even; 1: something
    received was lost, a case left unfinished or a history broken or in an order that cannot be; 2: the stack did not
    start.
    """
    from rich.console import Console

    # Where nobody measures the width (a pipe, a log), tables may be wider than the 80 columns assumed.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    folder = StateFolder.at(state)
    started = _start(console, folder, speed or _pace(reports), speed is not None, port_base)
    code, stay = _INTERRUPTED, False
    try:
        code = 0 if _play(console, folder, reports, seed) else 1
        _where(console, folder, state)
        if started and leave and not detach and sys.stdin.isatty() and sys.stdout.isatty():
            _await_interrupt(console, folder)
        elif leave:
            console.print(f"The stack runs on; stop it with: {_program()} down --state {state}", markup=False)
            stay = True
    except KeyboardInterrupt:
        console.print("interrupted" if code == _INTERRUPTED else "", markup=False)
    finally:
        if started and not stay:
            _stop(console, folder)
    raise typer.Exit(code)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _pace(reports: int) -> float:
    """Return how fast business time runs: slower for more reports, and on a machine that is busy already."""
    busy = min(_MOST_BUSY, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))
    return 86400 / max(_SHORTEST_DAY, _SECONDS_A_DAY * busy * reports / _REPORTS)


def _start(console: Console, folder: StateFolder, speed: float, chosen: bool, port_base: int | None) -> bool:
    """Start the stack unless one runs; answers whether it was. Raises StackError for one that runs too slowly."""
    from accord.embedded.detach import start_detached
    from accord.embedded.lock import holder

    by = holder(folder)
    if by and by.lives:
        kept = float(read_json(folder.root / "pace.json").get("speed", 1.0))
        if kept < _SLOWEST or (chosen and speed != kept):
            raise StackError(
                f"business time of the stack in {folder.root} runs {kept:g} times as fast as the wall's; "
                "give the demo a folder of its own with --state"
            )
        console.print("using the stack that runs already", markup=False)
        return False
    arguments = [] if port_base is None else ["--port-base", str(port_base)]
    if chosen or not (folder.root / "pace.json").exists():
        arguments += ["--speed", f"{speed:g}"]
    begin = time.monotonic()
    with console.status("starting PostgreSQL, Temporal, three services, worker, relay and gateway"):
        start_detached(folder, arguments)
    console.print(
        f"PostgreSQL, Temporal, three services, worker, relay and gateway serve after {time.monotonic() - begin:.1f} s"
    )
    return True


def _play(console: Console, folder: StateFolder, reports: int, seed: int) -> bool:
    """Play the day and print its summary; answers whether nothing was lost or left unfinished."""
    import grpc

    from accord.demo.comparison import compare
    from accord.demo.partnered import Partnered, partnered
    from accord.demo.play import Bill, play
    from accord.demo.progress import Progress
    from accord.demo.record import Reader
    from accord.demo.scene import business_time
    from accord.demo.summary import Summary, pace_in_words, sample
    from accord.embedded.keys import Keys
    from accord.embedded.running import RunningStack
    from accord.generator import SHIPPED
    from services.kit.rules import load_rules

    facts, keys = RunningStack.of(folder).facts, Keys(folder.keys)
    pace = read_json(folder.root / "pace.json")
    clock, rules = business_time(float(pace["speed"]), pace["epoch"]), load_rules(SHIPPED)
    console.print(f"1 real second = {pace_in_words(clock.speed)}; deadlines pass with the real timers", markup=False)

    async def run() -> tuple[Played, Record, dict[str, str], list[Partnered]]:
        with Progress(console) as progress:
            played = await play(facts, keys, clock, rules.units, Bill(reports, seed), progress)
        reader = Reader(facts, keys)
        try:
            record = await reader.read(played.began_at, played.began_real)
            case = sample(record)
            measures = await reader.measures(case.name) if case else {}
        finally:
            await reader.close()
        # After all was read: the numbers above are those of the day.
        return played, record, measures, await partnered(facts, keys, rules.partners, seed)

    try:
        played, record, measures, partners = asyncio.run(run())
    except grpc.aio.AioRpcError as error:
        raise StackError(f"the stack answered {error.code().name}: {error.details()}") from None
    comparison = compare(played, record)
    Summary(console, record, comparison, rules.units).print(played, clock.speed, measures, partners)
    return not (comparison.lost or comparison.odd or comparison.open) and all(each.even for each in partners)


def _where(console: Console, folder: StateFolder, state: Path) -> None:
    """Say where everything is, and how to try it."""
    from accord.embedded.running import RunningStack

    urls: dict[str, Any] = RunningStack.of(folder).facts["urls"]
    token = f"{_program()} token supervisor --unit 62 --state {state}"
    curl = f'curl -s -H "Authorization: Bearer $({token})" "{urls["api"]}/v1/cases?overdue=true"'
    lines = [
        "",
        "Look around",
        f"  REST and its documentation  {urls['docs']}",
        *([f"  Temporal UI                 {urls['temporal_ui']}"] if "temporal_ui" in urls else []),
        f"  a token to try it with      {token}",
        f"  for instance                {curl}",
        "  other roles: clerk, duty_officer, handler, reviewer, ... of a unit, say --unit 620102",
        "",
    ]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _await_interrupt(console: Console, folder: StateFolder) -> None:
    """Wait for Ctrl-C, or until somebody else stops the stack."""
    from accord.embedded.lock import holder

    console.print("The stack runs on; Ctrl-C stops it.", markup=False)
    while (by := holder(folder)) and by.lives:
        time.sleep(0.5)


def _stop(console: Console, folder: StateFolder) -> None:
    from accord.embedded.running import stop_running

    console.print("stopping", markup=False)
    stop_running(folder)


def _program() -> str:
    """Return the command as it was called, the way a person would type it here."""
    called = Path(sys.argv[0])
    if called.name != "accord":
        return "accord"
    path = os.path.relpath(called)
    return "accord" if path.startswith("..") else path
