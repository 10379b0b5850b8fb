"""What may be published: no small counts, nothing that reveals one, and zero looks like a small count."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from pb.escalation.v1 import facts_pb2, facts_pb2_grpc, statistics_pb2, statistics_pb2_grpc
from pb.intake.v1 import facts_pb2 as intake_facts

from accord.embedded.stack import Stack
from casework.supervision.figures.suppression import BASE, SMALLEST, Publication
from tests.conftest import request_id
from tests.publishing import beliefs
from tests.still import Still, standing_still

AREAS = (statistics_pb2.STATISTICS_BY_UNIT, statistics_pb2.STATISTICS_BY_PLACE)
"""Properties whose keys are those of the areas and departments of a unit."""
KEYS = st.binary(min_size=32, max_size=32).map(Publication)


@given(KEYS, st.text(max_size=20), st.integers(0, 4))
def test_counts_below_five_and_none_at_all_are_suppressed(made: Publication, cell: str, count: int) -> None:
    assert made.count(cell, count) is None


@given(KEYS, st.text(max_size=20), st.integers(0, 500))
def test_what_is_shown_is_a_multiple_of_five_the_same_each_time_and_never_falls_while_the_count_grows(
    made: Publication, cell: str, count: int
) -> None:
    shown, more = made.count(cell, count), made.count(cell, count + 1)
    assert shown == Publication(made.key).count(cell, count)
    assert shown is None or (shown >= SMALLEST and shown % BASE == 0)
    assert (shown or 0) <= (more or 0)


def test_a_large_count_stays_about_what_it_is() -> None:
    made, cells = Publication(b"k" * 32), [f"cell {number}" for number in range(2_000)]
    shown = [made.count(cell, 400) or 0 for cell in cells]
    assert abs(sum(shown) / len(shown) - 400) < 0.5
    assert sum(abs(each - 400) <= 10 for each in shown) > 0.9 * len(shown)
    assert len(set(shown)) > 3


# Two units and two months with their sums, those of all months also as a quarter and a year; and two tables of one
# unit, each in three periods and at two levels, all of the same matters. Numbers are matters nobody publishes alone.
UNITS_AND_MONTHS = {
    (0,): 1, (1,): 1, (2,): 1, (3,): 1, (0, 2): 1, (1, 3): 1, (0, 1): 2, (2, 3): 2, (0, 1, 2, 3): 2,
}  # fmt: skip
TWO_TABLES = {(0, 1): 6, (2, 3): 6, (0, 2): 6, (1, 3): 6, (0, 1, 2, 3): 6}


@pytest.mark.fault("D8")
@pytest.mark.parametrize("cells", [UNITS_AND_MONTHS, TWO_TABLES], ids=["units and months", "two tables"])
def test_who_adds_and_subtracts_all_that_is_published_finds_no_small_count(cells: dict[tuple[int, ...], int]) -> None:
    drawn, small = random.Random(1), 0
    for number in range(12):
        world = [drawn.choice((0, 1, 2, 3, 4, 5, 7, 9)) for _ in range(4)]
        made = Publication(f"secret {number}".encode().ljust(32))
        true = {cell: sum(world[atom] for atom in cell) for cell in cells}
        shown = {cell: [made.count(f"{cell} {nth}", true[cell]) for nth in range(cells[cell])] for cell in cells}
        believed = beliefs(4, shown)
        for cell, count in true.items():
            if count < SMALLEST:
                small += 1
                likely = believed[cell]
                assert likely.get(0, 0) > 0, (world, cell)
                assert any(chance > 0 for other, chance in likely.items() if other >= SMALLEST), (world, cell)
                assert max(likely.values()) < 0.8, (world, cell)
    assert small > 5


# --- through the service ------------------------------------------------------------------------------------------

COUNTY = "620121"
TOWNSHIPS = {
    "620121100": {"neighbour": 9, "labour": 7, "family": 3, "land": 6},
    "620121101": {"neighbour": 12, "labour": 8, "family": 6, "land": 7},
    "620121102": {"neighbour": 8, "labour": 9, "family": 7, "land": 4},
}
PERIODS = ("2026", "2026-Q4", "2026-11", "2026-12", "2026-Q1")


@pytest.fixture(scope="module")
async def november(stack: Stack) -> AsyncIterator[Still]:
    """Return escalation over the matters of three townships, received in November."""
    async with standing_still(stack) as still:
        still.to("2026-11-28T10:00")
        reports, first = [], datetime.fromisoformat("2026-11-01T09:00+08:00")
        for unit, counts in TOWNSHIPS.items():
            for category in [each for each, count in counts.items() for _ in range(count)]:
                received = first + timedelta(days=(len(reports) + 1) % 20)
                reports.append(intake_facts.ReportFacts(
                    report=f"reports/{COUNTY}-2026-{len(reports) + 1:06d}", sequence=1, state=1, unit=f"units/{unit}",
                    channel=8, category=f"categories/{category}", grade=1,
                    receive_time=Timestamp(seconds=int(received.timestamp())),
                ))  # fmt: skip
        request = facts_pb2.RecordFactsRequest(request_id=request_id(), reports=reports)
        await facts_pb2_grpc.FactsServiceStub(still.channel).RecordFacts(request, **still.as_service("relay"))
        yield still


async def published(still: Still, unit: str, period: str, by: int) -> dict[str, int | None]:
    """Return what is published of a unit, its total under an empty key."""
    request = statistics_pb2.GetStatisticsRequest(unit=f"units/{unit}", period=period, by=by, published=True)  # type: ignore[arg-type]
    stub = statistics_pb2_grpc.StatisticsServiceStub(still.channel)
    told = await stub.GetStatistics(request, **still.as_("supervisor", "6201"))
    assert not any(cell.suppressed and cell.count for cell in told.cells)
    shown = {cell.key: None if cell.suppressed else cell.count for cell in told.cells}
    return {**shown, "": None if told.total_suppressed else told.total}


@pytest.mark.fault("D8")
async def test_a_unit_and_its_children_do_not_give_away_three_and_four(november: Still) -> None:
    units = (COUNTY, *TOWNSHIPS)
    family = {
        unit: [(await published(november, unit, period, 1))["family"] for period in PERIODS[:3]] for unit in units
    }
    assert family["620121100"] == [None, None, None]
    children = list(TOWNSHIPS)
    shown = {(nth,): family[unit] for nth, unit in enumerate(children)} | {(0, 1, 2): family[COUNTY]}
    for cell in ((0,), (1,), (2,)):
        counts = [count for count, chance in beliefs(3, shown)[cell].items() if chance > 0]
        assert max(counts) >= SMALLEST
        assert 0 in counts or any(family[children[cell[0]]])


@pytest.mark.fault("D8")
async def test_all_that_is_published_is_blurred_and_nought_stands_where_small_counts_stand(november: Still) -> None:
    for by in statistics_pb2.StatisticsBy.values()[1:]:
        for period in PERIODS:
            tables = {unit: await published(november, unit, period, by) for unit in ("6201", COUNTY, *TOWNSHIPS)}
            kinds = len({tuple(table) for table in tables.values()})
            assert kinds == (len(tables) if by in AREAS else 1), "no key comes and goes with what is counted"
            if by in AREAS:
                assert tuple(tables[COUNTY]) == tuple(await published(november, COUNTY, PERIODS[0], by))
            counts = [count for table in tables.values() for count in table.values() if count is not None]
            assert all(count >= SMALLEST and count % BASE == 0 for count in counts)
            assert tables[COUNTY] == await published(november, COUNTY, period, by)
    by_category = await published(november, "620121102", "2026-11", statistics_pb2.STATISTICS_BY_CATEGORY)
    assert by_category["land"] is by_category["medical"] is None
    months = await published(november, COUNTY, "2026-Q4", statistics_pb2.STATISTICS_BY_MONTH)
    month = await published(november, COUNTY, "2026-11", statistics_pb2.STATISTICS_BY_CATEGORY)
    assert months["2026-11"] == month[""], "a month is one number wherever it is shown"
    assert months["2026-10"] is months["2026-12"] is None


@pytest.mark.fault("D8")
async def test_a_file_says_of_nought_what_it_says_of_three(november: Still) -> None:
    request = statistics_pb2.ExportStatisticsRequest(
        unit="units/620121100", period="2026-11", by=statistics_pb2.STATISTICS_BY_CATEGORY, published=True,
        form=statistics_pb2.STATISTICS_FORM_CSV,
    )  # fmt: skip
    stub = statistics_pb2_grpc.StatisticsServiceStub(november.channel)
    file: Any = await stub.ExportStatistics(request, **november.as_("unit_head", COUNTY))
    rows = dict(line.split(",")[1:] for line in file.content.decode("utf-8-sig").splitlines())
    assert rows["family"] == rows["medical"] == "*"


async def test_a_file_is_in_the_callers_language_with_the_codes_beside_it(november: Still) -> None:
    stub = statistics_pb2_grpc.StatisticsServiceStub(november.channel)
    for language, heading, family in (("zh", "纠纷类型,代码,件数", "婚姻家庭"), ("en", "Category,Code,Count", "Famil")):
        request = statistics_pb2.ExportStatisticsRequest(
            unit=f"units/{COUNTY}", period="2026-11", by=statistics_pb2.STATISTICS_BY_CATEGORY, published=True,
            form=statistics_pb2.STATISTICS_FORM_CSV,
        )  # fmt: skip
        asked = november.as_("unit_head", COUNTY)
        kept = tuple(each for each in asked["metadata"] if each[0] != "accept-language")
        asked["metadata"] = (*kept, ("accept-language", language))
        file: Any = await stub.ExportStatistics(request, **asked)
        lines = file.content.decode("utf-8-sig").splitlines()
        assert lines[0] == heading
        assert any(line.startswith(family) and ",family," in line for line in lines), lines
