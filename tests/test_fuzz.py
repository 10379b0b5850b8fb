"""Random and mutated bytes against every RPC: refused with a reason or answered, never an unforeseen fault.

`make fuzz` sends two thousand messages to each RPC (`FUZZ_ROUNDS`), `make test` the first twelve of them.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from pb.mediation.v1 import grants_pb2
from pb.mediation.v1.grants_pb2_grpc import GrantServiceStub

from tests.conftest import COUNTY, Clients, request_id
from tests.patience import CALL
from tests.rpcs import BY_NAME, Rpc, access, call, check
from tests.world import REQUESTS, World, new_world

pytestmark = pytest.mark.usefixtures("no_unforeseen_fault")
ROUNDS = int(os.environ.get("FUZZ_ROUNDS") or 12)
"""Messages for each RPC; the seed is the RPC's name, so that a failure comes again."""
AT_A_TIME = 8
STRINGS = ["", "\0", "a\0b", "空", "🏠" * 30, "x" * 6000, "units/cn", "units/620102", "cases/-", "../..", "%", "_",
           "'; --", "\n", "-1", "9" * 40, "reports/620102-2026-000001", "cases/620102-2026-000001/tasks/999", "nan",
           "\u202e", "\ufeff"]  # fmt: skip
INTEGERS = [0, 1, -1, 2**31 - 1, -(2**31), 7]
LONGS = [*INTEGERS, 2**63 - 1, -(2**63), 10**15]


@pytest.fixture(scope="module")
async def world(clients: Clients) -> World:
    """Return a report, a case and an escalation of the county."""
    return await new_world(clients)


def mutated(data: bytes, dice: random.Random) -> bytes:
    """Return the bytes with a few of them changed, cut out, doubled or put in."""
    found = bytearray(data or b"\x0a")
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(found) + 1)
        kind = dice.randrange(5)
        if kind == 0 and at < len(found):
            found[at] ^= 1 << dice.randrange(8)
        elif kind == 1 and at < len(found):
            found[at] = dice.choice((0x00, 0x7F, 0x80, 0xFF, 0xC0))
        elif kind == 2:
            del found[at : at + dice.randint(1, 8)]
        elif kind == 3:
            found[at:at] = found[max(0, at - 10) : at]
        else:
            found[at:at] = dice.randbytes(dice.randint(1, 12))
    return bytes(found)


def disturb(message: Any, dice: random.Random, depth: int = 0) -> None:
    """Set a random field of a message, at any depth, to something it does not expect."""
    if not message.DESCRIPTOR.fields:
        return
    field = dice.choice(message.DESCRIPTOR.fields)
    if field.message_type is not None:
        if field.message_type.GetOptions().map_entry or depth > 3:
            return
        inner = getattr(message, field.name).add() if field.is_repeated else getattr(message, field.name)
        if not field.is_repeated:
            inner.SetInParent()
        disturb(inner, dice, depth + 1)
        return
    value = odd_value(field, dice)
    if field.is_repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


def odd_value(field: FieldDescriptor, dice: random.Random) -> Any:
    """Return a value that the field's type holds and its meaning hardly does."""
    if field.type == FieldDescriptor.TYPE_BYTES:
        return dice.choice([b"", b"\0", dice.randbytes(40), b"%PDF-1.7" + dice.randbytes(40), b"PK\x03\x04" * 9])
    kinds = {
        FieldDescriptor.CPPTYPE_STRING: STRINGS,
        FieldDescriptor.CPPTYPE_INT32: INTEGERS,
        FieldDescriptor.CPPTYPE_ENUM: INTEGERS,
        FieldDescriptor.CPPTYPE_INT64: LONGS,
        FieldDescriptor.CPPTYPE_BOOL: [True, False],
        FieldDescriptor.CPPTYPE_DOUBLE: [0.0, -1e308, float("nan"), float("inf")],
    }
    return dice.choice(kinds[field.cpp_type])


def payload(rpc: Rpc, world: World, dice: random.Random) -> bytes:
    """Return noise, a damaged good request, or a well-formed request that says odd things."""
    kind = dice.random()
    if kind < 0.15:
        return dice.randbytes(dice.randint(0, 200))
    request: Message = REQUESTS[rpc.method.name](world, rpc.server)
    if kind < 0.6:
        return mutated(request.SerializeToString(), dice)
    for _ in range(dice.randint(1, 3)):
        disturb(request, dice)
    return request.SerializePartialToString()


COMMANDS = [rpc for rpc in BY_NAME.values() if "request_id" in rpc.method.input_type.fields_by_name]


@pytest.mark.parametrize("rpc", COMMANDS, ids=str)
async def test_several_who_do_the_same_at_once_are_each_answered_or_refused_with_a_reason(
    rpc: Rpc, clients: Clients, world: World
) -> None:
    requests = [REQUESTS[rpc.method.name](world, rpc.server) for _ in range(4)]
    for request in requests:
        request.request_id = request_id()
    caller = access(clients, rpc)
    sent = [request.SerializeToString() for request in requests]
    for answer in await asyncio.gather(
        *(call(clients.channels[rpc.server], rpc.path, data, **caller) for data in sent)
    ):
        check(answer)


@pytest.fixture(scope="module")
async def guest(clients: Clients, world: World) -> dict[str, Any]:
    """Return a handler of another county who may work on every case of the world for a time."""
    grants, until = GrantServiceStub(clients.channels["mediation"]), Timestamp()
    until.FromDatetime(datetime.now(UTC) + timedelta(days=10))
    grant = grants_pb2.Grant(holder="guest-of-all", scope=2, reason="代为经办。", expire_time=until)  # type: ignore[arg-type]
    cases = {value for value in vars(world).values() if isinstance(value, str) and re.fullmatch("cases/[0-9-]+", value)}
    assert world.case in cases
    for case in cases:
        request = grants_pb2.CreateGrantRequest(parent=case, grant=grant, request_id=request_id())
        await grants.CreateGrant(request, **clients.as_("unit_head", COUNTY))
    return clients.as_("handler", "620103", "guest-of-all")


@pytest.mark.parametrize("rpc", BY_NAME.values(), ids=str)
async def test_what_a_grant_opens_is_answered_or_refused_with_a_reason(
    rpc: Rpc, clients: Clients, world: World, guest: dict[str, Any]
) -> None:
    # What is read by a grant alone is put on record: a reading that forgets that it writes fell over it.
    data = REQUESTS[rpc.method.name](world, rpc.server).SerializeToString()
    answer = await call(clients.channels[rpc.server], rpc.path, data, **{**guest, "timeout": CALL})
    if not (rpc.method.name == "WatchEvents" and answer.code is grpc.StatusCode.DEADLINE_EXCEEDED):
        check(answer)


@pytest.mark.parametrize("rpc", BY_NAME.values(), ids=str)
async def test_noise_is_never_an_unforeseen_fault(rpc: Rpc, clients: Clients, world: World) -> None:
    # A stream that was asked to wait for more ends only with its call.
    patience = 0.3 if rpc.method.name == "WatchEvents" else 20
    dice, caller = random.Random(str(rpc)), {**access(clients, rpc), "timeout": patience}
    sent = [payload(rpc, world, dice) for _ in range(ROUNDS)]
    for start in range(0, ROUNDS, AT_A_TIME):
        batch = sent[start : start + AT_A_TIME]
        answers = await asyncio.gather(
            *(call(clients.channels[rpc.server], rpc.path, data, **caller) for data in batch)
        )
        for data, answer in zip(batch, answers, strict=True):
            if answer.code is grpc.StatusCode.DEADLINE_EXCEEDED and rpc.method.name == "WatchEvents":
                continue
            assert answer.code not in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}, (data, answer)
            check(answer)
            # What does not decode is named by its type where nothing else of it is known.
            asked = {rpc.method.input_type.name, *rpc.method.input_type.fields_by_name}
            assert {re.split(r"[.\[]", path)[0] for path in answer.fields} <= asked, (data, answer)
