"""Rooms of a centre: taken by a session or booked for another use; by clerk, head and mediator, over REST."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pb.mediation.v1 import bookings_pb2

from accord.embedded.stack import Stack
from casework.clocks.calendar import LOCAL
from tests.conftest import COUNTY, Clients
from tests.outside import Desk
from tests.people_of_case import MEDIATOR, give_people

BOTH = pytest.mark.parametrize("language", ["zh", "en"])
DAY = datetime.now(LOCAL).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=20)


def at(hours: float) -> str:
    """Return a time on the day of the test, so many hours after nine."""
    return (DAY + timedelta(hours=hours)).astimezone(UTC).isoformat()


def taking(start: float, end: float, **fields: Any) -> dict[str, Any]:
    return {"purpose": "BOOKING_PURPOSE_HEARING", "startTime": at(start), "endTime": at(end), **fields}


async def a_room(head: Desk) -> str:
    """Register a room and return its name."""
    name = f"rooms/{COUNTY}-b{random.randrange(10**9)}"
    await head.puts(
        "/v1/rooms", name=name, unit=f"units/{COUNTY}", kind="ROOM_KIND_ROOM", displayName="三号调解室", capacity=8
    )
    return name


def problem(answer: httpx.Response) -> tuple[str, list[str]]:
    told = answer.json()
    return told["code"], [each["field"] for each in told.get("errors", [])]


@BOTH
async def test_a_room_has_one_use_at_a_time(stack: Stack, clients: Clients, language: str) -> None:
    case = (await clients.accept(await clients.file_report())).name
    await give_people(stack, case)
    async with (
        Desk(stack, "unit_head", language=language) as head, Desk(stack, "clerk", language=language) as clerk,
        Desk(stack, "mediator", COUNTY, MEDIATOR, language) as mediator,
    ):  # fmt: skip
        room = await a_room(head)
        booked = await clerk.puts(f"/v1/{room}/bookings", **taking(0, 2))
        assert (booked["room"], booked["roomDisplayName"]) == (room, "三号调解室")
        session = {"kind": "SESSION_KIND_JOINT", "venue": "VENUE_ROOM", "room": room}
        refused = await mediator.sends(f"/v1/{case}/sessions", **session, startTime=at(1), endTime=at(3))
        assert problem(refused)[0] == "ROOM_TAKEN"
        await mediator.puts(f"/v1/{case}/sessions", **session, startTime=at(2), endTime=at(3))
        assert problem(await clerk.sends(f"/v1/{room}/bookings", **taking(2.5, 4)))[0] == "ROOM_TAKEN"
        tries = [clerk.sends(f"/v1/{room}/bookings", **taking(5, 6)) for _ in range(4)]
        codes = [each.status_code for each in await asyncio.gather(*tries)]
        assert sorted(codes) == [200, 409, 409, 409]

        asked = f"date.year={DAY.year}&date.month={DAY.month}&date.day={DAY.day}"
        day = (await mediator.reads(f"/v1/{room}/bookings?{asked}"))["bookings"]
        assert [each["purpose"].removeprefix("BOOKING_PURPOSE_") for each in day] == ["HEARING", "SESSION", "HEARING"]
        assert case.removeprefix("cases/") not in str(day), "whose session it is, a list of rooms does not say"
        everywhere = (await head.reads(f"/v1/rooms/-/bookings?unit=units/{COUNTY}&{asked}"))["bookings"]
        assert [each for each in everywhere if each["room"] == room] == day

        cancelled = await clerk.does(booked["name"], "cancel")
        assert cancelled["cancelTime"]
        assert (await clerk.does(booked["name"], "cancel"))["cancelTime"] == cancelled["cancelTime"]
        await mediator.puts(f"/v1/{case}/sessions", **session, startTime=at(0), endTime=at(2))


@BOTH
async def test_what_cannot_be_booked_is_named(stack: Stack, language: str) -> None:
    async with (
        Desk(stack, "unit_head", language=language) as head, Desk(stack, "clerk", language=language) as clerk,
        Desk(stack, "clerk", "620103") as other, Desk(stack, "mediator") as mediator,
    ):  # fmt: skip
        room = await a_room(head)
        for body, field in (
            (taking(-24 * 21, 1), "startTime"), (taking(24 * 400, 24 * 401), "startTime"), (taking(2, 2), "endTime"),
            (taking(0, 24 * 32), "endTime"), (taking(0, 1, purpose="BOOKING_PURPOSE_SESSION"), "purpose"),
            ({"purpose": "BOOKING_PURPOSE_MEETING", "endTime": at(1)}, "startTime"),
        ):  # fmt: skip
            assert problem(await clerk.sends(f"/v1/{room}/bookings", **body)) == ("INVALID_FIELD", [field]), body
        for stranger in (other, mediator):
            answer = await stranger.sends(f"/v1/{room}/bookings", **taking(0, 1))
            assert answer.status_code == 403, answer.text
        assert (await other.gets(f"/v1/{room}/bookings")).status_code == 403
        booked = await clerk.puts(f"/v1/{room}/bookings", **taking(0, 1))
        assert (await other.tries(booked["name"], "cancel")).status_code == 403
        assert problem(await clerk.tries(f"{room}/bookings/99", "cancel")) == ("NOT_FOUND", ["name"])
        await head.does(room, "close")
        assert problem(await clerk.sends(f"/v1/{room}/bookings", **taking(3, 4)))[0] == "ROOM_CLOSED"


def test_a_booking_has_no_place_for_a_case_or_a_person() -> None:
    assert {each.name for each in bookings_pb2.Booking.DESCRIPTOR.fields} == {
        "name", "room", "room_display_name", "purpose", "start_time", "end_time", "cancel_time",
    }  # fmt: skip
