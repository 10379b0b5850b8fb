"""The relay: the first consumer of the feeds. It notifies workflows of events, at least once.

It follows each feed in two lanes: what a person did is signalled at once, however large the backlog of an import or of
many clocks is. Order between them does not matter: a notified workflow reads what happened from the facts.

Durable: signalled events are acknowledged while the rest of a batch is still being sent, so that a killed relay
continues where it was, however often.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog
import uvloop
from opentelemetry import context as otel_context
from opentelemetry import propagate
from pb.feed.v1 import feed_pb2
from prometheus_client import Counter
from temporalio.client import Client
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from casework.names import area_of_number, collection_of, number_of
from services.kit.serving import telemetry
from services.kit.serving.businesstime import BusinessTime
from services.kit.serving.health import serve_health
from services.kit.serving.loops import Loop, Loops
from services.kit.serving.settings import ClientSettings, read_settings
from workflows.backends import Backends
from workflows.cases.workflow import first_attributes
from workflows.chains import heard
from workflows.engine.runtime import connect, watch_engine
from workflows.feeds import attachments, erasures, facts, notices, places, reporters, standings, terms
from workflows.feeds.places import Place
from workflows.files import workflow as file
from workflows.hooks.following import Deliverer, keep_delivering
from workflows.hooks.posting import Poster
from workflows.messages import (
    CASE_WORKFLOW,
    DEFAULT_PURSUED,
    DISPUTED,
    HEAR,
    REOPENED,
    TASK_QUEUE,
    UNMERGED,
    VERSION,
    CaseStart,
    FileStart,
    Heard,
    Source,
    Stage,
    file_workflow,
    is_case,
    workflow_id,
)
from workflows.nets import net
from workflows.notices import sending
from workflows.notices.settings import RelaySettings

log = structlog.get_logger()

_BATCH = 200


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane: its name as a consumer, how many workflows are notified at a time, and its priority.

    Many at a time keep the engine busy; few do not keep others waiting.
    """

    consumer: str
    lane: feed_pb2.Lane
    at_once: int
    priority: int


LANES = (Lane("relay", feed_pb2.LANE_PERSON, 32, 2), Lane("relay-bulk", feed_pb2.LANE_BULK, 8, 4))

TOLD = Counter("accord_relay_told_total", "Events signalled to workflows.", ["source"])

_AGAIN = {
    REOPENED: Stage.HANDLING, UNMERGED: Stage.RECEIVED, DISPUTED: Stage.RECEIVED, DEFAULT_PURSUED: Stage.CLOSED,
}  # fmt: skip
"""The stage at which the new workflow of a case begins whose workflow had ended."""


class Teller:
    """Notifies workflows, starting those that do not exist."""

    def __init__(self, client: Client, settings: ClientSettings, lane: Lane) -> None:
        self._client = client
        self._time = BusinessTime.of(settings)
        self._slots = asyncio.Semaphore(lane.at_once)
        self._priority = Priority(priority_key=lane.priority)

    async def tell(self, number: str, unit: str, tier: str, events: list[Heard], trace: str = "") -> None:
        """Notify one case's workflow of its events; start it if it does not exist; ignore it if it has ended."""
        async with self._slots:
            token = otel_context.attach(propagate.extract({"traceparent": trace})) if trace else None
            try:
                await self._tell(number, unit, tier, events)
            except WorkflowAlreadyStartedError:
                # It ran and ended. Events after its end (a late read of its content, say) need no workflow.
                log.info("notified an ended case", case=number, kinds=[event.kind for event in events])
            finally:
                if token:
                    otel_context.detach(token)

    async def _tell(self, number: str, unit: str, tier: str, events: list[Heard]) -> None:
        if not is_case(number):
            await self._keep_file(number, unit, events)
            return
        if events[0].source is not Source.MEDIATION:
            # It may not exist, or wait before its first task: only signal-with-start wakes it.
            await self._start(number, unit, tier, events)
            return
        try:
            # By far the usual case, and a plain signal costs the engine less than signal-with-start.
            await self._client.get_workflow_handle(workflow_id(number)).signal(HEAR, events)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            await self._start(number, unit, tier, events)

    async def _keep_file(self, number: str, unit: str, events: list[Heard]) -> None:
        """Notify the workflow of a file, or start one: it asks every clock at once, so it needs no further data."""
        now = self._time.now()
        await self._client.start_workflow(
            file_workflow(number),
            FileStart(number, unit, {str(Source.ESCALATION): now}, speed=self._time.speed, epoch=self._time.epoch),
            id=workflow_id(number),
            task_queue=TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=file.first_attributes(collection_of(number), unit, now),
            priority=self._priority,
            start_signal=HEAR,
            start_signal_args=[events],
        )

    async def _start(self, number: str, unit: str, tier: str, events: list[Heard]) -> None:
        first, reuse = events[0], WorkflowIDReusePolicy.REJECT_DUPLICATE
        start, rest = CaseStart(number, unit, speed=self._time.speed, epoch=self._time.epoch, version=VERSION), events
        if first.sequence == 1 and first.source is Source.INTAKE:
            # The first events are part of the start: one message and one workflow task less. If the
            # workflow already exists, it already knows them.
            known = {str(first.source): first.next_at} if first.next_at else {}
            stage = first.stage or Stage.RECEIVED
            start = replace(start, stage=stage, next_at=known, seen={str(first.source): first.sequence})
            rest = events[1:]
        else:
            # Its first events were signalled to a lost workflow: it asks every clock of the case at once.
            start = replace(start, next_at={str(source): self._time.now() for source in Source}, escalated=True)
            kinds = {event.kind for event in events}
            if kinds & _AGAIN.keys():
                # The events after which a case whose workflow has ended gets another.
                stage = next(stage for kind, stage in _AGAIN.items() if kind in kinds)
                start, reuse = replace(start, stage=stage), WorkflowIDReusePolicy.ALLOW_DUPLICATE
            elif any(event.kind.startswith("Clock") and event.next_at for event in events):
                # A right that begins or continues after the case is over: it reads the case's stage from the facts.
                reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE
        more: dict[str, Any] = {"start_signal": HEAR, "start_signal_args": [rest]} if rest else {}
        if start.next_at and start.seen and not rest:
            # Until the first rung or the next event it has nothing to do: this saves a workflow task and a timer for
            # each report that waits in intake, and an import of thousands delays nobody.
            more["start_delay"] = self._time.real_delay(min(start.next_at.values()), self._time.now())
        await self._client.start_workflow(
            CASE_WORKFLOW,
            start,
            id=workflow_id(number),
            task_queue=TASK_QUEUE,
            id_reuse_policy=reuse,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=first_attributes(start.stage, unit, first.next_at, tier),
            priority=self._priority,
            **more,
        )


async def follow(loop: Loop, source: Source, lane: Lane, backends: Backends, teller: Teller) -> None:
    """Follow one lane of a service's feed until it breaks off; it resumes from the acknowledged position."""
    request = feed_pb2.WatchEventsRequest(
        service=source, consumer=lane.consumer, only_waking=True, batch_size=_BATCH, lane=lane.lane
    )
    stream = backends.feeds[source].WatchEvents(request)
    await stream.initial_metadata()
    if not stream.done():
        loop.turned()
    async with Place(backends.feeds[source], source, lane.consumer) as place:
        async for batch in stream:
            loop.begin()
            async for position in told(teller, source, batch):
                place.reach(position)
                loop.begin()
            TOLD.labels(source).inc(len(batch.events))
            loop.turned()


async def told(teller: Teller, source: Source, batch: feed_pb2.WatchEventsResponse) -> AsyncIterator[int]:
    """Notify every workflow of a batch; yield, now and then, the position up to which all have been notified."""
    left: dict[str, int] = {}
    for event in batch.events:
        left.setdefault(number_of(event.case), event.position)
    telling = {asyncio.create_task(teller.tell(*case)): case[0] for case in _by_case(source, batch.events)}
    told_up_to, failed = 0, None
    try:
        while True:
            if telling:
                done, _ = await asyncio.wait(telling, timeout=places.EVERY)
                for task in done:
                    number = telling.pop(task)
                    if error := task.exception():
                        failed = error
                    else:
                        del left[number]
            position = min(left.values()) - 1 if left else batch.position
            if position > told_up_to and position > 0:
                told_up_to = position
                yield position
            if failed:
                raise failed
            if not telling:
                return
    finally:
        for task in telling:
            task.cancel()


def _by_case(source: Source, events: Iterable[feed_pb2.Event]) -> list[tuple[str, str, str, list[Heard], str]]:
    cases: dict[str, tuple[str, str, str, list[Heard], str]] = {}
    for event in events:
        number = number_of(event.case)
        unit = event.payload.fields["unit"].string_value.removeprefix("units/") or area_of_number(number)
        # Old events have `low` instead of `GRADE_LOW`.
        tier = event.payload.fields["grade"].string_value.removeprefix("GRADE_").lower()
        case = cases.setdefault(number, (number, unit, tier, [], event.trace_parent))
        case[3].append(heard(source, event))
    return list(cases.values())


async def relay(settings: RelaySettings) -> None:
    """Follow all feeds until told to stop."""
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    loops, backends = Loops(), Backends.of(settings)
    standing = {"temporal": "not connected yet"}
    health = await serve_health(settings, lambda: standing | loops.standing())
    # The safety net does not need Temporal: while it is down, deadlines fire late.
    loops.start("net", lambda loop: net.keep(loop, backends, settings.time_speed), net.WITHIN)
    # Neither does the read model of supervision.
    for source in facts.SOURCES:
        project = partial(facts.project, source=source, facts=facts.FactsBackends.of(backends))
        loops.start(f"facts-{source}", project, facts.WITHIN)
    # Neither does the standing of cases.
    loops.start("terms", lambda loop: terms.tell_all(loop, backends), terms.WITHIN)
    loops.start("standings", lambda loop: standings.hand_on_all(loop, backends))
    # Neither does what reporters do by their receipt.
    loops.start("reporters", lambda loop: reporters.pass_on_all(loop, backends))
    # Neither does what partners attach.
    loops.start("attachments", lambda loop: attachments.bring_all(loop, backends))
    # Neither do erasures.
    for source in (Source.MEDIATION, Source.INTAKE):
        loops.start(f"erasures-{source}", partial(erasures.carry, backends=backends, source=source))
    # Neither do notices.
    outbox = notices.Outbox(backends, notices.heard(settings.rules), asyncio.Event())
    for source in notices.SOURCES:
        for consumer in notices.LANES:
            take_down = partial(notices.take_down, source=source, consumer=consumer, outbox=outbox)
            loops.start(f"{consumer}-{source}", take_down)
    sender = sending.Sender.of(backends, settings)
    loops.start("sender", partial(sending.keep_sending, sender=sender, more=outbox.more), sending.WITHIN)
    # Neither do events for other systems.
    poster = Poster(settings.hook_networks)
    loops.start("hooks", partial(keep_delivering, deliverer=Deliverer(backends, poster)))
    connecting = asyncio.ensure_future(connect(settings))
    await asyncio.wait({connecting, asyncio.ensure_future(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    if connecting.done():
        client = connecting.result()
        loops.start("temporal", lambda loop: watch_engine(loop, client))
        for lane in LANES:
            teller = Teller(client, settings, lane)
            for source in Source:
                work = partial(follow, source=source, lane=lane, backends=backends, teller=teller)
                loops.start(f"{lane.consumer}-{source}", work)
        loops.start("held", partial(net.keep_held, client=client, backends=backends, time=BusinessTime.of(settings)),
                    net.WITHIN)  # fmt: skip
        log.info("relaying")
        await stop.wait()
    connecting.cancel()
    await loops.stop()
    await sender.close()
    await poster.close()
    await backends.close()
    if health:
        health.close()


def main() -> None:
    """Run the relay."""
    settings = read_settings(RelaySettings)
    telemetry.set_up(settings, "relay")
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(relay(settings))


if __name__ == "__main__":
    main()
