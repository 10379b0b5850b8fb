"""Reads a draft from a request: its clauses, and the text that is sealed."""

from __future__ import annotations

from pb.mediation.v1 import agreement_pb2 as pb

from casework import names
from casework.errors import Reason, field_error
from casework.mediation.agreement import Clause, ClauseKind, Due
from services.kit import dates

_NOBODY = -1


def clauses_of(agreement: pb.Agreement, number: str) -> list[Clause]:
    """Return the clauses of a draft; INVALID_FIELD if a date is invalid, or given besides instalments."""
    return [_clause(index, clause, number) for index, clause in enumerate(agreement.clauses)]


def party_of(name: str, number: str) -> int:
    """Return the number of the party with this name; a number that no party has if it is of another case."""
    return int(names.last(name)) if names.number_of(name) == number else _NOBODY


def _clause(index: int, clause: pb.Clause, number: str) -> Clause:
    path = f"agreement.clauses[{index}]"
    if clause.instalments and clause.HasField("due_date"):
        raise field_error(f"{path}.due_date", Reason.INVALID_FIELD, "instalments")
    parts = [
        Due(part.amount_fen, dates.read(part.due_date, f"{path}.instalments[{at}].due_date"))
        for at, part in enumerate(clause.instalments)
    ]
    if not parts:
        day = dates.read(clause.due_date, f"{path}.due_date") if clause.HasField("due_date") else None
        parts = [Due(clause.amount_fen, day)]
    return Clause(
        party_of(clause.performer, number),
        party_of(clause.beneficiary, number),
        ClauseKind(clause.kind),
        clause.amount_fen,
        tuple(parts),
    )


def sealed_text(agreement: pb.Agreement) -> pb.AgreementText:
    """Return the part of a draft that is sealed: its statement and the text of each clause."""
    return pb.AgreementText(statement=agreement.statement, clauses=[clause.content for clause in agreement.clauses])
