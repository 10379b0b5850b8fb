"""Agreements, endings and results as messages of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from pb.mediation.v1 import agreement_pb2 as pb

from casework import names
from casework.door.routes import OpenRoute, RouteKind
from casework.mediation.agreement import ClauseKind
from services.kit import dates, other_routes
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.mediation.agreement.store import Loaded
from services.mediation.models.agreement import AgreedClause, Part, RightsNotice
from services.mediation.models.cases import Case
from services.mediation.models.consents import Mediation

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
        clauses=[clause(each, loaded.parts) for each in loaded.clauses],
        answers=[
            pb.ChecklistAnswer(yes=each.yes, answer_time=stamp(each.answered_at), **numbers(question=each.question))
            for each in loaded.answers
        ],
        signatures=[
            pb.AgreementSignature(
                party=names.party_name(row.number, each.party), sign_time=stamp(each.signed_at),
                **numbers(signer=each.signer, manner=each.manner),
            )
            for each in loaded.signatures
        ],
        countersign_time=stamp(row.countersigned_at),
        panel_signatures=[
            pb.PanelSignature(member=names.panel_name(row.number, each.member), sign_time=stamp(each.signed_at))
            for each in loaded.panel
        ],
        missing_members=[names.panel_name(row.number, each) for each in sorted(loaded.unsigned_seconds)],
        seal_time=stamp(row.seal_at),
        document_number=row.document_number,
        effective_time=stamp(row.effective_at),
        draft_time=stamp(row.drafted_at),
        **numbers(state=row.state, extent=row.extent, form=row.form),
    )  # fmt: skip
    if row.third_settled is not None:
        found.third_parties.CopyFrom(
            pb.ThirdPartyAnswer(
                settled=row.third_settled, answer_time=stamp(row.third_at), **numbers(interests=row.third_interests)
            )
        )
    return found


def clause(row: AgreedClause, parts: Sequence[Part]) -> pb.Clause:
    """Return a clause without its text."""
    own = [part for part in parts if part.clause == row.clause]
    split = row.kind is ClauseKind.PAY and len(own) > 1
    return pb.Clause(
        number=row.clause,
        performer=names.party_name(row.number, row.performer),
        beneficiary=names.party_name(row.number, row.beneficiary),
        amount_fen=row.amount,
        due_date=None if split else dates.shown(own[0].due_on),
        instalments=[pb.ClausePart(amount_fen=each.amount, due_date=dates.shown(each.due_on)) for each in own]
        if split
        else [],
        **numbers(kind=row.kind),
    )


def ending(
    case: Case, mediation: Mediation | None, notices: Sequence[RightsNotice], routes: Sequence[OpenRoute], *,
    to_party: bool = False,
) -> pb.Ending:  # fmt: skip
    """Return how a mediation ended, with the routes still open; to a party without who served what on whom, and how."""
    told = list(dict.fromkeys(_KINDS[each.route.kind] for each in routes if each.route.kind in _KINDS))
    ended = mediation if mediation is not None and mediation.ended_at is not None else None
    shown = [notice(each) for each in notices]
    for each in shown if to_party else ():
        each.ClearField("evidence")
        each.ClearField("server")
    return pb.Ending(
        name=f"{names.case_name(case.number)}/ending",
        end_time=stamp(ended.ended_at) if ended else None,
        notices=shown,
        other_routes=other_routes.shown(routes),
        **numbers(routes=told, ground=ended.ground if ended else None),
    )


def notice(row: RightsNotice) -> pb.RightsNotice:
    """Return a notice of rights."""
    return pb.RightsNotice(
        name=f"{names.case_name(row.number)}/notices/{row.party}",
        party=names.party_name(row.number, row.party),
        serve_time=stamp(row.served_at),
        evidence=row.evidence,
        server=row.served_by,
        **numbers(medium=row.medium),
    )
