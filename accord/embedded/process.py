"""A process as the supervisor sees it: what to run, how to tell it is ready, how to stop it, who it is."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path

import psutil

_LAUNCHER = Path(__file__).with_name("launch.py")


class State(StrEnum):
    """Where a supervised process stands."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    UNREADY = "not ready"
    """It runs, was ready and says that something it needs, or one of its loops, is not well."""
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Account:
    """The unprivileged account a process runs under when the supervisor is root."""

    uid: int
    gid: int
    reach: bool
    """Whether folders on its path are closed to it, so that it must keep the capability to pass them."""


@dataclass(frozen=True)
class ProcessSpec:
    """One process to keep running.

    `clear` is asked before every start and answers False while something of the last run is still in the way.
    `ready` answers True once the process serves; without it a process is ready as soon as it runs.
    `module` is what `command` runs in Python: where a fork server can be, it is run by a fork.
    `death_signal` is what the kernel sends it when the supervisor is killed; `hurry_signal` ends it without grace.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    stage: int = 1
    ready: Callable[[], bool] | None = None
    clear: Callable[[], bool] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    hurry_signal: signal.Signals = signal.SIGKILL
    death_signal: signal.Signals = signal.SIGKILL
    grace_seconds: float = 10.0
    account: Account | None = None
    module: str = ""


def launched(command: Iterable[str], account: Account | None, death_signal: signal.Signals) -> list[str]:
    """The command line that runs `command` bound to this process: see `accord.embedded.launch`."""
    who = json.dumps(vars(account)) if account else "-"
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), str(int(death_signal)), who]
    return [*launcher, *command]


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return str(int(psutil.boot_time()))


def born(pid: int) -> str | None:
    """A mark that tells this process from any other that had or will have its pid; None when it is dead or a zombie.

    Boot and start tick rather than a wall-clock time, which moves when the machine's clock is set.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return _born_elsewhere(pid) if sys.platform != "linux" else None
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else f"{_boot()}:{fields[19]}"


def _born_elsewhere(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{_boot()}:{process.create_time()}"
    except psutil.Error:
        return None


def is_same(pid: int, mark: str | None) -> bool:
    """Whether the process that once had this pid and mark still lives."""
    return mark is not None and born(pid) == mark


def await_end(pids: Mapping[int, str | None], seconds: float) -> dict[int, str | None]:
    """Wait until these processes (pid and mark) have ended; answers those that have not after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        living = {pid: mark for pid, mark in pids.items() if is_same(pid, mark)}
        if not living or time.monotonic() >= deadline:
            return living
        time.sleep(0.05)


def send(pid: int, mark: str | None, number: signal.Signals) -> None:
    """Signal the process if it is still the one with this mark."""
    if is_same(pid, mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def end(pids: Mapping[int, str | None], first: signal.Signals, grace_seconds: float) -> None:
    """End these processes (pid and mark): the signal `first`, then SIGKILL after the grace."""
    for pid, mark in pids.items():
        send(pid, mark, first)
    for pid, mark in await_end(pids, grace_seconds).items():
        send(pid, mark, signal.SIGKILL)
    await_end(pids, 5)
