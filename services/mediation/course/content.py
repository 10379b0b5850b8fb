"""What a reporter adds, corrects or withdraws once the case is open: taken over from intake."""

from __future__ import annotations

from pb.mediation.v1 import case_pb2, content_pb2_grpc
from pb.mediation.v1 import content_pb2 as pb

from casework.case import DONE, Stage
from casework.mediation.plan import WITHDRAWN
from services.kit.command import Work, command
from services.kit.composition import Parts
from services.kit.storage.events import NewEvent
from services.mediation import keys, record, store, view
from services.mediation.models.cases import Case, Task
from services.mediation.people.adding import Adding
from services.mediation.plans import adding
from services.mediation.servicer import Servicer


class CaseContentServicer(Servicer, content_pb2_grpc.CaseContentServiceServicer):
    """Serves what was told at the door, as the case has it."""

    body_key_name = "requests of contents"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._adding = Adding(parts.sealer)

    @command(case_pb2.Case)
    async def UpdateCaseContent(self, request: pb.UpdateCaseContentRequest, work: Work) -> case_pb2.Case:
        """Take over the content; whoever withdrew is asked about it by the accountable unit, once."""
        case = await record.locked(work, request.name)
        sealer = await keys.writing(work.connection, self.sealer, case)
        before = keys.content_of(self.sealer, case)
        sealed = sealer.seal(request.content.SerializeToString())
        changed = await store.change(work.connection, case.number, work.now, sealed=sealed)
        task = await self._ask(work, changed) if request.withdrawn else None
        if task is not None:
            changed = await store.get(work.connection, case.number)
        payload = {"task": task.task, "unit": task.unit, "due_at": task.due_at} if task else {}
        event = {**payload, "stage": changed.stage.name}
        await work.append(NewEvent(case.number, "CaseContentUpdated", case.unit, event))
        await self._adding.correct(work, changed, before, request.content)
        return view.case(changed, work.now)

    async def _ask(self, work: Work, case: Case) -> Task | None:
        """Give the accountable unit the task to speak with whoever withdrew, if it has none and is not closing."""
        tasks = await store.tasks_of(work.connection, case.number)
        asked = any(each.key == WITHDRAWN and each.state not in DONE for each in tasks)
        if asked or case.stage not in (Stage.HANDLING, Stage.HANDLED):
            return None
        return await adding.add(work, case, self.rules.plans.added[WITHDRAWN], case.unit)
