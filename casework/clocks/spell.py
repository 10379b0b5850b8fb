"""The pauses of a clock, as recorded in its ledger."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from casework.clocks.ledger import Entry, Paused, Resumed


class Spell(NamedTuple):
    """One pause: the number of its entry, its cause, when it began, and when it ended (None while it lasts)."""

    seq: int
    cause: str
    begin: datetime
    end: datetime | None


def spells(ordered: list[Entry]) -> list[Spell]:
    """Return the pauses in order of their start; the entries must be in effective order.

    Pauses of several causes may overlap. A resumption ends the pause it names, or every pause open at its instant.
    """
    begun: dict[int, Paused] = {}
    ended: list[Spell] = []
    for entry in ordered:
        if isinstance(entry, Paused):
            begun[entry.seq] = entry
        elif isinstance(entry, Resumed):
            over = list(begun) if entry.of is None else [entry.of] if entry.of in begun else []
            ended += [_spell(begun.pop(seq), entry.at) for seq in over]
    ended += [_spell(pause, None) for pause in begun.values()]
    return sorted(ended, key=lambda spell: (spell.begin, spell.seq))


def _spell(pause: Paused, end: datetime | None) -> Spell:
    return Spell(
        pause.seq, pause.cause, pause.at.replace(microsecond=0), None if end is None else end.replace(microsecond=0)
    )
