"""SQL of agreements, their clauses, signatures and answers, and of notices of rights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from casework import names
from casework.mediation.agreement import AgreementState, Clause, ClauseKind, Due, Extent, Question
from services.kit.storage import rows
from services.kit.storage.database import Connection, text
from services.kit.storage.rows import not_found


@dataclass(frozen=True, slots=True)
class Loaded:
    """An agreement with all that belongs to it, as rows."""

    row: Any
    clauses: Sequence[Any]
    parts: Sequence[Any]
    answers: Sequence[Any]
    signatures: Sequence[Any]

    @property
    def answered(self) -> dict[Question, bool]:
        """The checklist as far as it was answered."""
        return {Question(row.question): row.yes for row in self.answers}

    @property
    def signed(self) -> dict[int, datetime]:
        """When each party signed."""
        return {row.party: row.signed_at for row in self.signatures}

    @property
    def bound(self) -> set[int]:
        """The parties its clauses name."""
        return {party for row in self.clauses for party in (row.performer, row.beneficiary)}

    @property
    def duties(self) -> list[Clause]:
        """Its clauses as the field knows them."""
        parts: dict[int, list[Due]] = {}
        for part in self.parts:
            parts.setdefault(part.clause, []).append(Due(part.amount, part.due_on))
        return [
            Clause(row.performer, row.beneficiary, ClauseKind(row.kind), row.amount, tuple(parts[row.clause]))
            for row in self.clauses
        ]


async def load(connection: Connection, number: str, agreement: int) -> Loaded:
    """Return an agreement; NOT_FOUND where there is none."""
    key = {"number": number, "agreement": agreement}
    found = await rows.select(connection, "agreements", "agreement", **key)
    row = not_found(found.first(), names.agreement_name(number, agreement))
    return Loaded(
        row,
        await rows.select(connection, "clauses", "clause", **key),
        await rows.select(connection, "instalments", "clause, instalment", **key),
        await rows.select(connection, "agreement_answers", "question", **key),
        await rows.select(connection, "signatures", "signed_at, party", **key),
    )


async def loaded_all(connection: Connection, number: str) -> list[Loaded]:
    """Return all agreements of a case, oldest first."""
    found = await rows.select(connection, "agreements", "agreement", number=number)
    return [await load(connection, number, row.agreement) for row in found]


_CLAUSE = text("""
    INSERT INTO clauses (number, agreement, clause, performer, beneficiary, kind, amount)
    VALUES (:number, :agreement, :clause, :performer, :beneficiary, :kind, :amount)
""")
_PART = text("""
    INSERT INTO instalments (number, agreement, clause, instalment, amount, due_on)
    VALUES (:number, :agreement, :clause, :instalment, :amount, :due_on)
""")
_NEXT = text("SELECT coalesce(max(agreement), 0) + 1 FROM agreements WHERE number = :number")


async def add(connection: Connection, number: str, clauses: Sequence[Clause], **columns: Any) -> int:
    """Store a draft with its clauses and return its number."""
    agreement: int = await connection.scalar(_NEXT, {"number": number})
    await rows.insert(connection, "agreements", number=number, agreement=agreement, **columns)
    of = {"number": number, "agreement": agreement}
    numbered = list(enumerate(clauses, start=1))
    await connection.execute(
        _CLAUSE,
        [
            {**of, "clause": at, "performer": clause.performer, "beneficiary": clause.beneficiary,
             "kind": int(clause.kind), "amount": clause.amount}
            for at, clause in numbered
        ],
    )  # fmt: skip
    await connection.execute(
        _PART,
        [
            {**of, "clause": at, "instalment": index, "amount": part.amount, "due_on": part.on}
            for at, clause in numbered
            for index, part in enumerate(clause.parts, start=1)
        ],
    )
    return agreement


_SUPERSEDE = text("""
    UPDATE agreements SET state = :superseded, version = version + 1
    WHERE number = :number AND state = ANY(:pending)
""")


async def supersede(connection: Connection, number: str) -> None:
    """Let drafts of a case that do not bind yet be over."""
    pending = [int(AgreementState.DRAFT), int(AgreementState.SIGNING)]
    parameters = {"number": number, "superseded": int(AgreementState.SUPERSEDED), "pending": pending}
    await connection.execute(_SUPERSEDE, parameters)


_DROP_COUNTERSIGNATURE = text("""
    UPDATE agreements SET countersigned_at = NULL, countersigned_by = '', version = version + 1
    WHERE number = :number AND state = ANY(:pending) AND countersigned_at IS NOT NULL
""")


async def drop_countersignature(connection: Connection, number: str) -> None:
    """Drop the mediator's signature on what does not bind yet: who signed is no longer the mediator of record."""
    pending = [int(AgreementState.DRAFT), int(AgreementState.SIGNING)]
    await connection.execute(_DROP_COUNTERSIGNATURE, {"number": number, "pending": pending})


async def change(connection: Connection, number: str, agreement: int, **columns: Any) -> Any:
    """Change columns of an agreement and return its new row."""
    return await rows.update(connection, "agreements", {"number": number, "agreement": agreement}, **columns)


_ANSWER = text("""
    INSERT INTO agreement_answers (number, agreement, question, yes, answered_at, answered_by)
    VALUES (:number, :agreement, :question, :yes, :at, :by)
    ON CONFLICT (number, agreement, question)
    DO UPDATE SET yes = excluded.yes, answered_at = excluded.answered_at, answered_by = excluded.answered_by
""")


async def answer(
    connection: Connection, number: str, agreement: int, answers: Mapping[int, bool], at: datetime, by: str
) -> None:
    """Store answers to the checklist; a later one to the same question counts."""
    of = {"number": number, "agreement": agreement, "at": at, "by": by}
    await connection.execute(_ANSWER, [{**of, "question": question, "yes": yes} for question, yes in answers.items()])


_SIGN = text("""
    INSERT INTO signatures (number, agreement, party, signer, manner, signed_at, recorded_by)
    VALUES (:number, :agreement, :party, :signer, :manner, :at, :by)
""")


async def sign(
    connection: Connection, row: Any, parties: Sequence[int], signer: int, manner: int, at: datetime, by: str
) -> None:
    """Store signatures."""
    of = {"number": row.number, "agreement": row.agreement, "signer": signer, "manner": manner, "at": at, "by": by}
    await connection.execute(_SIGN, [{**of, "party": party} for party in parties])


async def effective(connection: Connection, number: str) -> list[Any]:
    """Return the rows of the agreements of a case that bind."""
    state = int(AgreementState.EFFECTIVE)
    return await rows.select(connection, "agreements", "agreement", number=number, state=state)


async def extents(connection: Connection, number: str) -> list[Extent]:
    """Return how much each effective agreement of a case settles."""
    return [Extent(row.extent) for row in await effective(connection, number)]


_NOTICE = text("""
    INSERT INTO rights_notices (number, party, made_at) VALUES (:number, :party, :at)
    ON CONFLICT (number, party) DO UPDATE
    SET made_at = excluded.made_at, served_at = NULL, medium = 0, evidence = '', served_by = ''
""")


async def make_notices(connection: Connection, number: str, parties: Sequence[int], at: datetime) -> None:
    """Make a notice of rights out to each party; an older one is made out anew."""
    if parties:
        await connection.execute(_NOTICE, [{"number": number, "party": party, "at": at} for party in parties])


async def notices(connection: Connection, number: str) -> list[Any]:
    """Return the notices of rights of a case."""
    return await rows.select(connection, "rights_notices", "party", number=number)


_SERVE = text("""
    UPDATE rights_notices SET served_at = :at, medium = :medium, evidence = :evidence, served_by = :by
    WHERE number = :number AND party = :party RETURNING *
""")


async def serve(connection: Connection, notice: Any, medium: int, evidence: str, at: datetime, by: str) -> Any:
    """Mark a notice served and return it."""
    parameters = {"number": notice.number, "party": notice.party, "medium": medium, "evidence": evidence, "at": at,
                  "by": by}  # fmt: skip
    return (await connection.execute(_SERVE, parameters)).one()
