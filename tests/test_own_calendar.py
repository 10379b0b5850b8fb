"""One's own deadlines and sessions as a calendar, by a secret address: for phones, and for vdirsyncer as it is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from icalendar import Calendar, Event
from pb.mediation.v1 import sessions_pb2
from pb.mediation.v1.sessions_pb2_grpc import SessionServiceStub

from accord.embedded.keys import EMBEDDED_ISSUER, mint
from accord.embedded.stack import Stack
from services.gateway.settings import GatewaySettings
from tests.conftest import CALL, COUNTY, Clients, request_id
from tests.patience import PATIENCE
from tests.people_of_case import execute, give_people
from tests.scenario import Desk, Matter, instant
from tests.test_exclusions import excluded
from tests.test_rest import is_problem
from tests.traced import written
from tests.world_sessions import at, new_session

ROOM = "东楼, 二层; \\一号调解室"


@pytest.fixture
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """Return the desks of the county's centre."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Desk(rest, stack)


async def address(desk: Desk, role: str, user: str, language: str = "zh") -> str:
    """Make the address of somebody's calendar, and return its path."""
    headers = {
        "Authorization": f"Bearer {desk.stack.token(role, COUNTY, user)}", "Accept-Language": language,
        "Idempotency-Key": request_id(),
    }  # fmt: skip
    made = await desk.rest.post("/v1/calendarAddress:make", json={}, headers=headers)
    assert made.status_code == 200, made.text
    again = await desk.rest.post("/v1/calendarAddress:make", json={}, headers=headers)
    assert again.json() == made.json(), "a repeat makes no second address"
    return str(made.json()["path"])


async def read(desk: Desk, path: str, until: Callable[[dict[str, Event]], Any] = lambda found: True) -> httpx.Response:
    """Return what a phone without an account is answered, once its entries are so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await desk.rest.get(path)
            assert answer.status_code == 200, answer.text
            if until(events(answer)):
                return answer
            await asyncio.sleep(0.2)


def events(answer: httpx.Response) -> dict[str, Event]:
    """Return the entries of a calendar, by their UIDs."""
    return {str(each["UID"]): each for each in Calendar.from_ical(answer.content).walk("VEVENT")}


async def mediated(desk: Desk) -> tuple[Matter, dict[str, Any]]:
    """Return a case with its mediator of record and a session tomorrow, in a room with a difficult name."""
    case = await desk.open("neighbour", "楼上漏水。")
    await case.two_sides("申屠甲", "公冶乙")
    await case.everybody_says_yes()
    await case.find_mediator()
    room = f"rooms/{COUNTY}-{request_id()[5:17]}"
    await desk.post("rooms", "unit_head", name=room, unit=f"units/{COUNTY}", kind="ROOM_KIND_ROOM", capacity=9,
                    display_name=ROOM)  # fmt: skip
    session = {"kind": "SESSION_KIND_JOINT", "venue": "VENUE_ROOM", "room": room, "start_time": instant(24),
               "end_time": instant(26)}  # fmt: skip
    return case, await case.tell("sessions", **session)


def session_of(case: str, number: int = 1) -> str:
    return f"{case.removeprefix('cases/')}.session-{number}@accord"


async def term(desk: Desk, case: Matter) -> tuple[dict[str, Any], str]:
    """Return the mediator's step that runs once they accepted, and its UID, when it is on their worklist."""
    async with asyncio.timeout(PATIENCE):
        while True:
            items = (await desk.get("worklist", "mediator", case.user, scope="WORK_SCOPE_MINE"))["items"]
            for item in items:
                if item["step"] == "mediation_term":
                    return item, f"{item['clock'].removeprefix('clocks/').replace('/', '.', 1)}@accord"
            await asyncio.sleep(0.2)


async def test_a_calendar_shows_deadlines_and_sessions_as_rfc_5545_has_them_and_names_nobody(desk: Desk) -> None:
    case, session = await mediated(desk)
    path, (item, uid) = await address(desk, "mediator", case.user), await term(desk, case)
    answer = await read(desk, path, lambda found: uid in found)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert (answer.headers["cache-control"], answer.content.count(b"BEGIN:VTIMEZONE")) == ("private, no-cache", 1)
    lines = answer.content.split(b"\r\n")
    assert b"\n" not in b"".join(lines)
    assert max(map(len, lines)) <= 75
    assert not any(
        name in answer.content.decode().replace("\r\n ", "") for name in (*case.people, case.user, case.text)
    )

    found, number = events(answer), case.name.removeprefix("cases/")
    meeting = found.pop(session_of(case.name))
    assert (meeting["SUMMARY"], meeting["LOCATION"], meeting["STATUS"]) == (f"面对面调解 {number}", ROOM, "CONFIRMED")
    starts, ends = (datetime.fromisoformat(session[each]).replace(microsecond=0) for each in ("startTime", "endTime"))
    assert (meeting.start, meeting.end) == (starts, ends)
    assert meeting["DTSTART"].params["TZID"] == "Asia/Shanghai"
    deadline = found[uid]
    assert deadline.start == datetime.fromisoformat(item["dueTime"]).replace(microsecond=0)
    assert deadline["SUMMARY"].endswith(number)
    assert deadline["SUMMARY"] != f"{item['title']} {number}", "the calendar is in the language it was made in"
    assert (deadline["TRANSP"], deadline["DTSTART"].params["TZID"]) == ("TRANSPARENT", "Asia/Shanghai")

    same = await desk.rest.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    in_json = await desk.rest.get(path, headers={"Accept": "application/json"})
    assert {f"{each['uid']}@accord" for each in in_json.json()["entries"]} == {session_of(case.name), *found}
    assert not in_json.json().get("accessToken")


async def test_what_is_called_off_or_done_stays_for_a_while_as_cancelled_with_a_later_sequence(desk: Desk) -> None:
    case, session = await mediated(desk)
    path, (_, uid) = await address(desk, "mediator", case.user), await term(desk, case)
    before = events(await read(desk, path, lambda found: uid in found))
    await case.tell(f"{session['name'].removeprefix(case.name + '/')}:cancel")
    await desk.post(f"{case.parties[0]}:withdraw", "clerk")
    gone = await read(desk, path, lambda found: all(each["STATUS"] == "CANCELLED" for each in found.values()))
    after = events(gone)
    assert set(after) >= {uid, session_of(case.name)}
    for each in (uid, session_of(case.name)):
        assert before[each]["STATUS"] == "CONFIRMED"
        assert after[each]["SEQUENCE"] > before[each]["SEQUENCE"]
        assert after[each]["DTSTAMP"].dt >= before[each]["DTSTAMP"].dt


async def test_vdirsyncer_as_it_is_copies_the_calendar_and_follows_it(desk: Desk, tmp_path: Path) -> None:
    case, session = await mediated(desk)
    path, (_, uid) = await address(desk, "mediator", case.user), await term(desk, case)
    await read(desk, path, lambda found: uid in found)
    config = tmp_path / "config"
    config.write_text(f"""
[general]
status_path = "{tmp_path}/status/"
[pair accord]
a = "here"
b = "there"
collections = null
conflict_resolution = "b wins"
[storage here]
type = "filesystem"
path = "{tmp_path}/copy/"
fileext = ".ics"
[storage there]
type = "http"
url = "{desk.stack.urls["api"]}{path}"
""")

    def sync(*words: str) -> int:
        command = [str(Path(sys.executable).with_name("vdirsyncer")), "--config", str(config), *words]
        return subprocess.run(
            command, input="y\n", text=True, capture_output=True, timeout=CALL, check=False
        ).returncode

    def copied() -> dict[str, str]:
        files = (Calendar.from_ical(each.read_bytes()) for each in (tmp_path / "copy").glob("*.ics"))
        return {str(event["SUMMARY"]): str(event["STATUS"]) for each in files for event in each.walk("VEVENT")}

    assert await asyncio.to_thread(sync, "discover") == 0
    assert await asyncio.to_thread(sync, "sync") == 0
    title = f"面对面调解 {case.name.removeprefix('cases/')}"
    assert (list(copied().values()).count("CONFIRMED"), copied()[title]) == (2, "CONFIRMED")
    await case.tell(f"{session['name'].removeprefix(case.name + '/')}:cancel")
    assert await asyncio.to_thread(sync, "sync") == 0
    kept = copied()
    assert kept[title] == "CANCELLED"
    await desk.post("calendarAddress:revoke", "mediator", case.user)
    assert await asyncio.to_thread(sync, "sync") != 0
    assert copied() == kept, "an address that ended takes nothing off the phone"


async def test_a_wrong_a_replaced_a_revoked_and_an_ended_address_are_the_same(desk: Desk) -> None:
    user = f"m-{request_id()[5:17]}"
    first = await address(desk, "clerk", user)
    second = await address(desk, "clerk", user)
    assert first != second
    assert (await desk.get("calendarAddress", "clerk", user))["path"] == second
    unknown = is_problem(await desk.rest.get("/v1/calendars/aaaabbbbccccddddeeeeffffgggghhhh"), 404, "NOT_FOUND")

    async def same(path: str) -> bool:
        """Tell whether an address is answered as an unknown one."""
        told = is_problem(await desk.rest.get(path), 404, "NOT_FOUND")
        return {**told, "instance": "", "traceId": ""} == {**unknown, "instance": "", "traceId": ""}

    assert await same(first)
    assert await same("/v1/calendars/楼上 漏水")
    await read(desk, second)
    await desk.post("calendarAddress:revoke", "clerk", user)
    assert await same(second)
    assert not (await desk.get("calendarAddress", "clerk", user)).get("path")
    third = await address(desk, "clerk", user)
    await execute(desk.stack, "UPDATE mediation.calendar_addresses SET expires_at = now() WHERE account = $1", user)
    assert await same(third)


async def test_an_address_shows_no_deadline_to_a_post_that_has_no_worklist(desk: Desk) -> None:
    case, _ = await mediated(desk)
    path, (_, uid) = await address(desk, "mediator", case.user), await term(desk, case)
    await read(desk, path, lambda found: uid in found)
    path = await address(desk, "citizen", case.user)
    assert set(events(await read(desk, path))) == {session_of(case.name)}


async def test_the_secret_is_in_no_table_no_log_no_metric_and_no_trace(clients: Clients, desk: Desk) -> None:
    path = await address(desk, "clerk", f"m-{request_id()[5:17]}")
    await read(desk, path)
    secret = path.rpartition("/")[2]
    for table in ("calendar_addresses", "requests"):
        found = await execute(
            desk.stack, f"SELECT count(*) FROM mediation.{table} AS row WHERE position($1 IN row::text) > 0"
            " OR position($2 IN row::text) > 0", secret, secret.encode().hex(),
        )  # fmt: skip
        assert found[0][0] == 0, table
    await written(clients)
    files = [
        *(each for each in desk.stack.folder.logs.rglob("*") if each.is_file()),
        desk.stack.folder.root / "spans.jsonl",
    ]
    assert len(files) > 1
    assert not [each.name for each in files if secret.encode() in each.read_bytes()]
    async with httpx.AsyncClient() as client:
        for name in ("mediation_metrics", "escalation_metrics"):
            page = (await client.get(f"http://127.0.0.1:{desk.stack.ports[name]}/metrics")).text
            assert "ReadCalendar" in page or name == "escalation_metrics"
            assert secret not in page


async def test_addresses_are_not_guessed_by_asking_without_end(desk: Desk) -> None:
    limit = int(GatewaySettings.model_fields["limit_rate_code"].default.partition("/")[0])
    guess = f"/v1/calendars/{request_id()[5:17]}"
    answers = [(await desk.rest.get(guess)).status_code for _ in range(limit + 1)]
    assert (set(answers[:limit]), answers[limit]) == ({404}, 429)


async def test_a_party_sees_its_own_sessions_and_whoever_looks_at_its_phone_learns_nothing(
    clients: Clients, desk: Desk
) -> None:
    case, me = (await clients.accept(await clients.file_report())).name, f"citizen-{request_id()[5:17]}"
    await give_people(clients.stack, case, subjects={1: me})
    stub = SessionServiceStub(clients.channels["mediation"])
    for fields in ({"kind": 1}, {"kind": 2, "parties": [f"{case}/parties/2"], "start_time": at(5), "end_time": at(6)}):
        request = sessions_pb2.ScheduleSessionRequest(
            parent=case, session=new_session(**fields), request_id=request_id()
        )
        await stub.ScheduleSession(request, **clients.as_("mediator"))
    found = events(await read(desk, await address(desk, "citizen", me)))
    assert set(found) == {session_of(case)}
    (own,) = found.values()
    assert (own["SUMMARY"], "LOCATION" in own) == (f"预约 {case.removeprefix('cases/')}", False)


async def test_an_excluded_account_sees_nothing_of_the_case_in_its_calendar(clients: Clients, desk: Desk) -> None:
    case, _ = await mediated(desk)
    path, (_, uid) = await address(desk, "mediator", case.user), await term(desk, case)
    await read(desk, path, lambda found: session_of(case.name) in found and uid in found)
    await excluded(clients, case.name, case.user)
    await read(desk, path, lambda found: not found)


async def test_nobody_reads_deadlines_by_a_token_that_says_it_is_of_a_calendar(desk: Desk) -> None:
    token = mint(desk.stack.keys.issuer, EMBEDDED_ISSUER, "m-1", ["calendar"], COUNTY, timedelta(minutes=5))
    headers = {"Authorization": f"Bearer {token}"}
    is_problem(await desk.rest.get("/v1/worklist/deadlines", headers=headers), 403, "PERMISSION_DENIED")
