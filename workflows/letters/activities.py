"""Steps of a letter's workflow: its stage, and the draft of the next one. Nothing is signed or sent from here."""

from __future__ import annotations

import grpc
from pb.escalation.v1 import letters_pb2
from temporalio import activity

from workflows.backends import Backends
from workflows.engine.failures import failure
from workflows.messages import CaseStep, LetterStage, workflow_id


class LetterSteps:
    """The steps of a letter."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends

    @activity.defn(name="letter_stage")
    async def letter_stage(self, step: CaseStep) -> LetterStage:
        """Return a letter's stage by the facts."""
        try:
            found = await self._backends.letters.GetLetter(letters_pb2.GetLetterRequest(name=workflow_id(step.number)))
        except grpc.aio.AioRpcError as error:
            raise failure(error) from None
        return LetterStage(letters_pb2.LetterState.Name(found.state).removeprefix("LETTER_STATE_").lower())

    @activity.defn(name="draft_next_letter")
    async def draft_next_letter(self, step: CaseStep) -> str:
        """Have the letter after a failed one drafted, once; return its name, empty if none follows."""
        name = workflow_id(step.number)
        try:
            letter = await self._backends.letters.DraftNextLetter(
                letters_pb2.DraftNextLetterRequest(name=name, request_id=f"{name}/next")
            )
        except grpc.aio.AioRpcError as error:
            # A late reply, or an upheld objection: it is no longer failed.
            if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
                return ""
            raise failure(error) from None
        return str(letter.next)
