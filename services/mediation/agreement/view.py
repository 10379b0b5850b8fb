"""What agreements, endings and results look like in the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pb.mediation.v1 import agreement_pb2 as pb

from casework import names
from casework.door.routes import OpenRoute, RouteKind
from casework.mediation.agreement import ClauseKind
from services.kit import dates
from services.kit.instants import stamp
from services.kit.serving import other_routes
from services.mediation.agreement.store import Loaded

_KINDS = {
    RouteKind.court: 1, RouteKind.arbitration: 2, RouteKind.administration: 3, RouteKind.petition: 4,
    RouteKind.police: 5,
}  # fmt: skip
"""Numbers of the contract for the routes that lead to an authority."""


def agreement(loaded: Loaded) -> pb.Agreement:
    """Return an agreement without its text."""
    row = loaded.row
    found = pb.Agreement(
        name=names.agreement_name(row.number, row.agreement),
        etag=str(row.version),
        state=row.state,
        extent=row.extent,
        form=row.form,
        clauses=[_clause(clause, loaded.parts) for clause in loaded.clauses],
        answers=[
            pb.ChecklistAnswer(question=each.question, yes=each.yes, answer_time=stamp(each.answered_at))
            for each in loaded.answers
        ],
        signatures=[
            pb.AgreementSignature(
                party=names.party_name(row.number, each.party), signer=each.signer, manner=each.manner,
                sign_time=stamp(each.signed_at),
            )
            for each in loaded.signatures
        ],
        countersign_time=stamp(row.countersigned_at),
        seal_time=stamp(row.seal_at),
        document_number=row.document_number,
        effective_time=stamp(row.effective_at),
        draft_time=stamp(row.drafted_at),
    )  # fmt: skip
    if row.third_settled is not None:
        found.third_parties.CopyFrom(
            pb.ThirdPartyAnswer(
                interests=row.third_interests, settled=row.third_settled, answer_time=stamp(row.third_at)
            )
        )
    return found


def _clause(row: Any, parts: Sequence[Any]) -> pb.Clause:
    own = [part for part in parts if part.clause == row.clause]
    split = row.kind == ClauseKind.PAY and len(own) > 1
    return pb.Clause(
        number=row.clause,
        performer=names.party_name(row.number, row.performer),
        beneficiary=names.party_name(row.number, row.beneficiary),
        kind=row.kind,
        amount_fen=row.amount,
        due_date=None if split else dates.shown(own[0].due_on),
        instalments=[pb.ClausePart(amount_fen=each.amount, due_date=dates.shown(each.due_on)) for each in own]
        if split
        else [],
    )


def ending(case: Any, mediation: Any, notices: Sequence[Any], routes: Sequence[OpenRoute]) -> pb.Ending:
    """Return how a mediation ended, with the routes that are open."""
    told: Any = list(dict.fromkeys(_KINDS[each.route.kind] for each in routes if each.route.kind in _KINDS))
    ended = mediation is not None and mediation.ended_at is not None
    return pb.Ending(
        name=f"{names.case_name(case.number)}/ending",
        ground=mediation.ground if ended else None,
        end_time=stamp(mediation.ended_at) if ended else None,
        routes=told,
        notices=[notice(each) for each in notices],
        other_routes=other_routes.shown(routes),
    )


def notice(row: Any) -> pb.RightsNotice:
    """Return a notice of rights."""
    return pb.RightsNotice(
        name=f"{names.case_name(row.number)}/notices/{row.party}",
        party=names.party_name(row.number, row.party),
        serve_time=stamp(row.served_at),
        medium=row.medium,
    )
