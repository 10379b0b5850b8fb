"""HTTP/1.1 with limits on what an unauthenticated client may send, and on how slowly it may send and read."""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from services.gateway.rest.problem import Problem, refuse
from services.kit.serving.limits import HttpLimitSettings

_FAREWELL = 5.0
"""Seconds a refused client has to read the response."""


class _RefusedError(Exception):
    """Ends the parsing of a request that exceeds a limit."""


class GuardedProtocol(HttpToolsProtocol):
    """Serves one connection, which is always waiting for a head, reading a body, or being answered."""

    limits: HttpLimitSettings

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Wait for the first request; above the limit an idle connection is closed, or else this one."""
        super().connection_made(transport)
        self._begun = False
        self._whole = True
        self._count = self._size = self._raw = 0
        self._refusal: Problem | None = None
        self._timers: dict[str, TimerHandle] = {}
        self._set("head", self.limits.limit_header_seconds, self._too_slow)
        if len(self.connections) > self.limits.limit_connections:
            others = (each for each in self.connections if isinstance(each, GuardedProtocol) and each is not self)
            next((each for each in others if _is_idle(each)), self).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer."""
        for name in list(self._timers):
            self._clear(name)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Continue reading; the time for a head runs from its first byte."""
        if self._refusal is not None:
            return
        if self._whole and "head" not in self._timers:
            self._set("head", self.limits.limit_header_seconds, self._too_slow)
        super().data_received(data)
        # Bytes of an unfinished head: the parser reports only complete headers.
        if self._begun and self.parser is not None:
            self._raw += len(data)
            if self._raw > self.limits.limit_header_bytes and self._refusal is None:
                self._refuse(refuse("HEADERS_TOO_LARGE"))

    def on_message_begin(self) -> None:
        """Start counting the head."""
        super().on_message_begin()
        self._begun, self._whole = True, False
        self._count = self._size = self._raw = 0

    def on_url(self, url: bytes) -> None:
        """Count the URL."""
        self._measure(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header."""
        self._count += 1
        self._measure(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the response; the body has its own limits."""
        self._begun = False
        self._clear("head")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the whole request has arrived."""
        self._whole = True
        self._clear("rest")
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Continue with the next request; the rest of this one is not read, and must end soon."""
        super().on_response_complete()
        if not self._whole and not self.transport.is_closing():
            self._set("rest", self.limits.limit_header_seconds, self.transport.abort)

    def pause_writing(self) -> None:
        """Wait for a client that does not read, for a while."""
        super().pause_writing()
        self._set("stall", self.limits.limit_idle, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that it reads again."""
        super().resume_writing()
        self._clear("stall")

    def send_400_response(self, msg: str) -> None:
        """Send the reason why a request is refused before it is read."""
        self._refuse(self._refusal or refuse("MALFORMED_REQUEST"))

    def _measure(self, size: int) -> None:
        self._size += size
        if self._size > self.limits.limit_header_bytes or self._count > self.limits.limit_headers:
            self._refusal = refuse("HEADERS_TOO_LARGE")
            raise _RefusedError

    def _too_slow(self) -> None:
        if self._begun:
            self._refuse(refuse("REQUEST_TOO_SLOW"))
        else:
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        self._refusal = problem
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy or self.transport.is_closing():
            self.transport.abort()
            return
        status, headers, body = problem.answer("zh", "0" * 32)
        headers += [(b"content-length", str(len(body)).encode()), (b"connection", b"close")]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + body)
        self.transport.close()
        self._set("farewell", _FAREWELL, self.transport.abort)

    def _set(self, name: str, seconds: float, act: Callable[[], object]) -> None:
        self._clear(name)
        self._timers[name] = self.loop.call_later(seconds, act)

    def _clear(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()


def _is_idle(connection: HttpToolsProtocol) -> bool:
    return connection.cycle is None or connection.cycle.response_complete


def guarded(settings: HttpLimitSettings) -> type[GuardedProtocol]:
    """Return the protocol with these limits."""
    return type("Guarded", (GuardedProtocol,), {"limits": settings})
