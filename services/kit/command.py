"""A command: one call, one transaction; facts, event and first response are written together or not at all."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar, overload

import asyncpg
import grpc
import structlog
from google.protobuf.message import Message

from casework.clocks.ledger import Extended
from casework.clocks.rule import ExtensionKind
from casework.errors import CaseError, Reason
from casework.names import clock_id
from services.kit.clocks import clocks
from services.kit.clocks import ledger as clock_ledger
from services.kit.clocks.clockwork import Clockwork, NewClock
from services.kit.serving.access import Call, Context, current_call
from services.kit.serving.businesstime import BusinessTime
from services.kit.storage import requests
from services.kit.storage.database import Connection, Database
from services.kit.storage.events import EventLog, NewEvent
from services.kit.storage.feed import FeedPulse

_REQUEST_ID = "request_id"

log = structlog.get_logger()

Consequence = Callable[["Work", clocks.Firing], Awaitable[None]]
"""What follows from a missed deadline, in the transaction that reports it."""


@dataclass(slots=True)
class Work:
    """What a command gets: its transaction, the current time, the call."""

    connection: Connection
    now: datetime
    call: Call
    log: EventLog
    clockwork: Clockwork
    late: list[NewEvent] = field(default_factory=list)
    missed: list[NewEvent] = field(default_factory=list)
    soonest: NewClock | None = None
    has_stopped: bool = False
    """Whether clocks were stopped since the last event: the workflow must learn which one is next."""
    consequences: Mapping[str, Consequence] = field(default_factory=dict)
    """What follows from missed deadlines, by rule; `warning/{rule}` is what follows before one is missed."""
    fired: list[clocks.Firing] = field(default_factory=list)
    """Rungs that fired because of this command; their consequences come last."""
    told_by: str = ""
    """What the history names instead of an account that must not be known from it."""

    @property
    def actor(self) -> str:
        """Who does it."""
        return self.told_by or self.call.caller.subject

    async def append(self, *events: NewEvent) -> None:
        """Append what happened to the case's history, after the deadlines that it missed."""
        told, self.missed, self.late = [*self.missed, *await self._heard(events), *self.late], [], []
        if self.call.caller.machine:
            told = [replace(event, bulk=True) for event in told]
        self.fired += [event.firing for event in told if event.firing is not None]
        await self.log.append(self.connection, told, at=self.now, actor=self.actor, trace=self.call.trace_parent)

    async def follow(self, firings: Iterable[clocks.Firing] = ()) -> None:
        """Handle the consequences of these rungs, of those that fired here, and of those that fire by it."""
        self.fired = [*firings, *self.fired]
        while self.fired:
            firing = self.fired.pop(0)
            key = firing.rule if firing.kind == "overdue" else f"{firing.kind}/{firing.rule}"
            if key in self.consequences:
                await self.consequences[key](self, firing)

    async def start(self, *new: NewClock) -> None:
        """Start clocks; the event appended next notifies the case's workflow if it would otherwise sleep too long."""
        await clocks.start(self.connection, self.now, self.actor, *new)
        timed = [clock for clock in (*new, *([self.soonest] if self.soonest else [])) if clock.next_at is not None]
        self.soonest = min(timed, key=lambda clock: clock.next_at or self.now, default=None)

    async def start_clock(
        self, number: str, key: str, rule: str, *, subject: str, unit: str, at: datetime, until: datetime | None = None
    ) -> NewClock:
        """Start the clock that a rule gives and return it; `until` is an end promised elsewhere, used as it is."""
        clock = self.clockwork.new(number, key, rule, subject=subject, unit=unit, at=at, until=until)
        await self.start(clock)
        return clock

    async def _heard(self, events: Sequence[NewEvent]) -> list[NewEvent]:
        clock, stopped, self.soonest, self.has_stopped = self.soonest, self.has_stopped, None, False
        if not events:
            return []
        if stopped and events[0].wakes:
            # With such an event the workflow drops what it knew of these clocks: the event says which one is next.
            at = await clocks.next_at(self.connection, events[0].number)
            return list(events) if at is None else [_with_next(events[0], at, wakes=True), *events[1:]]
        if clock is None or clock.next_at is None:
            return list(events)
        wakes = events[0].wakes or await clocks.is_next(self.connection, clock)
        return [_with_next(events[0], clock.next_at, wakes=wakes), *events[1:]]

    async def extend(self, number: str, key: str, amount: int, parties: Sequence[int]) -> clock_ledger.Change:
        """Extend a clock by every party's consent, as its rule allows; the caller appends the event of the change."""
        row = await clock_ledger.get(self.connection, clock_id(number, key), lock=True)
        names = tuple(f"parties/{party}" for party in parties)
        entry = Extended(
            seq=row.entries + 1, at=self.now, recorded_at=self.now, actor=self.actor, amount=amount,
            how=ExtensionKind.consent_of_all, consents=names,
        )  # fmt: skip
        return await clock_ledger.record(self.connection, self.clockwork, row, entry, self.now, parties=names)

    async def stop(self, number: str, keys: str, *, met: bool = True, at: datetime | None = None) -> None:
        """Meet (or cancel) the running clocks of a case whose key matches the LIKE pattern `keys`.

        `at` is when it was done, if that was earlier than now: what was done in time counts as in time.
        """
        self.has_stopped = True
        if at is None or at >= self.now:
            self.missed += await clocks.stop(self.connection, number, keys, self.now, self.actor, met=met)
            return
        self.late += await clock_ledger.end(
            self.connection, self.clockwork, number, keys, at, self.now, self.actor, met=met
        )


def _with_next(event: NewEvent, at: datetime, *, wakes: bool) -> NewEvent:
    """Return the event with the time of the next rung of its case's clocks."""
    return replace(event, payload={**event.payload, "next_at": at}, wakes=wakes)


def check_etag(version: int, etag: str) -> None:
    """Raise ETAG_MISMATCH if the caller means another version than the current one."""
    if etag and etag.strip('"') != str(version):
        raise CaseError(Reason.ETAG_MISMATCH, etag=str(version))


class Named(Protocol):
    """A request that names its resource."""

    @property
    def name(self) -> str:
        """Resource name."""


class Versioned(Named, Protocol):
    """A request that says which version it means; empty for the current one."""

    @property
    def etag(self) -> str:
        """The version."""


class CommandService(Protocol):
    """What a servicer needs so that its methods can be commands."""

    database: Database
    time: BusinessTime
    log: EventLog
    pulse: FeedPulse
    clockwork: Clockwork
    consequences: Mapping[str, Consequence]
    body_key: bytes
    """Key of the hash by which a request is recognised; empty if nothing in the request could be guessed."""


Request = TypeVar("Request", bound=Message)
Answer = TypeVar("Answer", bound=Message)


class Prepared(Protocol[Answer]):
    """What a command prepares before its transaction; see `before` of `command`."""

    @property
    def caller(self) -> str:
        """In whose name the request id is claimed and the history written."""

    @property
    def body(self) -> bytes:
        """The hash by which the same request is recognised."""

    def stored(self, answer: Answer) -> bytes:
        """Return the answer as it is stored for a repeat: without what must not be stored in plain."""

    async def repeated(self, connection: Connection, stored: bytes) -> Answer:
        """Return the first answer to a repeated request; take back what was prepared for it."""


@dataclass(frozen=True, slots=True)
class Keyed(Generic[Answer]):
    """What most commands prepare: nothing but the key by which a repeat is recognised."""

    caller: str
    body: bytes
    answer_type: type[Answer]

    def stored(self, answer: Answer) -> bytes:
        return answer.SerializeToString()

    async def repeated(self, connection: Connection, stored: bytes) -> Answer:
        return self.answer_type.FromString(stored)


Ready = TypeVar("Ready", bound=Prepared[Any])
Rpc = Callable[[Any, Request, grpc.aio.ServicerContext[Request, Answer]], Awaitable[Answer]]


@overload
def command(
    answer_type: type[Answer],
) -> Callable[[Callable[[Any, Request, Work], Awaitable[Answer]]], Rpc[Request, Answer]]: ...


@overload
def command(
    answer_type: type[Answer], *, before: Callable[[Any, Request, Call], Awaitable[Ready]]
) -> Callable[[Callable[[Any, Request, Work, Ready], Awaitable[Answer]]], Rpc[Request, Answer]]: ...


def command(
    answer_type: type[Answer], *, before: Callable[[Any, Request, Call], Awaitable[Prepared[Answer]]] | None = None
) -> Callable[[Callable[..., Awaitable[Answer]]], Rpc[Request, Answer]]:
    """Make a method `(self, request, work)` an RPC: claim the request id, do it, store its answer, commit.

    A repeat with the same id and body gets the first answer; with another body IDEMPOTENCY_KEY_REUSED. A servicer with
    a `body_key` remembers bodies by a keyed hash: an amount or a short sentence could be guessed from a plain one.

    `before(self, request, call)` runs before the transaction begins, and once however often that is attempted. It is
    for what must not be done inside: what needs a connection of its own, or would be undone with a rollback. The method
    gets what it returns as its last argument. A repeat runs it too, so whatever it takes must be given back there.
    """

    async def plain(self: CommandService, request: Request, call: Call) -> Prepared[Answer]:
        return Keyed(call.caller.subject, requests.body_hash(request, self.body_key), answer_type)

    prepare = before or plain

    def decorate(method: Callable[..., Awaitable[Answer]]) -> Rpc[Request, Answer]:
        async def attempt(self: CommandService, request: Request, call: Call, ready: Prepared[Answer]) -> Answer:
            request_id, caller = getattr(request, _REQUEST_ID), ready.caller
            async with self.database.begin() as connection:
                earlier = await requests.claim(connection, caller, request_id, ready.body)
                if earlier is not None:
                    call.repeat()
                    return await ready.repeated(connection, earlier)
                work = Work(
                    connection, self.time.now(), call, self.log, self.clockwork, consequences=self.consequences,
                    told_by=caller,
                )  # fmt: skip
                answer = await (method(self, request, work, ready) if before else method(self, request, work))
                await work.follow()
                await requests.remember(connection, caller, request_id, ready.stored(answer))
            self.pulse.beat()
            return answer

        @functools.wraps(method)
        async def rpc(self: CommandService, request: Request, context: Context) -> Answer:
            call = current_call()
            ready = await prepare(self, request, call)
            try:
                return await attempt(self, request, call, ready)
            except asyncpg.UniqueViolationError:
                # Another call did the same at the same moment. The second attempt finds it and is refused for it.
                try:
                    return await attempt(self, request, call, ready)
                except asyncpg.UniqueViolationError as error:
                    # The method had no check for it: that is worth knowing. Values stay out of the log.
                    log.warning("a key was taken", method=method.__qualname__, constraint=error.constraint_name)
                    raise CaseError(Reason.ALREADY_EXISTS) from None

        return rpc

    return decorate
