"""Keeps processes running: starts them in stages, restarts what ends, stops all in reverse order."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from accord.embedded.folder import StackError, StateFolder, write_json
from accord.embedded.forks import FORKS, HAS_FORKS, Executed, Running
from accord.embedded.process import ProcessSpec, State, born, launched

_TICK_SECONDS = 0.05
_PROBE_SECONDS = 0.15
_LOOK_SECONDS = 2.0
_MISSES = 2
"""Looks in a row that find it not ready: one may be the machine's fault."""
_FIRST_BACKOFF_SECONDS = 0.2
_LONGEST_BACKOFF_SECONDS = 5.0
_HEALTHY_SECONDS = 30.0
_FAILURES_BEFORE_GIVING_UP = 3
_LOG_BYTES = 20 * 1024 * 1024


class Interrupted(Exception):
    """Somebody asked the stack to stop while it was starting."""


@dataclass
class Child:
    """One supervised process: what it should be and what it is."""

    spec: ProcessSpec
    process: Running | None = None
    state: State = State.WAITING
    wanted: bool = True
    restarts: int = 0
    failures: int = 0
    """Ends in a row without having been ready once."""
    backoff_seconds: float = _FIRST_BACKOFF_SECONDS
    start_at: float = 0.0
    started_at: float = 0.0
    last_end: str = ""
    misses: int = 0

    @property
    def pid(self) -> int | None:
        """Its pid while it runs."""
        return self.process.pid if self.process else None


@dataclass(frozen=True)
class Standing:
    """What an onlooker sees of one process."""

    name: str
    pid: int | None
    port: int | None
    state: State
    restarts: int


@dataclass
class Supervisor:
    """Runs the processes of one state folder.

    `note` gets one line for each thing worth telling; `changed` is called after any process changed its state.
    """

    folder: StateFolder
    note: Callable[[str], None] = lambda line: None
    changed: Callable[[], None] = lambda: None
    stopping: threading.Event = field(default_factory=threading.Event)
    hurry: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._children: dict[str, Child] = {}
        self._turn = threading.Condition(threading.RLock())
        self._closed = False
        # One thread starts every child and outlives them: see the hazard in `accord.embedded.launch`.
        self._keeper = threading.Thread(target=self._keep, name="supervisor", daemon=True)
        self._prober = threading.Thread(target=self._probe, name="prober", daemon=True)

    def open(self) -> None:
        """Begin to supervise."""
        FORKS.take()
        self._keeper.start()
        self._prober.start()

    def run(self, specs: Iterable[ProcessSpec]) -> None:
        """Start these processes and keep them running."""
        with self._turn:
            for spec in specs:
                self._children[spec.name] = Child(spec)
            self._turn.notify_all()

    def standings(self) -> list[Standing]:
        """How every process stands, in the order they were started."""
        with self._turn:
            return [
                Standing(child.spec.name, child.pid, child.spec.port, child.state, child.restarts)
                for child in self._children.values()
            ]

    def await_ready(self, names: Iterable[str], seconds: float) -> None:
        """Wait until these processes are ready. Raises StackError with the reason if one is not in time or gives up."""
        deadline = time.monotonic() + seconds
        with self._turn:
            children = [self._children[name] for name in names]
            while late := [child for child in children if child.state is not State.READY]:
                if self.stopping.is_set():
                    raise Interrupted
                for child in late:
                    if child.failures >= _FAILURES_BEFORE_GIVING_UP:
                        raise StackError(f"{child.spec.name} {child.last_end}{self._last_lines(child)}")
                if time.monotonic() >= deadline:
                    child = late[0]
                    raise StackError(f"{child.spec.name} is not ready after {seconds:.0f} s{self._last_lines(child)}")
                self._turn.wait(0.1)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Signal a process, as a fault would; it is restarted like after any other end. Answers the pid it had."""
        with self._turn:
            child = self._children[name]
            if child.process is None:
                raise StackError(f"{name} does not run")
            self._signal(child, number)
            return child.process.pid

    def await_restart(self, name: str, old_pid: int, seconds: float = 60.0) -> int:
        """Wait until a process that had `old_pid` is ready under another pid, and answer that."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            now = next(each for each in self.standings() if each.name == name)
            if now.state is State.READY and now.pid is not None and now.pid != old_pid:
                return now.pid
            if now.state is State.STOPPED:
                raise StackError(f"{name} was stopped")
            time.sleep(0.05)
        raise StackError(f"{name} was not ready again within {seconds:.0f} s")

    def close(self) -> None:
        """Stop every process, last stage first, and end supervision. Whoever ignores the grace is killed."""
        with self._turn:
            stages = sorted({child.spec.stage for child in self._children.values()}, reverse=True)
        for stage in stages:
            self._stop([child for child in self._children.values() if child.spec.stage == stage])
        with self._turn:
            self._closed = True
            self._turn.notify_all()
        if not self._keeper.is_alive():
            return
        for thread in (self._keeper, self._prober):
            thread.join(10)
        FORKS.give_back()

    def _stop(self, children: list[Child]) -> None:
        with self._turn:
            for child in children:
                child.wanted = False
                self._set(child, State.STOPPING if child.process else State.STOPPED)
                self._signal(child, child.spec.stop_signal)
        started = time.monotonic()
        hurried = False
        while living := [child for child in children if child.process]:
            waited = time.monotonic() - started
            with self._turn:
                if self.hurry.is_set() and not hurried:
                    hurried = True
                    for child in living:
                        self._signal(child, child.spec.hurry_signal)
                for child in living:
                    if waited > (5.0 if hurried else child.spec.grace_seconds) and child.process:
                        self.note(f"{child.spec.name} does not stop; killing it")
                        self._signal(child, signal.SIGKILL)
                self._turn.wait(0.05)

    @staticmethod
    def _signal(child: Child, number: signal.Signals) -> None:
        if child.process:
            # Popen.send_signal would reap an ended child; reaping is the keeper's alone (see `Running.ended`).
            with contextlib.suppress(ProcessLookupError):  # what was forked is reaped by its server
                os.kill(child.process.pid, number)

    def _keep(self) -> None:
        with self._turn:
            while not self._closed:
                for child in list(self._children.values()):
                    try:
                        self._attend(child)
                    except Exception as error:  # were this thread to end, the kernel would end every child with it
                        child.start_at = time.monotonic() + _LONGEST_BACKOFF_SECONDS
                        self.note(f"cannot attend to {child.spec.name}: {error}")
                self._turn.wait(_TICK_SECONDS)

    def _attend(self, child: Child) -> None:
        if child.process is not None:
            _cut_log(self.folder.log(child.spec.name))
            code = child.process.ended()
            if code is not None:
                self._bury(child, code)
        elif child.wanted and time.monotonic() >= child.start_at:
            if child.spec.clear is None or child.spec.clear():
                self._spawn(child)
            else:
                child.start_at = time.monotonic() + _FIRST_BACKOFF_SECONDS

    def _spawn(self, child: Child) -> None:
        spec = child.spec
        with _open_log(self.folder.log(spec.name)) as log:
            if spec.module and HAS_FORKS:
                child.process = FORKS.fork(spec.module, spec.environment, Path(log.name), spec.death_signal)
                if child.process is None:
                    return
            else:
                child.process = Executed(subprocess.Popen(
                    launched(spec.command, spec.account, spec.death_signal), env=dict(spec.environment),
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                ))  # fmt: skip
        child.started_at = time.monotonic()
        self._set(child, State.STARTING if spec.ready else State.READY)
        self._remember()

    def _bury(self, child: Child, code: int) -> None:
        lived = time.monotonic() - child.started_at
        child.process = None
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        child.last_end = how
        if not child.wanted:
            self._set(child, State.STOPPED)
        else:
            self._schedule(child, lived)
        self._remember()

    def _schedule(self, child: Child, lived: float) -> None:
        child.failures = 0 if child.state in (State.READY, State.UNREADY) else child.failures + 1
        if lived >= _HEALTHY_SECONDS:
            child.backoff_seconds = _FIRST_BACKOFF_SECONDS
        pause = child.backoff_seconds
        child.backoff_seconds = min(pause * 2, _LONGEST_BACKOFF_SECONDS)
        child.start_at = time.monotonic() + pause
        child.restarts += 1
        self.note(f"{child.spec.name} {child.last_end} after {lived:.1f} s; starting it again in {pause:.1f} s")
        self._set(child, State.RESTARTING)

    def _probe(self) -> None:
        looked = time.monotonic()
        while not self._closed:
            # Whoever starts is asked all the time, whoever is ready now and then: it may be so no longer.
            asked = [State.STARTING, State.UNREADY]
            if time.monotonic() - looked >= _LOOK_SECONDS:
                looked = time.monotonic()
                asked.append(State.READY)
            with self._turn:
                children = [(child, child.process) for child in self._children.values() if child.state in asked]
            for child, process in children:
                if child.spec.ready is not None:
                    self._judge(child, process, _answer(child.spec.ready))
            time.sleep(_PROBE_SECONDS)

    def _judge(self, child: Child, process: Running | None, ready: bool) -> None:
        with self._turn:
            # The probe may have met its predecessor's last breath, or it may be gone again by now.
            if child.process is not process or child.state not in (State.STARTING, State.READY, State.UNREADY):
                return
            child.misses = 0 if ready else child.misses + 1
            if ready and child.state is not State.READY:
                again = child.restarts or child.state is State.UNREADY
                self._set(child, State.READY)
                if again:
                    self.note(f"{child.spec.name} is ready again (pid {child.pid})")
            elif child.misses >= _MISSES and child.state is State.READY:
                self._set(child, State.UNREADY)
                self.note(f"{child.spec.name} is not ready any more (pid {child.pid})")

    def _set(self, child: Child, state: State) -> None:
        child.state = state
        self._turn.notify_all()
        self.changed()

    def _remember(self) -> None:
        write_json(
            self.folder.processes,
            {child.spec.name: {"pid": child.pid, "mark": born(child.pid)} for child in self._children.values()
             if child.pid},
        )  # fmt: skip

    def _last_lines(self, child: Child, count: int = 12) -> str:
        lines = last_lines(self.folder.log(child.spec.name), count)
        return f"; the end of {self.folder.log(child.spec.name)}:\n" + "\n".join(lines) if lines else ""


def _answer(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except Exception:
        return False  # a probe that fails, for whatever reason, has not found a serving process


def _open_log(path: Path) -> IO[bytes]:
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab")


def _cut_log(path: Path) -> None:
    """Begin a log anew once it is long, keeping what was before beside it, while its process goes on writing.

    The process holds it open to append, so that it is emptied in place; a line written in that instant may be lost.
    """
    with contextlib.suppress(OSError):
        if path.stat().st_size > _LOG_BYTES:
            shutil.copyfile(path, path.with_name(f"{path.name}.1"))
            os.truncate(path, 0)


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a log file, at most `count`; none if it does not exist."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64 * 1024))
        return file.read().decode(errors="replace").splitlines()[-count:]


def log_line(path: Path, line: str) -> None:
    """Add a line, with the time in UTC, to the log at `path`."""
    with _open_log(path) as log:
        log.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ} {line}\n".encode())
