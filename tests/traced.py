"""What the processes of a stack have written of their traces."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any

from pb.clock.v1 import clock_pb2

from tests.conftest import Clients
from tests.patience import PATIENCE


def spans(clients: Clients, trace: str) -> list[dict[str, Any]]:
    """Return the spans of a trace that the processes of the stack have written so far."""
    # What stands after the last end of a line is still being written.
    whole, _, _ = (clients.stack.folder.root / "spans.jsonl").read_bytes().rpartition(b"\n")
    found = [json.loads(line) for line in whole.splitlines() if trace.encode() in line]
    return [span for span in found if span["context"]["trace_id"] == f"0x{trace}"]


async def of_processes(clients: Clients, trace: str, *names: str) -> list[dict[str, Any]]:
    """Return the spans of a trace once each of these processes has written one."""
    wanted = {f"accord-{name}" for name in names}
    async with asyncio.timeout(PATIENCE):
        while True:
            found = spans(clients, trace)
            if wanted <= {span["resource"]["attributes"]["service.name"] for span in found}:
                return found
            await asyncio.sleep(0.1)


async def written(clients: Clients) -> None:
    """Wait until the services have written the spans of every call answered so far: they write in order."""
    trace = secrets.token_hex(16)
    for name, stub in clients.clocks.items():
        access = clients.as_("auditor", "62")
        parent = ("traceparent", f"00-{trace}-{secrets.token_hex(8)}-01")
        await stub.ListClocks(
            clock_pb2.ListClocksRequest(service=name, page_size=1),
            metadata=(*access["metadata"], parent), timeout=access["timeout"],
        )  # fmt: skip
    await of_processes(clients, trace, *clients.clocks)
