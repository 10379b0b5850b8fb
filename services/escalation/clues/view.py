"""What a clue looks like in the contract."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pb.escalation.v1 import clues_pb2 as pb

from casework import names
from services.escalation.clues.models import ClueUse
from services.escalation.models import Clue
from services.kit.instants import stamp
from services.kit.numbers import numbers


def clue(row: Clue, uses: Sequence[ClueUse], now: datetime) -> pb.Clue:
    """Return a clue, without its texts and without who gave it."""
    return pb.Clue(
        name=names.file_name(row.number),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        about_unit=names.unit_name(row.about),
        place=names.unit_name(row.place),
        category=f"categories/{row.category}",
        verifier=names.unit_name(row.verifier),
        addressee=names.unit_name(row.addressee),
        returned=row.returned,
        decline_reason=row.declined,
        uses=[pb.ClueUse(target=each.target, use_time=stamp(each.used_at)) for each in uses],
        due_time=stamp(row.due_at),
        overdue=row.due_at is not None and row.due_at < now,
        register_time=stamp(row.registered_at),
        verify_time=stamp(row.verified_at),
        transfer_time=stamp(row.transferred_at),
        handle_time=stamp(row.handled_at),
        close_time=stamp(row.closed_at),
        **numbers(state=row.state, source=row.source, finding=row.finding or 0, result=row.result or 0),
    )
