"""Rows of the compartment as messages; texts only if the service opened them."""

from __future__ import annotations

from collections.abc import Sequence

from pb.mediation.v1 import caucus_pb2 as pb

from casework import names
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.mediation.caucus.models import CaucusNote, CaucusOffer, CaucusRead, FactSheet, FactSignature


def note(row: CaucusNote) -> pb.CaucusNote:
    """Return a note without its text."""
    return pb.CaucusNote(
        name=f"{_caucus(row)}/notes/{row.note}", by_mediator=row.by_mediator, create_time=stamp(row.created_at)
    )


def offer(row: CaucusOffer) -> pb.CaucusOffer:
    """Return an offer without its terms."""
    return pb.CaucusOffer(
        name=f"{_caucus(row)}/offers/{row.offer}", by_mediator=row.by_mediator, create_time=stamp(row.created_at)
    )


def read(row: CaucusRead) -> pb.CaucusRead:
    """Return a reading."""
    return pb.CaucusRead(reader=row.reader, read_time=stamp(row.read_at))


def sheet(row: FactSheet, signatures: Sequence[FactSignature]) -> pb.FactSheet:
    """Return a sheet without its facts."""
    return pb.FactSheet(
        name=names.fact_sheet_name(row.number, row.sheet),
        signatures=[
            pb.FactSignature(
                party=names.party_name(row.number, each.party),
                sign_time=stamp(each.signed_at),
                by_mediator=each.by_mediator,
                **numbers(manner=each.manner),
            )
            for each in signatures
        ],
        released=row.released_at is not None,
        create_time=stamp(row.created_at),
        release_time=stamp(row.released_at),
    )


def _caucus(row: CaucusNote | CaucusOffer) -> str:
    return names.caucus_name(row.number, row.side.name.lower())
