"""The workflow of a file of supervision: it keeps its clocks until none has a rung to come.

People act on a matter of the ledger, a review or a warning through commands; only its deadlines need a workflow. One
that has ended is started again by the event that starts the next clock.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from temporalio import workflow
from temporalio.common import SearchAttributePair, TypedSearchAttributes

with workflow.unsafe.imports_passed_through():
    from workflows.engine.attributes import NEXT_DUE, OVERDUE, STAGE, UNIT
    from workflows.keeping import FACTS_FIRST, PATIENCE, TIMEOUT, Keeping
    from workflows.messages import FINDING_RECORDED, FileEnd, FileStart, Source, number_of_workflow


@workflow.defn(name="FileWorkflow")
class FileWorkflow(Keeping):
    """One file, as long as it has a clock to keep."""

    @workflow.init
    def __init__(self, start: FileStart) -> None:
        self.number = number_of_workflow(workflow.info().workflow_id)
        self.unit = start.unit
        self.keep(start.next_at, start.seen, start.waiting, start.speed, start.epoch)
        # A new one, also after a rebuild, checks whether a finding is still to be sent.
        self.findings = start.findings or start.number.startswith("campaigns-")
        self.carrying: asyncio.Task[None] | None = None

    @workflow.run
    async def run(self, start: FileStart) -> FileEnd:
        """Keep the file's clocks."""
        while True:
            self.take_in()
            self.carry()
            if not self.next_at:
                if self.carrying:
                    await self.carrying
                    self.carrying = None
                    continue
                return FileEnd(self.number)
            if self.is_long():
                on_its_way = self.findings or (self.carrying is not None and not self.carrying.done())
                workflow.continue_as_new(
                    FileStart(
                        self.number, self.unit, self.next_at, self.seen, self.inbox, self.speed, self.epoch, on_its_way
                    )
                )
            if await self.wake():
                await self.ask()
                self.show()

    def take_in(self) -> None:
        """Handle what was signalled: whether a finding is to be sent, and when to ask the clocks."""
        if self.inbox and workflow.patched(FACTS_FIRST):
            self.findings = self.findings or any(event.kind == FINDING_RECORDED for event in self.inbox)
            self.look_now(Source.ESCALATION)
        for event in self.fresh():
            self.findings = self.findings or event.kind == FINDING_RECORDED
            if event.next_at:
                self.learn(event.source, event.next_at)
                # What changed since is unknown here: the next call ignores the generation.
                self.generations.pop(event.source, None)

    def carry(self) -> None:
        """Send findings to intake while keeping the clocks: an unavailable intake delays no deadline."""
        if self.findings and (self.carrying is None or self.carrying.done()):
            self.carrying = asyncio.create_task(self.carry_findings())

    async def carry_findings(self) -> None:
        """Send every finding of the campaign that has not arrived, including those recorded meanwhile."""
        while self.findings:
            self.findings = False
            await workflow.execute_activity(
                "hand_over_findings",
                self.number,
                start_to_close_timeout=TIMEOUT,
                retry_policy=PATIENCE,
                summary="carry findings into intake",
            )

    @workflow.query(name="standing")
    def standing(self) -> dict[str, str]:
        """Return the next rung by service, for an operator."""
        return {source: at.isoformat() for source, at in self.next_at.items()}

    def show(self) -> None:
        """Write what operators see."""
        workflow.upsert_search_attributes(
            [
                UNIT.value_set(self.unit),
                OVERDUE.value_set(any(self.breaches.values())),
                NEXT_DUE.value_set(min(self.next_at.values())) if self.next_at else NEXT_DUE.value_unset(),
            ]
        )


def first_attributes(stage: str, unit: str, next_at: datetime | None) -> TypedSearchAttributes:
    """Return the search attributes a file's workflow is started with; `stage` is its collection, `letters`."""
    pairs: list[SearchAttributePair] = [SearchAttributePair(STAGE, stage), SearchAttributePair(UNIT, unit)]
    if next_at:
        pairs.append(SearchAttributePair(NEXT_DUE, next_at))
    return TypedSearchAttributes(pairs)
