"""The rows already processed: a file next to the stack's data, so that an interrupted import can continue.

One journal belongs to one file under one mapping (their hashes), one unit and one server. It only saves work: without
it, every row would be sent again and the service would return `repeated`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from accord.importing.rejection import Rejection


class JournalInUse(Exception):
    """Another process imports the same file."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of the rows `first` to `last` (numbers of the source, both included)."""

    first: int
    last: int
    created: int
    repeated: int
    rejected: list[Rejection]


@dataclass(slots=True)
class Totals:
    """Totals of all rows processed so far."""

    created: int = 0
    repeated: int = 0
    rejected: list[Rejection] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one more outcome."""
        self.created += outcome.created
        self.repeated += outcome.repeated
        self.rejected.extend(outcome.rejected)

    @property
    def rows(self) -> int:
        """How many rows have been processed."""
        return self.created + self.repeated + len(self.rejected)


def journal_path(folder: Path, *identity: str) -> Path:
    """Return the path of the journal of one import below a state folder."""
    key = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:24]
    return folder / "imports" / f"{key}.jsonl"


class Journal:
    """The journal at a path: read when opened, appended to range by range."""

    def __init__(self, path: Path, restart: bool = False) -> None:
        """Open it; `restart` discards its content. A truncated last line counts as not written."""
        self.path = path
        self.totals = Totals()
        self._answered: set[tuple[int, int]] = set()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _open_alone(path)
        kept = b"" if restart else self._read()
        os.ftruncate(self._file, len(kept))
        os.lseek(self._file, 0, os.SEEK_END)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def add(self, outcome: Outcome) -> None:
        """Store an outcome durably: it is on disk when this returns."""
        self._count(outcome)
        os.write(self._file, json.dumps(asdict(outcome), ensure_ascii=False).encode() + b"\n")
        os.fsync(self._file)

    def answered(self) -> AnsweredRows:
        """Return the rows processed until now, to be looked up in rising order."""
        return AnsweredRows(self._answered)

    def _read(self) -> bytes:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return b""
        kept = 0
        for line in content.splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            try:
                self._count(_outcome(json.loads(line)))
            except (ValueError, TypeError, KeyError):
                break
            kept += len(line)
        return content[:kept]

    def _count(self, outcome: Outcome) -> None:
        self.totals.add(outcome)
        self._answered.add((outcome.first, outcome.last))


class AnsweredRows:
    """Tells for each row, looked up in rising order, whether it has been processed."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        self._ranges = sorted(ranges, reverse=True)

    def __contains__(self, row: object) -> bool:
        """Tell whether the row has been processed; rows must come in rising order."""
        assert isinstance(row, int)
        while self._ranges and self._ranges[-1][1] < row:
            self._ranges.pop()
        return bool(self._ranges) and self._ranges[-1][0] <= row


def _open_alone(path: Path) -> int:
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise JournalInUse("another process is already importing this file") from None
    return file


def _outcome(entry: dict[str, Any]) -> Outcome:
    return Outcome(**entry | {"rejected": [Rejection(**each) for each in entry["rejected"]]})
