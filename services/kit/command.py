"""A command: one call, one transaction; facts, event and first answer are written together or not at all."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf.message import Message

from casework.errors import CaseError, Reason
from casework.limit import day_end
from services.kit import clocks, requests
from services.kit.access import Call, current_call
from services.kit.businesstime import BusinessTime
from services.kit.database import Connection, Database
from services.kit.events import EventLog, NewEvent
from services.kit.feed import FeedPulse


@dataclass(slots=True)
class Work:
    """What a command is handed: its transaction, the instant, the call."""

    connection: Connection
    now: datetime
    call: Call
    log: EventLog
    late: list[NewEvent] = field(default_factory=list)

    @property
    def actor(self) -> str:
        """Who does it."""
        return self.call.caller.subject

    async def append(self, *events: NewEvent) -> None:
        """Append what happened to the case's history, and behind it the deadlines found to have been missed."""
        told, self.late = [*events, *self.late], []
        await self.log.append(self.connection, told, at=self.now, actor=self.actor, trace=self.call.trace_parent)

    async def stop(self, number: str, keys: str, *, met: bool = True) -> None:
        """Meet (or cancel) the running clocks of a case whose key matches the LIKE pattern `keys`."""
        self.late += await clocks.stop(self.connection, number, keys, self.now, met=met)

    async def start_clock(
        self,
        number: str,
        key: str,
        rule: str,
        *,
        subject: str,
        unit: str,
        at: datetime,
        n: int | None = None,
        until: datetime | None = None,
    ) -> clocks.NewClock:
        """Start a clock and return it. STAND-IN until the clocks slice lands: calendar days, no warnings."""
        due_at = until or day_end(at, n or 3)
        clock = clocks.NewClock(number, key, subject, unit, rule, "stand-in", at, None, due_at)
        await clocks.start(self.connection, clock)
        return clock


def check_etag(version: int, etag: str) -> None:
    """Raise ETAG_MISMATCH where the caller means another version than the one that is there."""
    if etag and etag.strip('"') != str(version):
        raise CaseError(Reason.ETAG_MISMATCH, etag=str(version))


class CommandService(Protocol):
    """What a servicer needs so that its methods can be commands."""

    database: Database
    time: BusinessTime
    log: EventLog
    pulse: FeedPulse


Request = TypeVar("Request", bound=Message)
Answer = TypeVar("Answer", bound=Message)


def command(
    answer_type: type[Answer],
) -> Callable[
    [Callable[[Any, Request, Work], Awaitable[Answer]]],
    Callable[[Any, Request, grpc.aio.ServicerContext[Request, Answer]], Awaitable[Answer]],
]:
    """Make a method `(self, request, work)` an RPC: claim the request id, do it, store its answer, commit.

    A repeat with the same id and body gets the first answer; with another body IDEMPOTENCY_KEY_REUSED.
    """

    def decorate(
        method: Callable[[Any, Request, Work], Awaitable[Answer]],
    ) -> Callable[[Any, Request, grpc.aio.ServicerContext[Request, Answer]], Awaitable[Answer]]:
        @functools.wraps(method)
        async def rpc(self: CommandService, request: Any, context: Any) -> Answer:
            call = current_call()
            caller, body = call.caller.subject, requests.body_hash(request)
            async with self.database.begin() as connection:
                earlier = await requests.claim(connection, caller, request.request_id, body)
                if earlier is not None:
                    call.repeat()
                    return answer_type.FromString(earlier)
                answer = await method(self, request, Work(connection, self.time.now(), call, self.log))
                await requests.remember(connection, caller, request.request_id, answer.SerializeToString())
            self.pulse.beat()
            return answer

        return rpc

    return decorate
