"""W3C trace context of a request: continued from the client's `traceparent`, or started here."""

from __future__ import annotations

import random
import re

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags

_PARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_TRACER = trace.get_tracer("accord.gateway")


class Trace:
    """The span of one request, its ids, and the `traceparent` that calls to services carry."""

    __slots__ = ("_span", "id", "parent")

    def __init__(self, headers: dict[bytes, bytes]) -> None:
        context = None
        given = _PARENT.fullmatch(headers.get(b"traceparent", b""))
        if given and given[1].strip(b"0") and given[2].strip(b"0"):
            came = SpanContext(int(given[1], 16), int(given[2], 16), True, TraceFlags(int(given[3], 16) & 1))
            context = trace.set_span_in_context(NonRecordingSpan(came))
        self._span = _TRACER.start_span("request", context, kind=SpanKind.SERVER)
        own = self._span.get_span_context()
        if own.is_valid:
            trace_id, span_id, flags = own.trace_id, own.span_id, int(own.trace_flags)
        else:
            # No SDK is set up: ids are still needed to find an occurrence in the logs.
            trace_id, span_id, flags = random.getrandbits(128) | 1, random.getrandbits(64) | 1, 0
        self.id = f"{trace_id:032x}"
        self.parent = f"00-{self.id}-{span_id:016x}-{flags:02x}"

    def end(self, method: str, route: str, status: int) -> None:
        """End the span with the result of the request."""
        span = self._span
        if span.is_recording():
            span.update_name(f"{method} {route}")
            span.set_attribute("http.request.method", method)
            span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_status(StatusCode.ERROR)
        span.end()
