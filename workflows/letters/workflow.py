"""The life of a supervision letter: drafted → signed → served → received → answered → verified; or the next one.

Every change is made by a person, or by a clock that ran out, and is a fact stored by the service. The workflow keeps
the letter's clocks, follows its changes, and does the one thing that nobody does manually: if the letter failed, it has
the next rung drafted. Only a draft; nothing is signed or sent from here.
"""

from __future__ import annotations

from collections.abc import Callable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.engine.attributes import NEXT_DUE, OVERDUE, UNIT
    from workflows.keeping import FACTS_FIRST, PATIENCE, TIMEOUT, Keeping
    from workflows.messages import (
        LETTER_OVER,
        LETTER_TURNS,
        CaseStep,
        FileStart,
        LetterEnd,
        LetterStage,
        Source,
        number_of_workflow,
    )

_ORDER = {
    LetterStage.DRAFTED: 0, LetterStage.APPROVED: 1, LetterStage.SERVED: 2, LetterStage.RECEIVED: 3,
    LetterStage.REPLIED: 4, **dict.fromkeys(LETTER_OVER, 5),
}  # fmt: skip


@workflow.defn(name="LetterWorkflow")
class LetterWorkflow(Keeping):
    """One letter, from its draft to its end."""

    @workflow.init
    def __init__(self, start: FileStart) -> None:
        self.number = number_of_workflow(workflow.info().workflow_id)
        self.unit = start.unit
        self.stage = LetterStage.DRAFTED
        self.keep(start.next_at, start.seen, start.waiting, start.speed, start.epoch)

    @workflow.run
    async def run(self, start: FileStart) -> LetterEnd:
        """Run the letter through its whole life."""
        await self.find_stage()
        # One person takes the draft up and another signs it; or it is discarded.
        await self.until(lambda: self.has_come_to(LetterStage.APPROVED))
        await self.until(lambda: self.has_come_to(LetterStage.SERVED))
        # The unit confirms receipt; if it does not in time, the letter counts as received.
        await self.until(lambda: self.has_come_to(LetterStage.RECEIVED))
        # The unit reports what it did; an interview is held first.
        await self.until(lambda: self.has_come_to(LetterStage.REPLIED))
        while True:
            # Verified by somebody who did not write the reply; or failed, withdrawn, annulled.
            await self.until(lambda: self.stage in LETTER_OVER)
            if self.stage is LetterStage.FAILED:
                await self.draft_next()
            # Clocks that still run are kept too: the time to object, an objection, a late reply.
            await self.until(lambda: not self.next_at or self.stage not in LETTER_OVER)
            if self.stage in LETTER_OVER:
                return LetterEnd(self.number, self.stage)

    @workflow.query(name="standing")
    def standing(self) -> dict[str, str]:
        """Return stage and the next rung by service, for an operator."""
        return {"stage": self.stage, **{source: at.isoformat() for source, at in self.next_at.items()}}

    def has_come_to(self, stage: LetterStage) -> bool:
        """Return whether the letter has reached a stage, or is past it."""
        return _ORDER[self.stage] >= _ORDER[stage]

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for a change of the letter, keeping its clocks meanwhile."""
        while True:
            await self.take_in()
            if reached():
                return
            self.roll_if_long()
            if await self.wake():
                await self.ask()
                self.show()

    async def take_in(self) -> None:
        """Handle what was signalled: the letter's current stage, and when to ask its clocks."""
        if self.inbox and workflow.patched(FACTS_FIRST):
            while self.inbox:  # a signal that arrives while the facts are read is only a hint, too
                self.look_now(Source.ESCALATION)
                await self.find_stage()
            return
        for event in self.fresh():
            self.stage = LETTER_TURNS.get(event.kind, self.stage)
            if event.next_at:
                self.learn(event.source, event.next_at)
                # What changed since is unknown here: the next call ignores the generation.
                self.generations.pop(event.source, None)

    async def find_stage(self) -> None:
        """Ask for the letter's stage: a lost workflow is started again in the middle of the letter's life."""
        self.stage = await workflow.execute_activity(
            "letter_stage",
            CaseStep(self.number),
            result_type=LetterStage,
            start_to_close_timeout=TIMEOUT,
            retry_policy=PATIENCE,
            summary="find where the letter stands",
        )

    async def draft_next(self) -> None:
        """Have the next rung drafted; however often this is requested, it is drafted once."""
        await workflow.execute_activity(
            "draft_next_letter",
            CaseStep(self.number),
            result_type=str,
            start_to_close_timeout=TIMEOUT,
            retry_policy=PATIENCE,
            summary="draft the next letter",
        )

    def roll_if_long(self) -> None:
        """Continue in a new run before the history grows long; nothing is awaited between the check and the roll."""
        if self.is_long():
            workflow.continue_as_new(
                FileStart(self.number, self.unit, self.next_at, self.seen, self.inbox, self.speed, self.epoch)
            )

    def show(self) -> None:
        """Write what operators see."""
        workflow.upsert_search_attributes(
            [
                UNIT.value_set(self.unit),
                OVERDUE.value_set(any(self.breaches.values())),
                NEXT_DUE.value_set(min(self.next_at.values())) if self.next_at else NEXT_DUE.value_unset(),
            ]
        )
