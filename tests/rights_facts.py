"""Everything the mediation service holds about one case, as plain rows: what invariants are checked on.

Consent is counted here anew, from the rows alone: the service's own counting is what is being tested.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from casework.clocks.calendar import LOCAL
from casework.mediation.choosing import MatterRole

READS = frozenset({"access_log", "caucus_reads"})
"""Tables in which looks are recorded; a look changes nothing else."""
Row = dict[str, Any]

# Notices, and what an authority is told of its dockings, follow from events a moment later, whoever acts: they are no
# part of what a call does.
_TABLES = """
    SELECT table_name, column_name
    FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = 'mediation' AND table_type = 'BASE TABLE' AND column_name IN ('number', 'clock')
    AND table_name NOT IN ('notices', 'docking_changes')
    ORDER BY table_name, column_name DESC
"""


@dataclass(frozen=True)
class Facts:
    """The rows of a case in every table that has any, by table."""

    tables: dict[str, list[Row]]

    def rows(self, table: str, **where: Any) -> list[Row]:
        """Return the rows of a table, oldest first, in which these columns have these values."""
        found = self.tables.get(table, [])
        return [row for row in found if all(row[column] == value for column, value in where.items())]

    @property
    def case(self) -> Row:
        """The case."""
        (found,) = self.tables["cases"]
        return found

    @property
    def mediation(self) -> Row | None:
        """The mediation; None where nobody was added yet."""
        return next(iter(self.tables["mediations"]), None)

    @property
    def state(self) -> int:
        """Where the mediation stands, 0 where there is none."""
        return self.mediation["state"] if self.mediation else 0

    @property
    def present(self) -> dict[int, Row]:
        """The parties that have not left, by number."""
        return {row["party"]: row for row in self.rows("parties", withdrawn_at=None)}

    def last_word(self, party: int, step: int) -> Row | None:
        """Return what a party said last to a step in this attempt; None where it kept silent."""
        attempt = self.mediation["round"] if self.mediation else 0
        return next(reversed(self.rows("consents", party=party, step=step, round=attempt)), None)

    def silent(self, step: int) -> set[int]:
        """Return the parties present whose yes to a step is not on record, or not beside who has to be there."""
        guardians = {row["companion"] for row in self.rows("companions", role=1)}
        return {
            party for party, row in self.present.items() if not _counts(self.last_word(party, step), row, guardians)
        }

    @property
    def sides(self) -> set[int]:
        """Sides on which somebody is present."""
        return {row["side"] for row in self.present.values()}

    @property
    def mediators(self) -> set[str]:
        """Users who ever were mediator of record."""
        return {row["subject"] for row in self.rows("asks") if row["state"] in (2, 6)} & {
            row["subject"] for row in self.rows("roles_barred", role=int(MatterRole.AGENT))
        }

    def events(self, kind: str = "") -> list[Row]:
        """Return what happened, in order; of one kind, where it is named."""
        found = sorted(self.tables["events"], key=lambda row: row["seq"])
        return [row for row in found if kind in ("", row["kind"])]


def _counts(word: Row | None, party: Row, guardians: set[int]) -> bool:
    if not word or not word["given"] or (party["needs_guardian"] and not word["assisted_by"]):
        return False
    said = datetime.fromisoformat(word["at"]).astimezone(LOCAL).date().isoformat() if party["minor_until"] else ""
    return not said or said >= party["minor_until"] or word["assisted_by"] in guardians


class Reader:
    """Reads the facts of cases, in one query each."""

    def __init__(self, connection: asyncpg.Connection, query: str) -> None:
        self._connection = connection
        self._query = query

    @classmethod
    async def of(cls, connection: asyncpg.Connection) -> Reader:
        """Return a reader of every table of mediation that has rows of a case, whatever tables there are."""
        keys: dict[str, str] = {}
        for table, column in await connection.fetch(_TABLES):
            keys.setdefault(table, column)
        parts = []
        for table, column in keys.items():
            where = "t.number = $1" if column == "number" else "split_part(t.clock, '.', 1) = $1"
            parts.append(f"'{table}', (SELECT coalesce(json_agg(t), '[]') FROM mediation.{table} t WHERE {where})")
        # A function takes a hundred arguments at most.
        objects = [f"json_build_object({', '.join(parts[at : at + 40])})" for at in range(0, len(parts), 40)]
        return cls(connection, "SELECT " + ", ".join(objects))

    async def facts(self, number: str) -> Facts:
        """Return the facts of a case as they are now."""
        row = await self._connection.fetchrow(self._query, number)
        tables: dict[str, list[Row]] = {}
        for part in row:
            tables |= json.loads(part)
        return Facts({table: sorted(rows, key=_order) for table, rows in tables.items()})


def _order(row: Row) -> tuple[int, str]:
    """Return where a row stands: by its running number where it has one, else by what it says."""
    for column in ("consent", "seq", "ask", "session", "party", "id"):
        if isinstance(row.get(column), int):
            return row[column], json.dumps(row, sort_keys=True)
    return 0, json.dumps(row, sort_keys=True)


def changes(before: Facts, after: Facts) -> dict[str, list[Row]]:
    """Return the rows that are new or other than before, and those that are gone, by table."""
    found: dict[str, list[Row]] = {}
    for table in before.tables.keys() | after.tables.keys():
        old, new = before.tables.get(table, []), after.tables.get(table, [])
        if old != new:
            found[table] = [row for row in new if row not in old] + [row for row in old if row not in new]
    return found


def columns_changed(before: Iterable[Row], after: Iterable[Row], *key: str) -> set[str]:
    """Return the columns in which rows of the same key differ; every column of a row that is new or gone."""
    old, new = ({tuple(row[name] for name in key): row for row in rows} for rows in (before, after))
    found: set[str] = set()
    for each in old.keys() | new.keys():
        left, right = old.get(each, {}), new.get(each, {})
        found |= {column for column in left.keys() | right.keys() if left.get(column, ...) != right.get(column, ...)}
    return found
