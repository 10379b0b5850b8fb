"""Erasure by two people: one procedure for cases, reports that never became one, and clues, each in its own service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pb.mediation.v1 import erasure_pb2 as pb

from casework import erasure as rules_of
from casework.case import someone_else
from casework.erasure import SERVICES, ErasureState, Ground
from casework.errors import CaseError, Reason, field_error
from services.kit import certificate
from services.kit.command import Work, check_etag
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.rules import Rules
from services.kit.serving.access import HOLDERS, PARTIES, current_call
from services.kit.serving.posts import Post
from services.kit.storage.database import Connection
from services.kit.storage.erasures import Erase, ErasureList
from services.kit.storage.events import NewEvent
from services.kit.storage.tables.erasure_tables import ErasureRow, ErasureTables

Count = Callable[[Connection, str], Awaitable[Mapping[str, int]]]
"""Counts what a service holds of a case, by kind: the same before an erasure and after it."""


@dataclass(frozen=True, slots=True)
class Matter:
    """A case or report, and what decides whether its data may be erased."""

    name: str
    number: str
    unit: str
    erased_at: datetime | None
    chain: tuple[int, bytes]
    """Number and hash of the last event of its history."""
    closed: bool
    until: datetime | None
    """Until when it is kept; None if there is no such date."""
    permanent: bool = False
    open_parts: int = 0
    retention: int = 0
    kept_as: str = ""
    """Its class in rules/retention."""

    def obstacles(self, ground: Ground, *, held: bool, now: datetime) -> list[rules_of.Obstacle]:
        """Return what prevents its erasure on this ground."""
        return rules_of.obstacles(
            ground, closed=self.closed, permanent=self.permanent, until=self.until, held=held, now=now,
            open_parts=self.open_parts,
        )  # fmt: skip


class Asking(Protocol):
    """A request for an erasure."""

    @property
    def ground(self) -> int:
        """Its ground."""

    @property
    def evidence(self) -> str:
        """Reference of its basis."""

    @property
    def validate_only(self) -> bool:
        """Whether nothing is written."""


class Erasing:
    """Carries out the procedure in one service. `finishes`: nothing remains to be done there after the transaction.

    `reaches`: the services that have anything to erase; once all have, it is complete.
    """

    def __init__(
        self, service: str, tables: ErasureTables, count: Count, erase: Erase, listed: ErasureList, rules: Rules,
        *, finishes: bool, reaches: Collection[str] = SERVICES,
    ) -> None:  # fmt: skip
        self._own, self._tables, self._count, self._erase = service, tables, count, erase
        self._listed, self._rules, self._finishes = listed, rules, finishes
        self._reaches = set(reaches)

    async def request(self, work: Work, matter: Matter, request: Asking) -> pb.CaseErasure:
        """Record the request for an erasure; in a dry run, return what would be erased and write nothing."""
        ground = Ground(request.ground)
        _must_fit(work.call.caller.roles, ground, request.evidence)
        row = await self._tables.find(work.connection, matter.number)
        if row is not None and row.state is not ErasureState.REFUSED:
            raise CaseError(Reason.ALREADY_EXISTS, row.state.name)
        if request.validate_only:
            return await self.answer(work.connection, matter, work.now, ground)
        rules_of.must_be_clear(await self._obstacles(work.connection, matter, ground, work.now))
        await self._tables.request(
            work.connection, matter.number, state=ErasureState.REQUESTED, ground=ground, evidence=request.evidence,
            requested_by=work.actor, requested_at=work.now, requested_as=str(Post.of(work.call.caller)),
            decided_by="", decided_at=None, decided_as="",
        )  # fmt: skip
        await self.reached(work.connection, matter.number)
        payload = {"ground": ground.name, "evidence": request.evidence}
        await work.append(NewEvent(matter.number, "ErasureRequested", matter.unit, payload))
        return await self.answer(work.connection, matter, work.now, ground)

    async def erase(
        self, work: Work, matter: Matter, etag: str, again: Callable[[], Awaitable[Matter]]
    ) -> pb.CaseErasure:
        """Destroy the key, as another person than the requester; what prevents it is checked again."""
        row = await self._requested(work, matter, etag)
        rules_of.must_be_clear(await self._obstacles(work.connection, matter, row.ground, work.now))
        await self.reached(work.connection, matter.number, work.now if self._finishes else None)
        await self._decide(work, matter, ErasureState.ERASED)
        # Also where a restore had it erased already: the other services follow this event, and the certificate them.
        erased = {matter.number: matter.unit} | await self._erase(work.connection, matter.number, work.now)
        for number, unit in erased.items():
            told = {"ground": row.ground.name} if number == matter.number else {}
            await work.append(NewEvent(number, "CaseDataErased", unit, told))
        # Last, once everything is decided: what the list names is erased in any case.
        self._listed.add(matter.number, work.now)
        return await self.answer(work.connection, await again(), work.now, row.ground)

    async def refuse(self, work: Work, matter: Matter, etag: str) -> pb.CaseErasure:
        """Refuse the request."""
        row = await self._requested(work, matter, etag)
        await self._decide(work, matter, ErasureState.REFUSED)
        await work.append(NewEvent(matter.number, "ErasureRefused", matter.unit))
        return await self.answer(work.connection, matter, work.now, row.ground)

    async def hold(self, work: Work, matter: Matter, evidence: str) -> pb.CaseErasure:
        """Place a hold; it prevents erasure on every ground."""
        await self._tables.hold(
            work.connection, matter.number, evidence=evidence, placed_by=work.actor, placed_at=work.now
        )
        await work.append(NewEvent(matter.number, "CaseDataHeld", matter.unit, {"evidence": evidence}))
        return await self.answer(work.connection, matter, work.now)

    async def release(self, work: Work, matter: Matter, evidence: str) -> pb.CaseErasure:
        """Lift every hold, as another person than those who placed them."""
        standing = await self._tables.holds(work.connection, matter.number)
        if not standing:
            raise CaseError(Reason.WRONG_STATE, "NOT_HELD", state="NOT_HELD")
        for row in standing:
            someone_else(work.actor, row.placed_by)
        await self._tables.lift(work.connection, matter.number, work.now, work.actor, evidence)
        await work.append(NewEvent(matter.number, "CaseDataReleased", matter.unit, {"evidence": evidence}))
        return await self.answer(work.connection, matter, work.now)

    async def record(self, work: Work, matter: Matter, told: pb.ErasureReach) -> pb.CaseErasure:
        """Record what an erasure reaches, or has reached, in a service."""
        if await self._tables.find(work.connection, matter.number) is None:
            raise CaseError(Reason.NOT_FOUND, f"{matter.name}/erasure")
        erased_at = work.now if told.erased else None
        await self._tables.reached(work.connection, matter.number, told.service, told.counts, erased_at)
        payload = {"service": told.service, "erased": told.erased}
        await work.append(NewEvent(matter.number, "ErasureReached", matter.unit, payload))
        return await self.answer(work.connection, matter, work.now)

    async def reached(self, connection: Connection, number: str, erased_at: datetime | None = None) -> None:
        """Record what an erasure reaches in this service."""
        counts = await self._count(connection, number)
        await self._tables.reached(connection, number, self._own, counts, erased_at)

    async def answer(
        self, connection: Connection, matter: Matter, now: datetime, ground: Ground | None = None
    ) -> pb.CaseErasure:
        """Return the state of an erasure; if none was requested, what it would reach here."""
        row = await self._tables.find(connection, matter.number)
        asked = ground or (row.ground if row else Ground.RETENTION_OVER)
        over = row is not None and row.state is ErasureState.ERASED
        found = [] if over else await self._obstacles(connection, matter, asked, now)
        reach = await self._reach(connection, matter.number) or [
            pb.ErasureReach(service=self._own, counts=await self._count(connection, matter.number))
        ]
        return pb.CaseErasure(
            case=matter.name,
            etag=str(row.version) if row else "",
            keep_until_time=stamp(matter.until),
            reach=reach,
            complete={each.service for each in reach if each.erased} == self._reaches,
            request_time=stamp(row.requested_at) if row else None,
            erase_time=stamp(matter.erased_at),
            retention_class=matter.kept_as,
            **numbers(
                state=row.state if row else None,
                ground=asked if ground or row else None,
                obstacles=found,
                retention=matter.retention or None,
            ),
        )

    async def certificate(self, connection: Connection, matter: Matter) -> pb.ErasureCertificate:
        """Return the certificate of an erasure; WRONG_STATE until every service has erased."""
        row, reach = await self._tables.find(connection, matter.number), await self._reach(connection, matter.number)
        if row is None or {each.service for each in reach if each.erased} != self._reaches:
            state = row.state.name if row else "NOT_REQUESTED"
            raise CaseError(Reason.WRONG_STATE, "the erasure is not complete", state=state)
        units, language = self._rules.units, current_call().language
        sequence, head = matter.chain
        found = pb.ErasureCertificate(
            name=f"{matter.name}/erasure/certificate",
            number=matter.number,
            evidence=row.evidence,
            requested_by=Post.read(row.requested_as).called(units, language),
            request_time=stamp(row.requested_at),
            decided_by=Post.read(row.decided_as).called(units, language),
            erase_time=stamp(row.decided_at),
            reach=reach,
            chain_length=sequence,
            chain_head=head.hex(),
            **numbers(ground=row.ground),
        )
        return certificate.written(found, language)

    async def _reach(self, connection: Connection, number: str) -> list[pb.ErasureReach]:
        return [
            pb.ErasureReach(
                service=each.service, counts=each.counts, erased=each.erased, erase_time=stamp(each.erased_at)
            )
            for each in await self._tables.reach(connection, number)
        ]

    async def _obstacles(
        self, connection: Connection, matter: Matter, ground: Ground, now: datetime
    ) -> list[rules_of.Obstacle]:
        held = bool(await self._tables.holds(connection, matter.number))
        return matter.obstacles(ground, held=held, now=now)

    async def _requested(self, work: Work, matter: Matter, etag: str) -> ErasureRow:
        """Return the request, if the caller is another person than the requester."""
        row = await self._tables.find(work.connection, matter.number)
        check_etag(row.version if row else 0, etag)
        rules_of.must_be_requested(row.state if row else None)
        assert row is not None, "somebody asked for it"
        someone_else(work.actor, row.requested_by)
        return row

    async def _decide(self, work: Work, matter: Matter, state: ErasureState) -> None:
        await self._tables.decide(
            work.connection, matter.number, state=state, decided_by=work.actor, decided_at=work.now,
            decided_as=str(Post.of(work.call.caller)),
        )  # fmt: skip


def _must_fit(roles: frozenset[str], ground: Ground, evidence: str) -> None:
    """Raise INVALID_FIELD unless an office gives evidence, and a person for themselves only that they ask for it.

    Words of a person would stand in the history for good.
    """
    own = roles <= PARTIES | HOLDERS
    if own and ground is not Ground.PARTY_REQUEST:
        raise field_error("ground", Reason.INVALID_FIELD, "ERASURE_GROUND_PARTY_REQUEST")
    if own == bool(evidence):
        raise field_error("evidence", Reason.INVALID_FIELD)
