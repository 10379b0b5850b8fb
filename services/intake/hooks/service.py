"""The RPCs of subscriptions: a unit's system subscribes to events, and sees what became of them."""

from __future__ import annotations

import base64
import hmac
import os
from datetime import timedelta

from pb.hooks.v1 import hooks_pb2 as pb
from pb.hooks.v1 import hooks_pb2_grpc

from casework import names
from casework.door.programs import hooks as rules_of
from casework.door.programs.hooks import SubscriptionState, UndeliveredState
from casework.errors import CaseError, Reason, field_error
from services.intake.hooks import leasing, store, view
from services.intake.hooks.models import Subscription
from services.kit.catalogue import catalogue
from services.kit.command import Work, command
from services.kit.composition import Parts
from services.kit.servicer import Servicer
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging, standings
from services.kit.storage.database import Connection

_SERVICES = ("intake", "mediation", "escalation")
_MOST = 100
"""Live subscriptions of a unit."""
_OVERLAP = 24
_STRUCTURED = pb.CONTENT_MODE_STRUCTURED
_ALL_STATES = tuple(UndeliveredState)


class SubscriptionServicer(Servicer, hooks_pb2_grpc.SubscriptionServiceServicer):
    """Serves subscriptions."""

    service = "intake"
    heads = "reports"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._key = parts.sealer.derive("webhook secret")
        self._networks = parts.settings.hook_networks

    async def CreateSubscription(self, request: pb.CreateSubscriptionRequest, context: Context) -> pb.Subscription:
        """Return the new subscription with its secret, which is not in the response that is stored for a repeat."""
        return await self._with_secret((await self._create(request, context)).name)

    @command(pb.Subscription)
    async def _create(self, request: pb.CreateSubscriptionRequest, work: Work) -> pb.Subscription:
        unit = work.call.scope(names.last(request.unit))
        if fault := rules_of.fault_of(request.url, self._networks):
            raise field_error("url", Reason.INVALID_FIELD, fault)
        for place, kind in enumerate(request.types):
            if not any(kind in catalogue(service).types for service in _SERVICES):
                raise field_error(f"types[{place}]", Reason.INVALID_FIELD, "no such type of event")
        number = names.number_of(request.case) if request.case else ""
        if number:
            await self._must_be_of(work, number, unit)
        if await store.live_of(work.connection, unit) >= _MOST:
            raise field_error("unit", Reason.INVALID_FIELD, f"has {_MOST} subscriptions already")
        now = await store.now(work.connection)
        row = await store.add(
            work.connection, unit=unit, url=request.url, types=list(request.types), number=number,
            content_mode=request.content_mode or _STRUCTURED, salt=os.urandom(16), next_at=now, made_at=now,
            made_by=work.actor,
        )  # fmt: skip
        return pb.Subscription(name=store.name_of(row.id))

    async def GetSubscription(self, request: pb.GetSubscriptionRequest, context: Context) -> pb.Subscription:
        """Return a subscription."""
        async with self.database.read() as connection:
            row = await store.get(connection, int(names.last(request.name)))
            current_call().require(row.unit)
            return await self._shown(connection, row)

    async def ListSubscriptions(
        self, request: pb.ListSubscriptionsRequest, context: Context
    ) -> pb.ListSubscriptionsResponse:
        """Return the subscriptions of the caller's units."""
        scope, size = current_call().scope(names.last(request.unit)), request.page_size or 50
        behind = paging.read(request.page_token, "subscriptions") or 0
        async with self.database.read() as connection:
            found = await store.listed(connection, paging.subtree(scope), behind, size + 1)
            standing = await store.standings(connection, [row.id for row in found[:size]])
            now = await store.now(connection)
        shown = [view.subscription(row, standing[row.id], now) for row in found[:size]]
        reply = pb.ListSubscriptionsResponse(subscriptions=shown)
        reply.next_page_token = paging.following(found, size, "subscriptions", lambda end: end.id)
        return reply

    async def RotateSubscriptionSecret(
        self, request: pb.RotateSubscriptionSecretRequest, context: Context
    ) -> pb.Subscription:
        """Return the subscription with its new secret."""
        return await self._with_secret((await self._rotate(request, context)).name)

    @command(pb.Subscription)
    async def _rotate(self, request: pb.RotateSubscriptionSecretRequest, work: Work) -> pb.Subscription:
        row = await self._locked(request.name, work)
        until = await store.now(work.connection) + timedelta(hours=request.overlap_hours or _OVERLAP)
        await store.change(work.connection, row.id, salt=os.urandom(16), old_salt=row.salt, old_until=until)
        return pb.Subscription(name=request.name)

    @command(pb.Subscription)
    async def EndSubscription(self, request: pb.EndSubscriptionRequest, work: Work) -> pb.Subscription:
        """End a subscription; whoever delivers it learns so with the next thing it records."""
        row = await self._locked(request.name, work, ended=True)
        row = await store.change(work.connection, row.id, state=SubscriptionState.ENDED, lease="", leased_until=None)
        return await self._shown(work.connection, row)

    @command(pb.Subscription)
    async def ResumeSubscription(self, request: pb.ResumeSubscriptionRequest, work: Work) -> pb.Subscription:
        """Resume a suspended subscription: what waits has another day."""
        row = await self._locked(request.name, work)
        if row.state is not SubscriptionState.SUSPENDED:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        await store.revive(work.connection, row.id)
        there = await store.positions(work.connection, [row.id])
        state = SubscriptionState.ACTIVE if there else SubscriptionState.STARTING
        row = await store.change(
            work.connection, row.id, state=state, failures=0, failing_since=None, reason="",
            next_at=await store.now(work.connection),
        )  # fmt: skip
        return await self._shown(work.connection, row)

    async def ListUndelivered(
        self, request: pb.ListUndeliveredRequest, context: Context
    ) -> pb.ListUndeliveredResponse:  # fmt: skip
        """Return what was not delivered at once."""
        size, states = request.page_size or 50, (UndeliveredState.DEAD,) if request.dead else _ALL_STATES
        behind = paging.read(request.page_token, "undelivered", paging.key, paging.position) or ("", 0)
        async with self.database.read() as connection:
            row = await store.get(connection, int(names.last(request.parent)))
            current_call().require(row.unit)
            found = await store.undelivered(connection, row.id, states, behind, size + 1)
        reply = pb.ListUndeliveredResponse(undelivered=[view.undelivered(each) for each in found[:size]])
        reply.next_page_token = paging.following(found, size, "undelivered", lambda end: (end.service, end.position))
        return reply

    @command(pb.ReplayDeadLettersResponse)
    async def ReplayDeadLetters(self, request: pb.ReplayDeadLettersRequest, work: Work) -> pb.ReplayDeadLettersResponse:
        """Let dead letters be sent again."""
        row = await self._locked(request.name, work)
        for place, each in enumerate(request.undelivered):
            if not each.startswith(f"{request.name}/"):
                raise field_error(f"undelivered[{place}]", Reason.INVALID_FIELD, "of another subscription")
        keys = [view.key_of(each) for each in request.undelivered]
        return pb.ReplayDeadLettersResponse(replayed=await store.replay(work.connection, row.id, keys))

    async def LeaseSubscriptions(
        self, request: pb.LeaseSubscriptionsRequest, context: Context
    ) -> pb.LeaseSubscriptionsResponse:
        """Lease live subscriptions, and return what delivers them needs."""
        current_call().require(names.ROOT_UNIT)
        async with self.database.begin() as connection:
            found = await leasing.lease(connection, request.lease, request.lease_seconds)
        reply = pb.LeaseSubscriptionsResponse()
        for each in found:
            leased = leasing.leased(each)
            leased.secrets.extend(map(self._secret, leasing.salts(each)))
            reply.subscriptions.append(leased)
        return reply

    async def RecordDeliveries(
        self, request: pb.RecordDeliveriesRequest, context: Context
    ) -> pb.RecordDeliveriesResponse:  # fmt: skip
        """Record what was delivered, and what could not be, all at once."""
        current_call().require(names.ROOT_UNIT)
        async with self.database.begin() as connection:
            await leasing.record(connection, request)
        return pb.RecordDeliveriesResponse()

    async def _must_be_of(self, work: Work, number: str, unit: str) -> None:
        """Raise unless the case is known here and of the subscription's units: others' events would never come."""
        standing = await standings.one(work.connection, number)
        if standing is None:
            raise field_error("case", Reason.NOT_FOUND, names.case_name(number))
        if not work.call.access.lies_under(standing.unit, unit):
            raise field_error("case", Reason.PERMISSION_DENIED, work.call.permission)

    async def _locked(self, name: str, work: Work, *, ended: bool = False) -> Subscription:
        """Return the subscription to change, locked, if the caller may; an ended one only if `ended`."""
        row = await store.get(work.connection, int(names.last(name)), lock=True)
        work.call.require(row.unit)
        if row.state is SubscriptionState.ENDED and not ended:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        return row

    async def _shown(self, connection: Connection, row: Subscription) -> pb.Subscription:
        standing = (await store.standings(connection, [row.id]))[row.id]
        return view.subscription(row, standing, await store.now(connection))

    async def _with_secret(self, name: str) -> pb.Subscription:
        async with self.database.read() as connection:
            row = await store.get(connection, int(names.last(name)))
            shown = await self._shown(connection, row)
        shown.secret = self._secret(row.salt)
        return shown

    def _secret(self, salt: bytes) -> str:
        """Return the secret of a salt, as Standard Webhooks writes it: 256 bits."""
        return "whsec_" + base64.b64encode(hmac.digest(self._key, salt, "sha256")).decode()
