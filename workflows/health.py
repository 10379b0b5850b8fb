"""The page of a worker or relay: `/healthz` and `/metrics` on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


async def serve_health(port: int, ready: Callable[[], bool]) -> asyncio.Server | None:
    """Serve `/healthz` (200 once ready, 503 before) and `/metrics`; nothing where the port is 0."""
    if not port:
        return None

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), 5)
            path = line.split(b" ")[1] if line.count(b" ") >= 2 else b""
            status, kind, body = b"404 Not Found", "text/plain", b""
            if path == b"/healthz":
                status = b"200 OK" if ready() else b"503 Service Unavailable"
                body = b"ok\n" if ready() else b"not ready\n"
            elif path == b"/metrics":
                status, kind, body = b"200 OK", CONTENT_TYPE_LATEST, generate_latest()
            head = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            writer.write(b"HTTP/1.1 " + status + b"\r\n" + head + body)
            await writer.drain()
        except (TimeoutError, ConnectionError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", port)
