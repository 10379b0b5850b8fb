"""RPCs of erasure: asked for by one person, done by another, told of in every service."""

from __future__ import annotations

from pb.mediation.v1 import erasure_pb2 as pb
from pb.mediation.v1 import erasure_pb2_grpc

from casework import names
from casework.case import Stage, someone_else
from casework.errors import CaseError, Reason
from casework.mediation import erasure as rules_of
from casework.mediation.closing import Retention
from casework.mediation.erasure import SERVICES, ErasureState, Ground
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.composition import Parts
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.mediation import store as cases
from services.mediation.closing import store as closings
from services.mediation.erasure import store
from services.mediation.models.cases import Case
from services.mediation.models.erasure import Erasure
from services.mediation.servicer import Servicer

_OWN = "mediation"


class ErasureServicer(Servicer, erasure_pb2_grpc.ErasureServiceServicer):
    """Serves erasures and holds."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._listed = parts.erasures

    @command(pb.CaseErasure)
    async def RequestErasure(self, request: pb.RequestErasureRequest, work: Work) -> pb.CaseErasure:
        """Keep that an erasure is asked for; asked for in a dry run, answer what would go and write nothing."""
        case, ground = await self.locked(request.name, work, closed=True), Ground(request.ground)
        row = await store.find(work.connection, case.number)
        if row is not None and row.state is not ErasureState.REFUSED:
            raise CaseError(Reason.ALREADY_EXISTS, row.state.name)
        if request.validate_only:
            return await self._answer(work.connection, case, ground)
        rules_of.must_be_clear(await self._obstacles(work.connection, case, ground))
        await store.request(
            work.connection, case.number, state=ErasureState.REQUESTED, ground=ground,
            evidence=request.evidence, requested_by=work.actor, requested_at=work.now, decided_by="", decided_at=None,
        )  # fmt: skip
        await self._reached(work.connection, case.number, erased=False)
        payload = {"ground": ground.name, "evidence": request.evidence}
        await work.append(NewEvent(case.number, "ErasureRequested", case.unit, payload))
        return await self._answer(work.connection, case, ground)

    @command(pb.CaseErasure)
    async def EraseCaseData(self, request: pb.EraseCaseDataRequest, work: Work) -> pb.CaseErasure:
        """Destroy the case's key, as another person than the one who asked; what stands against it is asked again."""
        case, row = await self._requested(request, work)
        ground = row.ground
        rules_of.must_be_clear(await self._obstacles(work.connection, case, ground))
        await self._reached(work.connection, case.number, erased=True)
        await store.decide(
            work.connection, case.number, state=ErasureState.ERASED, decided_by=work.actor, decided_at=work.now
        )
        await store.erase(work.connection, case.number, work.now)
        await work.append(NewEvent(case.number, "CaseDataErased", case.unit, {"ground": ground.name}))
        # Last, with everything decided: what was written down here is erased, come what may.
        self._listed.add(case.number, work.now)
        return await self._answer(work.connection, await cases.get(work.connection, case.number), ground)

    @command(pb.CaseErasure)
    async def RefuseErasure(self, request: pb.RefuseErasureRequest, work: Work) -> pb.CaseErasure:
        """Refuse what was asked for."""
        case, row = await self._requested(request, work)
        await store.decide(
            work.connection, case.number, state=ErasureState.REFUSED, decided_by=work.actor, decided_at=work.now
        )
        await work.append(NewEvent(case.number, "ErasureRefused", case.unit))
        return await self._answer(work.connection, case, row.ground)

    @command(pb.CaseErasure)
    async def HoldCaseData(self, request: pb.HoldCaseDataRequest, work: Work) -> pb.CaseErasure:
        """Place a hold; it stands against every ground."""
        case = await self.locked(request.name, work, closed=True)
        await store.hold(
            work.connection, case.number, evidence=request.evidence, placed_by=work.actor, placed_at=work.now
        )
        await work.append(NewEvent(case.number, "CaseDataHeld", case.unit, {"evidence": request.evidence}))
        return await self._answer(work.connection, case)

    @command(pb.CaseErasure)
    async def ReleaseCaseData(self, request: pb.ReleaseCaseDataRequest, work: Work) -> pb.CaseErasure:
        """Lift every hold, as another person than those who placed them."""
        case = await self.locked(request.name, work, closed=True)
        standing = await store.holds(work.connection, case.number)
        if not standing:
            raise CaseError(Reason.WRONG_STATE, "NOT_HELD", state="NOT_HELD")
        for row in standing:
            someone_else(work.actor, row.placed_by)
        await store.lift(work.connection, case.number, work.now, work.actor, request.evidence)
        await work.append(NewEvent(case.number, "CaseDataReleased", case.unit, {"evidence": request.evidence}))
        return await self._answer(work.connection, case)

    async def GetErasure(self, request: pb.GetErasureRequest, context: Context) -> pb.CaseErasure:
        """Answer how the erasure of a case stands, in every service."""
        async with self.database.begin() as connection:
            return await self._answer(connection, await self.seen(connection, request.name))

    async def ListDueErasures(self, request: pb.ListDueErasuresRequest, context: Context) -> pb.ListDueErasuresResponse:
        """Answer cases whose time of keeping is over, the longest over first."""
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
        case, told = await self.locked(request.name, work, closed=True), request.reach
        if await store.find(work.connection, case.number) is None:
            raise CaseError(Reason.NOT_FOUND, request.name)
        await store.reached(work.connection, case.number, told.service, dict(told.counts), told.erased)
        payload = {"service": told.service, "erased": told.erased}
        await work.append(NewEvent(case.number, "ErasureReached", case.unit, payload))
        return await self._answer(work.connection, case)

    async def _requested(self, request: Versioned, work: Work) -> tuple[Case, Erasure]:
        """Return case and erasure, locked, for another person than the one who asked for it."""
        case = await self.locked(request.name, work, closed=True)
        row = await store.find(work.connection, case.number)
        check_etag(row.version if row else 0, request.etag)
        rules_of.must_be_requested(row.state if row else None)
        assert row is not None, "somebody asked for it"
        someone_else(work.actor, row.requested_by)
        return case, row

    async def _obstacles(self, connection: Connection, case: Case, ground: Ground) -> list[rules_of.Obstacle]:
        last, now = await closings.last_closing(connection, case.number), self.time.now()
        facts = await closings.facts(connection, case.number, now)
        retention = Retention(last.retention) if last else None
        return rules_of.obstacles(
            ground,
            closed=case.stage is Stage.CLOSED,
            retention=retention,
            until=rules_of.keep_until(retention, last.closed_at if last else None),
            held=bool(await store.holds(connection, case.number)),
            open_parts=facts.open_parts if facts else 0,
            now=now,
        )

    async def _reached(self, connection: Connection, number: str, *, erased: bool) -> None:
        await store.reached(connection, number, _OWN, await store.counts(connection, number), erased)

    async def _answer(self, connection: Connection, case: Case, ground: Ground | None = None) -> pb.CaseErasure:
        """Return how an erasure stands; where nobody asked for one, what it would reach here."""
        row, last = await store.find(connection, case.number), await closings.last_closing(connection, case.number)
        retention = Retention(last.retention) if last else None
        asked = ground or (row.ground if row else Ground.RETENTION_OVER)
        over = row is not None and row.state is ErasureState.ERASED
        found = [] if over else await self._obstacles(connection, case, asked)
        reach = [
            pb.ErasureReach(service=each.service, counts=each.counts, erased=each.erased)
            for each in await store.reach(connection, case.number)
        ] or [pb.ErasureReach(service=_OWN, counts=await store.counts(connection, case.number))]
        return pb.CaseErasure(
            case=names.case_name(case.number),
            etag=str(row.version) if row else "",
            keep_until_time=stamp(rules_of.keep_until(retention, last.closed_at if last else None)),
            reach=reach,
            complete={each.service for each in reach if each.erased} == set(SERVICES),
            request_time=stamp(row.requested_at) if row else None,
            erase_time=stamp(case.erased_at),
            **numbers(
                state=row.state if row else None,
                ground=asked if ground or row else None,
                obstacles=found,
                retention=retention,
            ),
        )
