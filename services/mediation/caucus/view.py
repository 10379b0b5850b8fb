"""What the compartment shows of its rows; words only where the service opened them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pb.mediation.v1 import caucus_pb2 as pb

from casework import names
from casework.mediation.caucus import Side
from services.kit.instants import stamp


def note(row: Any) -> pb.CaucusNote:
    """Return a note without its words."""
    return pb.CaucusNote(
        name=f"{_caucus(row)}/notes/{row.note}", by_mediator=row.by_mediator, create_time=stamp(row.created_at)
    )


def offer(row: Any) -> pb.CaucusOffer:
    """Return an offer without its terms."""
    return pb.CaucusOffer(
        name=f"{_caucus(row)}/offers/{row.offer}", by_mediator=row.by_mediator, create_time=stamp(row.created_at)
    )


def read(row: Any) -> pb.CaucusRead:
    """Return that somebody read."""
    return pb.CaucusRead(reader=row.reader, read_time=stamp(row.read_at))


def sheet(row: Any, signatures: Sequence[Any]) -> pb.FactSheet:
    """Return a sheet without its facts."""
    return pb.FactSheet(
        name=names.fact_sheet_name(row.number, row.sheet),
        signatures=[
            pb.FactSignature(
                party=names.party_name(row.number, each.party),
                manner=each.manner,
                sign_time=stamp(each.signed_at),
                by_mediator=each.by_mediator,
            )
            for each in signatures
        ],
        released=row.released_at is not None,
        create_time=stamp(row.created_at),
        release_time=stamp(row.released_at),
    )


def _caucus(row: Any) -> str:
    return names.caucus_name(row.number, Side(row.side).name.lower())
