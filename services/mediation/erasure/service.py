"""RPCs of erasure: requested by one person, carried out by another, reported for every service."""

from __future__ import annotations

import asyncio

from pb.mediation.v1 import erasure_pb2 as pb
from pb.mediation.v1 import erasure_pb2_grpc

from casework import names
from casework.case import Stage
from casework.erasure import keep_until
from casework.errors import CaseError, Reason
from casework.mediation.closing import YEARS, Retention
from services.kit.command import Work, command
from services.kit.composition import Parts
from services.kit.erasing import Erasing, Matter
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.mediation import store as cases
from services.mediation.closing import store as closings
from services.mediation.erasure import store
from services.mediation.evidence import store as evidence
from services.mediation.evidence.files import Files
from services.mediation.models.cases import Case
from services.mediation.servicer import Servicer

_OWN = "mediation"


class ErasureServicer(Servicer, erasure_pb2_grpc.ErasureServiceServicer):
    """Serves erasures and holds."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        assert parts.settings.files is not None, "the evidence would not be served without it"
        self._files = Files(parts.settings.files)
        # The files of evidence are removed after the commit, when the key is gone for good.
        self._erasing = Erasing(
            _OWN, store.KEPT, store.counts, store.erase, parts.erasures, parts.rules, finishes=False
        )

    @command(pb.CaseErasure)
    async def RequestErasure(self, request: pb.RequestErasureRequest, work: Work) -> pb.CaseErasure:
        """Record the request for an erasure; in a dry run, return what would be erased and write nothing."""
        return await self._erasing.request(work, await self._locked(request.name, work), request)

    @command(pb.CaseErasure)
    async def EraseCaseData(self, request: pb.EraseCaseDataRequest, work: Work) -> pb.CaseErasure:
        """Destroy the case's key, as another person than the requester; what prevents it is checked again."""
        matter = await self._locked(request.name, work)

        async def again() -> Matter:
            return await self._matter(work.connection, await cases.get(work.connection, matter.number))

        return await self._erasing.erase(work, matter, request.etag, again)

    @command(pb.CaseErasure)
    async def RefuseErasure(self, request: pb.RefuseErasureRequest, work: Work) -> pb.CaseErasure:
        """Refuse the request."""
        return await self._erasing.refuse(work, await self._locked(request.name, work), request.etag)

    @command(pb.CaseErasure)
    async def HoldCaseData(self, request: pb.HoldCaseDataRequest, work: Work) -> pb.CaseErasure:
        """Place a hold; it prevents erasure on every ground."""
        return await self._erasing.hold(work, await self._locked(request.name, work), request.evidence)

    @command(pb.CaseErasure)
    async def ReleaseCaseData(self, request: pb.ReleaseCaseDataRequest, work: Work) -> pb.CaseErasure:
        """Lift every hold, as another person than those who placed them."""
        return await self._erasing.release(work, await self._locked(request.name, work), request.evidence)

    async def GetErasure(self, request: pb.GetErasureRequest, context: Context) -> pb.CaseErasure:
        """Return the state of the erasure of a case, in every service."""
        async with self.database.begin() as connection:
            matter = await self._matter(connection, await self.seen(connection, request.name))
            return await self._erasing.answer(connection, matter, self.time.now())

    async def GetErasureCertificate(
        self, request: pb.GetErasureCertificateRequest, context: Context
    ) -> pb.ErasureCertificate:
        """Return the certificate of an erasure that is complete."""
        async with self.database.begin() as connection:
            matter = await self._matter(connection, await self.seen(connection, request.name))
            return await self._erasing.certificate(connection, matter)

    async def ListDueErasures(self, request: pb.ListDueErasuresRequest, context: Context) -> pb.ListDueErasuresResponse:
        """Return cases whose retention is over, the longest expired first."""
        size, now = request.page_size or 50, self.time.now()
        scope = current_call().scope(names.last(request.unit) if request.unit else "")
        behind = paging.read(request.page_token, "erasures", paging.instant, paging.key)
        async with self.database.read() as connection:
            found = await store.due(connection, paging.subtree(scope), now, behind, size + 1)
        reply = pb.ListDueErasuresResponse(
            erasures=[
                pb.CaseErasure(
                    case=names.case_name(row.number),
                    keep_until_time=stamp(row.until),
                    **numbers(retention=row.retention),
                )
                for row in found[:size]
            ]
        )
        if len(found) > size:
            end = found[size - 1]
            reply.next_page_token = paging.token("erasures", end.until.isoformat(), end.number)
        return reply

    @command(pb.CaseErasure)
    async def RecordErasureReach(self, request: pb.RecordErasureReachRequest, work: Work) -> pb.CaseErasure:
        """Record what an erasure reaches, or has reached, in another service."""
        return await self._erasing.record(work, await self._locked(request.name, work), request.reach)

    @command(pb.CaseErasure)
    async def EraseCaseFiles(self, request: pb.EraseCaseFilesRequest, work: Work) -> pb.CaseErasure:
        """Remove the files of a case whose key was destroyed; only then is an erasure complete in mediation."""
        matter = await self._locked(request.name, work)
        if matter.erased_at is None:
            raise CaseError(Reason.WRONG_STATE, "NOT_ERASED", state="NOT_ERASED")
        await asyncio.to_thread(self._files.remove, await evidence.stored(work.connection, matter.number))
        # Erased again after a restore in which the request is unknown: there is nobody to report to.
        if await store.KEPT.find(work.connection, matter.number) is None:
            return await self._erasing.answer(work.connection, matter, work.now)
        counts = await store.counts(work.connection, matter.number)
        told = pb.ErasureReach(service=_OWN, counts=counts, erased=True)
        return await self._erasing.record(work, matter, told)

    async def _locked(self, name: str, work: Work) -> Matter:
        return await self._matter(work.connection, await self.locked(name, work, closed=True))

    async def _matter(self, connection: Connection, case: Case) -> Matter:
        last = await closings.last_closing(connection, case.number)
        retention = Retention(last.retention) if last else None
        facts = await closings.facts(connection, case.number, self.time.now())
        return Matter(
            names.case_name(case.number), case.number, case.unit, case.erased_at, (case.seq, case.head),
            closed=case.stage is Stage.CLOSED,
            until=keep_until(YEARS.get(retention) if retention else None, last.closed_at if last else None),
            permanent=retention is Retention.PERMANENT,
            open_parts=facts.open_parts if facts else 0,
            retention=retention or 0,
        )  # fmt: skip
