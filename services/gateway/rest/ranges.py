"""A part of a file, as `Range` asks for it (RFC 9110, 14): one range of bytes, or what is left of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.gateway.rest.exchange import Exchange, Header, reply_headers
from services.gateway.rest.problem import refuse

_RANGE = re.compile(r"bytes=(?:([0-9]{1,15})-([0-9]{0,15})|-([0-9]{1,15}))")


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` to `stop` (not included) of a file of `size` bytes."""

    start: int
    stop: int
    size: int

    @property
    def status(self) -> int:
        """Return the HTTP status: 206 for a part."""
        return 200 if (self.start, self.stop) == (0, self.size) else 206

    def headers(self) -> list[Header]:
        """Return the headers that say which part of the file is sent."""
        found = reply_headers(accept_ranges="bytes", content_length=self.stop - self.start)
        if self.status == 206:
            found += reply_headers(content_range=f"bytes {self.start}-{self.stop - 1}/{self.size}")
        return found

    def cut(self, data: bytes, at: int) -> bytes:
        """Return what is wanted of data that begins at a place of the file."""
        return data[max(0, self.start - at) : max(0, self.stop - at)]


def span_of(exchange: Exchange, size: int) -> Span:
    """Return which part of a file is wanted: the whole, if several ranges are asked for or none.

    Raise a 416 Problem if the range begins behind the file's end. Files have no version: `If-Range` asks for the whole.
    """
    whole = Span(0, size, size)
    asked = _RANGE.fullmatch(exchange.header(b"range").replace(" ", "")) if b"range" in exchange.headers else None
    if asked is None or b"if-range" in exchange.headers:
        return whole
    if asked[3]:
        start, stop = size - min(size, int(asked[3])), size
    else:
        start, stop = int(asked[1]), min(size, int(asked[2]) + 1 if asked[2] else size)
        if asked[2] and int(asked[2]) < start:
            return whole
    if start >= size:
        problem = refuse("RANGE_NOT_SATISFIABLE")
        problem.headers += reply_headers(content_range=f"bytes */{size}")
        raise problem
    return Span(start, stop, size)
