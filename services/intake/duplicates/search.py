"""Searches for reports that may be about the same matter, and decides which may be suggested to the caller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from casework import names
from casework.door import likeness
from casework.door.likeness import KeyedSigns
from services.intake.duplicates import store
from services.intake.duplicates.store import Candidate, Search
from services.kit.rules import Rules
from services.kit.serving.access import Call
from services.kit.storage import standings
from services.kit.storage.database import Connection

READ = "reports.readContent"


class Suggestion(NamedTuple):
    """A report that may be about the same matter; `alike` is how likely it is by the texts, 0 to 1."""

    row: Candidate
    alike: float
    score: float
    readable: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What to search for."""

    unit: str
    signs: Sequence[int]
    category: str
    area: str
    self: str = ""
    counted: bool = False
    """Whether the text is counted itself: then its signs are rarer than their counts say."""


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds similar reports in a city and its counties."""

    rules: Rules
    signs: KeyedSigns

    async def suggested(self, connection: Connection, asked: Asked, call: Call, limit: int) -> list[Suggestion]:
        """Return what may be suggested to the caller, best first.

        A report that the caller may not read is found only in the own county, and only by somebody who has nearly the
        whole text: a few words must not reveal what a sealed text says.
        """
        rules, county = self.rules.likeness, names.county_of(asked.unit)
        if not asked.signs:
            return []
        search, weights, texts = await self._search(connection, asked, county, self._places(county, call))
        found = await store.alike(
            connection, search, self=asked.self, category=asked.category, area=asked.area, asked_by=call.caller.unit
        )
        floor, shown = rules.floor(asked.unit, self.rules.units), list[Suggestion]()
        of = await standings.of(connection, [row.merged_into or row.number for row in found])
        for row in found:
            alike = rules.likelihood.of(row.shared, weights, texts, len(asked.signs), row.size)
            if alike < floor or row.number in call.kept_from:
                continue
            readable = standings.allows(call, READ, row.unit, of.get(row.merged_into or row.number))
            nearly = likeness.share(len(row.shared), len(asked.signs), row.size) >= rules.nearly_whole
            if readable or (nearly and row.number.startswith(f"{county}-")):
                score = rules.score(alike, category=row.same_category, place=row.same_place)
                shown.append(Suggestion(row, alike, score, readable))
        # A suggestion without a score must reveal nothing by its place in the list either.
        shown.sort(key=lambda each: (each.readable, each.score if each.readable else 0, each.row.received_at))
        return shown[::-1][:limit]

    async def known(self, connection: Connection, asked: Asked, since: datetime) -> list[datetime]:
        """Return when open matters of the county that are nearly the same were received, newest first."""
        county = names.county_of(asked.unit)
        search, _, _ = await self._search(connection, asked, county, [f"{county}-%"])
        return await store.open_alike(
            connection, search, county=county, category=asked.category, area=asked.area, since=since,
            share=self.rules.likeness.nearly_whole,
        )  # fmt: skip

    def _places(self, county: str, call: Call) -> list[str]:
        """Return patterns of report numbers to search: the prefecture if the caller may read it, or county and city."""
        prefecture = likeness.prefecture_of(county)
        if call.access.knows(prefecture) and call.access.allows(call.caller, READ, prefecture):
            return [f"{prefecture}%"]
        return [f"{county}-%", f"{prefecture}00-%"]

    async def _search(
        self, connection: Connection, asked: Asked, county: str, places: Sequence[str]
    ) -> tuple[Search, dict[int, float], int]:
        rules, every = self.rules.likeness, self.signs.every(likeness.prefecture_of(county))
        signs, counts = asked.signs, await store.counts(connection, asked.signs)
        if asked.counted:
            counts = {sign: max(having - 1, 0) for sign, having in counts.items()}
        texts = counts.get(every, 0)
        weights = {sign: likeness.weight(texts, counts.get(sign, 0)) for sign in signs}
        own = [sign for sign in signs if sign != every]
        rare = sorted(likeness.rarest(own, counts, rules.budget(texts)))
        return Search(signs, rare, places, rules.most, rules.compared), weights, texts
