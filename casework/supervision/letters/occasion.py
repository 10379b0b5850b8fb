"""Occasions: what happened in supervision that may require a letter. Rules say which; a person decides and signs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Happening(StrEnum):
    """What happened, always to a unit and a matter, never to a person."""

    due_soon = "due_soon"
    overdue = "overdue"
    returned = "returned"
    no_plan = "no_plan"
    false_closing = "false_closing"
    letter_failed = "letter_failed"
    similar_matters = "similar_matters"


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that may require a letter to a unit, from the unit above it.

    `subject` is the case, matter or letter it is about; `times` how often it has happened to this subject;
    `overdue_days` whole working days past the deadline, 0 if none.
    """

    happening: Happening
    unit: str
    subject: str
    times: int = 1
    overdue_days: int = 0
    grade: str = ""


def ends_soon(started_at: datetime, due_at: datetime, now: datetime) -> bool:
    """Return whether four fifths of a term have passed, or it ends within a day (house default: 20 % of it left)."""
    return now - started_at >= (due_at - started_at) * 4 / 5 or due_at - now <= timedelta(days=1)
