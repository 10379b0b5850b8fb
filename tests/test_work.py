"""What a body costs grows with its size and no faster, whatever is in it; work is counted, not timed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.message import Message
from pb.intake.v1 import intake_pb2, report_pb2

from casework.errors import CaseError
from services.gateway.rest.binding import decode, holds_bytes
from services.gateway.rest.decoder import Wrong, _object, filler_of
from services.gateway.rest.exchange import Exchange
from services.gateway.rest.lines import ClientStreamEndpoint
from services.gateway.rest.problem import Problem
from services.kit.serving import validation
from services.kit.serving.wire import broken_field
from tests.conftest import Clients, request_id
from tests.gateway_fakes import CONTRACT
from tests.rpcs import send

pytestmark = pytest.mark.fault("D1")


def calls_of(work: Callable[[], Any]) -> int:
    """Return how many calls, of Python and of C functions, the work makes."""
    count = 0

    def counted(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    # What the collector calls meanwhile is not of this work.
    gc.collect()
    gc.disable()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


BODIES: dict[str, Callable[[int], bytes]] = {
    "a repeated key": lambda n: b"{" + b",".join([b'"a":1'] * n) + b"}",
    "the last key repeated": lambda n: json.dumps({f"k{i}": 1 for i in range(n)})[:-1].encode() + b',"k0":1}',
    "empty objects": lambda n: b'{"parties":[' + b",".join([b"{}"] * n) + b"]}",
    "empty lists": lambda n: b"[" + b",".join([b"[]"] * n) + b"]",
    "nested lists": lambda n: b"[" * n + b"]" * n,
    "nested objects": lambda n: b'{"place":' * n + b"1" + b"}" * n,
    "unknown keys": lambda n: json.dumps({f"k{i}": i for i in range(n)}).encode(),
    "one long text": lambda n: json.dumps({"text": "\x01" * n}).encode(),
    "one long number": lambda n: b'{"peopleAffected":' + b"9" * n + b"}",
}


@pytest.mark.parametrize("kind", BODIES)
def test_twice_the_body_is_twice_the_work_at_most(kind: str) -> None:
    fill = filler_of(report_pb2.Report.DESCRIPTOR)

    def work(size: int) -> Callable[[], None]:
        data = BODIES[kind](size)

        def run() -> None:
            with contextlib.suppress(Problem):
                decode(report_pb2.Report(), data, fill)

        return run

    work(10)()  # what is compiled once is compiled before
    once, twice = calls_of(work(20_000)), calls_of(work(40_000))
    assert twice <= 2.2 * once + 100


def test_a_repeated_key_is_found_without_comparing_each_with_each() -> None:
    compared = 0

    class Key(str):
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    for size in (1_000, 2_000):
        compared = 0
        pairs = [*((Key(f"k{number}"), 1) for number in range(size)), (Key(f"k{size - 1}"), 1)]
        with pytest.raises(Wrong):
            _object(pairs)
        assert compared <= 3 * size


def test_a_body_that_holds_no_file_has_the_smaller_limit() -> None:
    with_files = {rpc.name for rpc in CONTRACT.rpcs if holds_bytes(rpc.takes)}
    assert {"CreateEvidence", "UploadEvidence"} <= with_files
    assert len(with_files) < 10


async def test_a_line_in_small_pieces_is_put_together_once() -> None:
    """Bytes that are copied are counted: pieces that grow a line by one byte each must not copy the line each time."""

    class Piece(bytes):
        def __radd__(self, other: bytes) -> bytes:
            raise AssertionError("a line is copied with every piece")

    class Fed:
        left = 5_000

        async def chunk(self) -> tuple[bytes, bool]:
            self.left -= 1
            return Piece(b"x"), self.left > 0

    endpoint = ClientStreamEndpoint.__new__(ClientStreamEndpoint)
    endpoint._limit = 10_000
    fed: Any = Fed()
    exchange: Exchange = fed
    assert [len(line) async for line in endpoint._lines(exchange)] == [5_000]


CROWDS: dict[str, Callable[[int], Message]] = {
    "parties": lambda n: report_pb2.Report(parties=[report_pb2.Party()] * n),
    "rows": lambda n: intake_pb2.ImportReportsRequest(rows=[intake_pb2.ImportRow()] * n),
    "states": lambda n: intake_pb2.ListReportsRequest(states=[1] * n),
}


@pytest.mark.parametrize("kind", CROWDS)
def test_a_list_that_is_too_long_is_refused_before_its_items_are_looked_at(kind: str) -> None:
    small, large = CROWDS[kind](20_000), CROWDS[kind](200_000)
    validation.faults_of(small)  # what is looked up once is looked up before
    assert calls_of(lambda: validation.faults_of(large)) == calls_of(lambda: validation.faults_of(small)) < 50
    assert [fault.field for fault in validation.faults_of(large)] == [kind]


def test_a_refusal_fits_into_the_trailers_however_much_is_wrong() -> None:
    rows = [intake_pb2.ImportRow(report=report_pb2.Report(parties=[report_pb2.Party()] * 50))] * 200
    with pytest.raises(CaseError) as refused:
        validation.check(intake_pb2.CreateReportRequest(report=rows[0].report))
    assert 0 < len(refused.value.fields) <= 20
    assert len(refused.value.detail) < 2_000


def test_what_does_not_decode_is_looked_at_no_deeper_than_it_may_nest() -> None:
    assert broken_field(b"\x0a\x02" * 20 + b"\xff", report_pb2.Report.DESCRIPTOR)


async def test_two_million_items_in_one_message_are_refused_while_others_are_answered(
    clients: Clients, rest: httpx.AsyncClient
) -> None:
    crowd = b"\x0a" + varint(2 * 1_500_000) + report_parties(1_500_000)
    crowded = [asyncio.create_task(send(clients, "intake.CreateReport", crowd)) for _ in range(3)]
    other = await rest.get("/v1/reports")
    assert other.status_code == 200
    for answer in await asyncio.gather(*crowded):
        assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
        assert answer.fields == ["report.parties"]
    for body in (BODIES["a repeated key"](60_000), BODIES["empty objects"](120_000)):
        headers = {"Idempotency-Key": request_id(), "Content-Type": "application/json"}
        refused = await rest.post("/v1/reports", content=body, headers=headers)
        assert refused.status_code == 400


def varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def report_parties(count: int) -> bytes:
    """Return so many empty parties as a report holds them, on the wire."""
    tag = report_pb2.Report(parties=[report_pb2.Party()]).SerializeToString()
    return tag * count
