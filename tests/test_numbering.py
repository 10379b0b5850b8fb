"""Numbers of documents: without gaps and without duplicates, whatever runs at once and whatever is rolled back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from accord.embedded.stack import Stack
from casework.papers.numbering import Series, document_number, year_of
from services.kit.storage import numbering
from services.kit.storage.database import Database
from tests.conftest import Clients
from tests.mediated import Mediated, mediated, refused
from tests.scratch import Scratch

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
NEW_YEAR = datetime(2026, 12, 31, 16, tzinfo=UTC)  # midnight in Lanzhou
PARALLEL = 50


class TurnedBackError(Exception):
    """A command that failed after it took a number."""


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[Database]:
    """Return a pool of mediation's own role."""
    found = Database(Scratch.main(stack).role("mediation"), pool=10)
    yield found
    await found.close()


async def take(database: Database, unit: str, *, fails: bool = False, now: datetime = NOW) -> str | None:
    """Take a number in a transaction of its own; None where it was rolled back."""
    try:
        async with database.begin() as connection:
            number = await numbering.take(connection, Series.AGREEMENT, unit, "某某区", now)
            await asyncio.sleep(0.002)
            if fails:
                raise TurnedBackError
            return number
    except TurnedBackError:
        return None


def running(numbers: list[str | None]) -> list[int]:
    """Return the running numbers of those that were given, in order."""
    return sorted(int(re.search(r"第(\d+)号", number)[1]) for number in numbers if number)  # type: ignore[index]


def test_a_number_reads_as_it_stands_on_the_document() -> None:
    assert document_number(2026, "城关区", Series.AGREEMENT, 17) == "(2026)城关区人调字第17号"
    assert document_number(2026, "城关区", Series.INSPECTION, 3) == "城关区督〔2026〕3号"


def test_a_number_belongs_to_the_local_year() -> None:
    assert year_of(NEW_YEAR) == 2027
    assert year_of(NOW) == 2026


async def test_fifty_at_once_some_of_them_turned_back_leave_no_gap_and_no_duplicate(database: Database) -> None:
    given = await asyncio.gather(*(take(database, "990001", fails=each % 3 == 0) for each in range(PARALLEL)))
    kept = [number for number in given if number]
    assert len(kept) == PARALLEL - len(range(0, PARALLEL, 3))
    assert running(given) == list(range(1, len(kept) + 1))


async def test_each_unit_and_each_year_counts_from_one(database: Database) -> None:
    given = [await take(database, unit, now=now) for unit in ("990002", "990003") for now in (NOW, NEW_YEAR)]
    assert running(given) == [1, 1, 1, 1]


async def test_fifty_commands_at_once_number_their_closings_without_a_gap(clients: Clients) -> None:
    before = running([row[0] for row in await closings(clients)])
    cases = [await mediated(clients) for _ in range(PARALLEL)]
    await asyncio.gather(*(ready(case) for case in cases))

    async def close(case: Mediated, again: bool) -> None:
        request = case.request("CloseCase", case.name, approved=True)
        reviewer = clients.as_("reviewer")
        if again:  # the same command twice at once is one closing
            both = [case.stub("CloseCase")(request, **reviewer) for _ in range(2)]
            first, second = await asyncio.gather(*both)
            assert first == second
        else:
            await case.stub("CloseCase")(request, **reviewer)
            await refused(case.do("CloseCase", role="reviewer", approved=True), "WRONG_STATE")

    await asyncio.gather(*(close(case, index % 2 == 0) for index, case in enumerate(cases)))
    after = running([row[0] for row in await closings(clients)])
    assert len(after) == len(before) + PARALLEL
    assert after == list(range(1, len(after) + 1))


async def ready(case: Mediated) -> None:
    """Carry a case to where it waits for its reviewer."""
    await case.do("EndMediation", ground=3)
    for party in (1, 2):
        await case.do("ServeNotice", f"{case.name}/notices/{party}", medium=1)
    await case.views()
    await case.do("RequestClosing", role="handler", outcome=2)


async def closings(clients: Clients) -> list[tuple[str]]:
    """Return the numbers of the county's closings of this year."""
    year = datetime.now(UTC).year
    return await Mediated(clients, "").fetch(
        "SELECT document_number FROM closings WHERE unit = '620102' AND document_number LIKE $1", f"({year})%"
    )
