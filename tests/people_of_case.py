"""People put into a case by the facts alone, for tests of what is done with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
from pb.mediation.v1.caucus_pb2_grpc import CaucusServiceStub
from pb.mediation.v1.evidence_pb2_grpc import EvidenceServiceStub
from pb.mediation.v1.sessions_pb2_grpc import SessionServiceStub

from accord.embedded.stack import Stack
from tests.conftest import COUNTY, Clients

MEDIATOR = f"demo-mediator-{COUNTY}"
APPLICANT, RESPONDENT, THIRD = 1, 2, 3


@dataclass
class Stubs:
    """Stubs of the services about sessions."""

    clients: Clients
    sessions: Any = field(init=False)
    evidence: Any = field(init=False)
    caucus: Any = field(init=False)

    def __post_init__(self) -> None:
        channel = self.clients.channels["mediation"]
        self.sessions, self.evidence, self.caucus = (
            SessionServiceStub(channel), EvidenceServiceStub(channel), CaucusServiceStub(channel))  # fmt: skip


async def _insert(connection: asyncpg.Connection, table: str, **values: Any) -> None:
    """Insert a row, leaving out what the table has no column for."""
    found = await connection.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'mediation' AND table_name = $1", table
    )
    columns = [name for name in values if name in {row[0] for row in found}]
    places = ", ".join(f"${index}" for index in range(1, len(columns) + 1))
    await connection.execute(
        f"INSERT INTO mediation.{table} ({', '.join(columns)}) VALUES ({places}) ON CONFLICT DO NOTHING",
        *(values[name] for name in columns),
    )


async def execute(stack: Stack, query: str, *values: Any) -> list[Any]:
    """Run a query as the database's administrator."""
    connection = await asyncpg.connect(stack.database_url)
    try:
        return list(await connection.fetch(query, *values))
    finally:
        await connection.close()


async def give_people(
    stack: Stack,
    case: str,
    sides: tuple[int, ...] = (APPLICANT, RESPONDENT),
    *,
    consents: bool = True,
    mediator: str = MEDIATOR,
    subjects: dict[int, str] | None = None,
) -> None:
    """Give a case its parties (numbered from 1, one for each side named), their consents and its mediator."""
    number, now = case.split("/")[1], datetime.now(UTC)
    connection = await asyncpg.connect(stack.database_url)
    try:
        state = (3 if mediator else 2) if consents else 1
        await _insert(connection, "mediations", number=number)
        await connection.execute(
            "UPDATE mediation.mediations SET state = $2, mediator = $3, mediator_unit = $4, phase = $5"
            " WHERE number = $1",
            number,
            state,
            mediator,
            COUNTY if mediator else "",
            4 if mediator else 1,
        )
        for party, side in enumerate(sides, start=1):
            await _insert(connection, "parties", number=number, party=party, side=side, kind=1, joined_at=now,
                          subject=(subjects or {}).get(party, ""))  # fmt: skip
            if consents:
                await consent(connection, number, party, True)
    finally:
        await connection.close()


async def consent(connection: asyncpg.Connection, number: str, party: int, given: bool) -> None:
    """Record a party's consent to mediation."""
    now = datetime.now(UTC)
    last = "SELECT count(*) FROM mediation.consents WHERE number = $1"
    await _insert(connection, "consents", number=number, consent=await connection.fetchval(last, number) + 1,
                  party=party, round=1, step=1, given=given, medium=1, language="zh", read_back=True, at=now,
                  recorded_at=now, recorded_by="a-test")  # fmt: skip
