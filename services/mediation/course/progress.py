"""The progress of a case, in plain words."""

from __future__ import annotations

from collections.abc import Iterable

from pb.intake.v1 import report_pb2
from pb.mediation.v1 import progress_pb2 as pb
from pb.mediation.v1 import progress_pb2_grpc

from casework import names
from casework.case import Stage, TaskState
from casework.door.progress import OUTCOME_WORDS, NextStep
from casework.mediation.course import MediationState
from services.kit import other_routes
from services.kit.clocks import clocks
from services.kit.clocks.models import Clock
from services.kit.clocks.progress import dates, progress
from services.kit.instants import stamp
from services.kit.serving.access import Context, current_call
from services.mediation import store as cases
from services.mediation import words
from services.mediation.consents import routes
from services.mediation.consents import store as consents
from services.mediation.course import mediating, terms
from services.mediation.models.cases import Case, Task
from services.mediation.models.consents import Mediation
from services.mediation.opening import CLOSE
from services.mediation.servicer import Servicer

_STAGE = {
    Stage.HANDLING: NextStep.HANDLE,
    Stage.HANDLED: NextStep.FINISH,
    Stage.CLOSE_REVIEW: NextStep.CHECK_CLOSING,
    Stage.CLOSED: NextStep.RATE,
}
_MEDIATION = {
    MediationState.PROPOSED: NextStep.CONSENT,
    MediationState.CONSENTED: NextStep.CHOOSE_MEDIATOR,
    MediationState.MEDIATING: NextStep.MEDIATE,
    MediationState.AGREED: NextStep.PERFORM,
}
_LEFT = (MediationState.NOT_AGREED, MediationState.WITHDRAWN)
_PUBLIC = frozenset({mediating.TERM, *terms.STATUTORY, "mediation_answer", "agreement_answer"})
"""Limits that everybody with a part in a case may see, in addition to the one for closing."""


class ProgressServicer(Servicer, progress_pb2_grpc.ProgressServiceServicer):
    """Serves the progress of cases."""

    async def GetProgress(self, request: pb.GetProgressRequest, context: Context) -> report_pb2.Progress:
        """Return phase, next step, dates and outcome of a case."""
        call, now = current_call(), self.time.now()
        # An official may see it by a grant alone, which is recorded; a caller with a code only reads.
        async with self.database.read() if call.caller.matter else self.database.begin() as connection:
            case = await self.seen(connection, request.name)
            mediation = await consents.find(connection, case.number)
            running = await clocks.live(connection, case.number)
            shown = [each for each in running if _is_public(each)]
            due = await dates(connection, self.clockwork, shown, now, call.language)
            is_over = case.stage is Stage.CLOSED or (mediation is not None and mediation.state in _LEFT)
            tasks = await cases.tasks_of(connection, case.number)
            open_routes = await routes.open_in(connection, self.rules, case) if is_over else []
        matter = call.caller.matter
        answer = progress(_step(case, mediation), matter if matter.startswith("reports/") else "", call.language)
        answer.MergeFrom(
            report_pb2.Progress(
                case=names.case_name(case.number),
                unit=names.unit_name(case.unit),
                unit_display_name=self.rules.units.known(case.unit).name,
                phone=self.rules.units.phone(case.unit),
                receive_time=stamp(case.received_at),
                dates=due,
                outcome=OUTCOME_WORDS[case.outcome][call.language == "en"] if case.closed_at and case.outcome else "",
                close_time=stamp(case.closed_at),
                other_routes=other_routes.shown(open_routes),
                milestones=self._milestones(case, tasks, call.language),
            )
        )
        return answer

    def _milestones(self, case: Case, tasks: Iterable[Task], language: str) -> list[report_pb2.Milestone]:
        """Return the milestones of the plan; without the titles of those the case no longer has."""
        opener = words.opener(self.sealer, case)
        return [
            report_pb2.Milestone(
                title=words.measure(each, language, opener),
                unit_display_name=self.rules.units.known(each.unit).name,
                due_time=stamp(each.due_at),
                done=each.state is TaskState.VERIFIED,
                done_time=stamp(each.reported_at) if each.state is TaskState.VERIFIED else None,
            )
            for each in tasks
            if each.milestone and each.state is not TaskState.CANCELLED
        ]


def _is_public(clock: Clock) -> bool:
    return clock.rule in _PUBLIC or names.clock_parts(clock.id)[1].startswith(CLOSE)


def _step(case: Case, mediation: Mediation | None) -> NextStep:
    """Return what comes next: the mediation's next step while one goes on, otherwise the case's."""
    if case.erased_at is not None:
        return NextStep.NOTHING
    if mediation is not None and case.stage in (Stage.HANDLING, Stage.HANDLED) and mediation.state in _MEDIATION:
        return _MEDIATION[mediation.state]
    return _STAGE[case.stage]
