"""The RPCs of grants: granted by another person, taken in an emergency, listed, revoked; each is logged."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from pb.mediation.v1 import grants_pb2 as pb
from pb.mediation.v1 import grants_pb2_grpc
from prometheus_client import Counter

from casework import names
from casework.case import someone_else
from casework.errors import Reason, field_error
from services.kit.command import Work, command
from services.kit.instants import NEVER, instant, stamp
from services.kit.numbers import numbers
from services.kit.serving.access import Context, current_call
from services.kit.storage import access_log, paging
from services.kit.storage.events import NewEvent
from services.mediation import keys, record
from services.mediation.grants import store
from services.mediation.models.cases import Case
from services.mediation.models.grants import Grant, GrantScope
from services.mediation.panel import asking
from services.mediation.servicer import Servicer

LONGEST = timedelta(days=90)
EMERGENCY = timedelta(hours=4)
_LAST = (NEVER, "", 0)

log = structlog.get_logger()

BROKEN = Counter("accord_emergency_access_total", "Times somebody took access to a case in an emergency.")


class GrantServicer(Servicer, grants_pb2_grpc.GrantServiceServicer):
    """Serves grants."""

    @command(pb.Grant)
    async def CreateGrant(self, request: pb.CreateGrantRequest, work: Work) -> pb.Grant:
        """Grant an account access to one case until a time; never to oneself."""
        case, asked = await record.locked(work, request.parent), request.grant
        if asked.scope == pb.GRANT_SCOPE_EXCLUDED:
            return await self._exclude(work, case, asked)
        someone_else(work.actor, asked.holder)
        if asked.party:
            raise field_error("grant.party", Reason.INVALID_FIELD, asked.party)
        until = instant(asked.expire_time)
        if not work.now < until <= work.now + LONGEST:
            raise field_error("grant.expire_time", Reason.INVALID_FIELD, f"at most {LONGEST.days} days ahead")
        return await self._grant(work, case, asked.holder, GrantScope(asked.scope), asked.reason, until)

    @command(pb.Grant)
    async def BreakGlass(self, request: pb.BreakGlassRequest, work: Work) -> pb.Grant:
        """Take access in an emergency: to read, for four hours. The alarm is an event, a metric and a log line."""
        case = await record.locked(work, request.parent)
        granted = await self._grant(
            work, case, work.actor, GrantScope.READ, request.reason, work.now + EMERGENCY, emergency=True
        )
        BROKEN.inc()
        log.warning("access taken in an emergency", grant=granted.name)
        return granted

    async def ListGrants(self, request: pb.ListGrantsRequest, context: Context) -> pb.ListGrantsResponse:
        """Return grants, newest first, including those that ended."""
        call, size = current_call(), request.page_size or 50
        behind = paging.read(request.page_token, "grants", paging.instant, paging.key, paging.number) or _LAST
        async with self.database.begin() as connection:
            if request.parent == "cases/-":
                number, unit = "", paging.subtree(call.scope(names.last(request.unit)))
            else:
                number, unit = (await record.seen(connection, request.parent)).number, ""
            rows = await store.listed(connection, number, unit, request.emergency, behind, size + 1)
        reply = pb.ListGrantsResponse(grants=[_view(row, self.time.now(), self._reason(row)) for row in rows[:size]])
        reply.next_page_token = paging.following(
            rows, size, "grants", lambda end: (end.made_at, end.number, end.grant_no)
        )
        return reply

    @command(pb.Grant)
    async def RevokeGrant(self, request: pb.RevokeGrantRequest, work: Work) -> pb.Grant:
        """Revoke a grant; it ends at once. One that has ended stays unchanged."""
        case = await record.locked(work, request.name)
        row = await store.get(work.connection, case.number, names.index_of(request.name))
        if row.ended_at is None and row.expires_at > work.now:
            row = await store.end(work.connection, row, work.now, work.actor)
            await access_log.record(work.connection, work.call, work.now, case.number, request.name)
            await work.append(NewEvent(case.number, "GrantRevoked", case.unit, {"grant": row.grant_no}))
        return _view(row, work.now)

    async def _exclude(self, work: Work, case: Case, asked: pb.Grant) -> pb.Grant:
        """Exclude an account from a case: it can no longer read or act there; it may be the caller's own."""
        if asked.HasField("expire_time"):
            raise field_error("grant.expire_time", Reason.INVALID_FIELD, "an exclusion ends when it is revoked")
        if asked.party and names.number_of(asked.party) != case.number:
            raise field_error("grant.party", Reason.INVALID_FIELD, asked.party)
        if await store.is_party(work.connection, case.number, asked.holder):
            # Nobody may be excluded from their own case: 个人信息保护法 art. 44.
            raise field_error("grant.holder", Reason.INVALID_FIELD, "signs in for a party")
        party = names.index_of(asked.party) if asked.party else 0
        await asking.exclude(work, case, asked.holder)
        return await self._grant(work, case, asked.holder, GrantScope.EXCLUDED, asked.reason, NEVER, party=party)

    async def _grant(
        self, work: Work, case: Case, holder: str, scope: GrantScope, reason: str, until: datetime, *,
        emergency: bool = False, party: int = 0,
    ) -> pb.Grant:  # fmt: skip
        sealer = await keys.writing(work.connection, self.sealer, case)
        row = await store.add(
            work.connection, case.number, holder=holder, scope=scope, reason=sealer.seal(reason.encode()),
            emergency=emergency,
            made_by=work.actor, made_unit=work.call.caller.unit, made_at=work.now, expires_at=until, party=party,
        )  # fmt: skip
        # Shown to the parties like every access to their case.
        await access_log.record(work.connection, work.call, work.now, case.number, store.name_of(row))
        kind = "EmergencyAccessTaken" if emergency else "GrantMade"
        kind = "AccountExcluded" if scope is GrantScope.EXCLUDED else kind
        payload = {"grant": row.grant_no, "holder": holder, "scope": scope, "until": until}
        await work.append(NewEvent(case.number, kind, case.unit, payload))
        return _view(row, work.now)  # without the reason: responses are stored with the request id

    def _reason(self, row: store.Listed) -> str:
        """Return the reason of a grant; empty if the data of its case was erased."""
        if row.erased_at is not None:
            return ""
        return keys.opening(self.sealer, row.number, row.key, row.erased_at).open(row.reason).decode()


def _view(row: Grant | store.Listed, now: datetime, reason: str = "") -> pb.Grant:
    return pb.Grant(
        name=store.name_of(row),
        holder=row.holder,
        reason=reason,
        expire_time=stamp(None if row.scope is GrantScope.EXCLUDED else row.expires_at),
        party=f"{names.case_name(row.number)}/parties/{row.party}" if row.party else "",
        emergency=row.emergency,
        grantor=row.made_by,
        create_time=stamp(row.made_at),
        revoke_time=stamp(row.ended_at),
        active=row.ended_at is None and row.expires_at > now,
        **numbers(scope=row.scope),
    )
