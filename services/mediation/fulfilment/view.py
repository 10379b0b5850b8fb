"""What the parts of clauses look like in the contract."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pb.mediation.v1 import fulfilment_pb2 as pb

from casework import names
from casework.mediation.agreement import ClauseKind
from casework.mediation.fulfilment import InstalmentState, remedies
from services.kit import dates
from services.kit.instants import stamp
from services.mediation.fulfilment.store import facts, key_of


def instalment(
    row: Any, category: str, performances: Sequence[Any], steps: Sequence[Any], now: datetime
) -> pb.Instalment:
    """Return a part with its evidence, and what may follow and followed a default of it."""
    key = key_of(row)
    state: Any = facts(row).state(now)
    allowed: Any = remedies(ClauseKind(row.kind)) if state is InstalmentState.DEFAULTED else ()
    return pb.Instalment(
        name=names.instalment_name(row.number, row.agreement, row.clause, row.instalment),
        etag=str(row.version),
        state=state,
        kind=row.kind,
        performer=names.party_name(row.number, row.performer),
        beneficiary=names.party_name(row.number, row.beneficiary),
        amount_fen=row.amount,
        paid_fen=row.paid,
        due_date=dates.shown(row.due_on),
        due_time=stamp(row.due_at),
        perform_date=dates.shown(row.performed_on),
        default_time=stamp(row.defaulted_at),
        remedies=allowed,
        steps=[
            pb.DefaultStep(remedy=each.remedy, take_time=stamp(each.taken_at)) for each in steps if key_of(each) == key
        ],
        evidence=[each.evidence for each in performances if key_of(each) == key],
    )
