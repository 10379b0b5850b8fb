"""The people of the demonstration: who they are, and how they call the doors of the stack."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any, TypeVar

import grpc
import httpx
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from pb.escalation.v1.escalation_pb2_grpc import EscalationServiceStub
from pb.feed.v1.feed_pb2_grpc import FeedServiceStub
from pb.intake.v1 import report_pb2
from pb.intake.v1.intake_pb2_grpc import IntakeServiceStub
from pb.mediation.v1.mediation_pb2_grpc import MediationServiceStub
from pb.mediation.v1.officials_pb2_grpc import OfficialServiceStub

from accord.demo.desk import Desk
from accord.embedded import certificates
from accord.embedded.keys import Keys, client_token, demo_token
from services.kit.serving.tls import open_channel

SERVICES = ("intake", "mediation", "escalation")
Answer = TypeVar("Answer")

_SEATS = 16
_TIMEOUT = 20.0
_PATIENCE = 900.0
"""Real seconds for which a call that finds no answer is made again: a slow machine costs time, never a case."""
_LONGEST_PAUSE = 3.0
_PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED}
_PASSING_STATUS = {408, 409, 429, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a role, who acts for a unit."""

    role: str
    unit: str


class Refused(Exception):
    """The stack refused what somebody asked, with this code; asking again would not help."""

    @property
    def forbidden(self) -> bool:
        """Whether it was refused because the matter is not, or no longer, theirs."""
        return "PERMISSION_DENIED" in str(self)


class Cast:
    """All people, with one connection to each door. A call that finds a door shut is made again, with the same key."""

    def __init__(self, facts: dict[str, Any], keys: Keys, run: str) -> None:
        self._keys = keys
        self._run = run
        self._tokens: dict[Person, str] = {}
        self._desk = Desk(_SEATS)
        self.answered = 0
        """Calls that were answered so far: as long as it grows, the day goes on."""
        self._channels = {name: channel(facts["addresses"][name]) for name in SERVICES}
        self.intake: Any = IntakeServiceStub(self._channels["intake"])
        self.mediation: Any = MediationServiceStub(self._channels["mediation"])
        self.officials: Any = OfficialServiceStub(self._channels["mediation"])
        self.escalation: Any = EscalationServiceStub(self._channels["escalation"])
        self.feeds: dict[str, Any] = {name: FeedServiceStub(channel) for name, channel in self._channels.items()}
        self.rest = httpx.AsyncClient(base_url=facts["urls"]["api"], timeout=_TIMEOUT, trust_env=False)

    def key(self, *parts: object) -> str:
        """Return the key of a call of this run: the same parts, the same key."""
        return "/".join((self._run, *map(str, parts)))

    def token(self, person: Person) -> str:
        """Return the person's token."""
        if person not in self._tokens:
            self._tokens[person] = demo_token(self._keys, person.role, person.unit)
        return self._tokens[person]

    def own_metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the metadata of the command line's own calls, as a machine client that reads and follows feeds."""
        return (("authorization", f"Bearer {client_token(self._keys)}"), ("accept-language", "en"))

    async def ask(
        self, person: Person, rpc: Callable[..., Awaitable[Answer]], request: Message, due: datetime
    ) -> Answer:
        """Return the answer to a person's call; the call with the earliest `due` goes first. Raises Refused."""
        metadata = (("authorization", f"Bearer {self.token(person)}"), ("accept-language", "en"))
        until = time.monotonic() + _PATIENCE
        for attempt in count():
            try:
                async with self._desk.seat(due):
                    answer = await rpc(request, metadata=metadata, timeout=_TIMEOUT)
                self.answered += 1
                return answer
            except grpc.aio.AioRpcError as error:
                if error.code() not in _PASSING or time.monotonic() > until:
                    step = type(request).__name__.removesuffix("Request")
                    raise Refused(f"{step} by {person.role}: {error.code().name} {error.details()}") from None
            await asyncio.sleep(_pause(attempt))
        raise AssertionError("the last attempt returns or raises")

    async def file_over_rest(
        self, person: Person, report: report_pb2.Report, key: str, due: datetime
    ) -> report_pb2.Report:
        """Return a report filed through the REST door, as an app does it. Raises Refused."""
        body = await self._rest(person, "POST", "/v1/reports", due, MessageToDict(report), {"Idempotency-Key": key})
        return ParseDict(body, report_pb2.Report(), ignore_unknown_fields=True)

    async def get_over_rest(self, person: Person, path: str, due: datetime) -> dict[str, Any]:
        """Return what a REST path shows the person. Raises Refused."""
        return await self._rest(person, "GET", path, due)

    async def _rest(
        self,
        person: Person,
        method: str,
        path: str,
        due: datetime,
        body: dict[str, Any] | None = None,
        more: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token(person)}", "Accept-Language": "en", **(more or {})}
        until, said = time.monotonic() + _PATIENCE, "the gateway cannot be reached"
        for attempt in count():
            try:
                async with self._desk.seat(due):
                    response = await self.rest.request(method, path, json=body, headers=headers)
                if response.is_success:
                    self.answered += 1
                    found: dict[str, Any] = response.json()
                    return found
                said = f"{response.status_code} {response.text[:200]}"
                if response.status_code not in _PASSING_STATUS:
                    break
            except httpx.TransportError as error:
                said = type(error).__name__
            if time.monotonic() > until:
                break
            await asyncio.sleep(_pause(attempt))
        raise Refused(f"{method} {path.split('/')[2]} by {person.role}: {said}")

    async def close(self) -> None:
        """Close the connections."""
        await self.rest.aclose()
        for channel in self._channels.values():
            await channel.close(None)


def _pause(attempt: int) -> float:
    return min(_LONGEST_PAUSE, 0.1 * 2 ** min(attempt, 8))


def channel(address: str) -> grpc.aio.Channel:
    """Return a channel to a service at host:port that comes back within seconds after a restart."""
    return open_channel(
        address,
        certificates.own(),
        [
            ("grpc.enable_http_proxy", 0),
            ("grpc.max_receive_message_length", 16 * 1024 * 1024),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2_000),
        ],
    )
