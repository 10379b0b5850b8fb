"""A receiver of events as another system has one: it checks signatures with `standardwebhooks`, and can be away."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.types import Receive, Scope, Send


class _Server(uvicorn.Server):
    """Leaves the signals to the test."""

    def capture_signals(self) -> Any:
        """Catch none."""
        return contextlib.nullcontext()


@dataclass
class Receiver:
    """What came: events that were taken, ids of all attempts; `answers` says what to answer to an event."""

    port: int
    secret: str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    taken: list[BaseCloudEvent] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    answers: Callable[[BaseCloudEvent], int] = lambda event: 204
    came: asyncio.Event = field(default_factory=asyncio.Event)
    _server: _Server | None = None
    _task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where events are sent."""
        return f"http://127.0.0.1:{self.port}/events?of=accord"

    @property
    def names(self) -> set[str]:
        """The events that were taken, by their names in the feed."""
        events = (each.get_attributes() for each in self.taken)
        return {f"{each['source'].removeprefix('/v1/')}/events/{each['position']}" for each in events}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a request."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.paths.append(scope["path"])
        status = self._take(headers, body)
        self.came.set()
        answer = [(b"content-length", b"0"), *([(b"location", b"/elsewhere")] if 300 <= status < 400 else [])]
        await send({"type": "http.response.start", "status": status, "headers": answer})
        await send({"type": "http.response.body", "body": b""})

    def _take(self, headers: dict[str, str], body: bytes) -> int:
        try:
            Webhook(self.secret).verify(body, headers)
        except WebhookVerificationError as error:
            self.refused.append(str(error))
            return 401
        event = from_http(HTTPMessage(headers, body), JSONFormat())
        self.tried.append(headers["webhook-id"])
        status = self.answers(event)
        if status < 300:
            self.taken.append(event)
            self.headers.append(headers)
            self.bodies.append(body)
        return status

    async def start(self) -> None:
        """Answer from now on."""
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._server = _Server(uvicorn.Config(self, log_config=None, access_log=False, lifespan="off"))
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))

    async def stop(self) -> None:
        """Be away: connections are refused."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = self._server.force_exit = True
            await self._task
            self._server = self._task = None

    async def until(self, condition: Callable[[], Any], seconds: float) -> None:
        """Wait until what came is so."""
        async with asyncio.timeout(seconds):
            while not condition():
                self.came.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.came.wait(), 0.5)

    def of(self, subject: str) -> list[tuple[str, str, int]]:
        """Return source, type and number of the events of a case, as they came."""
        events = (each.get_attributes() for each in self.taken if each.get_subject() == subject)
        return [(each["source"], each["type"], int(each["sequence"])) for each in events]


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """Run a receiver on a free port."""
    made = Receiver(0)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
