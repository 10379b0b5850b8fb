"""Traces, metrics and logs of a process. None of them ever contains a name, phone number, text or request body."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO, cast
from wsgiref.simple_server import WSGIServer

import structlog
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.exposition import start_http_server

from services.kit.serving.settings import ProcessSettings

REQUESTS = Counter("accord_requests_total", "Calls answered, by method and gRPC code.", ["method", "code"])
REQUEST_SECONDS = Histogram(
    "accord_request_seconds",
    "Seconds to answer a call, by method.",
    ["method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

LATE_SECONDS = Histogram(
    "accord_clock_late_seconds",
    "Seconds of business time between a rung and its firing, by kind of rung.",
    ["kind"],
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 3600, 6 * 3600, 86_400, 5 * 86_400, 30 * 86_400),
)
CLOCKS = Gauge("accord_clocks", "Clocks by what they are doing.", ["state"])
OLDEST_UNFIRED = Gauge("accord_clock_oldest_unfired_seconds", "How long the oldest due rung has been waiting to fire.")
CLOCKS_STALE = Gauge("accord_clocks_stale", "Running clocks whose dates come from an outdated calendar.")
CALENDAR_MISSING = Gauge("accord_calendar_missing_year", "The year whose holiday list is missing, 0 if none is.")
LOST_LINES = Counter("accord_log_lines_lost_total", "Log lines that could not be written: the disk is full.")
CLOCK_ORPHANS = Gauge("accord_clock_orphans", "Running clocks without a live workflow, as last counted.")


class _Unshaken:
    """Writes lines if it can and drops them otherwise: logging must never stop the work."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: str) -> int:
        try:
            return self._file.write(line)
        except (OSError, ValueError):
            LOST_LINES.inc()
            return len(line)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._file.flush()


class _FileExporter(SpanExporter):
    """Writes spans as JSON lines: the embedded stack's traces, readable without a collector."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: on a full disk, data must not accumulate in a buffer.
        self._file = path.open("ab", buffering=0)
        self._lock = threading.Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        lines = "".join(span.to_json(indent=None) + "\n" for span in spans)
        with self._lock:
            try:
                self._file.write(lines.encode())
            except OSError:
                return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._file.close()


def set_up(settings: ProcessSettings, name: str) -> None:
    """Set up logs, traces and, if a port is set, the metrics page of this process."""
    level = getattr(logging, settings.log_level.upper())
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.ExceptionRenderer(),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _Unshaken(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=name)
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"accord-{name}"}),
        sampler=ParentBased(TraceIdRatioBased(settings.trace_ratio)),
    )
    if settings.trace_file:
        provider.add_span_processor(BatchSpanProcessor(_FileExporter(settings.trace_file), schedule_delay_millis=500))
    if otlp := _otlp_exporter():
        provider.add_span_processor(BatchSpanProcessor(otlp))
    trace.set_tracer_provider(provider)


def _otlp_exporter() -> SpanExporter | None:
    # Imported where it is used: otherwise it costs 30 MB in every process without a collector.
    import os

    if not (os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")):
        return None
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def serve_metrics(settings: ProcessSettings) -> WSGIServer | None:
    """Serve `/metrics` at the settings' address; nothing if the port is 0."""
    if not settings.metrics_port:
        return None
    server, _ = start_http_server(settings.metrics_port, addr=settings.metrics_host)
    return server


def parent_of(metadata: Mapping[str, str]) -> Context:
    """Return the trace context a call came with."""
    return propagate.extract(metadata)


def trace_parent() -> str:
    """Return the W3C `traceparent` of the current span; empty outside a sampled trace."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid or not span.trace_flags.sampled:
        return ""
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-01"


def trace_id() -> str:
    """Return the current trace's id, hexadecimal."""
    return f"{trace.get_current_span().get_span_context().trace_id:032x}"
