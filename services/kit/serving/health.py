"""The page of a process for operators, on a port of its own: `/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.kit.serving.settings import ProcessSettings

Standing = Callable[[], Mapping[str, str]]


async def serve_health(settings: ProcessSettings, standing: Standing) -> asyncio.Server | None:
    """Serve the page at the settings' address; nothing if the port is 0.

    `/healthz` shows that the process is alive; `/readyz` the state of its loops, 503 unless all are `well`.
    """
    if not settings.metrics_port:
        return None

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # All of it: a connection closed with something unread in it is reset, and its answer may be lost.
            request = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            path = request.split(b" ")[1] if request.count(b" ") >= 2 else b""
            status, kind, body = await _page(path, standing)
            head = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            writer.write(b"HTTP/1.1 " + status + b"\r\n" + head + body)
            await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    try:
        return await asyncio.start_server(answer, settings.metrics_host, settings.metrics_port)
    except OSError as error:
        address = f"{settings.metrics_host}:{settings.metrics_port}"
        raise SystemExit(f"ACCORD_METRICS_PORT: cannot listen on {address}: {error.strerror}") from None


async def _page(path: bytes, standing: Standing) -> tuple[bytes, str, bytes]:
    if path == b"/healthz":
        return b"200 OK", "text/plain", b"ok\n"
    if path == b"/metrics":
        # In a thread: a service has thousands of lines, and calls do not wait for them.
        return b"200 OK", CONTENT_TYPE_LATEST, await asyncio.to_thread(generate_latest)
    if path == b"/readyz":
        loops = dict(standing())
        good = all(each == "well" for each in loops.values())
        body = json.dumps({"status": "ready" if good else "not ready", "loops": loops}).encode()
        return b"200 OK" if good else b"503 Service Unavailable", "application/json", body
    return b"404 Not Found", "text/plain", b""
