"""A stack that runs in another process, as its clients see it: where it is, how it fares, how to stop it."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import Any

from accord.embedded.folder import StackError, StateFolder, read_json
from accord.embedded.lock import holder
from accord.embedded.process import is_same, send
from accord.embedded.remains import end_remains

_STOP_SECONDS = 90.0


@dataclass(frozen=True)
class RunningStack:
    """What the stack of a state folder says of itself in stack.json."""

    folder: StateFolder
    facts: dict[str, Any]

    @classmethod
    def of(cls, folder: StateFolder) -> RunningStack:
        """The stack that runs in this folder. Raises StackError if none does or it is still starting."""
        facts = read_json(folder.stack)
        if facts and is_same(facts["pid"], facts["mark"]):
            return cls(folder, facts)
        by = holder(folder)
        if by and by.lives:
            raise StackError(f"the stack in {folder.root} (pid {by.pid}) is not ready yet")
        raise StackError(f"no stack runs in {folder.root}; start it with `accord up --state {folder.root}`")

    @property
    def pid(self) -> int:
        """The supervisor's pid."""
        return int(self.facts["pid"])

    @property
    def ready(self) -> bool:
        """Whether the start is over and every process is ready now."""
        return bool(self.facts["ready"]) and all(each["state"] == "ready" for each in self.facts["processes"])


def stop_running(folder: StateFolder) -> str:
    """Stop whatever runs in this folder and wait for its end; answers what was done. Raises StackError if it stays."""
    by = holder(folder)
    if by is None or not by.lives:
        lines = end_remains(folder) if folder.root.exists() else []
        return "; ".join(lines) or f"no stack runs in {folder.root}"
    if by.pid == os.getpid():
        raise StackError(f"the stack in {folder.root} runs in this very process")
    send(by.pid, by.mark, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline:
        if not by.lives:
            return f"stopped the stack in {folder.root} (pid {by.pid})"
        time.sleep(0.05)
    raise StackError(f"the stack in {folder.root} (pid {by.pid}) still runs after {_STOP_SECONDS:.0f} s")
