"""Finds open reports by words, for those who may read them; works out the signs by which they are found."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from pb.intake.v1 import report_pb2

from casework.door import search as rules_of
from casework.door.complaint import lies_within
from casework.door.likeness import KeyedSigns, prefecture_of
from services.intake.search import store
from services.intake.search.signs import store as signs
from services.intake.search.store import Hit, Told
from services.kit.rules import Rules
from services.kit.serving.access import Call
from services.kit.storage import standings
from services.kit.storage.database import Connection
from services.kit.storage.sealing import Sealer, SealError

log = structlog.get_logger()
READ = "reports.readContent"


class Searcher:
    """Searches among the texts of open reports."""

    def __init__(self, rules: Rules, sealer: Sealer) -> None:
        self._rules = rules
        self._sealer = sealer
        self._keyed = KeyedSigns(sealer.derive("search"))

    async def found(self, connection: Connection, query: str, call: Call) -> dict[str, str]:
        """Return the open reports that have all words and whose content the caller may read, each with its case."""
        words = rules_of.meant(query, self._rules.units, self._rules.categories)
        hits = await signs.found(connection, self._keyed, [each.text for each in words])
        if hits is None:
            raise rules_of.too_much()
        rows = [
            row for row in await store.hits(connection, hits)
            if all(
                index in hits[row.number] or word.names(row.head, (row.unit,), row.category)
                for index, word in enumerate(words)
            )
        ]  # fmt: skip
        shown = await self._readable(connection, rows, call)
        if len(shown) > rules_of.MOST_FOUND:
            raise rules_of.too_much()
        return {row.number: row.head for row in shown}

    @staticmethod
    async def _readable(connection: Connection, rows: Sequence[Hit], call: Call) -> list[Hit]:
        """Return those whose content the caller may read."""
        of = await standings.of(connection, sorted({row.head for row in rows}))
        return [
            row for row in rows
            if not {row.number, row.head} & call.kept_from
            and not lies_within(row.about, call.caller.unit)
            and standings.allows(call, READ, row.unit, of.get(row.head))
        ]  # fmt: skip

    async def signed(self, connection: Connection, numbers: Sequence[str]) -> dict[str, list[int] | None]:
        """Return the signs of reports, by number; the texts unsealed for it are not kept, and no person reads them."""
        rows = [row for row in await store.told(connection, numbers) if row.is_open]
        added: dict[str, list[bytes]] = {}
        for number, sealed in await store.added(connection, [row.number for row in rows]):
            added.setdefault(number, []).append(sealed)
        return await asyncio.to_thread(
            lambda: {row.number: self._signs(row, added.get(row.number, ())) for row in rows}
        )

    def _signs(self, row: Told, added: Sequence[bytes]) -> list[int] | None:
        try:
            sealer = self._sealer.under(row.number, row.sealed_key)
            content = report_pb2.ReportContent.FromString(sealer.open(row.sealed))
            more = [sealer.open(each).decode() for each in added]
        except SealError:
            log.error("a report cannot be opened; it will not be found by its words", report=row.number)
            return None
        place = prefecture_of(row.number)
        said = "\n".join([content.address, content.wish, content.happened, content.text, *more])
        # Matters are searched for, not people: whoever is named in the report is found by no name, wherever it stands.
        people = [each.display_name for each in content.parties if not each.organisation]
        people += [content.reporter.display_name, content.on_behalf.display_name]
        named = self._keyed.signs("\n".join(people), place, signs.LONGEST)
        hidden = {*named, self._keyed.every(place)}
        return [sign for sign in self._keyed.signs(said, place, signs.LONGEST) if sign not in hidden]
