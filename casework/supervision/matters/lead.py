"""Lead officials (领导包案): what they do for a matter and when, and what they may never decide.

信访工作条例 art. 18 lets leaders take on matters. A lead is assigned to a matter, never to a person, and answers for
its progress. A lead decides neither the legal result nor anybody's access to a court.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date
from enum import IntEnum, StrEnum

from casework.errors import CaseError, Reason, field_error


class NoteKind(IntEnum):
    """What a lead official records; the numbers match the contract. A lead can do nothing else."""

    FIRST_LOOK = 1
    CONTACT = 2
    MONTHLY = 3


class HandOverState(IntEnum):
    """State of a hand-over; the numbers match the contract."""

    OFFERED = 1
    ACCEPTED = 2
    DECLINED = 3
    WITHDRAWN = 4


class Barred(StrEnum):
    """What a lead official may not do in their own matter."""

    legal_opinion = "legal_opinion"
    """Sign as the legal adviser of a plan."""
    expert_opinion = "expert_opinion"
    """Advise as an expert."""
    lawful_end = "lawful_end"
    """Declare the matter legally concluded, that is, the legal routes exhausted."""
    strike_off = "strike_off"
    """Verify that it can be struck off."""


FIRST_LOOK, CONTACT, NOTE = "first_look", "contact", "note"
RULES = {FIRST_LOOK: "lead_first_look", CONTACT: "lead_contact", NOTE: "lead_note"}
"""The rule of each clock of a lead, by the prefix of its key."""


def must_not_be_the_lead(actor: str, lead: str, what: Barred) -> None:
    """Raise ROLE_BARRED if the lead official would decide a legal result or close the way to a court."""
    if lead and actor == lead:
        raise CaseError(Reason.ROLE_BARRED, what, act=what)


def must_be_the_lead(actor: str, lead: str) -> None:
    """Raise NOT_THE_LEAD unless the caller is the lead official of the matter."""
    if not lead or actor != lead:
        raise CaseError(Reason.NOT_THE_LEAD)


def must_lie_above(unit: str, path: Sequence[str]) -> None:
    """Raise INVALID_FIELD unless the official's unit keeps the matter or is above it; `path` ends at the keeper."""
    if unit not in path[1:]:
        raise field_error("unit", Reason.INVALID_FIELD, "a unit that keeps the matter, or one above it")


def check_note(kind: NoteKind, form: int, first_look: bool) -> None:
    """Raise if a contact lacks its manner, another note has one, or a first look was already recorded."""
    if (kind is NoteKind.CONTACT) is not bool(form):
        raise field_error("note.form", Reason.INVALID_FIELD, kind.name)
    if kind is NoteKind.FIRST_LOOK and first_look:
        raise CaseError(Reason.WRONG_STATE, kind.name, state="LOOKED_AT")


def note_due(assigned: date, month: int) -> date:
    """Return the last day of the `month`-th monthly note: the day of the month of the assignment, or that month's end.

    Always counted from the assignment, so that 31 January is followed by 28 February and then by 31 March.
    """
    months = assigned.year * 12 + assigned.month - 1 + month
    year, index = divmod(months, 12)
    return date(year, index + 1, min(assigned.day, calendar.monthrange(year, index + 1)[1]))
