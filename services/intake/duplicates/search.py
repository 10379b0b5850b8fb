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
    """A report that may be about the same matter; `alike` is how alike the texts are, 0 to 1."""

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
        search, weights = await self._search(connection, asked.signs, county, self._places(county, call))
        found = await store.alike(
            connection, search, self=asked.self, category=asked.category, area=asked.area, asked_by=call.caller.unit
        )
        floor, shown = rules.floor(asked.unit, self.rules.units), list[Suggestion]()
        excluded = await standings.excluded(connection, call.caller.subject) if found else frozenset()
        of = await standings.of(connection, [row.merged_into or row.number for row in found])
        for row in found:
            alike = likeness.cosine(row.shared, weights, row.length)
            much = likeness.evidence(row.shared, weights, search.texts) >= rules.shared
            if alike < floor or not much or row.number in excluded:
                continue
            readable = _may_read(call, row, of.get(row.merged_into or row.number))
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
        search, _ = await self._search(connection, asked.signs, county, [f"{county}-%"])
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
        self, connection: Connection, signs: Sequence[int], county: str, places: Sequence[str]
    ) -> tuple[Search, dict[int, float]]:
        rules, every = self.rules.likeness, self.signs.every(likeness.prefecture_of(county))
        counts = await store.counts(connection, signs)
        texts = counts.get(every, 0)
        weights = {sign: likeness.weight(texts, counts.get(sign, 0)) for sign in signs}
        own = [sign for sign in signs if sign != every]
        rare = sorted(likeness.rarest(own, counts, rules.budget(texts)))
        return Search(signs, rare, texts, places, rules.most, rules.compared), weights


def _may_read(call: Call, row: Candidate, standing: standings.CaseStanding | None) -> bool:
    if not call.access.depends_on_parts(call.caller, READ, row.unit):
        return call.access.allows(call.caller, READ, row.unit)
    return call.access.allows(call.caller, READ, row.unit, standings.parts_of(call, row.unit, standing))
