"""What was erased stays erased: a list next to the master key, applied again before a service serves.

A restored database again contains what was erased after its backup was made, data keys included. Each service
writes the number of what it erases into the list before it commits, and at its start erases what the list names and
the database still contains. The list has numbers of cases and times, no personal data. It is kept like the master
key, outside the database and its backups.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import structlog

from services.kit.storage.database import Connection, Database
from services.kit.storage.events import EventLog, NewEvent

log = structlog.get_logger()

Erase = Callable[[Connection, str, datetime], Awaitable[dict[str, str]]]
"""Erases a case in a service; returns, by number, the unit of each chain in which something was erased."""

ACTOR = "erasure-list"
"""Whom the history names for a repeated erasure."""


class ErasureList:
    """The list of one service, one line per erasure; lines are never removed."""

    def __init__(self, path: Path | None, service: str) -> None:
        self._path = path
        self.service = service

    def add(self, number: str, at: datetime) -> None:
        """Add an erased case; it is on disk when this returns."""
        if self._path is None:
            return
        line = f"{self.service} {number} {at.isoformat()}\n".encode()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)  # one write, so that lines of several processes do not run into each other
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def numbers(self) -> list[str]:
        """Return what was erased in this service, each once, oldest first."""
        if self._path is None or not self._path.exists():
            return []
        lines = [line.split() for line in self._path.read_text("ascii").splitlines()]
        return list(dict.fromkeys(parts[1] for parts in lines if len(parts) == 3 and parts[0] == self.service))


async def erase_again(database: Database, heads: str, listed: ErasureList, erase: Erase, now: datetime) -> int:
    """Erase what the list names and the database still contains; return how many cases that were."""
    events, found = EventLog(listed.service, heads), 0
    for number in listed.numbers():
        async with database.begin() as connection:
            await events.lock(connection, number)
            erased = await erase(connection, number, now)
            told = [NewEvent(each, "CaseDataErased", unit, {"again": True}) for each, unit in erased.items()]
            await events.append(connection, told, at=now, actor=ACTOR, trace="")
        found += bool(erased)
    if found:
        log.warning("erased again what a backup had brought back", matters=found)
    return found
