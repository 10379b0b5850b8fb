"""Looks up the names in requests to escalation: its own files, and cases reported by their owner."""

from __future__ import annotations

from collections.abc import Mapping

from casework import names
from services.escalation import store
from services.kit.serving.named import Found
from services.kit.storage import standings
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

    async def excluded(self, subject: str) -> frozenset[str]:
        """Return the numbers of the cases that an account is excluded from."""
        async with self._database.read() as connection:
            return await standings.excluded(connection, subject)

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
