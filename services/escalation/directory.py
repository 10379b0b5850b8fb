"""What escalation knows of what a request names: its own files, and of cases what their owner told it."""

from __future__ import annotations

from collections.abc import Mapping

from casework import names
from services.kit.serving.named import Found
from services.kit.storage import standings
from services.kit.storage.database import Database, text

FOREIGN = frozenset({"cases", "reports"})
_FILES = text("""
    SELECT f.number, f.unit, coalesce(c.about, '') AS about,
        array(SELECT a.unit FROM matter_assignments a WHERE a.number = f.number) AS units
    FROM files f LEFT JOIN matters m USING (number)
    LEFT JOIN case_facts c ON m.source <> '' AND c.number = m.source
    WHERE f.number = ANY(CAST(:numbers AS text[])) AND f.unit <> ''
""")
# A case that climbed to a unit is that unit's business too.
_CASES = text("""
    SELECT f.number, coalesce(s.about, f.about) AS about, coalesce(s.unit, f.unit) AS unit,
        coalesce(s.co_units, '{}') AS co_units,
        array(SELECT unnest(ARRAY[e.to_unit, e.from_unit, e.origin] || e.told) FROM escalations e
              WHERE e.number = f.number) AS climbed
    FROM (SELECT number, unit, about FROM case_facts WHERE number = ANY(CAST(:numbers AS text[]))
          UNION ALL SELECT number, unit, about FROM case_standings n WHERE number = ANY(CAST(:numbers AS text[]))
            AND NOT EXISTS (SELECT FROM case_facts WHERE case_facts.number = n.number)) AS f
    LEFT JOIN case_standings s USING (number)
""")


class FileDirectory:
    """Finds files, and cases that were told of."""

    # Of a case that was not told of, and of a file that changes hands, the last event tells; a clock may be another
    # unit's than the case: that it fires does not take the history from the unit that has it.
    owner = """
        SELECT coalesce((SELECT unit FROM case_standings WHERE number = :number),
                        (SELECT unit FROM events WHERE number = :number ORDER BY kind LIKE 'Clock%', seq DESC LIMIT 1))
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_foreign(self, name: str) -> bool:
        """Return whether it is a case or a report itself. What escalation keeps under one is its own."""
        parts = name.split("/")
        return parts[0] in FOREIGN and len(parts) == 2

    async def excluded(self, subject: str) -> frozenset[str]:
        """Return the numbers of the cases that an account is excluded from."""
        async with self._database.read() as connection:
            return await standings.excluded(connection, subject)

    async def find(self, values: frozenset[str]) -> Mapping[str, Found]:
        """Return those that exist, with the units whose right on it is a right on the thing named.

        Of a case that its owner has not told of yet there is nothing to decide by: it is not there.
        """
        numbers = {value: names.number_of(value) for value in values}
        asked = {"numbers": sorted(set(numbers.values()))}
        async with self._database.read() as connection:
            rows = await connection.execute(_FILES, asked)
            found = {row.number: Found((row.unit, *row.units), row.about) for row in rows}
            for row in await connection.execute(_CASES, asked):
                found[row.number] = Found((row.unit, *row.co_units, *row.climbed), row.about)
        return {value: found[number] for value, number in numbers.items() if number in found}
