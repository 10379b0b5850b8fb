"""The life of a case, top to bottom: received → accepted → mediated → fulfilled → closed, with all its clocks.

The workflow holds no fact and no date of its own. It sleeps until the earliest rung of any clock of the case, asks the
owner to fire, and sleeps again. A clock that was met meanwhile costs nothing: the owner answers that nothing is due.
Only what it could not find out that way reaches it as a signal: a stage was reached, or a rung came closer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

with workflow.unsafe.imports_passed_through():
    from workflows.messages import (
        ENDED,
        LEFT,
        REOPENED,
        CaseEnd,
        CaseStart,
        CaseStep,
        Heard,
        Source,
        Stage,
        Told,
    )

STAGE = SearchAttributeKey.for_keyword("AccordStage")
UNIT = SearchAttributeKey.for_keyword("AccordUnit")
TIER = SearchAttributeKey.for_keyword("AccordTier")
NEXT_DUE = SearchAttributeKey.for_datetime("AccordNextDue")
OVERDUE = SearchAttributeKey.for_bool("AccordOverdue")

_TIMEOUT = timedelta(seconds=20)
_PATIENCE = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=1)
)
"""Activities are tried for ever: a service that is down keeps a case waiting, never loses it."""
_ROLL_EVENTS = 1000
_ROUNDING = timedelta(milliseconds=20)
"""A timer that fires a moment early must not find its rung not yet due."""
_ORDER = {
    Stage.RECEIVED: 0, Stage.ACCEPTED: 1, Stage.HANDLING: 2, Stage.MEDIATING: 3, Stage.FULFILLING: 4,
    **dict.fromkeys(ENDED, 5),
}  # fmt: skip
"""A stage never goes back, but by leaving the mediation or reopening: an event that was overtaken changes nothing."""
_CLEARS = frozenset({Stage.ACCEPTED, *ENDED})
"""Stages that stop the clocks of the service they come from."""


@workflow.defn(name="CaseWorkflow")
class CaseWorkflow:
    """One case, from receipt to closing."""

    @workflow.init
    def __init__(self, start: CaseStart) -> None:
        self.start = start
        self.number = start.number
        self.stage = start.stage
        self.next_at = dict(start.next_at)
        self.seen = dict(start.seen)
        self.inbox: list[Heard] = list(start.waiting)
        self.transfers = list(start.transfers)
        self.defaults = list(start.defaults)
        self.escalated = start.escalated
        self.unit = start.unit
        self.tier = ""
        self.overdue = 0
        self.breaches: dict[str, int] = {}
        self.generations: dict[str, int] = {}
        self.clocks: dict[str, str] = {}
        self.alarm: asyncio.Task[None] | None = None
        self.alarm_at: datetime | None = None
        self.rung = False

    @workflow.run
    async def run(self, start: CaseStart) -> CaseEnd:
        """Carry the case through its life."""
        await self.until(lambda: self.has_come_to(Stage.ACCEPTED))
        if self.stage is Stage.ACCEPTED:
            await self.open_case()
        while True:
            # Every party has said yes and a mediator has taken it on; whoever leaves takes the case back to here.
            await self.until(lambda: self.has_come_to(Stage.MEDIATING))
            # They have agreed: what was promised has its own clocks.
            await self.until(lambda: self.has_come_to(Stage.FULFILLING))
            # Closed by somebody who did not handle it, whether it was mediated, agreed or neither.
            await self.until(lambda: self.stage in ENDED)
            while self.is_due():
                # A deadline that was missed while nobody could ask is told and escalated even when the matter is over.
                await self.fire_due()
            await self.settle_escalations()
            # What runs on after the end is kept as well: follow-up visits, time to perform, time to enforce.
            await self.until(lambda: not self.next_at or self.stage not in ENDED)
            if self.stage in ENDED:
                return CaseEnd(self.stage)

    @workflow.signal(name="hear")
    def hear(self, events: list[Heard]) -> None:
        """Hear of events; those heard before are dropped."""
        self.inbox += events

    @workflow.query(name="standing")
    def standing(self) -> dict[str, str]:
        """Return stage and the next rung by service, for an operator."""
        return {"stage": self.stage, **{source: at.isoformat() for source, at in self.next_at.items()}}

    def has_come_to(self, stage: Stage) -> bool:
        """Return whether the case has come to a stage, or past it."""
        return _ORDER[self.stage] >= _ORDER[stage]

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for a turn in the case's life, keeping its clocks meanwhile."""
        while True:
            self.take_in()
            while self.transfers and await self.transfer(self.transfers[0]):
                self.transfers.pop(0)
            while self.defaults:
                await self.raise_default(self.defaults[0])
                self.defaults.pop(0)
            if reached():
                return
            self.roll_if_long()
            self.set_alarm()
            await workflow.wait_condition(lambda: bool(self.inbox) or self.rung)
            if self.rung:
                self.rung = False
                if self.is_due():
                    await self.fire_due()

    def take_in(self) -> None:
        """Take in what was heard."""
        heard, self.inbox = self.inbox, []
        for event in sorted(heard, key=lambda event: (event.source, event.sequence)):
            if event.sequence <= self.seen.get(event.source, 0):
                continue
            self.seen[event.source] = event.sequence
            if event.stage:
                self.come_to(event.stage, event)
            if event.kind == REOPENED:
                self.stage = Stage.HANDLING
            if event.next_at:
                self.learn(event.source, event.next_at)
                # What changed since is not known here: the next question is asked whatever the generation.
                self.generations.pop(event.source, None)
                self.escalated |= event.source is Source.ESCALATION
            if event.escalation:
                self.transfers.append(event.escalation)
            if event.subject:
                self.defaults.append(event.subject)
            if event.unit and event.unit != self.unit:
                self.unit = event.unit
                self.show()

    def come_to(self, stage: Stage, event: Heard) -> None:
        """Come to a stage: onwards, or back where the mediation was left."""
        back = event.kind in LEFT and self.stage in (Stage.MEDIATING, Stage.FULFILLING)
        if not (_ORDER[stage] > _ORDER[self.stage] or back):
            return
        self.stage = stage
        if stage in _CLEARS:
            self.next_at.pop(event.source, None)
        else:
            self.show()

    def learn(self, source: Source, at: datetime | None) -> None:
        """Keep when to ask a service next: the earlier one, since asking early is harmless."""
        if at is None:
            self.next_at.pop(source, None)
        elif source not in self.next_at or at < self.next_at[source]:
            self.next_at[source] = at

    async def open_case(self) -> None:
        """Open the case with its one plan, and learn when its clocks want to be asked."""
        told: Told = await workflow.execute_activity(
            "open_case",
            CaseStep(self.number),
            result_type=Told,
            start_to_close_timeout=_TIMEOUT,
            retry_policy=_PATIENCE,
            summary="open the case with its plan",
        )
        if self.stage is Stage.ACCEPTED:
            self.stage = Stage.CLOSED if told.ended else Stage.HANDLING
        self.tier = told.tier or self.tier
        self.hear_answer(Source.MEDIATION, told)
        self.show()

    def hear_answer(self, source: Source, told: Told) -> None:
        """Take what a service answered of its clocks for what holds there now."""
        self.next_at.pop(source, None)
        self.learn(source, told.next_at)
        self.generations[source], self.clocks[source] = told.generation, told.clock
        self.breaches[source] = told.overdue

    async def fire_due(self) -> None:
        """Ask the owner of the earliest rung to fire what is due; what is overdue is escalated one level up."""
        source = Source(min(self.next_at, key=lambda each: self.next_at[each]))
        told: Told = await workflow.execute_activity(
            "fire_clocks",
            CaseStep(self.number, source, generation=self.generations.get(source, 0)),
            result_type=Told,
            start_to_close_timeout=_TIMEOUT,
            retry_policy=_PATIENCE,
            summary=f"fire what is due in {source}: {self.clocks.get(source) or 'any clock'}",
        )
        self.hear_answer(source, told)
        if told.ended and self.stage not in ENDED:
            # The facts say it is over and the signal has not come (yet): believe the facts.
            self.stage = Stage.CLOSED
        changed, self.overdue = told.overdue != self.overdue, told.overdue
        if workflow.patched("shows-next-due") or changed:
            self.show()

    async def settle_escalations(self) -> None:
        """Settle the escalations of a case that is over: none of their clocks outlives it."""
        if not self.escalated:
            return
        await workflow.execute_activity(
            "settle_escalations",
            CaseStep(self.number),
            start_to_close_timeout=_TIMEOUT,
            retry_policy=_PATIENCE,
            summary="settle open escalations",
        )
        self.escalated = False
        self.next_at.pop(Source.ESCALATION, None)

    async def transfer(self, escalation: int) -> bool:
        """Carry a transfer to the case, and return whether that is settled; before it is opened there is no case."""
        settled: bool = await workflow.execute_activity(
            "transfer_case",
            CaseStep(self.number, escalation=escalation),
            result_type=bool,
            start_to_close_timeout=_TIMEOUT,
            retry_policy=_PATIENCE,
            summary=f"transfer by escalation {escalation}",
        )
        return settled

    async def raise_default(self, subject: str) -> None:
        """Raise a promise that was not kept to the unit above, as was asked for."""
        await workflow.execute_activity(
            "raise_default",
            CaseStep(self.number, subject=subject),
            start_to_close_timeout=_TIMEOUT,
            retry_policy=_PATIENCE,
            summary="raise what was not performed",
        )

    def set_alarm(self) -> None:
        """Keep one timer, for the earliest rung."""
        earliest = min(self.next_at.values(), default=None)
        if self.alarm and not self.alarm.done():
            if self.alarm_at == earliest:
                return
            self.alarm.cancel()
        if earliest is None:
            return
        self.alarm_at = earliest
        self.alarm = asyncio.create_task(self.wait_for(earliest))

    async def wait_for(self, at: datetime) -> None:
        """Sleep until a business instant."""
        await workflow.sleep(self.real_delay(at), summary=self.named(at))
        self.rung = True

    def named(self, at: datetime) -> str:
        """Return what is waited for, as an operator reads it: `until 2026-12-01 23:59 (mediation task-1.sign)`."""
        source = min(self.next_at, key=lambda each: self.next_at[each])
        return f"until {at:%Y-%m-%d %H:%M} ({source} {self.clocks.get(source, '')}".rstrip() + ")"

    def is_due(self) -> bool:
        """Return whether a rung has come; an alarm may have been set for one that is no longer of interest."""
        return any(at <= self.business_now() for at in self.next_at.values())

    def business_now(self) -> datetime:
        """Return the present instant of business time."""
        now, epoch = workflow.now(), self.start.epoch
        return now if epoch is None else epoch + (now - epoch) * self.start.speed

    def real_delay(self, at: datetime) -> timedelta:
        """Return how long that is from now, in real time."""
        return max((at - self.business_now()) / self.start.speed, timedelta()) + _ROUNDING

    def roll_if_long(self) -> None:
        """Go on in a new run before the history grows long; nothing is awaited between the test and the roll."""
        info = workflow.info()
        if info.get_current_history_length() > _ROLL_EVENTS or info.is_continue_as_new_suggested():
            workflow.continue_as_new(
                CaseStart(
                    self.number, self.unit, self.stage, self.next_at, self.seen, self.inbox,
                    self.start.speed, self.start.epoch, self.transfers, self.escalated, self.defaults,
                )
            )  # fmt: skip

    def show(self) -> None:
        """Write what operators see. The one place that does."""
        workflow.upsert_search_attributes(
            [
                STAGE.value_set(str(self.stage)),
                UNIT.value_set(self.unit),
                OVERDUE.value_set(self.overdue > 0 or any(self.breaches.values())),
                NEXT_DUE.value_set(min(self.next_at.values())) if self.next_at else NEXT_DUE.value_unset(),
                *([TIER.value_set(self.tier)] if self.tier else []),
            ]
        )


def first_attributes(stage: Stage, unit: str, next_at: datetime | None, tier: str = "") -> TypedSearchAttributes:
    """Return the search attributes a workflow is started with; `tier` is the grade of the case."""
    pairs: list[SearchAttributePair] = [SearchAttributePair(STAGE, str(stage)), SearchAttributePair(UNIT, unit)]
    if next_at:
        pairs.append(SearchAttributePair(NEXT_DUE, next_at))
    if tier:
        pairs.append(SearchAttributePair(TIER, tier))
    return TypedSearchAttributes(pairs)
