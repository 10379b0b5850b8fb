"""The life of a case, top to bottom: received → accepted → mediated → fulfilled → closed, with all its clocks.

The workflow stores no facts and no dates of its own. It sleeps until the earliest rung of any clock of the case, asks
the owner to fire it, and sleeps again. A clock met meanwhile is harmless: the owner returns that nothing is due.
Signals tell it only what it cannot learn that way: a stage was reached, or a rung moved earlier.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from temporalio import workflow
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from workflows.engine.attributes import NEXT_DUE, OVERDUE, STAGE, TIER, UNIT
    from workflows.keeping import AT_ONCE, FACTS_FIRST, ONCE, PATIENCE, TIMEOUT, Keeping
    from workflows.messages import (
        DISPUTED,
        ENDED,
        LEFT,
        OVERDUE_TOLD,
        RECHECK,
        REOPENED,
        UNMERGED,
        Asked,
        CaseEnd,
        CaseStart,
        CaseStep,
        Heard,
        Read,
        Source,
        Stage,
        Told,
        number_of_workflow,
    )

_ORDER = {
    Stage.RECEIVED: 0, Stage.ACCEPTED: 1, Stage.HANDLING: 2, Stage.MEDIATING: 3, Stage.FULFILLING: 4,
    **dict.fromkeys(ENDED, 5),
}  # fmt: skip
"""A stage never goes back, except by leaving mediation or reopening: an outdated event changes nothing."""
_CLEARS = frozenset({Stage.ACCEPTED, *ENDED})
"""Stages that stop the clocks of the service that reports them."""


@workflow.defn(name="CaseWorkflow")
class CaseWorkflow(Keeping):
    """One case, from receipt to closing."""

    @workflow.init
    def __init__(self, start: CaseStart) -> None:
        self.number = number_of_workflow(workflow.info().workflow_id)
        self.stage = start.stage
        self.keep(start.next_at, start.seen, start.waiting, start.speed, start.epoch)
        self.transfers = list(start.transfers)
        self.defaults = list(start.defaults)
        self.escalated = start.escalated
        self.unit = start.unit
        self.tier = ""
        self.version = start.version
        # A start can be forged like a signal: a case counts as over only if the facts say so.
        self.proven = False

    @workflow.run
    async def run(self, start: CaseStart) -> CaseEnd:
        """Run the case through its whole life."""
        await self.until(lambda: self.has_come_to(Stage.ACCEPTED))
        if self.stage is Stage.ACCEPTED:
            await self.open_case()
        while True:
            # Every party has consented and a mediator has accepted; a party that leaves takes the case back to here.
            await self.until(lambda: self.has_come_to(Stage.MEDIATING))
            # They have agreed: performance has its own clocks.
            await self.until(lambda: self.has_come_to(Stage.FULFILLING))
            # Closed by somebody who did not handle it, whether it was mediated, agreed or neither.
            await self.until(lambda: self.stage in ENDED)
            if not self.proven and self.does(FACTS_FIRST):
                self.inbox.append(Heard(Source.MEDIATION, 0, RECHECK))
                await self.take_in()
                continue
            while self.is_due() and not self.early:
                # A deadline missed during an outage is reported and escalated even if the matter is over.
                await self.fire_due()
            await self.settle_escalations()
            # Clocks that run after the end are kept too: follow-up visits, time to perform, time to enforce.
            await self.until(lambda: not self.next_at or self.stage not in ENDED)
            if self.stage in ENDED:
                return CaseEnd(self.stage)

    @workflow.query(name="standing")
    def standing(self) -> dict[str, str]:
        """Return stage and the next rung by service, for an operator."""
        return {"stage": self.stage, **{source: at.isoformat() for source, at in self.next_at.items()}}

    def does(self, patch: str) -> bool:
        """Return whether a patch applies: always in workflows started with a version, otherwise by the history."""
        return self.version > 0 or workflow.patched(patch)

    def has_come_to(self, stage: Stage) -> bool:
        """Return whether the case has reached a stage, or is past it."""
        return _ORDER[self.stage] >= _ORDER[stage]

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for a change in the case, keeping its clocks meanwhile."""
        while True:
            await self.take_in()
            while self.transfers and await self.transfer(self.transfers[0]):
                self.transfers.pop(0)
            while self.defaults:
                await self.raise_default(self.defaults[0])
                self.defaults.pop(0)
            if reached():
                return
            if self.stage is Stage.ACCEPTED:
                # Accepted only after it was assumed to be further on.
                await self.open_case()
                continue
            self.roll_if_long()
            if await self.wake():
                await self.fire_due()

    async def find_out(self) -> list[Heard]:
        """Return what happened, by the facts, in the services named by signals."""
        heard, self.inbox = self.inbox, []
        sources = {event.source for event in heard}
        # A stage claimed by a start, which only the facts can prove, is not relied on.
        believed = self.proven or self.stage in (Stage.RECEIVED, Stage.ACCEPTED)
        whole = not believed or any(event.kind == RECHECK for event in heard)
        seen = {
            str(source): 0 if whole else self.seen.get(source, 0) for source in Source if whole or source in sources
        }
        read = await self.read(Asked(self.number, seen))
        if read.anew or whole:
            # Everything from its beginning: what is known here may never have been true. Never for one service's
            # history alone: that of escalation does not include the stage.
            self.stage, self.proven, self.escalated = Stage.RECEIVED, True, True
            self.seen = {}
        self.seen.update(read.seen)
        return read.events

    async def read(self, asked: Asked) -> Read:
        """Read what happened: within the workflow task if that is fast, as nearly always, else with retries."""
        if self.version:
            with suppress(FailureError):
                return await workflow.execute_local_activity(
                    "read_chains", asked, result_type=Read, schedule_to_close_timeout=AT_ONCE, retry_policy=ONCE,
                    summary="read what happened",
                )  # fmt: skip
        read: Read = await workflow.execute_activity(
            "read_chains",
            asked,
            result_type=Read,
            start_to_close_timeout=TIMEOUT,
            retry_policy=PATIENCE,
            summary="read what happened",
        )
        return read

    async def take_in(self) -> None:
        """Apply what happened."""
        if self.version and self.may_open():
            # Opening asks intake itself whether it was accepted: reading that here as well would be redundant.
            self.inbox, self.stage = [], Stage.ACCEPTED
            # The acceptance met the clocks of intake, or it would name the one that still runs.
            self.next_at.pop(Source.INTAKE, None)
            return
        facts_first = bool(self.inbox) and self.does(FACTS_FIRST)
        before = self.stage
        events = await self.find_out() if facts_first else list(self.fresh())
        for event in events:
            self.proven = self.proven or facts_first
            if event.stage:
                self.come_to(event.stage, event)
            if event.kind in (REOPENED, UNMERGED, DISPUTED):
                self.stage = Stage.HANDLING if event.kind == REOPENED else Stage.RECEIVED
            if event.next_at:
                self.learn(event.source, event.next_at)
                # What changed since is unknown here: the next call ignores the generation.
                self.generations.pop(event.source, None)
                self.escalated |= event.source is Source.ESCALATION
            if event.escalation:
                self.transfers.append(event.escalation)
            if event.subject:
                self.defaults.append(event.subject)
            if event.unit and event.unit != self.unit:
                self.unit = event.unit
                self.show()
        for event in events if facts_first else ():
            # A breach may be recorded by the same command that ended the matter, before the end in the same
            # transaction: the end stops clocks, it does not withdraw a breach.
            if event.kind == OVERDUE_TOLD and event.next_at:
                self.learn(event.source, event.next_at)
        if facts_first and self.stage is not before and self.stage is not Stage.ACCEPTED:
            self.show()

    def come_to(self, stage: Stage, event: Heard) -> None:
        """Move to a stage: forward, or back if the mediation was left."""
        back = event.kind in LEFT and self.stage in (Stage.MEDIATING, Stage.FULFILLING)
        if not (_ORDER[stage] > _ORDER[self.stage] or back):
            return
        self.stage = stage
        if stage in _CLEARS:
            self.next_at.pop(event.source, None)
        else:
            self.show()

    def may_open(self) -> bool:
        """Return whether the only news is that the waiting report was accepted."""
        accepted = all(
            event.source is Source.INTAKE and event.stage is Stage.ACCEPTED and not event.next_at
            for event in self.inbox
        )
        return self.stage is Stage.RECEIVED and bool(self.inbox) and accepted

    async def open_case(self) -> None:
        """Open the case with its one plan, and learn when to ask its clocks."""
        told: Told = await workflow.execute_activity(
            "open_case",
            CaseStep(self.number),
            result_type=Told,
            start_to_close_timeout=TIMEOUT,
            retry_policy=PATIENCE,
            summary="open the case with its plan",
        )
        if told.stage:
            # Nobody accepted it: the history is read, and replaces what the signals said.
            self.stage = told.stage
            self.inbox.append(Heard(Source.INTAKE, 0, RECHECK))
            return
        if self.stage is Stage.ACCEPTED:
            self.proven = self.proven or told.ended or self.version > 0
            self.stage = Stage.CLOSED if told.ended else Stage.HANDLING
        self.tier = told.tier or self.tier
        self.hear_answer(Source.MEDIATION, told)
        self.show()

    async def fire_due(self) -> None:
        """Ask the owner of the earliest rung to fire due rungs; overdue ones are escalated one level up."""
        told = await self.ask()
        if told.ended and self.stage not in ENDED:
            # The facts say it is over and the signal has not arrived (yet): trust the facts.
            self.stage, self.proven = Stage.CLOSED, True
        changed, self.overdue = told.overdue != self.overdue, told.overdue
        if self.does("shows-next-due") or changed:
            self.show()

    async def settle_escalations(self) -> None:
        """Settle the escalations of a case that is over, so that none of their clocks outlives it."""
        if not self.escalated:
            return
        await workflow.execute_activity(
            "settle_escalations",
            CaseStep(self.number),
            start_to_close_timeout=TIMEOUT,
            retry_policy=PATIENCE,
            summary="settle open escalations",
        )
        self.escalated = False
        self.next_at.pop(Source.ESCALATION, None)

    async def transfer(self, escalation: int) -> bool:
        """Apply a transfer to the case, and return whether that is done; before it is opened there is no case."""
        settled: bool = await workflow.execute_activity(
            "transfer_case",
            CaseStep(self.number, escalation=escalation),
            result_type=bool,
            start_to_close_timeout=TIMEOUT,
            retry_policy=PATIENCE,
            summary=f"transfer by escalation {escalation}",
        )
        return settled

    async def raise_default(self, subject: str) -> None:
        """Escalate a default to the unit above, as requested."""
        await workflow.execute_activity(
            "raise_default",
            CaseStep(self.number, subject=subject),
            start_to_close_timeout=TIMEOUT,
            retry_policy=PATIENCE,
            summary="raise what was not performed",
        )

    def roll_if_long(self) -> None:
        """Continue in a new run before the history grows long; nothing is awaited between the check and the roll."""
        if self.is_long():
            workflow.continue_as_new(
                CaseStart(
                    self.number, self.unit, self.stage, self.next_at, self.seen, self.inbox,
                    self.speed, self.epoch, self.transfers, self.escalated, self.defaults, self.version,
                )
            )  # fmt: skip

    def show(self) -> None:
        """Write what operators see; the only place that does."""
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
