"""The facts the court's documents are filled from."""

from __future__ import annotations

from typing import Any

from pb.mediation.v1 import agreement_pb2

from casework import names
from casework.agreement import ClauseKind, Form, Signer
from services.kit.database import Connection
from services.kit.sealing import CaseSealer
from services.mediation import rows, standing
from services.mediation.agreement.store import Loaded


async def of(
    connection: Connection, case: Any, loaded: Loaded, confirmation: Any, sealer: CaseSealer
) -> dict[str, Any]:
    """Return what the documents need, as plain values; personal data, to be handed over and not kept."""
    mediation = await standing.mediation(connection, case.number)
    consents = await rows.select(connection, "consents", "at, party, step", number=case.number)
    return {
        "case": names.case_name(case.number),
        "unit": names.unit_name(case.unit),
        "category": case.category,
        "mediation": {"mediator": mediation.mediator, "consented_at": _at(mediation.consented_at),
                      "ended_at": _at(mediation.ended_at)},
        "application": {"court": confirmation.court, "applied_at": _at(confirmation.applied_at)},
        "agreement": _agreement(loaded, sealer),
        "consents": [
            {"party": names.party_name(case.number, row.party), "step": standing.Step(row.step).name
             if row.step in list(standing.Step) else str(row.step), "given": row.given, "at": _at(row.at),
             "language": row.language, "read_back": row.read_back}
            for row in consents
        ],
    }  # fmt: skip


def _agreement(loaded: Loaded, sealer: CaseSealer) -> dict[str, Any]:
    row = loaded.row
    text = agreement_pb2.AgreementText.FromString(sealer.open(row.sealed))
    return {
        "name": names.agreement_name(row.number, row.agreement),
        "document_number": row.document_number,
        "form": Form(row.form).name,
        "effective_at": _at(row.effective_at),
        "facts": text.statement.facts,
        "disputed_points": text.statement.disputed_points,
        "responsibility": text.statement.responsibility,
        "clauses": [
            {
                "performer": names.party_name(row.number, clause.performer),
                "beneficiary": names.party_name(row.number, clause.beneficiary),
                "kind": ClauseKind(clause.kind).name,
                "amount_fen": clause.amount,
                "content": content,
                "instalments": [
                    {"amount_fen": part.amount, "due_on": part.due_on.isoformat() if part.due_on else None}
                    for part in loaded.parts
                    if part.clause == clause.clause
                ],
            }
            for clause, content in zip(loaded.clauses, text.clauses, strict=True)
        ],
        "signatures": [
            {"party": names.party_name(row.number, each.party), "signer": Signer(each.signer).name,
             "signed_at": _at(each.signed_at)}
            for each in loaded.signatures
        ],
    }  # fmt: skip


def _at(instant: Any) -> str | None:
    return None if instant is None else instant.isoformat()
