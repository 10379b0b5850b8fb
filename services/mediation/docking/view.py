"""Dockings as messages of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from pb.mediation.v1 import docking_pb2 as pb

from casework import names
from casework.mediation.docking import DockingKind, Letter
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.mediation.docking.store import Changed
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


def sent(row: Docking, letters: Sequence[DockingLetter], unit: str, category: str) -> pb.Docking:
    """Return a docking as its authority sees it, with the accountable unit and the category of its case."""
    shown = docking(row, letters)
    shown.unit, shown.category = names.unit_name(unit), f"categories/{category}"
    return shown


def change(row: Changed, letters: Sequence[DockingLetter]) -> pb.DockingChange:
    """Return a change of a docking as its authority sees it."""
    return pb.DockingChange(
        sequence=row.position, change_time=stamp(row.at), docking=sent(row.row, letters, row.unit, row.category),
        **numbers(kinds=row.kinds, result=row.row.result),
    )  # fmt: skip


def return_report(row: Docking, letters: Sequence[DockingLetter]) -> pb.ReturnReport:
    """Return the report sent back: that there is no agreement, and the letter; never who refused or why."""
    letter = next(each for each in letters if each.letter is Letter.RETURN)
    return pb.ReturnReport(
        name=f"{names.docking_name(row.number, row.docking)}/returnReport",
        return_time=stamp(letter.at),
        letter_number=letter.reference,
        **numbers(result=row.result),
    )
