"""Looks up the names in requests to escalation: its own files, and cases reported by their owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from casework import names
from services.escalation import store
from services.escalation.letters import store as letters
from services.kit.serving.access import Kept
from services.kit.serving.request.named import Found
from services.kit.storage import grid_terms, standings
from services.kit.storage.database import Database

FOREIGN = frozenset({"cases", "reports"})


class FileDirectory:
    """Finds files, and cases that were reported."""

    owner = staticmethod(store.owner)

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_foreign(self, name: str) -> bool:
        """Return whether it is a case or a report itself. What escalation stores under one is its own."""
        parts = name.split("/")
        return parts[0] in FOREIGN and len(parts) == 2

    async def kept_from(self, subject: str, numbers: frozenset[str], *, reports: bool) -> Kept:
        """Return the cases that an account is excluded from, and those on a side of which it ever stood."""
        async with self._database.read() as connection:
            return await standings.kept_from(connection, subject)

    async def behind(self, files: frozenset[str]) -> frozenset[str]:
        """Return the numbers of the cases that letters, matters of the ledger and reviews are about."""
        async with self._database.read() as connection:
            about = await letters.about(connection, sorted(files))
            return about | await store.about(connection, sorted(files | about))

    async def terms(self, account: str) -> Sequence[tuple[date, date]]:
        """Return first and last day of every term of an account as a grid worker."""
        async with self._database.read() as connection:
            return await grid_terms.of(connection, account)

    async def find(self, values: frozenset[str]) -> Mapping[str, Found]:
        """Return those that exist, with the units whose permission on it is a permission on the named resource.

        A case that its owner has not reported yet counts as not existing.
        """
        numbers = {value: names.number_of(value) for value in values}
        asked = sorted(set(numbers.values()))
        async with self._database.read() as connection:
            rows = await store.whose_files(connection, asked)
            found = {number: Found((unit, *units), about) for number, unit, about, units in rows}
            for number, about, unit, co_units, climbed in await store.whose_cases(connection, asked):
                found[number] = Found((unit, *(co_units or ()), *climbed), about)
        return {value: found[number] for value, number in numbers.items() if number in found}
