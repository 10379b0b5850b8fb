"""Backlog: old matters by age as of any day, and plans whose counts fall only by settled work; over REST."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pb.mediation.v1 import case_pb2

from accord.embedded.stack import Stack
from casework.errors import CaseError
from casework.names import number_of
from casework.supervision.matters.backlog import BacklogRule, must_not_overlap
from services.escalation.backlog import view
from services.escalation.backlog.store import OfUnit
from tests.conftest import Clients
from tests.patience import CALL
from tests.scenario import Desk, day, refused
from tests.still import standing_still
from tests.still_door import door_of
from tests.world_backlog import case, closed, instant, record, report

HERE = "620122"
TOWN, NEXT, OFFICE = f"units/{HERE}100", f"units/{HERE}103", f"units/{HERE}-housing"
AGES = {1: 100, 2: 200, 3: 400, 4: 1200, 5: 95, 6: 30}
"""Days since each matter of the town was received."""


@pytest.fixture
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """Return the desks of a county in which no other test has matters."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Desk(rest, stack, HERE)


def number(running: int) -> str:
    """Return the number of a matter of the county."""
    return f"{HERE}-2020-{running:06}"


def local(days_ago: int) -> dict[str, int]:
    """Return a past day as a query has it."""
    found = day(-days_ago)
    return {f"date.{part}": value for part, value in found.items()}


async def test_a_plan_counts_what_was_settled_and_nothing_else(desk: Desk, clients: Clients) -> None:
    for running, age in AGES.items():
        await record(clients, report(number(running), age, TOWN), case(number(running), age, TOWN))
    await record(clients, report(number(7), 500, OFFICE), case(number(7), 500, OFFICE))
    counted = await desk.get("backlog:count", "supervisor")
    assert [each["count"] for each in counted["bands"]] == [2, 1, 2, 1]
    assert {each["unit"]: each["total"] for each in counted["units"]} == {TOWN: 5, OFFICE: 1}
    town, office = desk.at(f"{HERE}100"), desk.at(f"{HERE}-housing")
    assert (await town.get("backlog:count", "unit_head"))["total"] == 5
    listed = await desk.get("backlog", "supervisor", None, from_days=365, page_size=2)
    assert ([each["ageDays"] for each in listed["matters"]], listed["totalSize"]) == ([1200, 500], 3)
    with refused("PERMISSION_DENIED"):
        await desk.at("620123").get("backlog", "supervisor", None, unit=f"units/{HERE}")

    # The plan: drafted by one, approved by another; each unit sees its own target.
    goals = [
        {"unit": TOWN, "count": 2, "due_date": day(60), "official": "deputy"},
        {"unit": OFFICE, "count": 1, "due_date": day(90), "official": "director"},
    ]
    plan = await desk.post("backlogPlans", "supervisor", "drafts", unit=f"units/{HERE}", goals=goals)
    name = plan["name"]
    with refused("PERMISSION_DENIED"):
        await town.get(name, "unit_head")
    with refused("SAME_PERSON"):
        await desk.post(f"{name}:decide", "supervisor", "drafts", approved=True)
    begun = await desk.post(f"{name}:decide", "supervisor", "approves", approved=True)
    assert [each["baseline"] for each in begun["targets"]] == [5, 1]
    mine = await town.get(name, "unit_head")
    assert [each["unit"] for each in mine["targets"]] == [TOWN]
    clocks = (await desk.get("clocks/escalation", "supervisor", None, case=name))["clocks"]
    assert [(each["rule"], each["unit"]) for each in clocks] == [("backlog_target", TOWN), ("backlog_target", OFFICE)]

    merged: dict[str, Any] = {"sequence": 2, "state": 6, "decide_time": instant(0)}
    # Transferred, renamed, merged, withdrawn: none of it lowers what is to be settled.
    await record(
        clients,
        case(number(1), AGES[1], NEXT, sequence=2),
        case(number(2), AGES[2], TOWN, sequence=2, category="categories/land"),
        report(number(3), AGES[3], TOWN, merged_into=f"reports/{number(4)}", **merged),
        closed(number(5), AGES[5], TOWN, case_pb2.OUTCOME_WITHDRAWN),
    )
    found = await counts(desk, name)
    assert found[TOWN] == {"open": 4, "settled": 0, "left": 1}
    with refused("TASKS_OPEN"):
        await town.post(f"{name}/targets/1:report", "unit_head")
    await record(clients, closed(number(1), AGES[1], NEXT, case_pb2.OUTCOME_AGREED, sequence=3))
    assert (await counts(desk, name))[TOWN] == {"open": 3, "settled": 1, "left": 1}

    # What a matter was merged into is settled: then so is the matter.
    await record(clients, closed(number(4), AGES[4], TOWN, case_pb2.OUTCOME_RESOLVED))
    assert (await counts(desk, name))[TOWN]["settled"] >= 2
    matters = (await town.get(f"{name}/matters", "handler", None, fate="BACKLOG_FATE_SETTLED"))["matters"]
    assert f"cases/{number(7)}" not in {each["matter"] for each in matters}
    with refused("PERMISSION_DENIED"):
        await desk.post(f"{name}/targets/1:report", "unit_head")
    await town.post(f"{name}/targets/1:report", "unit_head")
    with refused("ALREADY_EXISTS"):
        await town.post(f"{name}/targets/1:report", "unit_head")
    await record(clients, closed(number(7), 500, OFFICE, case_pb2.OUTCOME_NOT_AGREED))
    done = await office.post(f"{name}/targets/2:report", "unit_head")
    assert done["state"] == "BACKLOG_PLAN_STATE_REACHED"

    # As of any day: yesterday nothing was settled.
    before = await desk.get(name, "supervisor", None, **local(1))
    assert [each["settled"] for each in before["targets"]] == [0, 0]
    assert (await desk.get("backlog:count", "supervisor", None, **local(1)))["total"] == 6
    with refused("IN_THE_FUTURE"):
        await desk.get("backlog:count", "supervisor", None, **local(-1))


async def counts(desk: Desk, name: str) -> dict[str, dict[str, int]]:
    """Return what became of the matters of each target."""
    told = await desk.get(name, "supervisor")
    return {each["unit"]: {part: each[part] for part in ("open", "settled", "left")} for each in told["targets"]}


async def test_a_reopened_matter_is_open_again(desk: Desk, clients: Clients) -> None:
    here, age = desk.at("620123"), 300
    unit, matter = "units/620123", "620123-2020-000001"
    await record(clients, report(matter, age, unit), case(matter, age, unit))
    goals = [{"unit": unit, "count": 1, "due_date": day(9), "official": "deputy"}]
    name = (await here.post("backlogPlans", "duty_officer", unit=unit, goals=goals))["name"]
    await here.post(f"{name}:decide", "unit_head", approved=True)
    await record(clients, closed(matter, age, unit, case_pb2.OUTCOME_AGREED))
    assert (await counts(here, name))[unit]["settled"] == 1
    await record(clients, case(matter, age, unit, sequence=3, last_close_time=None))
    assert (await counts(here, name))[unit] == {"open": 1, "settled": 0, "left": 0}


@pytest.mark.parametrize(
    ("goals", "reason"),
    [
        ([{"unit": "units/620124"}], "UNKNOWN_UNIT"),
        ([{"unit": f"units/{HERE}"}, {"unit": TOWN}], "INVALID_FIELD"),
        ([{"due_date": day(0)}], "INVALID_FIELD"),
        ([{"due_date": day(9999)}], "INVALID_FIELD"),
        ([{"count": 0}], "INVALID_FIELD"),
        ([], "INVALID_FIELD"),
    ],
)
async def test_a_goal_that_cannot_be_is_refused(desk: Desk, goals: list[dict[str, Any]], reason: str) -> None:
    usual = {"unit": TOWN, "count": 1, "due_date": day(30), "official": "deputy"}
    with refused(reason):
        await desk.post("backlogPlans", "supervisor", unit=f"units/{HERE}", goals=[{**usual, **each} for each in goals])


async def test_a_target_beyond_what_there_is_is_not_approved(desk: Desk) -> None:
    goals = [{"unit": f"units/{HERE}-court", "count": 3, "due_date": day(30), "official": "deputy"}]
    name = (await desk.post("backlogPlans", "supervisor", "drafts", unit=f"units/{HERE}", goals=goals))["name"]
    with refused("CONTRADICTED"):
        await desk.post(f"{name}:decide", "supervisor", "approves", approved=True)
    court = desk.at(f"{HERE}-court")
    assert name not in [each["name"] for each in (await court.get("backlogPlans", "unit_head"))["backlogPlans"]]
    dropped = await desk.post(f"{name}:decide", "supervisor", "approves", approved=False)
    assert dropped["state"] == "BACKLOG_PLAN_STATE_DROPPED"


async def test_a_running_plan_is_ended_with_its_clocks_and_what_they_raised_but_not_by_a_unit_that_is_late(
    stack: Stack, clients: Clients
) -> None:
    async with (
        standing_still(stack) as still,
        door_of(still) as url,
        httpx.AsyncClient(base_url=url, timeout=CALL) as rest,
    ):
        still.time.set(datetime.now(UTC))
        here, city = Desk(rest, stack, HERE), Desk(rest, stack, HERE[:4])
        await record(still.clients(clients), report(number(1), 400, f"units/{HERE}"),
                     case(number(1), 400, f"units/{HERE}"))  # fmt: skip
        goals = [{"unit": f"units/{HERE}", "count": 1, "due_date": day(9), "official": "deputy"}]
        name = (await here.post("backlogPlans", "duty_officer", unit=f"units/{HERE}", goals=goals))["name"]
        with refused("WRONG_STATE"):  # a draft is dropped, not ended
            await here.post(f"{name}:end", "unit_head", reason="BACKLOG_END_REASON_REPLACED")
        await here.post(f"{name}:decide", "unit_head", approved=True)
        still.time.set(datetime.now(UTC) + timedelta(days=30))
        await still.fire(number_of(name))
        (raised,) = (await city.get(f"{name}/escalations", "supervisor"))["escalations"]
        assert raised["state"] != "ESCALATION_STATE_RESOLVED"
        with refused("INVALID_FIELD"):
            await city.post(f"{name}:end", "supervisor")
        for role in ("unit_head", "supervisor"):
            with refused("OWN_TARGET_LATE"):
                await here.post(f"{name}:end", role, reason="BACKLOG_END_REASON_REPLACED")
        ended = await city.post(f"{name}:end", "supervisor", reason="BACKLOG_END_REASON_REPLACED")
        assert (ended["state"], ended["targets"][0]["settled"]) == ("BACKLOG_PLAN_STATE_ENDED", 0)
        clocks = (await city.get("clocks/escalation", "supervisor", None, case=name))["clocks"]
        assert {each["state"] for each in clocks} == {"CLOCK_STATE_CANCELLED"}, clocks
        (raised,) = (await city.get(f"{name}/escalations", "supervisor"))["escalations"]
        assert raised["state"] == "ESCALATION_STATE_RESOLVED"
        for path, told in (
            (f"{name}:end", {"reason": "BACKLOG_END_REASON_MISTAKE"}),
            (f"{name}/targets/1:report", {}),
        ):
            with refused("WRONG_STATE"):
                await here.post(path, "unit_head", **told)


@given(age=st.integers(90, 40_000), bands=st.sets(st.integers(91, 30_000), min_size=1, max_size=6))
def test_every_age_has_one_band(age: int, bands: set[int]) -> None:
    rule = BacklogRule("v", "house default", 90, tuple(sorted(bands)))
    low, high = rule.band_of(age)
    assert low <= age < (high or age + 1)
    assert all(before[1] == after[0] for before, after in pairwise(rule.ranges))


def test_a_count_names_the_units_with_the_most_matters_and_says_how_many_more_there_are() -> None:
    rule = BacklogRule("v", "house default", 90, (180,))
    found = [OfUnit(f"{number:06}", 1 + number % 2, 1 + (number == 1_001)) for number in range(1_002)]
    told = view.backlog("cn", date(2026, 3, 2), rule, found)
    assert (told.total, len(told.units), told.units_left_out) == (1_003, 1_000, 2)
    assert [each.count for each in told.bands] == [501, 502]
    assert "units/001001" in {each.unit for each in told.units}


def test_units_of_a_plan_do_not_overlap() -> None:
    must_not_overlap(["620122001", "620122002", "620122-housing"])
    for units in (["620122001", "620122001"], ["620122001002", "620122001"], ["620122", "620122-housing"]):
        with pytest.raises(CaseError):
            must_not_overlap(units)
