"""The kinds of calls, as `services.py` lists them, and what is sent with each."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from accord_protos.mediation.v1 import evidence_pb2
from google.protobuf.message import Message

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)
T = TypeVar("T")

_KEY = "request_id"
_PART = 512 * 1024


@dataclass(frozen=True)
class Rpc(Generic[Q, A]):
    """A call of a service: its path, what it takes and returns, which servers have it, and whether it may be repeated.

    What reads may be repeated, and what carries a request id: a service does that once, however often it is asked.
    """

    path: str
    request: type[Q]
    answer: type[A]
    servers: tuple[str, ...]
    again: bool

    def server(self, request: Message) -> str:
        """Return which server a request goes to: of several, the one that its `service` or its name says."""
        if len(self.servers) == 1:
            return self.servers[0]
        asked: Any = request
        named = "service" in request.DESCRIPTOR.fields_by_name
        chosen: str = asked.service if named else asked.name.partition("/")[2].partition("/")[0]
        if chosen not in self.servers:
            raise ValueError(f"{'service' if named else 'name'} must say one of {', '.join(self.servers)}: {chosen!r}")
        return chosen


class Unary(Rpc[Q, A]):
    """One request, one response."""


@dataclass(frozen=True)
class Pages(Unary[Q, A], Generic[Q, A, T]):
    """One page of a list, whose items are in this field."""

    items: str
    item: type[T]


class Stream(Rpc[Q, A]):
    """One request, many responses."""


class Sending(Rpc[Q, A]):
    """Many requests, one response."""


def copy(request: Q) -> Q:
    """Return a copy of a request, which may be changed."""
    copied = type(request)()
    copied.CopyFrom(request)
    return copied


def keyed(request: Q) -> Q:
    """Return the request with a request id, if it takes one and has none: every attempt sends the same."""
    if _KEY not in request.DESCRIPTOR.fields_by_name or getattr(request, _KEY):
        return request
    sent = copy(request)
    setattr(sent, _KEY, f"client-{uuid.uuid4().hex}")
    return sent


def parts(header: evidence_pb2.EvidenceHeader, content: bytes | Path) -> Iterator[evidence_pb2.UploadEvidenceRequest]:
    """Yield the parts of an upload."""
    yield evidence_pb2.UploadEvidenceRequest(header=header)
    whole = content.read_bytes() if isinstance(content, Path) else content
    for start in range(0, len(whole), _PART):
        yield evidence_pb2.UploadEvidenceRequest(chunk=whole[start : start + _PART])
