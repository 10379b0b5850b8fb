"""The page of a worker or relay on loopback: `/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Standing = Callable[[], Mapping[str, str]]


async def serve_health(port: int, standing: Standing) -> asyncio.Server | None:
    """Serve the page; nothing if the port is 0.

    `/healthz` shows that the process is alive; `/readyz` the state of its loops, 503 unless all are `well`.
    """
    if not port:
        return None

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), 5)
            path = line.split(b" ")[1] if line.count(b" ") >= 2 else b""
            status, kind, body = _page(path, standing)
            head = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            writer.write(b"HTTP/1.1 " + status + b"\r\n" + head + body)
            await writer.drain()
        except (TimeoutError, ConnectionError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", port)


def _page(path: bytes, standing: Standing) -> tuple[bytes, str, bytes]:
    if path == b"/healthz":
        return b"200 OK", "text/plain", b"ok\n"
    if path == b"/metrics":
        return b"200 OK", CONTENT_TYPE_LATEST, generate_latest()
    if path == b"/readyz":
        loops = dict(standing())
        good = all(each == "well" for each in loops.values())
        body = json.dumps({"status": "ready" if good else "not ready", "loops": loops}).encode()
        return b"200 OK" if good else b"503 Service Unavailable", "application/json", body
    return b"404 Not Found", "text/plain", b""
