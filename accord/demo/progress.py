"""How far the play is: bars on a terminal, a line every few business days elsewhere."""

from __future__ import annotations

from datetime import date, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from accord.demo.scene import PHASES, Scene
from casework.clocks.calendar import LOCAL

_DAYS_A_LINE = 3


class Progress:
    """Shows the phases while they fill: received, decided, opened, handled, closed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._began: datetime | None = None
        self._said: tuple[date, tuple[int, ...]] | None = None

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description:<9}"),
                BarColumn(44),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
            )
            self._bars = Bars(*columns, console=self._console)
            self._tasks = {phase: self._bars.add_task(phase, total=None, note="") for phase in PHASES}
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars:
            self._bars.stop()

    def update(self, scene: Scene) -> None:
        """Show how far things are now."""
        now = scene.now().astimezone(LOCAL)
        self._began = self._began or now
        if self._bars is None:
            self._say(scene, now)
            return
        for phase, task in self._tasks.items():
            note = f"{now:%a %d %b %Y}, day {(now.date() - self._began.date()).days}" if phase == PHASES[0] else ""
            self._bars.update(task, completed=scene.done[phase], total=scene.total[phase] or None, note=note)

    def _say(self, scene: Scene, now: datetime) -> None:
        counts = tuple(scene.done[phase] for phase in PHASES)
        over = all(scene.done[phase] >= scene.total[phase] for phase in PHASES) and any(counts)
        if self._said:
            day, before = self._said
            if counts == before or ((now.date() - day).days < _DAYS_A_LINE and not over):
                return
        if not any(counts):
            return
        self._said = (now.date(), counts)
        shown = "   ".join(f"{phase} {scene.done[phase]}/{scene.total[phase]}" for phase in PHASES)
        self._console.print(f"{now:%a %d %b}   {shown}", markup=False, soft_wrap=True)
