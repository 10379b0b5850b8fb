"""Looks up the names in requests to mediation: cases, and what is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from casework import names
from services.kit.serving.access import Kept
from services.kit.serving.request.named import Found
from services.kit.storage import grid_terms
from services.kit.storage.database import Connection, Database
from services.mediation import store
from services.mediation.grants import store as grants

_PARTS = {
    "agreements": "agreement", "alerts": "alert", "companions": "companion", "dockings": "docking",
    "documents": "document", "evidence": "evidence", "grants": "grant_no", "objections": "objection",
    "offers": "offer", "panel": "member", "parties": "party", "sessions": "session", "tasks": "task", "visits": "days",
}  # fmt: skip
"""The collections of a case: the table of each, which has its name, and the column of the number."""


class CaseDirectory:
    """Finds cases and what is in them."""

    owner = staticmethod(store.owner)

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_foreign(self, name: str) -> bool:
        """Return whether it belongs to another service; everything in mediation is in a case."""
        return False

    async def kept_from(self, subject: str, numbers: frozenset[str], *, reports: bool) -> Kept:
        """Return the cases that an account is excluded from, and those on a side of which it ever stood."""
        async with self._database.read() as connection:
            return await grants.kept_from(connection, subject)

    async def behind(self, files: frozenset[str]) -> frozenset[str]:
        """Return nothing: supervision has its files."""
        return frozenset()

    async def terms(self, account: str) -> Sequence[tuple[date, date]]:
        """Return first and last day of every term of an account as a grid worker."""
        async with self._database.read() as connection:
            return await grid_terms.of(connection, account)

    async def find(self, values: frozenset[str]) -> Mapping[str, Found]:
        """Return those that exist, with the units of the case: the accountable one and those of its tasks."""
        numbers = {value: names.number_of(value) for value in values if value.startswith("cases/")}
        async with self._database.read() as connection:
            rows = await store.whose(connection, set(numbers.values()))
            found = {number: Found((unit, *units), about) for number, unit, about, units in rows}
            return {
                value: found[number]
                for value, number in numbers.items()
                if number in found and await _is_there(connection, number, value)
            }


async def _is_there(connection: Connection, number: str, value: str) -> bool:
    """Return whether the named part of a case exists; only collections with a table of their name are checked."""
    below = value.split("/")[2:]
    if len(below) < 2 or below[0] not in _PARTS or not below[1].isdigit():
        return True
    return await store.has(connection, number, below[0], _PARTS[below[0]], int(below[1]))
