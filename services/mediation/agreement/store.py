"""Statements of agreements, their clauses, signatures and checklists, and of notices of rights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Text, bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert

from casework import names
from casework.mediation.agreement import AgreementState, Clause, Due, Extent, Question, Signer
from casework.mediation.closing import Satisfaction
from casework.mediation.session import Manner
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.rows import not_found
from services.mediation.models.agreement import AgreedClause, Agreement, AgreementAnswer, Part, RightsNotice, Signature
from services.mediation.models.closing import VisitAnswer
from services.mediation.models.mediators import PanelSignature
from services.mediation.panel import store as panel

PENDING = (AgreementState.DRAFT, AgreementState.SIGNING)
"""States of an agreement that does not bind yet, and still may."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An agreement with the rows that belong to it."""

    row: Agreement
    clauses: Sequence[AgreedClause]
    parts: Sequence[Part]
    answers: Sequence[AgreementAnswer]
    signatures: Sequence[Signature]
    panel: Sequence[PanelSignature] = ()
    """The signatures of second mediators, past ones included."""
    seconds: frozenset[int] = frozenset()
    """The second mediators who take part now, each of whom must sign."""

    @property
    def unsigned_seconds(self) -> frozenset[int]:
        """The second mediators who have not signed."""
        return self.seconds - {each.member for each in self.panel}

    @property
    def countersigned_at(self) -> datetime | None:
        """When the last of the mediators signed; None while a signature is missing."""
        if self.row.countersigned_at is None or self.unsigned_seconds:
            return None
        of_seconds = [each.signed_at for each in self.panel if each.member in self.seconds]
        return max([self.row.countersigned_at, *of_seconds])

    @property
    def answered(self) -> dict[Question, bool]:
        """The answers given to the checklist so far."""
        return {row.question: row.yes for row in self.answers}

    @property
    def signed(self) -> dict[int, datetime]:
        """When each party signed."""
        return {row.party: row.signed_at for row in self.signatures}

    @property
    def bound(self) -> set[int]:
        """The parties named in its clauses."""
        return {party for row in self.clauses for party in (row.performer, row.beneficiary)}

    @property
    def duties(self) -> list[Clause]:
        """Its clauses as `casework` has them."""
        parts: dict[int, list[Due]] = {}
        for part in self.parts:
            parts.setdefault(part.clause, []).append(Due(part.amount, part.due_on))
        return [
            Clause(row.performer, row.beneficiary, row.kind, row.amount, tuple(parts[row.clause]))
            for row in self.clauses
        ]


_NUMBER = bindparam("number", type_=Text)


async def load(connection: Connection, number: str, agreement: int) -> Loaded:
    """Return an agreement; NOT_FOUND where there is none."""
    key = {"number": number, "agreement": agreement}
    row = not_found((await rows.find(connection, Agreement, **key)).first(), names.agreement_name(number, agreement))
    return Loaded(
        row,
        await rows.find(connection, AgreedClause, AgreedClause.clause, **key),
        await rows.find(connection, Part, Part.clause, Part.instalment, **key),
        await rows.find(connection, AgreementAnswer, AgreementAnswer.question, **key),
        await rows.find(connection, Signature, Signature.signed_at, Signature.party, **key),
        await rows.find(connection, PanelSignature, PanelSignature.member, **key),
        await panel.seconds(connection, number),
    )


async def clause(connection: Connection, number: str, agreement: int, clause: int) -> AgreedClause | None:
    """Return a clause; None where there is none."""
    return (await rows.find(connection, AgreedClause, number=number, agreement=agreement, clause=clause)).first()


async def loaded_all(connection: Connection, number: str) -> list[Loaded]:
    """Return all agreements of a case, oldest first."""
    found = await rows.find(connection, Agreement, Agreement.agreement, number=number)
    return [await load(connection, number, row.agreement) for row in found]


_ADD_CLAUSE = insert(AgreedClause).values({each.name: bindparam(each.name) for each in AgreedClause.__table__.columns})
_ADD_PART = insert(Part).values(
    {name: bindparam(name) for name in ("number", "agreement", "clause", "instalment", "amount", "due_on")}
)


async def add(connection: Connection, number: str, clauses: Sequence[Clause], **columns: object) -> int:
    """Store a draft with its clauses and return its number."""
    row = await rows.add(
        connection, Agreement, "agreement", {"number": number}, rows.FEW, state=AgreementState.DRAFT, **columns
    )  # fmt: skip
    of = {"number": number, "agreement": row.agreement}
    numbered = list(enumerate(clauses, start=1))
    await connection.execute(
        _ADD_CLAUSE,
        [
            {**of, "clause": at, "performer": clause.performer, "beneficiary": clause.beneficiary,
             "kind": clause.kind, "amount": clause.amount}
            for at, clause in numbered
        ],
    )  # fmt: skip
    await connection.execute(
        _ADD_PART,
        [
            {**of, "clause": at, "instalment": index, "amount": part.amount, "due_on": part.on}
            for at, clause in numbered
            for index, part in enumerate(clause.parts, start=1)
        ],
    )
    return row.agreement


_PENDING = update(Agreement).where(Agreement.number == _NUMBER, Agreement.state.in_(PENDING))
_SUPERSEDE = _PENDING.values(state=AgreementState.SUPERSEDED, version=Agreement.version + 1)
_DROP_COUNTERSIGNATURE = _PENDING.where(Agreement.countersigned_at.is_not(None)).values(
    countersigned_at=None, countersigned_by="", version=Agreement.version + 1
)


async def supersede(connection: Connection, number: str) -> None:
    """Mark the drafts of a case that do not bind yet as superseded."""
    await connection.execute(_SUPERSEDE, {"number": number})


async def drop_countersignature(connection: Connection, number: str) -> None:
    """Remove the mediator's signature from drafts that do not bind yet: the signer is no longer mediator of record."""
    await connection.execute(_DROP_COUNTERSIGNATURE, {"number": number})


async def change(connection: Connection, number: str, agreement: int, **columns: object) -> Agreement:
    """Change columns of an agreement and return its new row."""
    return await rows.update(connection, Agreement, {"number": number, "agreement": agreement}, **columns)


async def set_due(connection: Connection, part: Part, due_at: datetime | None) -> None:
    """Store the deadline of a part of an agreement, its last instant."""
    key = {"number": part.number, "agreement": part.agreement, "clause": part.clause, "instalment": part.instalment}
    await rows.update(connection, Part, key, due_at=due_at)


_GIVEN = upsert(AgreementAnswer).values(
    {each.name: bindparam(each.name) for each in AgreementAnswer.__table__.columns}
)  # fmt: skip
_ANSWER = _GIVEN.on_conflict_do_update(
    index_elements=list(AgreementAnswer.__table__.primary_key),
    set_={name: _GIVEN.excluded[name] for name in ("yes", "answered_at", "answered_by")},
)


async def answer(
    connection: Connection, number: str, agreement: int, answers: Mapping[Question, bool], at: datetime, by: str
) -> None:
    """Store answers to the checklist; the latest answer to a question counts."""
    of = {"number": number, "agreement": agreement, "answered_at": at, "answered_by": by}
    await connection.execute(_ANSWER, [{**of, "question": question, "yes": yes} for question, yes in answers.items()])


_SIGN = insert(Signature).values({each.name: bindparam(each.name) for each in Signature.__table__.columns})


async def sign(
    connection: Connection,
    row: Agreement,
    parties: Sequence[int],
    signer: Signer,
    manner: Manner,
    at: datetime,
    by: str,
) -> None:
    """Store signatures."""
    of = {"number": row.number, "agreement": row.agreement, "signer": signer, "manner": manner, "signed_at": at,
          "recorded_by": by}  # fmt: skip
    await connection.execute(_SIGN, [{**of, "party": party} for party in parties])


async def effective(connection: Connection, number: str) -> Sequence[Agreement]:
    """Return the rows of the agreements of a case that bind."""
    state = AgreementState.EFFECTIVE
    return await rows.find(connection, Agreement, Agreement.agreement, number=number, state=state)


async def extents(connection: Connection, number: str) -> list[Extent]:
    """Return how much each effective agreement of a case settles."""
    return [row.extent for row in await effective(connection, number)]


_MADE_OUT = upsert(RightsNotice).values({name: bindparam(name) for name in ("number", "party", "made_at")})
_NOTICE = _MADE_OUT.on_conflict_do_update(
    index_elements=list(RightsNotice.__table__.primary_key),
    set_={"made_at": _MADE_OUT.excluded.made_at, "served_at": None, "medium": 0, "evidence": "", "served_by": ""},
)
_SERVE = (
    update(RightsNotice)
    .where(RightsNotice.number == _NUMBER, RightsNotice.party == bindparam("party"))
    .values({name: bindparam(name) for name in ("served_at", "medium", "evidence", "served_by")})
    .returning(RightsNotice)
)


async def make_notices(connection: Connection, number: str, parties: Sequence[int], at: datetime) -> None:
    """Issue a notice of rights to each party; an older one is replaced."""
    if parties:
        await connection.execute(_NOTICE, [{"number": number, "party": party, "made_at": at} for party in parties])


async def notices(connection: Connection, number: str) -> Sequence[RightsNotice]:
    """Return the notices of rights of a case."""
    return await rows.find(connection, RightsNotice, RightsNotice.party, number=number)


async def serve(
    connection: Connection, notice: RightsNotice, medium: int, evidence: str, at: datetime, by: str
) -> RightsNotice:
    """Mark a notice served and return it."""
    parameters = {"number": notice.number, "party": notice.party, "medium": medium, "evidence": evidence,
                  "served_at": at, "served_by": by}  # fmt: skip
    return (await connection.execute(_SERVE, parameters)).one()


_SATISFACTION = (
    select(VisitAnswer.party, VisitAnswer.satisfaction)
    .ext(distinct_on(VisitAnswer.party))
    .where(VisitAnswer.number == _NUMBER)
    .order_by(VisitAnswer.party, VisitAnswer.days.desc())
)


async def satisfaction(connection: Connection, number: str) -> Sequence[tuple[int, Satisfaction]]:
    """Return each party's last answer on satisfaction in the follow-up visits."""
    return await connection.execute(_SATISFACTION, {"number": number})
