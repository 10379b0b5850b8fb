"""The gRPC server of a service: one pipeline around every RPC, health, reflection, graceful shutdown."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Any, NoReturn

import grpc
import structlog
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2
from google.rpc.code_pb2 import Code as StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status
from opentelemetry import trace
from pb.access.v1 import permission_pb2

from casework.errors import CaseError, FieldFault, Reason
from services.kit.serving import telemetry, validation
from services.kit.serving.access import Access, Call, Context, set_call
from services.kit.serving.businesstime import BusinessTime
from services.kit.serving.errors import invalid, is_exhausted, language_of, status_of, unknown_status
from services.kit.serving.health import serve_health
from services.kit.serving.limits import LARGE, MAX_MESSAGE, MAX_METADATA, Quota, Use
from services.kit.serving.loops import Loops
from services.kit.serving.maintenance import Maintenance
from services.kit.serving.request import exclusions, leaving, named, terms
from services.kit.serving.request.named import Directory
from services.kit.serving.settings import ServiceSettings
from services.kit.serving.tls import Tls, peer_names
from services.kit.serving.tokens import TokenChecker
from services.kit.serving.wire import broken_field

log = structlog.get_logger()
tracer = trace.get_tracer("accord")

_GRACE = 5.0
_MOMENT = 0.5
_UPLOAD = 600.0
_LOOK = 0.25
"""Seconds between checks of the loops."""
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_OPEN_PREFIXES = ("/grpc.health.v1.", "/grpc.reflection.")


class _Malformed:
    """Replaces a request that does not decode, so that the pipeline can report the field at fault."""

    def __init__(self, field: str) -> None:
        self.field = field


_Sent = Message | _Malformed
_Request = _Sent | AsyncIterator[_Sent]
_Handler = Callable[..., Any]
"""A method as gRPC hands it out; its stubs know only those of a synchronous server."""


class _Method:
    """What the pipeline knows of one RPC, computed once."""

    def __init__(self, descriptor: MethodDescriptor) -> None:
        self.name = f"/{descriptor.containing_service.full_name}/{descriptor.name}"
        options: Any = descriptor.GetOptions()
        self.permission: str = options.Extensions[permission_pb2.permission]
        if not self.permission:
            raise ValueError(f"{self.name} names no permission: nobody could ever call it")
        self._input: Any = descriptor.input_type
        self._message: type[Message] = GetMessageClass(descriptor.input_type)
        self.sends_many = descriptor.client_streaming
        # Every write has a request id, so that it may be repeated; what streams in has one in each message.
        self.writes = descriptor.client_streaming or "request_id" in descriptor.input_type.fields_by_name
        watches = descriptor.server_streaming and "after_position" in descriptor.input_type.fields_by_name
        self.use = Use.UPLOAD if descriptor.client_streaming else Use.WATCH if watches else Use.CALL

    def decode(self, data: bytes) -> Message | _Malformed:
        """Return the request, or its decoding error."""
        try:
            return self._message.FromString(data)
        except DecodeError:
            # Examining a large message would delay every other call.
            field = broken_field(data, self._input) if len(data) <= LARGE else ""
            return _Malformed(field or self._input.name)


class Pipeline(grpc.aio.ServerInterceptor):
    """Trace, deadline, auth, quota, log, error map, validate: around every RPC, in this order."""

    def __init__(
        self, services: Sequence[ServiceDescriptor], checker: TokenChecker, access: Access, settings: ServiceSettings,
        directory: Directory | None = None, time_: BusinessTime | None = None, roster: Directory | None = None,
        maintenance: Maintenance | None = None,
    ) -> None:  # fmt: skip
        methods = [_Method(method) for service in services for method in service.methods]
        self._methods = {method.name: method for method in methods}
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        self._checker = checker
        self._access = access
        self._timeout = settings.request_timeout
        self._allowed = frozenset(settings.allowed_clients) if settings.tls_cert_file else None
        self._idle = settings.limit_idle
        self._quota = Quota(settings)
        self._directory = directory
        self._roster = roster or directory
        self._time = time_ or BusinessTime()
        self._maintenance = maintenance or Maintenance()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Return the RPC's handler with the pipeline around it; wrapped once, kept for later calls."""
        name = handler_call_details.method
        wrapped = self._wrapped.get(name)
        if wrapped is not None:
            return wrapped
        handler = await continuation(handler_call_details)
        if handler is None:
            # Unknown methods have no name that metrics may contain.
            telemetry.REQUESTS.labels("other", "UNIMPLEMENTED").inc()
        if handler is None or name.startswith(_OPEN_PREFIXES):
            return handler
        method = self._methods[name]
        if handler.unary_unary:
            wrapped = grpc.unary_unary_rpc_method_handler(
                self._unary(method, handler.unary_unary), method.decode, handler.response_serializer
            )
        elif handler.unary_stream:
            wrapped = grpc.unary_stream_rpc_method_handler(
                self._stream(method, handler.unary_stream), method.decode, handler.response_serializer
            )
        elif handler.stream_unary:
            wrapped = grpc.stream_unary_rpc_method_handler(
                self._unary(method, handler.stream_unary), method.decode, handler.response_serializer
            )
        else:
            assert handler.stream_stream is not None
            wrapped = grpc.stream_stream_rpc_method_handler(
                self._stream(method, handler.stream_stream), method.decode, handler.response_serializer
            )
        self._wrapped[name] = wrapped
        return wrapped

    def _unary(self, method: _Method, handler: _Handler) -> _Handler:
        by_itself = exclusions.is_by_itself(handler)

        async def answer(request: _Request, context: Context) -> Message:
            metadata = dict(context.invocation_metadata() or ())
            with tracer.start_as_current_span(method.name, telemetry.parent_of(metadata), trace.SpanKind.SERVER):
                started, code = time.perf_counter(), "OK"
                sent = None if isinstance(request, (Message, _Malformed)) else request
                try:
                    call = await self._admit(method, metadata, context)
                    request = await self._open(request, call, by_itself=by_itself)
                    async with (
                        asyncio.timeout(self._seconds(method, context)),
                        self._quota.turn(call.caller, method.use),
                    ):
                        await self._must_be_open(request, call)
                        reply = await handler(request, context)
                    if not (call.decided and call.looked_up):
                        raise RuntimeError(f"{method.name} answered without an access decision")
                    exclusions.leave_out(reply, call, request)
                    return reply
                except Exception as error:
                    await _drain(sent)
                    status = _status_of(named.with_field(error, request), metadata, method.name)
                    code = StatusCode.Name(status.code)
                    await _abort(context, status)
                except asyncio.CancelledError:
                    code = "CANCELLED"
                    raise
                finally:
                    _record(method.name, code, started)

        return answer

    def _stream(self, method: _Method, handler: _Handler) -> _Handler:
        # A coroutine that writes, not a generator: one whose caller left would be closed in another task,
        # where neither the span nor anything else that belongs to the call can be put down.
        async def answers(request: _Request, context: Context) -> None:
            metadata = dict(context.invocation_metadata() or ())
            with tracer.start_as_current_span(method.name, telemetry.parent_of(metadata), trace.SpanKind.SERVER):
                started, code = time.perf_counter(), "OK"
                sent = None if isinstance(request, (Message, _Malformed)) else request
                try:
                    call = await self._admit(method, metadata, context)
                    request = await self._open(request, call)
                    async with (
                        self._quota.turn(call.caller, method.use),
                        aclosing(handler(request, context)) as replies,
                    ):
                        await self._must_be_open(request, call)
                        # A stream may be silent for long: its caller is notified at once that it has started.
                        await context.send_initial_metadata(())
                        async for reply in replies:
                            if not call.decided:
                                raise RuntimeError(f"{method.name} answered without an access decision")
                            exclusions.leave_out(reply, call, request)
                            await _send(context, reply)
                except Exception as error:
                    await _drain(sent)
                    status = _status_of(named.with_field(error, request), metadata, method.name)
                    code = StatusCode.Name(status.code)
                    await _abort(context, status)
                except asyncio.CancelledError:
                    code = "CANCELLED"
                    raise
                finally:
                    _record(method.name, code, started)

        return answers

    async def _open(
        self, request: _Request, call: Call, *, by_itself: bool = False
    ) -> Message | AsyncIterator[Message]:
        """Return a checked request, or a stream that checks each, once it is known what the caller is kept from.

        `by_itself`: the handler finds that out.
        """
        if not isinstance(request, (Message, _Malformed)):
            await exclusions.look_up(call, self._directory, None)
            return self._checked(request, call)
        checked = _check(request)
        if not by_itself:
            await exclusions.look_up(call, self._directory, checked)
            exclusions.admit(checked, call)
        return checked

    async def _must_be_open(self, request: object, call: Call) -> None:
        """Check permission for all that a request names; for client streams the handler checks."""
        if isinstance(request, Message):
            await named.must_be_open(request, call, self._directory)

    def _seconds(self, method: _Method, context: Context) -> float | None:
        """Return how long a call without a deadline may take; an upload is as slow as its connection."""
        if context.time_remaining() is not None:
            return None
        return max(self._timeout, _UPLOAD) if method.sends_many else self._timeout

    async def _checked(self, requests: AsyncIterator[_Sent], call: Call) -> AsyncIterator[Message]:
        """Pass on a client stream; refuse the first invalid message, and a client that falls silent."""
        while True:
            async with asyncio.timeout(self._idle):
                sent = await anext(requests, None)
            if sent is None:
                return
            request = _check(sent)
            exclusions.admit(request, call)
            yield request

    async def _admit(self, method: _Method, metadata: dict[str, Any], context: Context) -> Call:
        authorization: str = metadata.get("authorization", "")
        await self._checker.ready(authorization)
        caller = self._checker.check(authorization)
        if self._allowed is not None:
            # Over TLS: only processes named here, and a machine client's token only from its own process.
            names = peer_names(context.auth_context())
            own = caller.subject.removeprefix("accord-")
            if not names & self._allowed or (caller.machine and own not in names):
                raise CaseError(Reason.UNAUTHENTICATED)
        await self._quota.count(caller)
        language = language_of(metadata.get("accept-language", ""))
        call = Call(caller, method.permission, language, self._access, telemetry.trace_parent(), self._time)
        set_call(call)
        # A caller without permission for any unit is refused before anything is looked up.
        if not self._access.holds(caller, method.permission):
            raise CaseError(Reason.PERMISSION_DENIED, permission=method.permission)
        if method.writes:
            self._maintenance.check(caller.roles)
        await terms.must_serve(call, self._roster)
        return call


def _check(request: _Sent) -> Message:
    if isinstance(request, _Malformed):
        raise undecodable(request.field)
    validation.check(request)
    leaving.check(request)
    return request


async def _send(context: Context, reply: Message) -> None:
    """Send one reply of a stream; a caller that left while it waited to be read has ended the call, without a fault."""
    try:
        await context.write(reply)
    except grpc.aio.InternalError:
        if reply.ByteSize() > MAX_MESSAGE:
            raise  # the library sends none of this size, whoever is there
        raise asyncio.CancelledError from None


async def _drain(sent: AsyncIterator[_Sent] | None) -> None:
    """Read what a client still sends, for a moment: if cut off in the middle, it may not receive the error."""
    if sent is not None:
        with suppress(Exception):
            async with asyncio.timeout(_MOMENT):
                async for _ in sent:
                    pass


def undecodable(field: str) -> CaseError:
    """Return the error of a request that does not decode at this field."""
    return invalid([FieldFault(field, "无法解码。", "does not decode: wrong wire type, truncated, or not UTF-8")])


def _record(method: str, code: str, started: float) -> None:
    seconds = time.perf_counter() - started
    telemetry.REQUESTS.labels(method, code).inc()
    telemetry.REQUEST_SECONDS.labels(method).observe(seconds)
    log.debug("call", method=method, code=code, ms=round(seconds * 1000, 2))


def _status_of(error: Exception, metadata: dict[str, Any], method: str) -> status_pb2.Status:
    language = language_of(metadata.get("accept-language", ""))
    if isinstance(error, TimeoutError):
        return status_pb2.Status(code=StatusCode.DEADLINE_EXCEEDED, message="took longer than the server allows")
    if is_exhausted(error):
        error = CaseError(Reason.SERVICE_UNAVAILABLE)
    if isinstance(error, CaseError):
        return status_of(error, language, telemetry.trace_id())
    log.exception("unforeseen fault", method=method, trace=telemetry.trace_id())
    return unknown_status(telemetry.trace_id())


async def _abort(context: Context, status: status_pb2.Status) -> NoReturn:
    rich = rpc_status.to_status(status)
    await context.abort(rich.code, rich.details, rich.trailing_metadata)


_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    # Between these two the library refuses at random; a token that is too long must always be reported.
    ("grpc.max_metadata_size", MAX_METADATA),
    ("grpc.absolute_max_metadata_size", MAX_METADATA),
    ("grpc.so_reuseport", 0),
    # Feeds may be silent for long: their consumers' keepalive is not abuse.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Watchers ping every 30 s on quiet feeds; by default a server disconnects such a client.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
)


async def serve(
    settings: ServiceSettings,
    services: Sequence[tuple[ServiceDescriptor, Callable[[grpc.aio.Server], None]]],
    checker: TokenChecker,
    access: Access,
    loops: Loops | None = None,
    directory: Directory | None = None,
    business_time: BusinessTime | None = None,
    maintenance: Maintenance | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; then finish calls in progress, at most 5 seconds, and stop.

    Health reports for each service whether it responds, and for the whole (the empty name) whether all loops are well.
    """
    descriptors = [descriptor for descriptor, _ in services]
    pipeline = Pipeline(descriptors, checker, access, settings, directory, business_time, maintenance=maintenance)
    server = grpc.aio.server(interceptors=[pipeline], options=_OPTIONS)
    # The library waits for a call of each registered method, and so would look at hundreds of them at every call.
    server.add_registered_method_handlers = lambda service, handlers: None  # type: ignore[attr-defined]
    for _, register in services:
        register(server)
    health = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    names = [descriptor.full_name for descriptor in descriptors]
    reflection.enable_server_reflection([*names, reflection.SERVICE_NAME, "grpc.health.v1.Health"], server)
    tls, listen = Tls.of(settings), settings.listen
    if (server.add_secure_port(listen, tls.server()) if tls else server.add_insecure_port(listen)) == 0:
        raise SystemExit(f"ACCORD_LISTEN: cannot listen on {settings.listen}")
    loops, standing = loops or Loops(), {"server": "not started yet"}
    page = await serve_health(settings, lambda: standing | loops.standing())
    await server.start()
    standing["server"] = "well"
    for name in names:
        await health.set(name, _SERVING)
    log.info("serving", listen=settings.listen)
    await _until_stopped(health, loops)
    standing["server"] = "stopping"
    await health.enter_graceful_shutdown()
    await server.stop(_GRACE)
    await loops.stop()
    if page:
        page.close()


async def _until_stopped(health: HealthServicer, loops: Loops) -> None:
    """Report whether all loops are well, until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    while not stop.is_set():
        await health.set("", _SERVING if loops.well else _NOT_SERVING)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK)
