"""What the parts of clauses look like in the contract."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pb.mediation.v1 import fulfilment_pb2 as pb

from casework import names
from casework.mediation.fulfilment import InstalmentState, remedies
from services.kit import dates
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.mediation.fulfilment.store import Owed, facts, key_of
from services.mediation.models.fulfilment import DefaultStep, PerformedPart


def instalment(
    row: Owed, category: str, performances: Sequence[PerformedPart], steps: Sequence[DefaultStep], now: datetime
) -> pb.Instalment:
    """Return a part with its evidence, and what may follow and followed a default of it."""
    key = key_of(row)
    state = facts(row).state(now)
    allowed = list(remedies(row.kind)) if state is InstalmentState.DEFAULTED else []
    return pb.Instalment(
        name=names.instalment_name(row.number, row.agreement, row.clause, row.instalment),
        etag=str(row.version),
        performer=names.party_name(row.number, row.performer),
        beneficiary=names.party_name(row.number, row.beneficiary),
        amount_fen=row.amount,
        paid_fen=row.paid,
        due_date=dates.shown(row.due_on),
        due_time=stamp(row.due_at),
        perform_date=dates.shown(row.performed_on),
        default_time=stamp(row.defaulted_at),
        steps=[
            pb.DefaultStep(take_time=stamp(each.taken_at), **numbers(remedy=each.remedy))
            for each in steps
            if key_of(each) == key
        ],
        evidence=[each.evidence for each in performances if key_of(each) == key],
        **numbers(state=state, kind=row.kind, remedies=allowed),
    )
