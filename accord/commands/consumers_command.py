"""`accord consumers`: how far each has read its feed, and having one read a part of it again."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accord.embedded.folder import StackError, StateFolder, read_json

if TYPE_CHECKING:
    import asyncpg

State = Annotated[Path, typer.Option("--state", envvar="ACCORD_STATE", help="Folder that holds the stack's data.")]

consumers_app = typer.Typer(help="How far consumers have read the feeds.", no_args_is_help=True)

_LIST = """
SELECT name, position, acknowledged_at, (SELECT position FROM {0}.feed_head) AS head FROM {0}.consumers ORDER BY name
"""
_AGAIN = """
SELECT kind, count(*) AS events, min(recorded_at) AS since FROM {0}.feed JOIN {0}.events ON events.id = feed.event_id
WHERE position > $1 AND position <= $2 GROUP BY kind ORDER BY count(*) DESC, kind
"""
_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE usename = 'accord_{0}' AND wait_event_type = 'Lock' AND query ILIKE '%INSERT INTO consumers%'
"""
_SECONDS = 30.0
_SENDS = {"hooks": "events are sent to subscribers again", "notices": "what is due is looked at again"}


@consumers_app.command("list")
def list_consumers(state: State = Path(".accord")) -> None:
    """Show the position of every consumer, and how many events it has still to read."""
    from accord.commands.administrator import as_administrator
    from services.kit.storage.verification import HEADS

    async def read(connection: asyncpg.Connection) -> None:
        for service in HEADS:
            for row in await connection.fetch(_LIST.format(service)):
                behind = row["head"] - row["position"]
                typer.echo(f"{service:<12} {row['name']:<16} {row['position']:>10} {behind:>8} behind")

    as_administrator(state, read)


@consumers_app.command()
def replay(
    name: Annotated[str, typer.Argument(help="The consumer, as `accord consumers list` names it.")],
    feed: Annotated[str, typer.Option(help="Whose feed: intake, mediation or escalation.")],
    after: Annotated[int, typer.Option("--from", min=0, help="It goes on after this position; 0 is the beginning.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else it is shown what would be read.")] = False,
    state: State = Path(".accord"),
) -> None:
    """Have a consumer read a part of its feed again. Consumers bear repeats: what they did already changes nothing.

    The relay of a stack that runs here is restarted for it. Elsewhere, stop the relay before.
    """
    from accord.commands.administrator import as_administrator
    from services.kit.storage.verification import HEADS

    if feed not in HEADS:
        raise StackError(f"there is no feed {feed!r}; feeds are {', '.join(HEADS)}")
    now, kinds = as_administrator(state, lambda connection: _preview(connection, name, feed, after))
    for kind, events in kinds.items():
        typer.echo(f"{events:>8} {kind}")
    typer.echo(f"{name} is at {now} of {feed}; {sum(kinds.values())} events would be read again from {after}")
    if told := _SENDS.get(name.removesuffix("-bulk")):
        typer.echo(f"note: {told}")
    if yes:
        as_administrator(state, lambda connection: _set_back(connection, name, feed, after, StateFolder.at(state)))
        typer.echo(f"{name} goes on after {after}")


async def _preview(connection: asyncpg.Connection, name: str, feed: str, after: int) -> tuple[int, dict[str, int]]:
    now = await connection.fetchval(f"SELECT position FROM {feed}.consumers WHERE name = $1", name)
    if now is None:
        raise StackError(f"{feed}'s feed has no consumer {name!r}")
    if after > now:
        raise StackError(f"{name} is at {now}: from {after} on it would leave out what it has not read")
    return int(now), {row["kind"]: row["events"] for row in await connection.fetch(_AGAIN.format(feed), after, now)}


async def _set_back(connection: asyncpg.Connection, name: str, feed: str, after: int, folder: StateFolder) -> None:
    """Set a position back. Nobody acknowledges or reads one meanwhile: the old one comes back from nowhere."""
    async with connection.transaction():
        await connection.execute(f"LOCK TABLE {feed}.consumers IN ACCESS EXCLUSIVE MODE")
        await connection.execute(f"UPDATE {feed}.consumers SET position = $2 WHERE name = $1", name, after)
        deadline = time.monotonic() + _SECONDS
        _stop_relay(folder, deadline)
        # What the old relay asked for last waits for this lock: it must be given up, not done after it.
        while await connection.fetchval(_WAITING.format(feed)):
            if time.monotonic() > deadline:
                raise StackError("somebody still acknowledges: stop the relay, and repeat; nothing was changed")
            await asyncio.sleep(0.05)


def _stop_relay(folder: StateFolder, deadline: float) -> None:
    from accord.embedded.process import born, is_same, send

    pid = (read_json(folder.stack).get("pids") or {}).get("relay")
    if pid is None:
        return
    mark = born(pid)
    send(pid, mark, signal.SIGKILL)  # its supervisor starts it again, and it goes on where it is told to
    while is_same(pid, mark):
        if time.monotonic() > deadline:
            raise StackError(f"the relay (pid {pid}) does not end; nothing was changed")
        time.sleep(0.02)
