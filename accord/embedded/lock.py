"""The lock of a state folder: one supervisor at a time, and a dead one is told from a living one."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path

from accord.embedded.folder import StackError, StateFolder
from accord.embedded.process import born, is_same


@dataclass(frozen=True)
class Holder:
    """The process a lock file names."""

    pid: int
    mark: str | None

    @property
    def lives(self) -> bool:
        """Whether that very process still runs (a recycled pid does not count)."""
        return is_same(self.pid, self.mark)


def holder(folder: StateFolder) -> Holder | None:
    """The process the folder's lock file names, living or dead; None when there is no lock."""
    try:
        return _parse(folder.lock.read_text())
    except FileNotFoundError:
        return None


def _parse(text: str) -> Holder | None:
    try:
        value = json.loads(text)
        return Holder(int(value["pid"]), value["mark"])
    except (ValueError, KeyError, TypeError):
        return None


class StateLock:
    """A held lock; `stale` is the dead supervisor it was taken from, if any."""

    def __init__(self, descriptor: int, path: Path, stale: Holder | None) -> None:
        self._descriptor = descriptor
        self._path = path
        self.stale = stale

    @classmethod
    def take(cls, folder: StateFolder) -> StateLock:
        """The folder's lock, now ours. Raises StackError naming the living holder.

        The kernel drops a flock when its holder dies, whatever way; the pid and start mark inside serve the message,
        and file systems on which flock does nothing.
        """
        descriptor = _open_locked(folder)
        before = _parse(os.read(descriptor, 4096).decode(errors="replace"))
        if before is not None and before.lives and before.pid != os.getpid():
            os.close(descriptor)
            raise _taken(folder, before)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "mark": born(os.getpid())}).encode(), 0)
        return cls(descriptor, folder.lock, before)

    def release(self) -> None:
        """Give the lock back and remove its file."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        os.close(self._descriptor)


def _open_locked(folder: StateFolder) -> int:
    while True:
        descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise _taken(folder, holder(folder)) from None
        # The last holder may have removed the file between our open and our flock: then we hold a lock nobody sees.
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(descriptor).st_ino == folder.lock.stat().st_ino:
                return descriptor
        os.close(descriptor)


def _taken(folder: StateFolder, by: Holder | None) -> StackError:
    who = f"pid {by.pid}" if by else "another process"
    return StackError(
        f"a stack already runs in {folder.root} ({who}); stop it with `accord down --state {folder.root}` "
        "or choose another folder with --state"
    )
