"""Lives of cases whose workflow histories are stored, and what may never be found in one."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from pb.intake.v1 import report_pb2
from pb.mediation.v1 import case_pb2
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode

from accord.embedded.stack import Stack
from tests.patience import PATIENCE
from tests.people import UNIT, People

STORED = Path(__file__).parent / "histories"

PERSONAL = {
    "text": "楼上丁家把水管砸穿了，我家天花板全毁。",
    "address": "张掖路77号3单元502",
    "name": "诸葛试验",
    "phone": "13900001234",
}
"""What the person at the counter tells; none of it may leave the services."""


async def filed(people: People) -> report_pb2.Report:
    """Return a report full of personal data."""
    place = report_pb2.Place(address=PERSONAL["address"])
    reporter = report_pb2.Reporter(display_name=PERSONAL["name"], phone=PERSONAL["phone"])
    return await people.file(PERSONAL["text"], place=place, reporter=reporter)


async def whole(people: People) -> str:
    """From receipt to closing."""
    name = await people.accept(await filed(people))
    for task in await people.tasks(name):
        await people.work(task)
    await people.close(name)
    return name


async def declined(people: People) -> str:
    """Not accepted."""
    report = await filed(people)
    await people.decline(report)
    return report.case


async def merged(people: People) -> str:
    """Handled together with another report."""
    report, target = await filed(people), await filed(people)
    await people.merge(report, target)
    await people.decline(target)
    return f"cases/{report.name.removeprefix('reports/')}"


async def withdrawn(people: People) -> str:
    """Ended by the party before the plan was done."""
    name = await people.accept(await filed(people))
    await people.close(name, case_pb2.OUTCOME_WITHDRAWN)
    return name


async def transferred(people: People) -> str:
    """Handed up one level before it was accepted: the transfer waits for the case."""
    report = await filed(people)
    await people.escalate(report.case)
    await asyncio.sleep(0.5)
    name = await people.accept(report)
    async with asyncio.timeout(PATIENCE):
        while (await people.opened(name)).unit == UNIT:
            await asyncio.sleep(0.05)
    await people.close(name, case_pb2.OUTCOME_WITHDRAWN)
    return name


async def overdue(people: People) -> str:
    """Left lying until every deadline passed and was escalated; closed late all the same."""
    name = await people.accept(await filed(people))
    async with asyncio.timeout(PATIENCE):
        while not (await people.opened(name)).overdue:
            await asyncio.sleep(0.2)
    for task in await people.tasks(name):
        await people.work(task)
    await people.close(name)
    return name


LIVES: dict[str, Callable[[People], Awaitable[str]]] = {
    each.__name__: each for each in (whole, declined, merged, withdrawn, transferred, overdue)
}


async def end_of(temporal: Client, name: str, seconds: float = PATIENCE) -> WorkflowHandle[Any, Any]:
    """Wait until the workflow of a case is there and has ended, and return its handle."""
    handle = temporal.get_workflow_handle(name)
    async with asyncio.timeout(seconds):
        while True:
            try:
                await handle.result()
                return handle
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
            await asyncio.sleep(0.1)


async def history(stack: Stack, name: str) -> WorkflowHistory:
    """Return the history of a case's workflow, once it has ended."""
    return await (await end_of(await Client.connect(f"127.0.0.1:{stack.ports['temporal']}"), name)).fetch_history()


def spoken(value: Any) -> Iterator[str]:
    """Yield every text in a history's JSON, what is packed in payloads included."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from spoken(each)
            if key in ("data", "indexedFields") and isinstance(each, str):
                yield base64.b64decode(each).decode("utf-8", "replace")
    elif isinstance(value, list):
        for each in value:
            yield from spoken(each)
    elif isinstance(value, str):
        yield value


def told_of_people(history_json: str) -> list[str]:
    """Return what a history gives away of the people in the case; it must be nothing."""
    everything = "\n".join(spoken(json.loads(history_json)))
    # Escapes too: a payload may spell a character as \uXXXX.
    return [
        kind
        for kind, secret in PERSONAL.items()
        if secret in everything or json.dumps(secret).strip('"') in everything or _begins(secret, everything)
    ]


def _begins(secret: str, everything: str) -> bool:
    """Return whether the beginning of a secret is told.

    Four digits of a number are inside some instant or identifier by chance: they count where a number begins with
    them, and seven count anywhere.
    """
    if not secret.isdigit():
        return secret[:4] in everything
    beginning = rf"(?<![\w.:+/-]){secret[:4]}(?![0-9a-f]{{4}}-)"
    return secret[:7] in everything or re.search(beginning, everything, re.ASCII) is not None
