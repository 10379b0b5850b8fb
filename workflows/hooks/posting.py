"""A request to a receiver: to no address that is not allowed, whatever its name resolves to, and without redirects.

The name is resolved here, every address is checked, and the connection goes to a checked one: a name that resolves to
something else a moment later changes nothing.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple

import httpcore
import structlog

from casework.door.programs.hooks import Address, Network, may_reach

log = structlog.get_logger()

TIMEOUT = 10.0
"""Seconds for one attempt, from the name to the end of the answer."""
_MOST = 65_536
"""Bytes of an answer that are read, so that its connection can be used again; of a longer one nothing is waited for."""
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class Exchanged(NamedTuple):
    """What came of a request: why it failed, as a code, or nothing; and the answer."""

    fault: str
    body: bytes = b""


class AddressRefusedError(Exception):
    """A receiver is at an address that events may not be sent to."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name, as the system resolves it."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found))


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to the addresses of a name if each of them is allowed."""

    def __init__(self, allows: Callable[[Address], bool], resolves: Resolve = resolve) -> None:
        self._allows, self._resolve = allows, resolves
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:  # fmt: skip
        """Return a connection to the first address that answers; raise AddressRefusedError if one is not allowed."""
        try:
            addresses = await self._resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from None
        if not addresses or not all(self._allows(ip_address(each)) for each in addresses):
            raise AddressRefusedError
        failed: Exception = httpcore.ConnectError("no address")
        for each in addresses:
            try:
                return await self._inner.connect_tcp(each, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: receivers are in the network."""
        raise AddressRefusedError

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await self._inner.sleep(seconds)


class Poster:
    """Sends requests to receivers, each to its own address only. A connection is kept until `release`."""

    def __init__(self, networks: Sequence[Network], resolves: Resolve = resolve) -> None:
        self._networks, self._resolves = networks, resolves
        # The system's authorities, or those of SSL_CERT_FILE: receivers in a government network have their own.
        self._tls = ssl.create_default_context()
        self._free: dict[str, list[httpcore.AsyncConnectionPool]] = {}

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> str:
        """Return nothing if the receiver took it (2xx), otherwise why not, as a code: `http-503`, `timeout`."""
        return (await self.exchange("POST", url, headers, body)).fault

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"", most: int = _MOST
    ) -> Exchanged:  # fmt: skip
        """Send a request and return the answer, of which no more than a little over `most` bytes are read."""
        try:
            async with asyncio.timeout(TIMEOUT):
                status, content = await self._send(method, url, headers, body, most)
        except AddressRefusedError:
            return Exchanged("address-refused")
        except (TimeoutError, httpcore.TimeoutException):
            return Exchanged("timeout")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, ssl.SSLError, OSError):
            return Exchanged("unreachable")
        except Exception as error:
            # Our own errors lose no event: it is tried again, and is seen in the list.
            log.error("a webhook failed", fault=type(error).__name__)
            return Exchanged("fault")
        return Exchanged("" if 200 <= status < 300 else f"http-{status}", content)

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, most: int
    ) -> tuple[int, bytes]:  # fmt: skip
        origin = "/".join(url.split("/", 3)[:3])
        free = self._free.setdefault(origin, [])
        connection = free.pop() if free else self._connection(plain=origin.startswith("http:"))
        sent = [("user-agent", "accord"), *headers.items()]
        timeouts = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT)}
        try:
            async with connection.stream(method, url, headers=sent, content=body, extensions=timeouts) as answer:
                read = bytearray()
                async for chunk in answer.aiter_stream():
                    read += chunk
                    if len(read) > most:
                        break
                return answer.status, bytes(read)
        finally:
            self._free.setdefault(origin, []).append(connection)

    def _connection(self, *, plain: bool) -> httpcore.AsyncConnectionPool:
        """Return a pool of one connection: of a larger one every request looks through all of them, again and again."""
        backend = CheckedBackend(lambda address: may_reach(address, self._networks, plain=plain), self._resolves)
        return httpcore.AsyncConnectionPool(self._tls, max_connections=1, network_backend=backend)

    async def release(self, url: str) -> None:
        """Close the connections to a receiver that nothing is sent over now."""
        for connection in self._free.pop("/".join(url.split("/", 3)[:3]), []):
            await connection.aclose()

    async def close(self) -> None:
        """Close the connections."""
        for url in list(self._free):
            await self.release(url)
