"""The state folder: everything one embedded stack keeps, under one path."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class StackError(Exception):
    """A reason, in one line a person can act on, why the stack cannot do what was asked."""


@dataclass(frozen=True)
class StateFolder:
    """The places inside one state folder; `root` is absolute."""

    root: Path

    @classmethod
    def at(cls, path: Path | str) -> StateFolder:
        """The folder at `path`, not yet created."""
        return cls(Path(path).expanduser().resolve())

    def create(self) -> None:
        """Make the folder and its rooms; other accounts of the machine cannot read them."""
        try:
            for room in (self.root, self.logs, self.keys):
                room.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(f"cannot use {self.root} as state folder: {error.strerror}") from error
        for room in (self.logs, self.keys):  # PostgreSQL's log quotes failed statements, and so people's words
            room.chmod(0o700)

    @property
    def lock(self) -> Path:
        """Held by the supervisor for as long as it lives."""
        return self.root / "lock"

    @property
    def logs(self) -> Path:
        """One log file a process."""
        return self.root / "logs"

    @property
    def keys(self) -> Path:
        """Private keys, the master key and the trust file."""
        return self.root / "keys"

    @property
    def ports(self) -> Path:
        """Ports that were picked for this folder."""
        return self.root / "ports.json"

    @property
    def secrets(self) -> Path:
        """Generated database passwords."""
        return self.root / "secrets.json"

    @property
    def processes(self) -> Path:
        """The children of the supervisor, so that its successor can find them."""
        return self.root / "processes.json"

    @property
    def stack(self) -> Path:
        """What a running stack tells its clients; absent when none runs."""
        return self.root / "stack.json"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data directory."""
        return self.root / "postgres"

    @property
    def files(self) -> Path:
        """Evidence files, each encrypted under its case's key."""
        return self.root / "files"

    @property
    def temporal(self) -> Path:
        """The Temporal dev server's database."""
        return self.root / "temporal.db"

    @property
    def rebuild_due(self) -> Path:
        """Present while Temporal's database is newer than the facts and workflows are still missing."""
        return self.root / "rebuild.due"

    def log(self, name: str) -> Path:
        """The log file of the process called `name`."""
        return self.logs / f"{name}.log"


def write_private(path: Path, text: str) -> None:
    """Replace the file at `path` in one step, readable by its owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def write_json(path: Path, value: object) -> None:
    """Replace the file at `path` by `value` as JSON, readable by its owner alone."""
    write_private(path, json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in the file at `path`; empty when the file is absent or was cut short."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return value if isinstance(value, dict) else {}
