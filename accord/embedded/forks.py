"""What the supervisor starts: processes by their command, and Accord's own by a fork server that its stacks share."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

HAS_FORKS = sys.platform == "linux"
"""Elsewhere a fork is not safe once certain libraries are loaded, and no death signal ends what was forked."""
_ANSWER_SECONDS = 30.0


class Running(Protocol):
    """A process that was started."""

    @property
    def pid(self) -> int:
        """Its pid."""

    def ended(self) -> int | None:
        """Return its code, or minus the signal that ended it; None while it runs. What it left goes with it."""


@dataclass(frozen=True)
class Executed:
    """A child of this process."""

    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def ended(self) -> int | None:
        # While it is not yet reaped its pid, and so its group's number, cannot belong to anybody else.
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        return self.process.wait()


@dataclass(frozen=True)
class Forked:
    """A child of the fork server."""

    pid: int
    codes: Mapping[int, int]
    server: subprocess.Popen[bytes]

    def ended(self) -> int | None:
        gone = None if self.server.poll() is None else -int(signal.SIGKILL)  # the kernel ends it with its server
        return self.codes.get(self.pid, gone)


class ForkServer:
    """The fork server of this process: it starts when it is first needed, and ends with its last user."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._codes: dict[int, int] = {}
        self._turn = threading.Condition()
        self._ready = False
        self._forked: list[int] = []

    @contextlib.contextmanager
    def used(self) -> Iterator[ForkServer]:
        """Keep it, once it was needed, until the end of the block."""
        self.take()
        try:
            yield self
        finally:
            self.give_back()

    def take(self) -> None:
        """Say that it may be needed."""
        with self._lock:
            self._users += 1

    def give_back(self) -> None:
        """Say that it is needed no more."""
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._process is not None:
                _close(self._process)
                self._process = None

    def warm(self, environment: Mapping[str, str], modules: Iterable[str]) -> None:
        """Start it beside what else is started: the imports of these modules take a while."""
        with self._lock:
            self._running(environment, modules)

    def fork(
        self, module: str, environment: Mapping[str, str], log: Path, death_signal: signal.Signals
    ) -> Forked | None:
        """Run a module in a process of its own; None while the server is still importing: ask again.

        Raises OSError if the server died.
        """
        with self._lock:
            process = self._running(environment, [module])
            if not self._ready:
                return None
            request = {"module": module, "environment": dict(environment), "log": str(log),
                       "death_signal": int(death_signal)}  # fmt: skip
            assert process.stdin is not None
            process.stdin.write((json.dumps(request) + "\n").encode())
            process.stdin.flush()
            with self._turn:
                if not self._turn.wait_for(lambda: self._forked or process.poll() is not None, _ANSWER_SECONDS):
                    raise OSError("the fork server does not answer")
                if not self._forked:
                    raise OSError("the fork server died")
                return Forked(self._forked.pop(), self._codes, process)

    def _running(self, environment: Mapping[str, str], modules: Iterable[str]) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._ready, self._forked, self._codes = False, [], {}
            # Neither settings nor secrets: each process gets its own.
            bare = {name: text for name, text in environment.items() if not name.startswith("ACCORD_")}
            self._process = subprocess.Popen(
                (sys.executable, "-P", "-m", "accord.embedded.forkserver", *modules), env=bare, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
            threading.Thread(
                target=self._listen, args=(self._process.stdout, self._codes), name="fork-server", daemon=True
            ).start()
        return self._process

    def _listen(self, answers: IO[bytes], codes: dict[int, int]) -> None:
        for line in answers:
            said = json.loads(line)
            with self._turn:
                if "ended" in said:
                    codes[said["ended"]] = said["code"]
                elif codes is self._codes:
                    self._ready = True
                    if "forked" in said:
                        codes.pop(said["forked"], None)  # somebody before it had this number
                        self._forked.append(said["forked"])
                self._turn.notify_all()
        with self._turn:
            self._turn.notify_all()


def _close(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


FORKS = ForkServer()
"""That of this process."""
