"""Search in sealed texts: keyed signs of the words of open matters, worked out after every change, gone at the end.

As for likely same matters, nobody reads the signs without the key, and those of one prefecture say nothing about
another's (`docs/decisions/0064`). Only whoever may read a text finds it: the services see to that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Integer, Text, and_, any_, bindparam, column, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from casework.door.likeness import KeyedSigns
from services.intake.models import SearchSigns
from services.kit.storage.database import Connection
from services.kit.storage.models import Stored

TABLE = """
CREATE TABLE search_signs (
    number text COLLATE "C" PRIMARY KEY,
    signs  integer[],
    stale  boolean NOT NULL DEFAULT true
);
COMMENT ON TABLE search_signs IS 'Keyed signs of the words of open matters, to search for them; gone once one is over.';
COMMENT ON COLUMN search_signs.signs IS 'Sorted, each once; NULL while nothing is to be found.';
COMMENT ON COLUMN search_signs.stale IS 'Whether they must be worked out again.';
CREATE INDEX search_signs_found ON search_signs USING gin (signs) WITH (gin_pending_list_limit = 512);
CREATE INDEX search_signs_open ON search_signs (number) WHERE signs IS NOT NULL;
CREATE INDEX search_signs_stale ON search_signs (number) WHERE stale;
"""
LONGEST = 6_000
"""Characters of a matter that are searched."""
_MOST = 20_000
_NUMBERS = any_(bindparam("numbers", type_=ARRAY(Text)))
_ADD = insert(SearchSigns).from_select(
    ["number"], select(func.unnest(bindparam("numbers", type_=ARRAY(Text))).column_valued("number"))
)
_MARK = _ADD.on_conflict_do_update(index_elements=[SearchSigns.number], set_={"stale": True})
_TOUCH = update(SearchSigns).where(SearchSigns.number == _NUMBERS).values(stale=True)
_STALE = (
    select(SearchSigns.number)
    .where(SearchSigns.stale)
    .order_by(SearchSigns.number)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)
_KEEP = (
    update(SearchSigns)
    .where(SearchSigns.number == bindparam("key", type_=Text))
    .values(signs=bindparam("new", type_=ARRAY(Integer)), stale=False)
)
_FORGET = update(SearchSigns).where(SearchSigns.number == _NUMBERS).values(signs=None, stale=False)
# The prefectures that have open matters: one step of the index each, however many matters there are.
_OPEN = SearchSigns.signs.is_not(None)
_FIRST = select(func.left(func.min(SearchSigns.number), 4, type_=Text).label("place")).where(_OPEN).cte(recursive=True)
_NEXT = (
    select(func.left(func.min(SearchSigns.number), 4, type_=Text))
    .where(_OPEN, SearchSigns.number > _FIRST.c.place.concat("~"))
    .correlate(_FIRST)
    .scalar_subquery()
)
_EACH = _FIRST.union_all(select(_NEXT).where(_FIRST.c.place.is_not(None)))
_PLACES = select(_EACH.c.place).where(_EACH.c.place.is_not(None))
_SOUGHT = (
    func.jsonb_to_recordset(bindparam("sought", type_=Stored))
    .table_valued(column("place", Text), column("word", Integer), column("signs", ARRAY(Integer)))
    .render_derived("sought", with_types=True)
)
# As in duplicates: intarray's own operator finds no index of PostgreSQL's.
_HAS = SearchSigns.signs.op("OPERATOR(pg_catalog.@>)", is_comparison=True)(_SOUGHT.c.signs)
_FOUND = (
    select(SearchSigns.number, _SOUGHT.c.word)
    .join(_SOUGHT, and_(_HAS, func.starts_with(SearchSigns.number, _SOUGHT.c.place)))
    .limit(bindparam("limit", type_=Integer))
)


async def mark(connection: Connection, numbers: Collection[str]) -> None:
    """Have the signs of matters worked out, for the first time or again."""
    if numbers:
        await connection.execute(_MARK, {"numbers": sorted(numbers)})


async def touch(connection: Connection, number: str) -> None:
    """Have the signs of a matter worked out again if it is searched for: what it says or its state has changed."""
    await connection.execute(_TOUCH, {"numbers": [number]})


async def forget(connection: Connection, numbers: Collection[str]) -> None:
    """Clear the signs of matters that are erased."""
    await connection.execute(_FORGET, {"numbers": sorted(numbers)})


async def found(connection: Connection, keyed: KeyedSigns, words: Sequence[str]) -> dict[str, set[int]] | None:
    """Return the open matters that have some of the words, each with which; None for too many."""
    sought = [
        {"place": place, "word": index, "signs": signs}
        for (place,) in await connection.execute(_PLACES, {})
        for index, word in enumerate(words)
        if (signs := keyed.sought(word, place))
    ]
    rows = list(await connection.execute(_FOUND, {"sought": sought, "limit": _MOST})) if sought else []
    if len(rows) == _MOST:
        return None
    hits: dict[str, set[int]] = {}
    for number, word in rows:
        hits.setdefault(number, set()).add(word)
    return hits


async def stale(connection: Connection, limit: int) -> list[str]:
    """Return matters whose signs must be worked out, locked."""
    return [number for (number,) in await connection.execute(_STALE, {"limit": limit})]


async def keep(connection: Connection, signs: Mapping[str, list[int] | None]) -> None:
    """Store the signs of matters, by number; None for one that is over or erased."""
    await connection.execute(_KEEP, [{"key": number, "new": new} for number, new in signs.items()])
