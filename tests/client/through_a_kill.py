"""Files reports with accord-client while a service is killed, and follows the feed; prints what came of it as JSON.

Run with `sync` or `async`; sandbox.json says where and as whom. At "half" it waits for a line: the service is down.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from accord_client import AsyncClient, Client
from accord_client.services import IntakeService
from accord_protos.feed.v1 import feed_pb2
from accord_protos.intake.v1 import intake_pb2, report_pb2

COUNT = 6
WAY = sys.argv[1]
SANDBOX = json.loads(Path("sandbox.json").read_text())
ACTOR = SANDBOX["actors"][WAY]
MORE: dict[str, Any] = {"language": "en", "timeout": 60, "patience": 300}
FOLLOWED = feed_pb2.WatchEventsRequest(service="intake", consumer=ACTOR)


def request(number: int) -> intake_pb2.CreateReportRequest:
    """Return a request without a request id: the client gives it one."""
    if number == COUNT // 2:
        print("half", flush=True)
        sys.stdin.readline()
    report = report_pb2.Report(
        channel=report_pb2.CHANNEL_COUNTER, unit="units/620102", category="categories/neighbour",
        text=f"楼上漏水，天花板泡坏了，对方不赔。{ACTOR} {number}",
    )  # fmt: skip
    return intake_pb2.CreateReportRequest(report=report)


def is_own(event: feed_pb2.Event) -> bool:
    """Return whether an event says that one of these reports came in."""
    return event.type == "ReportReceived" and event.actor == ACTOR


def in_turn() -> tuple[list[str], list[str]]:
    """Return the names of the reports as filed, and as the feed has them."""
    with Client(SANDBOX["addresses"], SANDBOX["tokens"][WAY], **MORE) as clerk:
        filed = [clerk.call(IntakeService.CreateReport, request(number)).name for number in range(COUNT)]
    with Client(SANDBOX["addresses"], SANDBOX["tokens"]["integrator"], **MORE) as system:
        seen: dict[int, str] = {}  # after a break the events of a batch may come again, at the same positions
        for event in system.follow(FOLLOWED):
            seen |= {event.position: event.case} if is_own(event) else {}
            if len(seen) == COUNT:
                break
    return filed, list(seen.values())


async def at_once() -> tuple[list[str], list[str]]:
    """Return the same; the feed is followed meanwhile, through the kill."""

    async def file() -> list[str]:
        async with AsyncClient(SANDBOX["addresses"], SANDBOX["tokens"][WAY], **MORE) as clerk:
            first = [await clerk.call(IntakeService.CreateReport, request(n)) for n in range(COUNT // 2)]
            asked = [await asyncio.to_thread(request, n) for n in range(COUNT // 2, COUNT)]
            rest = await asyncio.gather(*(clerk.call(IntakeService.CreateReport, each) for each in asked))
            return [each.name for each in [*first, *rest]]

    async def follow() -> list[str]:
        async with AsyncClient(SANDBOX["addresses"], SANDBOX["tokens"]["integrator"], **MORE) as system:
            seen: dict[int, str] = {}
            async for event in system.follow(FOLLOWED):
                seen |= {event.position: event.case} if is_own(event) else {}
                if len(seen) == COUNT:
                    break
            return list(seen.values())

    filed, seen = await asyncio.gather(file(), follow())
    return filed, seen


print(json.dumps(in_turn() if WAY == "sync" else asyncio.run(at_once())))
