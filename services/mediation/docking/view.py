"""Dockings as messages of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from pb.mediation.v1 import docking_pb2 as pb

from casework import names
from casework.mediation.docking import DockingKind, Letter
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.mediation.models.docking import Docking, DockingLetter


def docking(row: Docking, letters: Sequence[DockingLetter]) -> pb.Docking:
    """Return a docking with its letters."""
    return pb.Docking(
        name=names.docking_name(row.number, row.docking),
        etag=str(row.version),
        hand_over_letter=next(each.reference for each in letters if each.letter is Letter.HAND_OVER),
        petition_accept_time=stamp(row.petition_at) if row.kind is DockingKind.PETITION else None,
        hand_over_time=stamp(row.handed_over_at),
        sign_time=stamp(row.signed_at),
        due_time=stamp(row.due_at),
        extended=row.extended,
        authority=names.unit_name(row.authority) if row.authority else "",
        end_time=stamp(row.ended_at),
        letters=[
            pb.DockingLetter(reference=each.reference, letter_time=stamp(each.at), **numbers(kind=each.letter))
            for each in letters
        ],
        **numbers(kind=row.kind, state=row.state, procedure=row.procedure, nature=row.nature),
    )


def return_report(row: Docking, letters: Sequence[DockingLetter]) -> pb.ReturnReport:
    """Return the report sent back: that there is no agreement, and the letter; never who refused or why."""
    letter = next(each for each in letters if each.letter is Letter.RETURN)
    return pb.ReturnReport(
        name=f"{names.docking_name(row.number, row.docking)}/returnReport",
        return_time=stamp(letter.at),
        letter_number=letter.reference,
        **numbers(result=row.result),
    )
