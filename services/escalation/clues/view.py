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


def clue(row: Clue, uses: Sequence[ClueUse], now: datetime, *, kept: bool) -> pb.Clue:
    """Return a clue, without its texts and without who gave it.

    What it was used for and why it was sent back is for the unit that keeps it, not for those it is transferred to.
    """
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
        decline_reason=row.declined if kept else "",
        uses=[pb.ClueUse(target=each.target, use_time=stamp(each.used_at)) for each in uses if kept],
        due_time=stamp(row.due_at),
        overdue=row.due_at is not None and row.due_at < now,
        register_time=stamp(row.registered_at),
        verify_time=stamp(row.verified_at),
        transfer_time=stamp(row.transferred_at),
        handle_time=stamp(row.handled_at),
        close_time=stamp(row.closed_at),
        **numbers(state=row.state, source=row.source, finding=row.finding or 0, result=row.result or 0),
    )
