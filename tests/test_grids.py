"""A grid worker's days, over REST by the own token: sent later and twice, own grid only, a term that ends."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import date as date_
from functools import partial
from typing import Any

import httpx
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pool import Default
from google.type import latlng_pb2
from pb.intake.v1 import grids_pb2

from accord.embedded.stack import Stack
from casework.errors import CaseError, Reason
from services.gateway.rest.contract import load
from services.kit.serving.access import Access, Call
from services.kit.serving.request import terms
from services.kit.serving.tokens import Caller
from tests.conftest import COUNTY, request_id
from tests.outside import Desk, Reporter
from tests.patience import CALL
from tests.rpcs import POLICIES, all_rpcs
from tests.scenario import Desk as Town
from tests.scenario import day
from tests.still import Still, shipped_rules, standing_still
from tests.still_door import door_of
from tests.test_desk import until
from tests.test_hall import BOTH, Person
from tests.world import picture

VILLAGE, NEXT = f"{COUNTY}001001", f"{COUNTY}001003"
ME = "walks-the-lane"
MORNING = "2026-09-21T09:00"


@dataclass
class Place:
    """Intake that stands still, with two villages and their grids."""

    still: Still
    rest: httpx.AsyncClient
    found: dict[str, str] = field(default_factory=dict)

    def person(self, role: str, unit: str = COUNTY, sub: str | None = None, language: str = "zh") -> Person:
        return Person(self.rest, self.still.stack.token(role, unit, sub), language)

    def me(self, language: str = "zh", sub: str = ME) -> Person:
        return self.person("grid_worker", VILLAGE, sub, language)


def date(text: str) -> dict[str, int]:
    year, month, on = map(int, text.split("-"))
    return {"year": year, "month": month, "day": on}


def seen(at: str = "", grid: str = f"{VILLAGE}001", **fields: Any) -> dict[str, Any]:
    """Return a report of what was seen in a grid, at a local time."""
    report = {"channel": "CHANNEL_GRID", "unit": f"units/{VILLAGE}", "category": "categories/neighbour",
              "text": "井盖丢了一个。", "place": {"grid": grid}, **fields}  # fmt: skip
    return {**report, "observeTime": f"{at}:00+08:00"} if at else report


def entry(account: str = ME, *grids: str, first: str = "2026-09-01", last: str = "2026-12-31") -> dict[str, Any]:
    """Return an entry of the roster."""
    names = [f"grids/{each}" for each in grids or (f"{VILLAGE}001",)]
    return {"account": account, "grids": names, "firstDate": date(first), "lastDate": date(last)}


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return intake standing still, with grids in two villages, and somebody on the roster of one."""
    async with standing_still(stack, "intake") as found, door_of(found) as url:
        found.to(MORNING)
        async with httpx.AsyncClient(base_url=url, timeout=CALL) as rest:
            head = Place(found, rest).person("unit_head")
            for grid in (f"{VILLAGE}001", f"{VILLAGE}002", f"{NEXT}001"):
                await head.does("grids", name=f"grids/{grid}", displayName="第一网格")
            await head.does("gridWorkers", **entry())
        yield found


@pytest.fixture
async def place(still: Still) -> AsyncIterator[Place]:
    """Return the villages on a Monday morning."""
    still.to(MORNING)
    async with door_of(still) as url, httpx.AsyncClient(base_url=url, timeout=CALL) as rest:
        yield Place(still, rest)


@BOTH
async def test_what_was_seen_without_a_network_is_sent_later_and_twice(place: Place, language: str) -> None:
    me, key = place.me(language), request_id()
    place.still.to("2026-09-23T20:00")
    first = await me.sends("reports", key, **seen("2026-09-21T10:30"))
    made = first.json()
    assert first.status_code == 200, made
    assert (made["observeTime"], made["receiveTime"]) == ("2026-09-21T02:30:00Z", "2026-09-23T12:00:00Z")
    assert (
        made["place"] == {"area": VILLAGE, "grid": f"{VILLAGE}001", "address": ""} or made["place"]["area"] == VILLAGE
    )
    # The answer was lost on the way: the same again, a day later, is the same report with the same receipt.
    place.still.to("2026-09-24T20:00")
    again = (await me.sends("reports", key, **seen("2026-09-21T10:30"))).json()
    assert (again["name"], again["receiptCode"]) == (made["name"], made["receiptCode"])
    other = await me.sends("reports", key, **seen("2026-09-21T10:30", text="井盖丢了两个。"))
    assert (other.json()["code"], other.json()["errors"][0]["field"]) == ("IDEMPOTENCY_KEY_REUSED", "Idempotency-Key")
    # The limit runs from the receipt, not from the observation.
    plain = await me.does("reports", **seen())
    place.still.to("2026-09-24T20:00")
    late = await me.does("reports", **seen("2026-09-15T08:00"))
    assert late["dueTime"] == plain["dueTime"]
    photo = base64.b64encode(picture()).decode()
    await me.does(f"{made['name']}/photos", content=photo)
    assert len((await me.reads(f"{made['name']}/photos"))["photos"]) == 1
    mine = [late["name"], plain["name"], made["name"]]
    own = [each for each in (await me.reads("reports:own"))["reports"] if each["name"] in mine]
    assert [each["name"] for each in own] == mine, "newest first"
    assert (own[2]["observeTime"], own[2]["place"]["grid"]) == (made["observeTime"], f"{VILLAGE}001")
    shown = await me.reads(made["name"])
    assert (shown["observeTime"], shown["state"]) == (made["observeTime"], "REPORT_STATE_RECEIVED")
    assert not (await place.me(sub="walks-elsewhere").reads("reports:own")).get("reports")
    assert (await place.me(sub="walks-elsewhere").gets(f"{made['name']}/photos")).status_code == 403


@BOTH
@pytest.mark.parametrize(
    ("fields", "code", "where"),
    [
        (seen("2026-09-21T09:06"), "IN_THE_FUTURE", "observeTime"),
        (seen("2027-09-21T09:00"), "IN_THE_FUTURE", "observeTime"),
        (seen("2026-09-07T08:59"), "BACKDATED_TOO_FAR", "observeTime"),
        (seen(grid=f"{NEXT}001"), "PERMISSION_DENIED", "place.grid"),
        (seen(grid=f"{VILLAGE}002"), "PERMISSION_DENIED", "place.grid"),
        (seen(grid=f"{VILLAGE}777"), "UNKNOWN_GRID", "place.grid"),
        (seen(grid="12"), "INVALID_FIELD", "place.grid"),
        (seen(place={"grid": f"{VILLAGE}001", "area": NEXT}), "INVALID_FIELD", "place.grid"),
        (seen("2026-09-21T08:00", channel="CHANNEL_COUNTER"), "INVALID_FIELD", "observeTime"),
    ],
)
async def test_what_cannot_be_is_named(
    place: Place, language: str, fields: dict[str, Any], code: str, where: str
) -> None:
    await place.me(language).refused("reports", code, where, **fields)


async def test_a_clock_that_is_a_little_fast_is_taken_as_now(place: Place) -> None:
    made = await place.me().does("reports", **seen("2026-09-21T09:04"))
    assert made["observeTime"] == made["receiveTime"]
    # One that is far ahead is told the right time, and the same key is good for the corrected report.
    key = request_id()
    refused = (await place.me().sends("reports", key, **seen("2026-09-22T09:00"))).json()
    assert "2026-09-21T09:00" in refused["detail"]
    assert (await place.me().sends("reports", key, **seen("2026-09-21T08:50"))).status_code == 200


async def test_whose_term_is_over_reports_no_more_but_what_was_seen_in_it_still_comes_in(place: Place) -> None:
    head, sub = place.person("unit_head"), "leaves-in-september"
    me, key = place.me(sub=sub), request_id()
    entered = await head.does("gridWorkers", **entry(sub, last="2026-09-30"))
    assert (entered["serving"], entered["unit"]) == (True, f"units/{VILLAGE}")
    before = (await me.sends("reports", key, **seen())).json()
    ended = await head.does(f"{entered['name']}:endTerm", lastDate=date("2026-09-22"))
    assert ended["lastDate"] == date("2026-09-22")
    await head.refused(f"{entered['name']}:endTerm", "INVALID_FIELD", "lastDate", lastDate=date("2026-12-01"))

    place.still.to("2026-09-25T09:00")
    await me.refused("reports", "TERM_OVER", **seen())
    assert (await me.sends("reports", key, **seen())).json()["name"] == before["name"], "it was received before"
    await me.refused(f"{before['name']}:verify", "TERM_OVER", founded=True)
    late = await me.does("reports", **seen("2026-09-22T18:00"))
    assert late["observeTime"] == "2026-09-22T10:00:00Z"
    await me.refused("reports", "TERM_OVER", **seen("2026-09-23T18:00"))
    assert [each["name"] for each in (await me.reads("reports:own"))["reports"]] == [late["name"], before["name"]]
    assert not (await head.reads(f"gridWorkers?unit=units/{VILLAGE}"))["gridWorkers"][1:], "the term is over"
    everyone = (await head.reads(f"gridWorkers?unit=units/{VILLAGE}&includeEnded=true"))["gridWorkers"]
    assert [each["account"] for each in everyone] == [ME, sub]
    assert [each["account"] for each in (await me.reads("gridWorkers?includeEnded=true"))["gridWorkers"]] == [sub]


@BOTH
async def test_the_head_keeps_the_roster_and_what_cannot_be_is_named(place: Place, language: str) -> None:
    head = place.person("unit_head", language=language)
    other = f"{NEXT}001"
    for fields, code, where in (
        (entry("a", f"{VILLAGE}001", other), "UNKNOWN_GRID", "grids[1]"),
        (entry("a", f"{VILLAGE}555"), "UNKNOWN_GRID", "grids[0]"),
        (entry("a", last="2026-08-01"), "INVALID_FIELD", "lastDate"),
        (entry("a", first="2026-11-01", last="2026-10-01"), "INVALID_FIELD", "lastDate"),
        (entry(ME, f"{VILLAGE}002", first="2026-12-31", last="2027-03-31"), "ALREADY_EXISTS", "account"),
        (entry("a b"), "INVALID_FIELD", "account"),
        ({**entry("a"), "grids": []}, "INVALID_FIELD", "grids"),
    ):
        await head.refused("gridWorkers", code, where, **fields)
    await head.refused("grids", "UNKNOWN_UNIT", "name", name="grids/620102999999001", displayName="无")
    (mine,) = (await place.me(language).reads("gridWorkers"))["gridWorkers"]
    training = {"title": "入户走访与保密", "date": date("2026-09-18")}
    trained = await head.does(f"{mine['name']}:recordTraining", training=training)
    assert training in trained["trainings"]
    await head.refused(f"{mine['name']}:recordTraining", "IN_THE_FUTURE", "training.date", training={
        **training, "date": date("2026-09-22")})  # fmt: skip
    assert (await head.reads(f"grids?unit=units/{NEXT}"))["grids"][0]["name"] == f"grids/{other}"
    # Another county's head, the grid worker, and whoever is in the next village change nothing here.
    for role, unit in (("unit_head", "620103"), ("grid_worker", VILLAGE), ("clerk", COUNTY)):
        await place.person(role, unit).refused("gridWorkers", "PERMISSION_DENIED", **entry("b"))
        await place.person(role, unit).refused(
            f"{mine['name']}:endTerm", "PERMISSION_DENIED", lastDate=date("2026-09-21")
        )
    assert (await place.person("grid_worker", NEXT).gets(f"grids?unit=units/{VILLAGE}")).status_code == 403


async def test_what_is_about_the_own_village_is_seen_there_no_more(place: Place) -> None:
    me = place.me()
    made = await me.does("reports", **seen(aboutUnit=f"units/{VILLAGE}"))
    assert made["unit"] == f"units/{VILLAGE[:9]}"
    assert (await me.gets(made["name"])).status_code == 403
    assert made["name"] not in [each["name"] for each in (await me.reads("reports:own?pageSize=100"))["reports"]]


async def test_of_two_entries_of_an_account_made_at_once_in_two_villages_one_counts(place: Place) -> None:
    head = place.person("unit_head")
    for turn in range(4):
        account = f"twice-{turn}"
        made = await asyncio.gather(
            *(head.sends("gridWorkers", **entry(account, f"{village}001")) for village in (VILLAGE, NEXT))
        )
        codes = sorted(each.json().get("code", "") for each in made)
        assert codes == ["", "ALREADY_EXISTS"], [each.text for each in made]


async def test_a_closed_grid_takes_no_more_reports(place: Place) -> None:
    head = place.person("unit_head")
    await head.does("grids", name=f"grids/{VILLAGE}900", displayName="撤并网格")
    await place.person("clerk").does("reports", **seen(grid=f"{VILLAGE}900"))
    closed = await head.does(f"grids/{VILLAGE}900:close")
    assert closed == await head.does(f"grids/{VILLAGE}900:close")
    await place.person("clerk").refused("reports", "UNKNOWN_GRID", "place.grid", **seen(grid=f"{VILLAGE}900"))


@BOTH
async def test_a_day_of_a_grid_worker_from_the_round_to_the_case(stack: Stack, language: str) -> None:
    """In the whole stack: what was reported becomes a case, whose progress the grid worker follows by the receipt."""
    async with (
        Desk(stack, "grid_worker", VILLAGE, f"round-{request_id()}", language) as me,
        Desk(stack, "duty_officer", language=language) as duty, Reporter(stack, language) as slip,
    ):  # fmt: skip
        at = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
        made = await me.file(channel="CHANNEL_GRID", observeTime=at, place={"area": VILLAGE})
        slip.takes(made)
        assert (await slip.receipt())["progress"]["phase"] == "PHASE_AT_DOOR"
        await duty.does(made["name"], "accept")
        own = (await me.reads("/v1/reports:own"))["reports"]
        assert [(each["name"], each["state"]) for each in own] == [(made["name"], "REPORT_STATE_ACCEPTED")]
        content = await me.reads(f"/v1/{made['name']}/content")
        slip.code = content["receiptCode"]
        handled = await slip.receipt(lambda now: now["progress"]["phase"] == "PHASE_HANDLING")
        assert handled["progress"]["unitDisplayName"]


async def test_a_visit_of_a_campaign_and_its_finding_are_recorded_by_the_grid_worker(stack: Stack) -> None:
    here = f"units/{VILLAGE}"
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        town, me = Town(rest, stack), f"campaign-{request_id()}"
        village = {"Authorization": f"Bearer {stack.token('grid_worker', VILLAGE, me)}"}
        campaign = await town.post(
            "campaigns", "duty_officer", unit=f"units/{COUNTY}", kind="CAMPAIGN_KIND_CONCENTRATED",
            title="出租房燃气排查", categories=["categories/hazard"], places=[here], items=["软管是否老化"],
            start_date=day(0), end_date=day(10),
        )  # fmt: skip
        await town.post(f"{campaign['name']}:assignPlaces", "duty_officer", places=[{"place": here, "unit": here}])
        await town.post(f"{campaign['name']}:start", "unit_head")

        async def tells(path: str, **body: Any) -> Any:
            key = {**village, "Idempotency-Key": request_id()}
            answers = [await rest.post(f"/v1/{path}", json=body, headers=key) for _ in range(2)]
            assert answers[0].status_code == 200, answers[0].text
            assert answers[0].json() == answers[1].json(), "sent twice, recorded once"
            return answers[0].json()

        check = await tells(f"{campaign['name']}:recordCheck", place=here, answers=["CHECK_ANSWER_NOT_IN_ORDER"])
        finding = await tells(f"{check['name']}:recordFinding", category="categories/hazard", text="软管开裂。",
                              danger=False)  # fmt: skip
        found = await until(
            lambda: rest.get(f"/v1/{campaign['name']}/findings", headers=village),
            lambda answer: answer.status_code == 200 and answer.json()["findings"][0].get("report"),
        )
        assert [each["name"] for each in found.json()["findings"]] == [finding["name"]]


async def test_whose_term_is_over_acts_in_no_service(stack: Stack) -> None:
    sub, here = f"until-yesterday-{request_id()}", f"units/{VILLAGE}"
    async with (
        httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest,
        Desk(stack, "grid_worker", VILLAGE, sub) as me,
    ):
        town = Town(rest, stack)
        await rest.post(
            "/v1/grids", json={"name": f"grids/{VILLAGE}001", "displayName": "第一网格"},
            headers={"Authorization": f"Bearer {stack.token('unit_head', COUNTY)}", "Idempotency-Key": request_id()},
        )  # fmt: skip
        entry = await town.post(
            "gridWorkers", "unit_head", account=sub, grids=[f"grids/{VILLAGE}001"], first_date=day(-10),
            last_date=day(10),
        )  # fmt: skip
        clue = {"unit": here, "source": "CLUE_SOURCE_OWN_WORK", "place": here, "category": "categories/land",
                "description": "晒谷场被占。"}  # fmt: skip
        assert (await me.sends("/v1/clues", **clue)).status_code == 200
        for path in ("campaigns", "cases/-/tasks"):
            assert (await me.gets(f"/v1/{path}")).status_code == 200, path
        await town.post(f"{entry['name']}:endTerm", "unit_head", last_date=day(-1))
        for path in ("campaigns", "cases/-/tasks"):
            # The other services are told within moments.
            answer = await until(partial(me.gets, f"/v1/{path}"), lambda found: found.status_code != 200)
            assert answer.json()["code"] == "TERM_OVER", path
        report = {"channel": "CHANNEL_GRID", "unit": here, "category": "categories/neighbour", "text": "井盖丢了。"}
        for path, body in (("clues", clue), ("reports", report)):
            assert (await me.sends(f"/v1/{path}", **body)).json()["code"] == "TERM_OVER", path
        assert (await me.gets("/v1/reports:own")).status_code == 200
        # Whoever holds an office besides keeps that one.
        async with Desk(stack, "grid_worker", VILLAGE, sub, also="duty_officer") as officer:
            assert (await officer.gets("/v1/campaigns")).status_code == 200


class _Roster:
    """A roster with one entry, long over."""

    async def terms(self, account: str) -> list[tuple[date_, date_]]:
        return [(date_(2026, 1, 1), date_(2026, 1, 31))] if account == ME else []


async def serves(account: str, permission: str, access: Access) -> bool:
    """Return whether an account acts as a grid worker by a permission."""
    call = Call(Caller(account, frozenset({"grid_worker"}), VILLAGE), permission, "en", access)
    try:
        await terms.must_serve(call, _Roster())  # type: ignore[arg-type]
    except CaseError as error:
        return error.reason is not Reason.TERM_OVER
    return True


async def test_after_the_term_only_what_was_seen_in_it_and_ones_own_entries_are_left() -> None:
    access = Access(POLICIES, shipped_rules(POLICIES.parent).units)
    one, nobody = Caller(ME, frozenset({"grid_worker"}), VILLAGE), Caller(ME, frozenset(), VILLAGE)
    theirs = {
        rpc.permission for rpc in all_rpcs()
        if access.holds(one, rpc.permission) and not access.holds(nobody, rpc.permission)
    }  # fmt: skip
    assert {each for each in theirs if await serves(ME, each, access)} == terms.AFTERWARDS
    assert {each for each in theirs if await serves("on-no-roster", each, access)} == theirs > terms.AFTERWARDS


def test_nothing_is_kept_of_a_grid_worker_but_account_grids_and_term() -> None:
    entry_fields = {each.name for each in grids_pb2.GridWorker.DESCRIPTOR.fields}
    assert entry_fields == {
        "name", "etag", "account", "grids", "first_date", "last_date", "trainings", "unit", "serving",
    }  # fmt: skip
    assert {each.name for each in grids_pb2.Training.DESCRIPTOR.fields} == {"title", "date"}


def test_no_contract_has_a_place_for_points_or_tracks() -> None:
    unwanted = {"points", "ranking", "rank", "track", "tracks", "mileage", "steps_walked", "online_time", "clock_in",
                "check_in", "positions", "credit", "credits"}  # fmt: skip
    for rpc in load().rpcs:
        for message in (rpc.takes, rpc.answers):
            for path, each in _fields(message, set()):
                # In a record, the points are those in dispute (争议焦点); a subscription has places in feeds.
                harmless = path == "accord.mediation.v1.RecordContent.points" or path.startswith("accord.hooks.v1.")
                assert each.name not in unwanted or harmless, path
                is_point = each.message_type is not None and each.message_type is latlng_pb2.LatLng.DESCRIPTOR
                assert not (is_point and each.is_repeated), f"{path}: a track"
    assert Default().FindMessageTypeByName("accord.intake.v1.GridWorker")


def _fields(message: Any, seen_types: set[str]) -> list[tuple[str, FieldDescriptor]]:
    if message.full_name in seen_types:
        return []
    seen_types.add(message.full_name)
    found = []
    for each in message.fields:
        found.append((f"{message.full_name}.{each.name}", each))
        if each.message_type is not None:
            found += _fields(each.message_type, seen_types)
    return found
