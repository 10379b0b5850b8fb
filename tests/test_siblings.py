"""Nothing of a sibling county is in any list, count, search or export: every RPC that takes a unit.

What single things are shown is asked in test_access.py, whether figures are those of the subtree in test_subtree.py.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

import grpc
import pytest

from tests.conftest import COUNTY, Clients
from tests.rpcs import Answer, Rpc, all_rpcs, call, granted
from tests.world import REQUESTS, World, new_world

GRANTED = granted()
SIBLING = "620123"  # one that no other test uses: what was shared with a sibling rightly shows there
ASKS = ("List", "Count", "Find", "Export", "Get")
OVER_UNITS = [
    rpc for rpc in all_rpcs()
    if rpc.method.name.startswith(ASKS) and "unit" in rpc.method.input_type.fields_by_name
    and rpc.method.name != "FindDuplicates"  # suggests from the whole county's siblings by design: numbers and states
    and not rpc.public  # open to everybody: what it may give away is tested in test_filing.py
]  # fmt: skip
every_rpc = pytest.mark.parametrize("rpc", OVER_UNITS, ids=str)


@pytest.fixture(scope="module")
async def world(clients: Clients) -> World:
    """Return a county in which there is something of everything."""
    return await new_world(clients)


async def ask(clients: Clients, rpc: Rpc, world: World, role: str, caller: str, unit: str = "") -> Answer:
    """Ask for all that the caller may see, or for a unit."""
    request: Any = REQUESTS[rpc.method.name](world, rpc.server)
    request.ClearField("unit")
    if unit:
        request.unit = f"units/{unit}"
    parent = getattr(request, "parent", "")
    if parent and not parent.endswith("/-"):
        request.parent = f"{parent.partition('/')[0]}/-"
    return await call(clients.channels[rpc.server], rpc.path, request.SerializeToString(), **clients.as_(role, caller))


def said(answer: Answer) -> bytes:
    """Return everything an answer says, what is packed in a workbook unpacked."""
    whole = b"".join(answer.messages)
    start = whole.find(b"PK\x03\x04")
    if start < 0:
        return whole
    with zipfile.ZipFile(io.BytesIO(whole[start:])) as book:
        return whole[:start] + b"".join(book.read(name) for name in book.namelist())


@every_rpc
async def test_nothing_of_a_sibling_is_shown(rpc: Rpc, clients: Clients, world: World) -> None:
    for role in GRANTED[rpc.permission] - {"service"}:
        answer = await ask(clients, rpc, world, role, SIBLING)
        if answer.code is grpc.StatusCode.OK:
            assert COUNTY.encode() not in said(answer), role
        else:
            assert answer.code in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT), (role, answer)


@every_rpc
async def test_nobody_asks_for_a_sibling_or_for_what_lies_above(rpc: Rpc, clients: Clients, world: World) -> None:
    for role in GRANTED[rpc.permission] - {"service"}:
        for unit in (COUNTY, "6201", "62"):
            answer = await ask(clients, rpc, world, role, SIBLING, unit)
            assert answer.code in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT), (role, unit)


async def test_there_was_something_to_be_shown(clients: Clients, world: World) -> None:
    seen = set()
    for rpc in OVER_UNITS:
        for role in GRANTED[rpc.permission] - {"service"}:
            answer = await ask(clients, rpc, world, role, COUNTY)
            if answer.code is grpc.StatusCode.OK and COUNTY.encode() in said(answer):
                seen.add(str(rpc))
                break
    assert len(seen) > len(OVER_UNITS) * 3 // 4, sorted({str(rpc) for rpc in OVER_UNITS} - seen)
