"""What a person sees while a stack starts, runs and stops."""

from __future__ import annotations

from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from accord.embedded.process import State
from accord.embedded.supervisor import Standing

_COLOURS = {
    State.READY: "green",
    State.STARTING: "yellow",
    State.UNREADY: "red",
    State.RESTARTING: "red",
    State.STOPPING: "yellow",
}


class StackConsole:
    """Shows a stack: a live table on a terminal while it starts, plain lines everywhere else."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._standings: list[Standing] = []
        self._said: dict[str, tuple[State, int | None]] = {}
        self._live: Live | None = None

    def __enter__(self) -> StackConsole:
        if self._console.is_terminal:
            self._live = Live(
                console=self._console, get_renderable=lambda: table(self._standings), refresh_per_second=8
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.settle()

    def settle(self) -> None:
        """Leave the table as it is now and continue in plain lines."""
        if self._live:
            live, self._live = self._live, None
            live.stop()

    def note(self, line: str) -> None:
        """Print one line."""
        self._console.print(line, markup=False, soft_wrap=True)

    def show(self, what: RenderableType) -> None:
        """Print a table or the like."""
        self._console.print(what)

    def changed(self, standings: list[Standing]) -> None:
        """Show the current state of every process."""
        self._standings = standings
        if self._console.is_terminal:
            return
        for each in standings:
            now = (each.state, each.pid)
            if each.state in (State.READY, State.STOPPED) and self._said.get(each.name) != now:
                self._said[each.name] = now
                self.note(_line(each))

    def welcome(self, facts: dict[str, Any]) -> None:
        """Print where everything is, from stack.json."""
        self.settle()
        urls, addresses = facts["urls"], facts["addresses"]
        self.note("")
        self.note(f"REST and its documentation  {urls['docs']}")
        if "temporal_ui" in urls:
            self.note(f"Temporal UI                 {urls['temporal_ui']}")
        self.note("gRPC                        " + ", ".join(f"{name} {at}" for name, at in addresses.items()))
        self.note("metrics                     " + ", ".join(_metric_names(facts["metrics"])))
        self.note(f"state and logs              {facts['state']}")
        self.note("")


def _metric_names(metrics: dict[str, str]) -> list[str]:
    return [f"{name.removesuffix('_metrics')} {url.split('/')[2]}" for name, url in metrics.items()]


def _line(each: Standing) -> str:
    where = f" port {each.port}" if each.port else ""
    who = f" (pid {each.pid})" if each.pid else ""
    return f"{each.name}: {each.state.value}{where}{who}"


def table(standings: list[Standing]) -> Table:
    """A table of the processes: name, pid, port, state, restarts."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("process", "pid", "port", "state", "restarts"):
        grid.add_column(heading, justify="right" if heading in ("pid", "port", "restarts") else "left")
    for each in standings:
        state = Text(each.state.value, _COLOURS.get(each.state, "dim"))
        grid.add_row(each.name, str(each.pid or ""), str(each.port or ""), state,
                     str(each.restarts or ""))  # fmt: skip
    return grid
