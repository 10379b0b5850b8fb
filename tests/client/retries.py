"""What accord-client repeats, and what it does not: calls of a server that fails as it is told. Run alone."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from accord_client import (
    AsyncClient,
    Client,
    InvalidField,
    PermissionDenied,
    TooManyRequests,
    Unary,
    Unauthenticated,
    Unavailable,
)
from accord_client.services import FeedService, IntakeService, PeopleService
from accord_protos.feed.v1 import feed_pb2
from accord_protos.intake.v1 import intake_pb2, report_pb2
from accord_protos.mediation.v1 import people_pb2
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2


class Failing(grpc.GenericRpcHandler):
    """Fails with these errors, one a call, and then returns an empty answer; keeps what it was sent."""

    def __init__(self) -> None:
        self.errors: list[status_pb2.Status] = []
        self.sent: list[bytes] = []
        self.tokens: list[str] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Return the handler of every path."""
        self.tokens.append(dict(handler_call_details.invocation_metadata).get("authorization", ""))
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.sent.append(request)
        if self.errors:
            error = self.errors.pop(0)
            context.set_trailing_metadata((("grpc-status-details-bin", error.SerializeToString()),))
            codes = {code.value[0]: code for code in grpc.StatusCode}
            context.abort(codes[error.code], error.message)
        return b""


def failure(code: int, *details: Any) -> status_pb2.Status:
    """Return an error with these details."""
    error = status_pb2.Status(code=code, message="told so")
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        error.details.append(packed)
    return error


FAILING = Failing()
SERVER = grpc.server(ThreadPoolExecutor(4), handlers=(FAILING,))
WHERE = dict.fromkeys(("intake", "mediation", "escalation"), f"127.0.0.1:{SERVER.add_insecure_port('127.0.0.1:0')}")
SERVER.start()
DOWN = failure(code_pb2.UNAVAILABLE)
CREATE = intake_pb2.CreateReportRequest(report=report_pb2.Report(text="…"))


def attempts(rpc: Unary[Any, Any], request: Any, *errors: status_pb2.Status, **more: Any) -> list[bytes]:
    """Return what was sent, by both clients alike, until the call succeeded."""
    found: list[list[bytes]] = []
    for way in (in_turn, awaited):
        FAILING.errors, FAILING.sent, FAILING.tokens = list(errors), [], []
        way(rpc, request, more)
        found.append(FAILING.sent)
    assert len(found[0]) == len(found[1])
    return found[1]


def in_turn(rpc: Unary[Any, Any], request: Any, more: dict[str, Any]) -> None:
    """Call with the client that waits."""
    with Client(WHERE, **more) as accord:
        accord.call(rpc, request)


def awaited(rpc: Unary[Any, Any], request: Any, more: dict[str, Any]) -> None:
    """Call with the other one."""

    async def call() -> None:
        async with AsyncClient(WHERE, **more) as accord:
            await accord.call(rpc, request)

    asyncio.run(call())


def raised(kind: type[Exception], rpc: Unary[Any, Any], request: Any, *errors: status_pb2.Status, **more: Any) -> Any:
    """Return the error that a call raises at its first attempt, with both clients."""
    found = None
    for way in (in_turn, awaited):
        FAILING.errors, FAILING.sent = list(errors), []
        try:
            way(rpc, request, more)
        except kind as error:
            found = error
        assert (type(found), len(FAILING.sent)) == (kind, 1), (found, FAILING.sent)
    return found


# A write is repeated with the same request id, and the caller's request stays as it was.
sent = attempts(IntakeService.CreateReport, CREATE, DOWN, failure(code_pb2.DEADLINE_EXCEEDED), DOWN)
assert len(sent) == 4
assert len(set(sent)) == 1
assert intake_pb2.CreateReportRequest.FromString(sent[0]).request_id.startswith("client-")
assert CREATE.request_id == ""
own = intake_pb2.CreateReportRequest(request_id="of-my-own")
assert set(attempts(IntakeService.CreateReport, own, DOWN)) == {own.SerializeToString()}

# What reads is repeated, what unseals is not; nor what is refused.
unmask, look = people_pb2.UnmaskPartyRequest(name="cases/1/parties/1"), intake_pb2.GetReportRequest(name="reports/1")
assert len(attempts(IntakeService.GetReport, look, DOWN)) == 2
raised(Unavailable, PeopleService.UnmaskParty, unmask, DOWN)
raised(PermissionDenied, IntakeService.CreateReport, CREATE, failure(code_pb2.PERMISSION_DENIED))
assert len(attempts(FeedService.AcknowledgeEvents, feed_pb2.AcknowledgeEventsRequest(service="intake"), DOWN)) == 2

# Not before the service asks for it, and not once the patience is over.
later = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=700_000_000))
began = time.monotonic()
assert len(attempts(IntakeService.GetReport, look, failure(code_pb2.RESOURCE_EXHAUSTED, later))) == 2
assert time.monotonic() - began >= 1.4
assert raised(TooManyRequests, IntakeService.GetReport, look, failure(code_pb2.RESOURCE_EXHAUSTED)).retry_after == 0
raised(Unavailable, IntakeService.GetReport, look, failure(code_pb2.UNAVAILABLE, later), patience=0.5)

# A token is made anew when it is refused, once.
made = iter(range(100))
refused = failure(code_pb2.UNAUTHENTICATED)
assert len(attempts(PeopleService.UnmaskParty, unmask, refused, token=lambda: f"t{next(made)}")) == 2
assert FAILING.tokens == ["Bearer t2", "Bearer t3"]
raised(Unauthenticated, IntakeService.GetReport, look, refused, token="static")

# An error names reason, fields, and by what it is found.
error = raised(
    InvalidField, IntakeService.CreateReport, CREATE,
    failure(
        code_pb2.INVALID_ARGUMENT,
        error_details_pb2.ErrorInfo(reason="INVALID_FIELD", metadata={"a": "b"}),
        error_details_pb2.BadRequest(
            field_violations=[error_details_pb2.BadRequest.FieldViolation(field="report.text", description="Required.")]
        ),
        error_details_pb2.LocalizedMessage(message="A field is wrong."),
        error_details_pb2.RequestInfo(request_id="trace"),
    ),
)  # fmt: skip
assert (error.reason, error.message, error.metadata, error.trace) == (
    "INVALID_FIELD", "A field is wrong.", {"a": "b"}, "trace",
)  # fmt: skip
assert str(error) == "INVALID_FIELD: report.text: Required."
SERVER.stop(None)
print("as it should be")
