"""Looks up the names in requests to intake: reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from casework import names
from services.intake import store
from services.intake.grids import store as grids
from services.kit.serving.access import Kept
from services.kit.serving.request.named import Found
from services.kit.storage import standings
from services.kit.storage.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Beside:
    """What an account is kept from, where a statement has found its cases beside something else."""

    connection: Connection
    kept: Kept

    async def kept_from(self, subject: str, numbers: frozenset[str], *, reports: bool) -> Kept:
        """Return these cases, what was merged into them, and what the account reported in the app."""
        kept = self.kept
        # What was merged into a case stands under its own number in lists.
        asked = kept.excluded | kept.own | (numbers if reports or kept.excluded or kept.own else frozenset())
        if not asked:
            return kept
        excluded, own = set(kept.excluded), set(kept.own)
        for number, into, mine in await store.reported_by(self.connection, sorted(asked), subject):
            both = {number, into or number}
            if into in kept.excluded:
                excluded |= both
            if (mine and reports) or into in kept.own:
                own |= both
        return Kept(frozenset(excluded), frozenset(own))

    async def behind(self, files: frozenset[str]) -> frozenset[str]:
        """Return nothing: supervision has its files."""
        return frozenset()


class ReportDirectory:
    """Finds reports."""

    owner = staticmethod(store.owner)

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_foreign(self, name: str) -> bool:
        """Return whether it belongs to another service; intake has reports only."""
        return False

    async def kept_from(self, subject: str, numbers: frozenset[str], *, reports: bool) -> Kept:
        """Return what an account is kept from: cases, what was merged into them, and what it reported in the app.

        What it reported is looked up among these numbers alone.
        """
        async with self._database.read() as connection:
            found = Beside(connection, await standings.kept_from(connection, subject))
            return await found.kept_from(subject, numbers, reports=reports)

    async def behind(self, files: frozenset[str]) -> frozenset[str]:
        """Return nothing: supervision has its files."""
        return frozenset()

    async def terms(self, account: str) -> Sequence[tuple[date, date]]:
        """Return first and last day of every term of an account as a grid worker."""
        async with self._database.read() as connection:
            return [(each.first, each.last) for each in await grids.terms(connection, account)]

    async def find(self, values: frozenset[str]) -> Mapping[str, Found]:
        """Return those that exist, with the unit each report belongs to."""
        numbers = {value: names.number_of(value) for value in values if value.startswith("reports/")}
        async with self._database.read() as connection:
            rows = await store.whose(connection, set(numbers.values()))
        found = {number: Found((unit,), about) for number, unit, about in rows}
        return {value: found[number] for value, number in numbers.items() if number in found}
