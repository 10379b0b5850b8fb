"""Looks up the names in requests to intake: reports."""

from __future__ import annotations

from collections.abc import Mapping

from casework import names
from services.intake import store
from services.kit.serving.named import Found
from services.kit.storage import standings
from services.kit.storage.database import Database


class ReportDirectory:
    """Finds reports."""

    owner = staticmethod(store.owner)

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_foreign(self, name: str) -> bool:
        """Return whether it belongs to another service; intake has reports only."""
        return False

    async def excluded(self, subject: str) -> frozenset[str]:
        """Return the numbers of the cases that an account is excluded from."""
        async with self._database.read() as connection:
            return await standings.excluded(connection, subject)

    async def find(self, values: frozenset[str]) -> Mapping[str, Found]:
        """Return those that exist, with the unit each report belongs to."""
        numbers = {value: names.number_of(value) for value in values if value.startswith("reports/")}
        async with self._database.read() as connection:
            rows = await store.whose(connection, set(numbers.values()))
        found = {number: Found((unit,), about) for number, unit, about in rows}
        return {value: found[number] for value, number in numbers.items() if number in found}
