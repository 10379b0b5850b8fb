"""RPCs of judicial confirmation: reasons for refusal, the joint application, the bundle for the court, the result."""

from __future__ import annotations

import asyncio
from typing import Any

from pb.mediation.v1 import fulfilment_pb2 as pb
from pb.mediation.v1 import fulfilment_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason
from casework.mediation.confirmation import ConfirmationState, cautions, decide, may_apply
from casework.mediation.fulfilment import InstalmentState
from services.kit.command import Work, check_etag, command
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.serving.access import Context
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.kit.storage.rows import not_found
from services.mediation import standing
from services.mediation.agreement import store as agreements
from services.mediation.confirmation import store
from services.mediation.confirmation.bundle import bundle
from services.mediation.course.effect import confirmation_key
from services.mediation.documents import store as documents
from services.mediation.documents.application import WordRenderer
from services.mediation.documents.source.case import source_of
from services.mediation.fulfilment import store as fulfilment
from services.mediation.models.confirmation import Confirmation
from services.mediation.servicer import Servicer
from services.mediation.standing import Step


class ConfirmationServicer(Servicer, fulfilment_pb2_grpc.ConfirmationServiceServicer):
    """Serves judicial confirmation."""

    async def CheckEligibility(self, request: pb.CheckEligibilityRequest, context: Context) -> pb.Eligibility:
        """Return why a court may refuse an application; this blocks nothing."""
        now = self.time.now()
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.name)
            loaded = await agreements.load(connection, case.number, names.ids_of(request.name)[0])
            people = await standing.standing(connection, case.number)
            parts = await fulfilment.of_case(connection, case.number)
        row, missing = loaded.row, people.missing(Step.JUDICIAL_CONFIRMATION)
        own = [part for part in parts if part.agreement == row.agreement]
        states = [fulfilment.facts(part).state(now) for part in own]
        found: Any = cautions(
            state=row.state, form=row.form, category=case.category, clauses=loaded.duties,
            answers=loaded.answered, due_at=row.confirm_due_at, missing=missing, now=now,
            performed=bool(states) and all(state is InstalmentState.PERFORMED for state in states),
        )  # fmt: skip
        return pb.Eligibility(
            agreement=request.name,
            cautions=found,
            due_time=stamp(row.confirm_due_at),
            missing_consents=[names.party_name(case.number, party) for party in sorted(missing)],
        )

    @command(pb.Confirmation)
    async def ApplyForConfirmation(self, request: pb.ApplyForConfirmationRequest, work: Work) -> pb.Confirmation:
        """Record the joint application; it meets the 30-day clock. After a withdrawal it can be made again."""
        case = await self.locked(request.name, work, closed=True)
        loaded = await agreements.load(work.connection, case.number, names.ids_of(request.name)[0])
        row = loaded.row
        people = await standing.standing(work.connection, case.number)
        may_apply(row.state, row.confirm_due_at, people.missing(Step.JUDICIAL_CONFIRMATION), work.now)
        before = await store.find(work.connection, case.number, row.agreement)
        if before is not None and before.state is not ConfirmationState.WITHDRAWN:
            raise CaseError(Reason.ALREADY_EXISTS, request.name)
        found = await store.apply(
            work.connection, case.number, row.agreement, request.court, work.now, work.actor, again=before is not None
        )
        await work.stop(case.number, confirmation_key(row.agreement))
        payload = {"agreement": row.agreement, "court": request.court}
        await work.append(NewEvent(case.number, "ConfirmationApplied", case.unit, payload))
        return _shown(found)

    async def GetConfirmation(self, request: pb.GetConfirmationRequest, context: Context) -> pb.Confirmation:
        """Return an application and its result."""
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.name)
            return _shown(await _get(connection, case.number, request.name))

    async def GetHandOver(self, request: pb.GetHandOverRequest, context: Context) -> pb.HandOver:
        """Return the bundle for the court; this is logged."""
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.name)
            confirmation = await _get(connection, case.number, request.name)
            held = await documents.dossier_number(connection, case.number)
            source = await source_of(
                connection, self.rules, self.sealer, case, held, self.time.now(), confirmation.agreement
            )
            await self.log_reading(connection, case, request.name, "HandOverRead", agreement=confirmation.agreement)
        self.pulse.beat()
        # Dated by the application, so that the same facts give the same bytes.
        renderer = WordRenderer(self.rules.documents, source, confirmation.applied_at)
        name = names.agreement_name(case.number, confirmation.agreement)
        made = await asyncio.to_thread(bundle, renderer, names.case_name(case.number), name)
        return pb.HandOver(
            name=request.name,
            file_name=f"{case.number}-confirmation-{confirmation.agreement}.zip",
            content=made.content,
            sha256=made.sha256,
            files=[
                pb.HandOverFile(file_name=each.name, sha256=each.sha256, size_bytes=each.size) for each in made.files
            ],
        )

    @command(pb.Confirmation)
    async def RecordConfirmationResult(
        self, request: pb.RecordConfirmationResultRequest, work: Work
    ) -> pb.Confirmation:
        """Record what the court decided, or that the application was withdrawn."""
        case = await self.locked(request.name, work, closed=True)
        row = await _get(work.connection, case.number, request.name)
        check_etag(row.version, request.etag)
        state = decide(row.state, ConfirmationState(request.result))
        found = await store.change(
            work.connection, row, state=state, resulted_at=work.now, result_evidence=request.evidence
        )
        payload = {"agreement": row.agreement, "result": state.name}
        await work.append(NewEvent(case.number, "ConfirmationResultRecorded", case.unit, payload))
        return _shown(found)


async def _get(connection: Connection, number: str, name: str) -> Confirmation:
    return not_found(await store.find(connection, number, names.ids_of(name)[0]), name)


def _shown(row: Confirmation) -> pb.Confirmation:
    return pb.Confirmation(
        name=f"{names.agreement_name(row.number, row.agreement)}/confirmation",
        etag=str(row.version),
        court=row.court,
        apply_time=stamp(row.applied_at),
        result_time=stamp(row.resulted_at),
        result_evidence=row.result_evidence,
        **numbers(state=row.state),
    )
