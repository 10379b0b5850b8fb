"""Keeping clocks: what the workflows of cases and of files of supervision have in common.

A workflow stores no date of its own. It sleeps until the earliest rung of any clock of its file, asks the owner to fire
it, and sleeps again; one timer, no polling.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy

with workflow.unsafe.imports_passed_through():
    from workflows.messages import CaseStep, Heard, Source, Told

FACTS_FIRST = "facts-first"
"""The patch since which a signal only wakes: its content is read from the facts before anything is done."""
TIMEOUT = timedelta(seconds=20)
PATIENCE = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=1)
)
"""Activities are retried for ever: a service that is down delays a matter, never loses it."""
AT_ONCE = timedelta(seconds=2)
"""How long a workflow task may wait for a read inside it: it blocks one of the worker's few slots meanwhile."""
ONCE = RetryPolicy(maximum_attempts=1)
LATER = Priority(priority_key=5)
"""Priority of work that is already late: one more second matters less there than where a person is waiting."""
_LOCAL = timezone(timedelta(hours=8))
"""China's time, for the timer descriptions that operators read: a named zone would be read from disk."""
_ROLL_EVENTS = 1000
_MOMENT, _LONGEST = timedelta(milliseconds=25), timedelta(seconds=30)
_ROUNDING = timedelta(milliseconds=20)
"""Added to timers: one that fires a moment early would find its rung not yet due."""


class Keeping:
    """Keeps the clocks of one file."""

    number: str

    def keep(
        self, next_at: dict[str, datetime], seen: dict[str, int], waiting: list[Heard], speed: float,
        epoch: datetime | None,
    ) -> None:  # fmt: skip
        """Begin with the known clocks; `speed` and `epoch` are those of business time."""
        self.next_at = dict(next_at)
        self.seen = dict(seen)
        self.inbox: list[Heard] = list(waiting)
        self.speed = speed
        self.epoch = epoch
        self.overdue = 0
        self.breaches: dict[str, int] = {}
        self.generations: dict[str, int] = {}
        self.clocks: dict[str, str] = {}
        self.alarm: asyncio.Task[None] | None = None
        self.alarm_at: datetime | None = None
        self.rung = False
        # How often in a row a service had nothing due yet: its system clock is behind this one's.
        self.early = 0

    @workflow.signal(name="hear")
    def hear(self, events: list[Heard]) -> None:
        """Receive events; duplicates are dropped."""
        self.inbox += events

    def look_now(self, source: Source) -> None:
        """Ask a service at once: it was named in a signal, and its response counts, not the signal."""
        self.inbox = []
        self.next_at[source] = self.business_now()
        # What changed since is unknown here: the call ignores the generation.
        self.generations.pop(source, None)

    def fresh(self) -> Iterator[Heard]:
        """Yield unseen events in order, as before the patch, when signals themselves counted."""
        heard, self.inbox = self.inbox, []
        for event in sorted(heard, key=lambda event: (event.source, event.sequence)):
            if event.sequence <= self.seen.get(event.source, 0):
                continue
            self.seen[event.source] = event.sequence
            yield event

    def learn(self, source: Source, at: datetime | None) -> None:
        """Store when to ask a service next: the earlier time, since asking early is harmless."""
        if at is None:
            self.next_at.pop(source, None)
        elif source not in self.next_at or at < self.next_at[source]:
            self.next_at[source] = at

    def hear_answer(self, source: Source, told: Told) -> None:
        """Store a service's response as the current state of its clocks."""
        self.next_at.pop(source, None)
        self.learn(source, told.next_at)
        self.generations[source], self.clocks[source] = told.generation, told.clock
        self.breaches[source] = told.overdue

    async def ask(self) -> Told:
        """Ask the owner of the earliest rung to fire due rungs; overdue ones are escalated one level up."""
        source = Source(min(self.next_at, key=lambda each: self.next_at[each]))
        told: Told = await workflow.execute_activity(
            "fire_clocks",
            CaseStep(self.number, source, generation=self.generations.get(source, 0)),
            result_type=Told,
            start_to_close_timeout=TIMEOUT,
            retry_policy=PATIENCE,
            priority=LATER,
            summary=f"fire what is due in {source}: {self.clocks.get(source) or 'any clock'}",
        )
        self.hear_answer(source, told)
        ahead = told.next_at is not None and told.next_at <= self.business_now()
        self.early = self.early + 1 if ahead else 0
        return told

    async def wake(self) -> bool:
        """Sleep until an event arrives or a rung is due; return whether a rung is due."""
        self.set_alarm()
        await workflow.wait_condition(lambda: bool(self.inbox) or self.rung)
        if not self.rung:
            return False
        self.rung = False
        return self.is_due()

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
        await workflow.sleep(max(self.real_delay(at), self.patience()), summary=self.named(at))
        self.rung = True

    def named(self, at: datetime) -> str:
        """Return a description of the wait: `until 2026-12-01 23:59 +08:00 (mediation task-1.sign)`."""
        source = min(self.next_at, key=lambda each: self.next_at[each])
        clock = f"{source} {self.clocks.get(source, '')}".rstrip()
        return f"until {at.astimezone(_LOCAL):%Y-%m-%d %H:%M} +08:00 ({clock})"

    def is_due(self) -> bool:
        """Return whether a rung is due; an alarm may have been set for one that no longer matters."""
        return any(at <= self.business_now() for at in self.next_at.values())

    def business_now(self) -> datetime:
        """Return the present instant of business time."""
        now = workflow.now()
        return now if self.epoch is None else self.epoch + (now - self.epoch) * self.speed

    def real_delay(self, at: datetime) -> timedelta:
        """Return the real time from now until then."""
        return max((at - self.business_now()) / self.speed, timedelta()) + _ROUNDING

    def patience(self) -> timedelta:
        """Return how long to wait for a system clock that is behind: longer each time, to avoid a busy loop."""
        return min(_MOMENT * 2**self.early, _LONGEST) if self.early else timedelta()

    def is_long(self) -> bool:
        """Return whether the history has grown long: then continue in a new run, without an await in between."""
        info = workflow.info()
        return info.get_current_history_length() > _ROLL_EVENTS or info.is_continue_as_new_suggested()
