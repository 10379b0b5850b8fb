"""Erasures decided by two people, what they reach, and holds: the same three tables in each service that has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import DateTime, Text, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from casework.erasure import ErasureState, Ground
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.models import Code, Instant, Json, Model, Numbered, Words


class ErasureRow(Model):
    """The erasure of a matter's data that somebody asked for."""

    __abstract__ = True

    number: Mapped[Code] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[ErasureState] = mapped_column(Numbered(ErasureState))
    ground: Mapped[Ground] = mapped_column(Numbered(Ground))
    evidence: Mapped[Words]
    requested_by: Mapped[Words]
    requested_at: Mapped[Instant]
    decided_by: Mapped[Words] = mapped_column(server_default="")
    decided_at: Mapped[Instant | None]
    requested_as: Mapped[Words] = mapped_column(
        server_default="", comment="Unit and roles of who requested it, at that moment: a certificate names posts."
    )
    decided_as: Mapped[Words] = mapped_column(server_default="")


class ReachRow(Model):
    """What an erasure reaches in a service."""

    __abstract__ = True

    number: Mapped[Code] = mapped_column(primary_key=True)
    service: Mapped[Words] = mapped_column(primary_key=True)
    counts: Mapped[Json]
    erased: Mapped[bool]
    erased_at: Mapped[Instant | None]


class HoldRow(Model):
    """A hold on a matter's data."""

    __abstract__ = True

    number: Mapped[Code] = mapped_column(primary_key=True)
    hold: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    evidence: Mapped[Words]
    placed_by: Mapped[Words]
    placed_at: Mapped[Instant]
    lifted_by: Mapped[Words] = mapped_column(server_default="")
    lifted_at: Mapped[Instant | None]
    lifted_evidence: Mapped[Words] = mapped_column(server_default="")


class ErasureTables:
    """The statements of a service's three tables."""

    def __init__(self, erasure: type[ErasureRow], reach: type[ReachRow], hold: type[HoldRow]) -> None:
        number, at = bindparam("number", type_=Text), bindparam("at", type_=DateTime(timezone=True))
        self._erasure, self._hold = erasure, hold
        self._find = select(erasure).where(erasure.number == number)
        reached = insert(reach).values({column.name: bindparam(column.name) for column in reach.__table__.columns})
        self._keep_reach = reached.on_conflict_do_update(
            index_elements=[reach.number, reach.service],
            set_={
                "counts": reached.excluded.counts,
                "erased": or_(reach.erased, reached.excluded.erased),
                "erased_at": func.coalesce(reach.erased_at, reached.excluded.erased_at),
            },
        )
        self._reach = select(reach).where(reach.number == number).order_by(reach.service)
        self._holds = select(hold).where(hold.number == number, hold.lifted_at.is_(None)).order_by(hold.hold)
        self._lift = (
            update(hold)
            .where(hold.number == number, hold.lifted_at.is_(None))
            .values(lifted_at=at, lifted_by=bindparam("by"), lifted_evidence=bindparam("evidence"))
        )

    async def find(self, connection: Connection, number: str) -> ErasureRow | None:
        """Return the erasure of a matter; None where nobody asked for one."""
        return (await connection.execute(self._find, {"number": number})).first()

    async def request(self, connection: Connection, number: str, **columns: object) -> None:
        """Store a request for an erasure, replacing a refused one."""
        if await self.find(connection, number) is None:
            await rows.insert(connection, self._erasure, number=number, **columns)
        else:
            await rows.update(connection, self._erasure, {"number": number}, **columns)

    async def decide(self, connection: Connection, number: str, **columns: object) -> None:
        """Store the outcome of an erasure."""
        await rows.update(connection, self._erasure, {"number": number}, **columns)

    async def reached(
        self, connection: Connection, number: str, service: str, counts: Mapping[str, int], erased_at: datetime | None
    ) -> None:
        """Store what an erasure reaches in a service, replacing earlier figures; `erased_at` once it is done."""
        row = {"number": number, "service": service, "counts": dict(counts), "erased": erased_at is not None}
        await connection.execute(self._keep_reach, {**row, "erased_at": erased_at})

    async def reach(self, connection: Connection, number: str) -> Sequence[ReachRow]:
        """Return what an erasure reaches, by service."""
        return await connection.execute(self._reach, {"number": number})

    async def hold(self, connection: Connection, number: str, **columns: object) -> None:
        """Place a hold on a matter's data."""
        await rows.add(connection, self._hold, "hold", {"number": number}, **columns)

    async def holds(self, connection: Connection, number: str) -> Sequence[HoldRow]:
        """Return the holds in effect on a matter's data."""
        return await connection.execute(self._holds, {"number": number})

    async def lift(self, connection: Connection, number: str, at: datetime, by: str, evidence: str) -> None:
        """Lift every hold on a matter's data."""
        await connection.execute(self._lift, {"number": number, "at": at, "by": by, "evidence": evidence})
