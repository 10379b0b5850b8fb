"""Worklists, digests, indicators and statistics over 10,000 open matters of 100 units are what a plain count gives."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from pb.escalation.v1 import (
    digests_pb2,
    digests_pb2_grpc,
    indicators_pb2,
    indicators_pb2_grpc,
    registers_pb2,
    registers_pb2_grpc,
    statistics_pb2,
    statistics_pb2_grpc,
    worklists_pb2,
    worklists_pb2_grpc,
)

from accord.commands.rules_command import SHIPPED
from accord.embedded.stack import Stack
from bench.supervised import OFFICIAL, Supervised, insert, some_units, supervised
from casework.supervision.figures.indicator import MatterFacts, StepFacts, Tally, stand, tally
from casework.supervision.figures.reporting_period import local_day, reporting_period
from casework.supervision.figures.suppression import BASE, SMALLEST
from services.kit.rules import Rules
from tests.still import Still, shipped_rules, standing_still

NOW = "2026-11-24T10:30"
UNITS = ("62", "6201", "620102", "620102-labour", "620103")


@dataclass
class Counted:
    """A service that stands still over a world that is known."""

    still: Still
    world: Supervised
    rules: Rules
    now: datetime

    @property
    def clocks(self) -> list[dict[str, Any]]:
        """The clocks of all services."""
        return [*self.world.clock_facts, *self.world.clocks]

    @property
    def whose(self) -> dict[str, str]:
        """Whose matter a number is."""
        return {row["number"]: row["unit"] for row in (*self.world.case_facts, *self.world.files)}


def under(unit: str) -> Callable[[str], bool]:
    """Return whether a code lies in a unit's subtree; a department has nothing below it."""
    return (lambda code: code == unit) if "-" in unit else (lambda code: code.startswith(unit))


@pytest.fixture(scope="module")
async def counted(stack: Stack) -> AsyncIterator[Counted]:
    """Return escalation standing still over 10,000 open matters of 100 units."""
    async with standing_still(stack) as still:
        now, rules = still.to(NOW), shipped_rules(SHIPPED)
        world = supervised(some_units(rules.units), now)
        async with still.database.begin() as connection:
            await insert(connection.raw, world)
        yield Counted(still, world, rules, now)


async def test_the_world_is_as_large_as_is_said(counted: Counted) -> None:
    open_ = [row for row in counted.world.case_facts if row.get("closed_at") is None]
    assert (len(open_), len({row["unit"] for row in open_})) == (10_000, 100)


# --- worklists -----------------------------------------------------------------------------------------------------


async def worklist(counted: Counted, unit: str, **asked: Any) -> tuple[list[str], Any]:
    """Return the clocks of a whole worklist, page by page, and its counts."""
    stub = worklists_pb2_grpc.WorklistServiceStub(counted.still.channel)
    request, found = worklists_pb2.GetWorklistRequest(unit=f"units/{unit}", page_size=1000, **asked), []
    while True:
        page = await stub.GetWorklist(request, **counted.still.as_("supervisor", unit, OFFICIAL))
        found += [item.clock.split("/", 1)[1] for item in page.items]
        if not page.next_page_token:
            return found, page
        request.page_token = page.next_page_token


def in_order(clocks: Iterable[dict[str, Any]]) -> list[str]:
    """Return the names of clocks, overdue first, then by due time."""
    ordered = sorted(clocks, key=lambda each: (each["due_at"], each["service"], each["clock"]))
    return [f"{each['service']}/{each['clock']}" for each in ordered]


@pytest.mark.parametrize("unit", UNITS)
async def test_a_worklist_is_all_that_runs_in_the_subtree_by_due_time(unit: str, counted: Counted) -> None:
    ours, whose = under(unit), counted.whose
    running = [each for each in counted.clocks if each["state"] == 1]
    mine = [each for each in running if ours(each["unit"])]
    start, end = local_day(counted.now.date())
    parts = {
        worklists_pb2.WORK_FILTER_UNSPECIFIED: mine,
        worklists_pb2.WORK_FILTER_NEW: [each for each in mine if each["started_at"] >= start],
        worklists_pb2.WORK_FILTER_DUE_TODAY: [each for each in mine if counted.now <= each["due_at"] < end],
        worklists_pb2.WORK_FILTER_OVERDUE: [each for each in mine if each["due_at"] < counted.now],
        worklists_pb2.WORK_FILTER_WAITING: [
            each for each in running if ours(whose[each["number"]]) and not ours(each["unit"])
        ],
    }
    for asked, expected in parts.items():
        found, page = await worklist(counted, unit, filter=asked)
        assert found == in_order(expected)
        assert (page.total, page.new, page.due_today, page.overdue, page.waiting) == tuple(map(len, parts.values()))


async def test_a_worklist_of_the_unit_alone_has_nothing_of_those_below(counted: Counted) -> None:
    found, page = await worklist(counted, "620102", scope=worklists_pb2.WORK_SCOPE_UNIT)
    own = [each for each in counted.clocks if each["state"] == 1 and each["unit"] == "620102"]
    assert found == in_order(own)
    assert page.total == len(own)


async def test_a_worklist_of_ones_own_is_what_one_holds(counted: Counted) -> None:
    found, page = await worklist(counted, "62", scope=worklists_pb2.WORK_SCOPE_MINE)
    held = {row["number"] for row in counted.world.holdings}
    assert found == in_order(each for each in counted.clocks if each["state"] == 1 and each["number"] in held)
    assert 0 < page.total == len(found) < len(held)


# --- digests -------------------------------------------------------------------------------------------------------


def kind(clock: dict[str, Any]) -> str:
    """Return what a clock is counted as."""
    if clock["service"] != "escalation":
        return {"intake": "reports", "mediation": "cases"}[clock["service"]]
    return "escalations" if clock["number"][0].isdigit() else clock["number"].split("-")[0]


def digest(counted: Counted, unit: str, day: str) -> tuple[dict[str, tuple[int, ...]], dict[tuple[str, str], Any]]:
    """Return the counts of a day by kind and the waiting lines, counted plainly."""
    ours, whose = under(unit), counted.whose
    start, end = local_day(datetime.fromisoformat(day).date())
    as_of = min(counted.now, end)
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for row in counted.world.case_facts:
        for name, at in (("reports", row["received_at"]), ("cases", row.get("opened_at"))):
            kinds[name]["new"] += int(at is not None and start <= at < end and ours(row["unit"]))
    for row in counted.world.files:
        kinds["letters"]["new"] += int(start <= row["opened_at"] < end and ours(row["unit"]))
    waiting: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for clock in counted.clocks:
        if clock["started_at"] > as_of or (clock["stopped_at"] is not None and clock["stopped_at"] <= as_of):
            continue
        if ours(clock["unit"]):
            kinds[kind(clock)]["due"] += int((as_of if as_of < end else start) <= clock["due_at"] < end)
            kinds[kind(clock)]["overdue"] += int(clock["due_at"] < as_of)
        if ours(whose[clock["number"]]):
            waiting[clock["unit"], clock["rule"]].append(clock["due_at"])
    counts = {name: (each["new"], each["due"], each["overdue"]) for name, each in kinds.items()}
    lines = {
        line: (len(dues), sum(due < as_of for due in dues), min(dues).timestamp()) for line, dues in waiting.items()
    }
    return {name: each for name, each in counts.items() if any(each)}, lines


@pytest.mark.parametrize("day", ["2026-11-24", "2026-11-20"])
@pytest.mark.parametrize("unit", UNITS)
async def test_a_digest_says_what_came_what_is_due_and_who_is_waited_for(unit: str, day: str, counted: Counted) -> None:
    stub = digests_pb2_grpc.DigestServiceStub(counted.still.channel)
    request = digests_pb2.GetDigestRequest(unit=f"units/{unit}")
    request.date.year, request.date.month, request.date.day = map(int, day.split("-"))
    found = await stub.GetDigest(request, **counted.still.as_("supervisor", unit))
    counts, waiting = digest(counted, unit, day)
    told = {each.kind: (each.new, each.due_today, each.overdue) for each in found.counts}
    assert {name: each for name, each in told.items() if any(each)} == counts
    lines = {
        (each.unit.removeprefix("units/"), each.step): (each.count, each.overdue, each.earliest_due_time)
        for each in found.waiting
    }
    assert len(lines) == min(100, len(waiting))
    for line, (count, overdue, earliest) in lines.items():
        assert (count, overdue) == waiting[line][:2]
        assert earliest.seconds + earliest.nanos / 1e9 == pytest.approx(waiting[line][2], abs=1e-3)


async def test_the_digests_of_a_day_are_kept_once_and_are_those_that_were_counted_live(counted: Counted) -> None:
    stub = digests_pb2_grpc.DigestServiceStub(counted.still.channel)
    machine, ours = counted.still.as_service(), counted.still.as_("supervisor", "6201")
    live = await stub.GetDigest(digests_pb2.GetDigestRequest(), **ours)
    first = await stub.CompileDigests(digests_pb2.CompileDigestsRequest(request_id="digests-one"), **machine)
    again = await stub.CompileDigests(digests_pb2.CompileDigestsRequest(request_id="digests-two"), **machine)
    assert first.compiled > 100
    assert again.compiled == 0
    (kept,) = (await stub.ListDigests(digests_pb2.ListDigestsRequest(), **ours)).digests
    assert kept.counts == live.counts
    assert kept.waiting == live.waiting
    assert kept.HasField("compile_time")


# --- indicators and statistics ---------------------------------------------------------------------------------------


def plain(counted: Counted, rule: Any, unit: str, start: datetime, end: datetime) -> Tally:
    """Return what a rule counts of a unit, by its definition."""
    ours = under(unit)
    matters = [
        MatterFacts(
            row["unit"], row.get("mediation_ended_at"), row.get("last_closed_at"), row.get("notices", 0),
            row.get("notices_served", 0), row.get("performance", ""), row.get("answers", 0), row.get("satisfied", 0),
            row.get("visits", 0), row.get("recurred", False),
        )
        for row in counted.world.case_facts if ours(row["unit"])
    ]  # fmt: skip
    steps = [
        StepFacts(row["unit"], row["rule"], row["state"] == 2, row["due_at"], row["stopped_at"])
        for row in counted.clocks if ours(row["unit"])
    ]  # fmt: skip
    return tally(rule, matters, steps, start, end, counted.now)


@pytest.mark.parametrize("period", ["2026-10", "2026-Q4"])
async def test_indicators_are_what_their_definitions_count(period: str, counted: Counted) -> None:
    stub = indicators_pb2_grpc.IndicatorServiceStub(counted.still.channel)
    asked = reporting_period(period)
    answer = await stub.GetIndicators(
        indicators_pb2.GetIndicatorsRequest(unit="units/620102", period=period),
        **counted.still.as_("unit_head", "620102"),
    )
    beside = [each for each in counted.rules.units.children("6201") if each != "620102" and "-" not in each]
    said = 0
    for rule, found in zip(counted.rules.indicators, answer.standings, strict=True):
        own = plain(counted, rule, "620102", asked.starts_at, asked.ends_at)
        before = plain(counted, rule, "620102", asked.before_at, asked.starts_at)
        peers = [plain(counted, rule, peer, asked.starts_at, asked.ends_at) for peer in beside]
        standing = stand(rule, own, peers, before)
        assert found.too_few == standing.too_few, rule.name
        if standing.too_few:
            assert (found.numerator, found.denominator, found.share, found.peers) == (0, 0, 0, 0)
            continue
        said += 1
        assert (found.numerator, found.denominator) == (own.numerator, own.denominator), rule.name
        assert (found.peers, found.band, found.trend) == (standing.peers, standing.band or 0, standing.trend or 0)
        assert (found.peer_share, found.interval) == (
            100 * round(100 * standing.peer_share), 100 * round(100 * standing.interval)
        )  # fmt: skip
    assert said >= 5


@pytest.mark.parametrize("unit", UNITS)
async def test_statistics_are_counts_of_what_was_received(unit: str, counted: Counted) -> None:
    stub = statistics_pb2_grpc.StatisticsServiceStub(counted.still.channel)
    ours, period = under(unit), reporting_period("2026-Q4")
    rows = [
        row for row in counted.world.case_facts
        if ours(row["unit"]) and period.starts_at <= row["received_at"] < period.ends_at
    ]  # fmt: skip
    expected = {
        statistics_pb2.STATISTICS_BY_CATEGORY: Counter(row["category"].split("/")[0] for row in rows),
        statistics_pb2.STATISTICS_BY_DOOR: Counter(row["door"] for row in rows),
        statistics_pb2.STATISTICS_BY_STAGE: Counter((row["stage"] or row["state"]).lower() for row in rows),
        statistics_pb2.STATISTICS_BY_MONTH: Counter(
            row["received_at"].astimezone(counted.now.tzinfo).strftime("%Y-%m") for row in rows
        ),
    }
    for by, counts in expected.items():
        for public in (False, True):
            request = statistics_pb2.GetStatisticsRequest(
                unit=f"units/{unit}", period="2026-Q4", by=by, published=public
            )
            found = await stub.GetStatistics(request, **counted.still.as_("supervisor", unit))
            shown = {cell.key: cell.count for cell in found.cells if not cell.suppressed}
            if not public:
                assert shown == dict(counts)
                continue
            assert set(counts) <= {cell.key for cell in found.cells}
            for key, count in shown.items():
                assert counts[key] >= SMALLEST
                assert count % BASE == 0
                assert abs(count - counts[key]) < 60  # a chance of one in many millions to be further off


async def test_the_problem_list_is_what_is_overdue_came_again_or_was_not_performed(counted: Counted) -> None:
    stub = registers_pb2_grpc.RegisterServiceStub(counted.still.channel)
    request, found = registers_pb2.ListRegisterEntriesRequest(kind=3, unit="units/620102", page_size=1000), []
    while True:
        page = await stub.ListRegisterEntries(request, **counted.still.as_("unit_head", "620102"))
        found += page.entries
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    ours = under("620102")
    closed = [row for row in counted.world.case_facts if ours(row["unit"]) and row.get("last_closed_at")]
    overdue = [each for each in counted.clocks if each["state"] == 1 and each["due_at"] < counted.now]
    assert Counter(each.what.split("-")[0] for each in found) == Counter(
        overdue=sum(ours(each["unit"]) for each in overdue),
        recurred=sum(row["recurred"] for row in closed),
        **{"not": sum(row["performance"] in ("NOT", "PART") for row in closed)},
    )
    times = [each.time.seconds for each in found]
    assert times == sorted(times)
