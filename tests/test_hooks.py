"""Events to other systems: signed CloudEvents, at least once, those of a case in order, to allowed addresses alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

import httpx
import pytest
from pb.feed.v1 import feed_pb2
from standardwebhooks import Webhook, WebhookVerificationError

from accord.embedded.stack import Stack
from casework.door.programs import hooks as rules
from tests.conftest import CALL, COUNTY, Clients, request_id
from tests.patience import PATIENCE
from tests.people_of_case import execute
from tests.receivers import Receiver, receiver
from tests.test_rest import is_problem
from workflows.hooks.posting import Poster

TOWN = "620102001"
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
LOOPBACK = (ip_network("127.0.0.0/8"),)

# --- the rules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fd00::1", "fe80::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::",
        "64:ff9b::a00:1", "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    ],
)  # fmt: skip
def test_no_address_within_is_reached_however_it_is_written(address: str) -> None:
    assert not rules.may_reach(ip_address(address), (), plain=False)


def test_public_addresses_are_reached_encrypted_and_allowed_networks_in_any_way() -> None:
    for address in ("8.8.8.8", "2606:4700::1111"):
        assert rules.may_reach(ip_address(address), (), plain=False)
        assert not rules.may_reach(ip_address(address), LOOPBACK, plain=True)
    for address in ("127.0.0.1", "::ffff:127.0.0.1"):
        assert rules.may_reach(ip_address(address), LOOPBACK, plain=True)
    assert not rules.may_reach(ip_address("10.0.0.1"), LOOPBACK, plain=False)
    assert not rules.may_reach(ip_address("2002:7f00:1::"), LOOPBACK, plain=False)


def test_an_address_of_a_receiver_says_what_is_wrong_with_it() -> None:
    good = ("https://receiver.example/events?of=accord", "https://8.8.8.8:8443/")
    assert [rules.fault_of(each, ()) for each in good] == ["", ""]
    wrong = {
        "http://receiver.example/": "https", "https://user:word@receiver.example/": "user",
        "https://receiver.example/#here": "fragment", "https:///events": "host", "https://10.0.0.1/": "allowed",
        "https://[::1]/": "allowed", "https://receiver.example:99999/": "address",
    }  # fmt: skip
    for url, why in wrong.items():
        assert why in rules.fault_of(url, ()), url
    assert rules.fault_of("http://127.0.0.1:8080/", LOOPBACK) == ""
    assert rules.fault_of("http://8.8.8.8/", LOOPBACK)


def test_attempts_are_further_and_further_apart_and_end_after_a_day() -> None:
    pauses = [rules.pause(failures) for failures in range(1, 9)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == pauses[-2] <= timedelta(hours=1)
    assert rules.retry_at(1, NOW, NOW) == NOW + pauses[0]
    late = NOW + timedelta(hours=23, minutes=59)
    assert rules.retry_at(99, NOW, late) == NOW + timedelta(days=1)
    assert rules.retry_at(99, NOW, NOW + timedelta(days=1)) is None


# --- the connection ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def poster(networks: Sequence[Any], *addresses: str) -> AsyncIterator[tuple[Poster, list[str]]]:
    """Give the block a poster for whom every name has these addresses, and the names that were asked for."""
    asked: list[str] = []

    async def resolves(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return addresses

    made = Poster(networks, resolves)
    yield made, asked
    await made.close()


async def test_a_name_is_resolved_once_and_each_of_its_addresses_is_checked() -> None:
    async with receiver() as there:
        url = f"http://receiver.example:{there.port}/events"
        async with poster(LOOPBACK, "127.0.0.1") as (allowed, asked):
            assert await allowed.post(url, {}, b"{}") == "http-401"
            assert asked == ["receiver.example"]
        assert there.paths == ["/events"]
        for networks, addresses in ((LOOPBACK, ("127.0.0.1", "10.0.0.1")), ((), ("127.0.0.1",)), ((), ())):
            async with poster(networks, *addresses) as (refusing, _):
                assert await refusing.post(url, {}, b"{}") == "address-refused"
        assert there.paths == ["/events"]


async def test_no_redirect_is_followed_and_whoever_is_not_there_is_unreachable() -> None:
    async with receiver() as there:
        there.answers = lambda event: 302
        async with poster(LOOPBACK, "127.0.0.1") as (made, _):
            event = {"ce-id": "1", "ce-source": "x", "ce-type": "y", "ce-specversion": "1.0", **signed(there, b"{}")}
            assert await made.post(there.url, {"content-type": "application/json", **event}, b"{}") == "http-302"
            assert there.paths == ["/events"]
            await there.stop()
            assert await made.post(there.url, {}, b"{}") == "unreachable"


def signed(there: Receiver, body: bytes) -> dict[str, str]:
    """Return the headers of Standard Webhooks for a body."""
    now = datetime.now(UTC)
    sign = Webhook(there.secret).sign("1", now, body.decode())
    return {"webhook-id": "1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": sign}


# --- the stack --------------------------------------------------------------------------------------------------------


class Integrator:
    """A unit's system, over REST."""

    def __init__(self, stack: Stack, unit: str, role: str = "integrator") -> None:
        self.unit = unit
        headers = {"Authorization": f"Bearer {stack.token(role, unit)}", "Accept-Language": "en"}
        self.rest = httpx.AsyncClient(base_url=stack.urls["api"], headers=headers, timeout=CALL)

    async def post(self, path: str, **body: Any) -> httpx.Response:
        """Send a command."""
        return await self.rest.post(f"/v1/{path}", json=body, headers={"Idempotency-Key": request_id()})

    async def subscribe(self, there: Receiver, **fields: Any) -> str:
        """Subscribe to the events of the unit, wait until the subscription is active, and return its name."""
        async with asyncio.timeout(PATIENCE):
            # Intake learns of a case a moment after it was opened.
            while (answer := await self.post("subscriptions", url=there.url, **fields)).status_code == 404:
                await asyncio.sleep(0.1)
        assert answer.status_code == 200, answer.text
        there.secret = answer.json()["secret"]
        name = str(answer.json()["name"])
        await self.until(name, lambda found: found["state"] == "SUBSCRIPTION_STATE_ACTIVE")
        return name

    async def until(self, name: str, condition: Any) -> dict[str, Any]:
        """Return a subscription once it is so."""
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self.rest.get(f"/v1/{name}")
                assert answer.status_code == 200, answer.text
                found: dict[str, Any] = answer.json()
                if condition(found):
                    return found
                await asyncio.sleep(0.2)

    async def undelivered(self, name: str, **query: str) -> list[dict[str, Any]]:
        """Return what was not delivered at once."""
        answer = await self.rest.get(f"/v1/{name}/undelivered", params=query)
        return list(answer.json().get("undelivered", []))


@asynccontextmanager
async def system(stack: Stack, unit: str = TOWN, role: str = "integrator") -> AsyncIterator[Integrator]:
    """Give the block the system of a unit; its subscriptions end with it."""
    made = Integrator(stack, unit, role)
    try:
        yield made
    finally:
        for each in (await made.rest.get("/v1/subscriptions?pageSize=1000")).json().get("subscriptions", []):
            if each["unit"] == f"units/{unit}" and each["state"] != "SUBSCRIPTION_STATE_ENDED":
                await made.post(f"{each['name']}:end")
        await made.rest.aclose()


async def file(clients: Clients, unit: str = TOWN) -> str:
    """File a report, and return its case."""
    return (await clients.file_report(unit=f"units/{unit}")).case


async def history(clients: Clients, service: str, case: str) -> list[tuple[str, str, int]]:
    """Return source, type and number of what happened to a case in a service, as a receiver should get it."""
    request = feed_pb2.ListEventsRequest(service=service, case=case, page_size=1000)
    found = (await clients.feeds[service].ListEvents(request, **clients.as_("auditor", "62"))).events
    return [(f"/v1/feeds/{service}", f"accord.{service}.{each.type}", each.sequence) for each in found]


def in_order(events: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """Return events without repeats, after checking that each new one of a feed is later than all before."""
    seen: dict[str, int] = {}
    first = []
    for source, kind, number in events:
        assert number <= seen.get(source, 0) + 1 or source not in seen, f"{source}: {number} after {seen[source]}"
        if number > seen.get(source, 0):
            seen[source] = number
            first.append((source, kind, number))
    return first


@pytest.mark.parametrize("mode", ["CONTENT_MODE_STRUCTURED", "CONTENT_MODE_BINARY"])
async def test_a_unit_gets_its_events_signed_in_order_and_without_accounts(
    stack: Stack, clients: Clients, mode: str
) -> None:
    async with receiver() as there, system(stack) as town:
        name = await town.subscribe(there, contentMode=mode)
        report = await clients.file_report(unit=f"units/{TOWN}")
        elsewhere = await file(clients, "620103001")
        case = (await clients.accept(report)).name
        wanted = [each for service in ("intake", "mediation") for each in await history(clients, service, case)]
        await there.until(lambda: len(there.of(case)) >= len(wanted), PATIENCE)
        assert sorted(in_order(there.of(case))) == sorted(wanted)
        assert not there.of(elsewhere)
        assert not there.refused
        event = next(each for each in there.taken if each.get_type() == "accord.intake.ReportReceived")
        assert event.get_attributes()["partitionkey"] == event.get_subject()
        assert event.get_specversion() == "1.0"
        data = event.get_data()
        assert isinstance(data, dict)
        assert data["state"] == "REPORT_STATE_RECEIVED"
        kinds = {headers["content-type"].partition(";")[0] for headers in there.headers}
        assert kinds == {"application/json" if "BINARY" in mode else "application/cloudevents+json"}
        assert not [body for body in there.bodies if b"demo-" in body or "楼上漏水".encode() in body]
        shown = await town.until(name, lambda found: "deliveryTime" in found)
        heads = {service: await head(clients, service) for service in ("intake", "mediation", "escalation")}
        assert {each["service"] for each in shown["positions"]} == set(heads)
        assert all(int(each["position"]) <= heads[each["service"]] for each in shown["positions"])
        assert not any(shown.get(each) for each in ("waiting", "dead", "secret"))


async def head(clients: Clients, service: str) -> int:
    """Return where a feed ends."""
    request = feed_pb2.GetConsumerRequest(service=service, consumer="hooks-test")
    return int((await clients.feeds[service].GetConsumer(request, **clients.as_("auditor", "62"))).head_position)


async def test_only_the_types_and_the_case_that_were_subscribed_to_come(stack: Stack, clients: Clients) -> None:
    case = (await clients.accept(await clients.file_report(unit=f"units/{TOWN}"))).name
    async with receiver() as one, receiver() as other, system(stack) as town:
        await town.subscribe(one, types=["ReportAccepted"])
        await town.subscribe(other, case=case)
        later = (await clients.accept(await clients.file_report(unit=f"units/{TOWN}"))).name
        await clients.finish(case)
        await one.until(lambda: one.of(later), PATIENCE)
        await other.until(lambda: "accord.mediation.CaseClosed" in {kind for _, kind, _ in other.of(case)}, PATIENCE)
        assert {kind for _, kind, _ in one.of(later)} == {"accord.intake.ReportAccepted"}
        assert {each.get_type() for each in one.taken} == {"accord.intake.ReportAccepted"}
        assert {each.get_subject() for each in other.taken} == {case}


async def test_nothing_is_lost_and_the_order_of_a_case_is_kept_while_everybody_falls_over(
    stack: Stack, clients: Clients
) -> None:
    async with receiver() as there, system(stack) as town:
        await town.subscribe(there)
        reports = [await clients.file_report(unit=f"units/{TOWN}") for _ in range(4)]
        await there.until(lambda: there.taken, PATIENCE)
        stumbling = iter(range(1000))
        there.answers = lambda event: 503 if next(stumbling) % 3 == 0 else 200
        cases = [(await clients.accept(report)).name for report in reports[:2]]
        await there.stop()
        cases += [(await clients.accept(report)).name for report in reports[2:]]
        await asyncio.to_thread(stack.await_restart, "relay", stack.kill("relay"))
        await clients.finish(cases[0])
        await there.start()
        # How long a receiver that was away is left alone is no matter here.
        await execute(stack, "UPDATE intake.subscriptions SET next_at = now() WHERE unit = $1", TOWN)
        await execute(stack, "UPDATE intake.undelivered SET next_at = now() WHERE state = 1")
        await there.until(lambda: there.of(cases[0]), PATIENCE)
        await asyncio.to_thread(stack.await_restart, "relay", stack.kill("relay"))
        for case in cases:
            wanted = [each for service in ("intake", "mediation") for each in await history(clients, service, case)]
            await there.until(lambda case=case, wanted=wanted: set(wanted) <= set(there.of(case)), PATIENCE)  # type: ignore[misc]
            ours = [each for each in in_order(there.of(case)) if each[0] != "/v1/feeds/escalation"]
            assert sorted(ours) == sorted(wanted)


async def test_one_case_that_is_refused_holds_up_no_other_dies_after_a_day_and_is_replayed(
    stack: Stack, clients: Clients
) -> None:
    async with receiver() as there, system(stack) as town:
        name = await town.subscribe(there)
        there.answers = lambda event: 500 if event.get_subject() == bad else 200
        bad = ""
        first = await clients.file_report(unit=f"units/{TOWN}")
        await there.until(lambda: there.of(first.case), PATIENCE)
        second = await clients.file_report(unit=f"units/{TOWN}")
        bad = second.case
        await clients.accept(second)
        good = await file(clients)
        await there.until(lambda: there.of(good), PATIENCE)
        await town.until(name, lambda found: found.get("waiting"))
        waiting = await town.undelivered(name)
        assert {each["case"] for each in waiting} == {bad}
        assert waiting[0]["reason"] == "http-500"
        assert {each["reason"] for each in waiting} <= {"http-500", "waits"}

        number = int(name.partition("/")[2])
        await execute(
            stack, "UPDATE intake.undelivered SET failed_at = now() - interval '2 days', next_at = now()"
            " WHERE subscription = $1 AND failed_at IS NOT NULL", number,
        )  # fmt: skip
        await town.until(name, lambda found: found.get("dead"))
        (dead, *_) = await town.undelivered(name, dead="true")
        assert (dead["case"], dead["reason"]) == (bad, "http-500")
        bad = ""
        await town.until(name, lambda found: not found.get("waiting"))
        assert dead["event"] not in there.names
        answer = await town.post(f"{name}:replayDeadLetters", undelivered=[dead["name"]])
        assert answer.json() == {"replayed": 1}
        await town.post(f"{name}:replayDeadLetters")
        await town.until(name, lambda found: not found.get("dead") and not found.get("waiting"))
        assert dead["event"] in there.names


async def test_a_receiver_that_is_gone_or_away_for_a_day_is_suspended_and_resumed_where_it_stopped(
    stack: Stack, clients: Clients
) -> None:
    async with receiver() as there, system(stack) as town:
        name = await town.subscribe(there, types=["ReportReceived"])
        there.answers = lambda event: 410
        first = await file(clients)
        gone = await town.until(name, lambda found: found["state"] == "SUBSCRIPTION_STATE_SUSPENDED")
        assert gone["reason"] == "gone"
        second = await file(clients)
        there.answers = lambda event: 200
        assert (await town.post(f"{name}:resume")).json()["state"] == "SUBSCRIPTION_STATE_ACTIVE"
        await there.until(lambda: there.of(first) and there.of(second), PATIENCE)
        is_problem(await town.post(f"{name}:resume"), 409, "WRONG_STATE")

        await there.stop()
        cases = [await file(clients) for _ in range(4)]
        number = int(name.partition("/")[2])
        again = "UPDATE intake.undelivered SET next_at = now() WHERE subscription = $1"
        async with asyncio.timeout(PATIENCE):
            # Three in a row without a success: the receiver is away.
            while "failingTime" not in (await town.rest.get(f"/v1/{name}")).json():
                await execute(stack, again, number)
                await asyncio.sleep(0.5)
        await execute(
            stack, "UPDATE intake.subscriptions SET failing_since = now() - interval '2 days', next_at = now()"
            " WHERE id = $1", number,
        )  # fmt: skip
        await execute(stack, again, number)
        away = await town.until(name, lambda found: found["state"] == "SUBSCRIPTION_STATE_SUSPENDED")
        assert (away["reason"], away.get("dead", 0)) == ("unreachable", 0)
        await there.start()
        await town.post(f"{name}:resume")
        await there.until(lambda: all(there.of(case) for case in cases), PATIENCE)


async def test_two_secrets_are_valid_while_one_replaces_the_other(stack: Stack, clients: Clients) -> None:
    async with receiver() as there, system(stack) as town:
        name = await town.subscribe(there, types=["ReportReceived"])
        old = there.secret
        made = (await town.post(f"{name}:rotateSecret", overlapHours=1)).json()
        assert made["secret"] != old
        assert "previousSecretExpireTime" in made
        first = await file(clients)
        await there.until(lambda: there.of(first), PATIENCE)
        headers, body = there.headers[-1], there.bodies[-1]
        for secret in (old, made["secret"]):
            Webhook(secret).verify(body, headers)
        number = int(name.partition("/")[2])
        await execute(stack, "UPDATE intake.subscriptions SET old_until = now() WHERE id = $1", number)
        there.secret = made["secret"]
        second = await file(clients)
        await there.until(lambda: there.of(second), PATIENCE)
        with pytest.raises(WebhookVerificationError):
            Webhook(old).verify(there.bodies[-1], there.headers[-1])
        rows = await execute(
            stack, "SELECT s::text FROM intake.subscriptions s UNION ALL SELECT r::text FROM intake.requests r"
        )  # fmt: skip
        hexed = made["secret"].encode().hex()
        assert not [row for (row,) in rows if made["secret"] in row or hexed in row]


async def test_a_system_subscribes_for_its_own_units_to_what_exists_and_where_it_may(
    stack: Stack, clients: Clients
) -> None:
    theirs = (await clients.accept(await clients.file_report(unit="units/620103001"))).name
    url = "https://receiver.example/events"
    async with system(stack) as town, system(stack, f"{COUNTY}-court") as court, system(stack, COUNTY, "clerk") as desk:
        for who, unit in ((town, COUNTY), (court, COUNTY), (court, TOWN), (town, "620103")):
            is_problem(await who.post("subscriptions", url=url, unit=f"units/{unit}"), 403, "PERMISSION_DENIED")
        is_problem(await desk.post("subscriptions", url=url), 403, "PERMISSION_DENIED")
        wrong = {
            "url": {"url": "https://10.0.0.1/"}, "types[0]": {"url": url, "types": ["NoSuchEvent"]},
            "case": {"url": url, "case": "cases/620102-2026-999999"}, "contentMode": {"url": url, "contentMode": 7},
        }  # fmt: skip
        for name, body in wrong.items():
            problem = (await town.post("subscriptions", **body)).json()
            assert [each["field"] for each in problem["errors"]] == [name], problem
        async with asyncio.timeout(PATIENCE):
            while (answer := await town.post("subscriptions", url=url, case=theirs)).status_code == 404:
                await asyncio.sleep(0.1)
        is_problem(answer, 403, "PERMISSION_DENIED")
        made = (await court.post("subscriptions", url=url, types=["CaseDataReleased"])).json()
        assert made["unit"] == f"units/{COUNTY}-court"
        is_problem(await town.rest.get(f"/v1/{made['name']}"), 403, "PERMISSION_DENIED")
        is_problem(await town.post(f"{made['name']}:end"), 403, "PERMISSION_DENIED")
        async with system(stack, COUNTY, "unit_head") as chief:
            found = (await chief.rest.get("/v1/subscriptions", params={"pageSize": "1000"})).json()["subscriptions"]
            assert made["name"] in {each["name"] for each in found}
            assert not any(each.get("secret") for each in found)
        ended = (await court.post(f"{made['name']}:end")).json()
        assert ended["state"] == "SUBSCRIPTION_STATE_ENDED"
        is_problem(await court.post(f"{made['name']}:rotateSecret"), 409, "WRONG_STATE")


# --- the feed itself --------------------------------------------------------------------------------------------------


async def test_a_system_follows_the_feed_of_its_subtree_as_lines_as_events_and_over_grpc(
    stack: Stack, clients: Clients
) -> None:
    mine, theirs = await file(clients), await file(clients, "620103001")
    request = feed_pb2.WatchEventsRequest(service="intake", unit=f"units/{TOWN}", until_caught_up=True)
    over_grpc: set[str] = set()
    async with asyncio.timeout(PATIENCE):
        while mine not in over_grpc:
            batches = clients.feeds["intake"].WatchEvents(request, **clients.as_("integrator", TOWN))
            over_grpc = {event.case async for batch in batches for event in batch.events}
    async with system(stack) as town:
        query = {"untilCaughtUp": "true"}
        lines = await town.rest.get(
            "/v1/feeds/intake/events:watch", params=query, headers={"Accept": "application/x-ndjson"}
        )
        told = [json.loads(line) for line in lines.text.splitlines() if line]
        sent = await town.rest.get(
            "/v1/feeds/intake/events:watch", params=query, headers={"Accept": "text/event-stream"}
        )
        data = [json.loads(line[6:]) for line in sent.text.splitlines() if line.startswith("data: ")]
        ids = [int(line[4:]) for line in sent.text.splitlines() if line.startswith("id: ")]
        assert ids == sorted(ids)
    for batch in (told, data):
        cases = {event["case"] for each in batch for event in each.get("events", [])}
        assert mine in cases
        assert theirs not in cases
        assert over_grpc <= cases
