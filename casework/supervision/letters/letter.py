"""Supervision letters (五函): from a unit to one under it, about a matter, never about a person.

Only the five names are published (领域: 提示函 警示函 通报函 约谈函 督查函); states, limits and separations are house
defaults, with 信访工作条例 art. 39-40 as the nearest practice: the addressee reports in writing what was done.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from enum import IntEnum

from casework.clocks.calendar import Calendar
from casework.errors import CaseError, FieldFault, Reason, field_error
from casework.papers.numbering import Series
from casework.units import ROOT, UnitTree


class LetterKind(IntEnum):
    """The five letters, in order of gravity; the numbers match the contract."""

    NOTICE = 1
    WARNING = 2
    CIRCULAR = 3
    INTERVIEW = 4
    INSPECTION = 5


class LetterState(IntEnum):
    """State of a letter; the numbers match the contract."""

    DRAFTED = 1
    APPROVED = 2
    SERVED = 3
    RECEIVED = 4
    REPLIED = 5
    CLOSED = 6
    FAILED = 7
    WITHDRAWN = 8
    ANNULLED = 9
    DISCARDED = 10


class Objection(IntEnum):
    """State of an objection to a letter; the numbers match the contract."""

    NONE = 0
    RAISED = 1
    UPHELD = 2
    REJECTED = 3


class Failure(IntEnum):
    """Why a letter failed; the numbers match the contract."""

    NONE = 0
    NO_REPLY = 1
    NOT_ENOUGH = 2


class Part(IntEnum):
    """The sealed texts of a letter; the numbers are stored."""

    WORDS = 1
    HEARING = 2
    MINUTES = 3
    REPLY = 4
    VERIFICATION = 5
    OBJECTION = 6
    DECISION = 7
    WITHDRAWAL = 8
    DISCARD = 9
    TRANSFER = 10


_OURS = frozenset({Part.HEARING, Part.DISCARD, Part.TRANSFER})
"""Parts not shown to the addressed unit: the issuer's own record."""
_COPIED_PARTS = frozenset({Part.WORDS, Part.WITHDRAWAL})
"""What a peer that gets a copy is shown: the letter's text, and its withdrawal."""

OVER = frozenset({
    LetterState.CLOSED, LetterState.FAILED, LetterState.WITHDRAWN, LetterState.ANNULLED, LetterState.DISCARDED,
})  # fmt: skip
TAKEN_BACK = (LetterState.WITHDRAWN, LetterState.ANNULLED, LetterState.DISCARDED)
"""States of a letter that stands no longer, whatever it said."""
OPEN_TO_OBJECTION = frozenset({LetterState.RECEIVED, LetterState.REPLIED, LetterState.CLOSED, LetterState.FAILED})
COPIED = frozenset({LetterKind.CIRCULAR, LetterKind.INSPECTION})
"""Letters of which other units get a copy: peers or the superior."""
LAST = LetterKind.INSPECTION
INTERVIEW_NOTICE = 3
"""Working days between service of an interview invitation and the interview."""

_S = LetterState
_BEFORE: dict[LetterState, frozenset[LetterState]] = {
    _S.APPROVED: frozenset({_S.DRAFTED}),
    _S.DISCARDED: frozenset({_S.DRAFTED}),
    _S.SERVED: frozenset({_S.APPROVED}),
    _S.RECEIVED: frozenset({_S.SERVED}),
    # A reply that arrives after the letter failed for lack of one is still accepted and reviewed.
    _S.REPLIED: frozenset({_S.RECEIVED, _S.FAILED}),
    _S.CLOSED: frozenset({_S.REPLIED}),
    _S.FAILED: frozenset({_S.RECEIVED, _S.REPLIED}),
    _S.WITHDRAWN: frozenset({_S.APPROVED, _S.SERVED, _S.RECEIVED, _S.REPLIED}),
    _S.ANNULLED: OPEN_TO_OBJECTION,
}

REPLY_RULES = {
    LetterKind.NOTICE: "letter_notice_reply",
    LetterKind.WARNING: "letter_warning_reply",
    LetterKind.CIRCULAR: "letter_circular_rectification",
    LetterKind.INTERVIEW: "letter_interview_plan",
    LetterKind.INSPECTION: "letter_inspection_report",
}
"""The rule of the time to reply, by kind; for an interview it runs from the minutes."""

SERIES = {
    LetterKind.NOTICE: Series.NOTICE,
    LetterKind.WARNING: Series.WARNING,
    LetterKind.CIRCULAR: Series.CIRCULAR,
    LetterKind.INTERVIEW: Series.INTERVIEW,
    LetterKind.INSPECTION: Series.INSPECTION,
}


def move(state: LetterState, to: LetterState) -> LetterState:
    """Return the letter's new state, or raise WRONG_STATE naming its current state."""
    if state not in _BEFORE[to]:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {to.name}", state=state.name)
    return to


def must_be(state: LetterState, *wanted: LetterState) -> None:
    """Raise WRONG_STATE unless the letter is in one of these states."""
    if state not in wanted:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def next_kind(kind: LetterKind) -> LetterKind | None:
    """Return the next rung; None after an inspection, after which only people decide."""
    return None if kind is LAST else LetterKind(kind + 1)


def must_be_another(actor: str, others: Collection[str]) -> None:
    """Raise SAME_PERSON if a person would approve, decide or verify their own work."""
    if actor in others:
        raise CaseError(Reason.SAME_PERSON)


def may_approve(kind: LetterKind, drafters: Collection[str], approver: str, heard: bool) -> None:
    """Raise unless this person may sign: one person drafts, another signs, a circular only after a hearing."""
    if not drafters:
        raise CaseError(Reason.DRAFT_NOT_TAKEN_UP)
    must_be_another(approver, drafters)
    if kind is LetterKind.CIRCULAR and not heard:
        raise CaseError(Reason.HEARING_MISSING)


def may_decide(decider: str, drafters: Collection[str], approver: str) -> None:
    """Raise SAME_PERSON if an objection would be decided by the person who drafted or signed the letter."""
    must_be_another(decider, {*drafters, approver})


def no_objection_open(objection: Objection) -> None:
    """Raise OBJECTION_OPEN while an objection is undecided: the letter is suspended."""
    if objection is Objection.RAISED:
        raise CaseError(Reason.OBJECTION_OPEN)


def may_reply(kind: LetterKind, state: LetterState, failure: Failure, objection: Objection, held: bool) -> None:
    """Raise unless the unit may reply now: a letter that failed for an insufficient reply is over."""
    no_objection_open(objection)
    move(state, LetterState.REPLIED)
    waits = kind is LetterKind.INTERVIEW and not held
    if waits or (state is LetterState.FAILED and failure is not Failure.NO_REPLY):
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def may_hold(
    kind: LetterKind, state: LetterState, announced: date | None, on: date, today: date, *, agreed: bool
) -> None:
    """Raise unless an interview may be held on this day: not before the announced day, except by agreement."""
    if kind is not LetterKind.INTERVIEW:
        raise CaseError(Reason.WRONG_STATE, kind.name, state=state.name)
    must_be(state, LetterState.RECEIVED)
    if on > today:
        raise field_error("hold_date", Reason.IN_THE_FUTURE)
    if announced is not None and on < announced and not agreed:
        raise CaseError(Reason.NOTICE_TOO_SHORT, announced.isoformat())


def may_announce(calendar: Calendar, served_on: date, interview_on: date | None) -> None:
    """Raise NOTICE_TOO_SHORT unless an interview is three working days or more after service of its letter."""
    if interview_on is not None and interview_on < calendar.nth_after(served_on, INTERVIEW_NOTICE):
        raise CaseError(Reason.NOTICE_TOO_SHORT, interview_on.isoformat())


def may_object(state: LetterState, objection: Objection, in_time: bool) -> None:
    """Raise unless the unit may object: once, within five working days of receipt, whatever happened since."""
    must_be(state, *OPEN_TO_OBJECTION)
    if objection is not Objection.NONE:
        raise CaseError(Reason.ALREADY_EXISTS, objection.name)
    if not in_time:
        raise CaseError(Reason.OBJECTION_LATE)


INDEPENDENT = frozenset({"court", "procuratorate"})
"""Departments to which no supervision letter goes: they exercise their powers independently (宪法 art. 131, 136)."""


def is_independent(unit: str) -> bool:
    """Tell whether a unit is a court or a procuratorate."""
    return unit.partition("-")[2] in INDEPENDENT


def may_address(units: UnitTree, issuer: str, unit: str, field: str = "letter.unit") -> None:
    """Raise unless a letter may go from one unit to the other: down the tree, never sideways or up."""
    for code, name in ((issuer, "letter.issuer"), (unit, field)):
        if code not in units:
            raise field_error(name, Reason.UNKNOWN_UNIT, code)
    if issuer == ROOT or unit == issuer or issuer not in units.path(unit):
        raise _not_under(field, unit)
    if is_independent(unit):
        zh = "法院、检察院依法独立行使职权，不发督办函件；可以发工作提示函。"
        en = "a court or procuratorate gets no supervision letter; recommend something instead"
        raise CaseError(Reason.INVALID_FIELD, unit, (FieldFault(field, zh, en),), field=field)


def copies(units: UnitTree, kind: LetterKind, issuer: str, unit: str, asked: Collection[str]) -> list[str]:
    """Return who gets a copy: the superior for an inspection, the units the drafter names for a circular."""
    if asked and kind not in COPIED:
        raise field_error("letter.copies", Reason.INVALID_FIELD, kind.name)
    for code in asked:
        if code not in units:
            raise field_error("letter.copies", Reason.UNKNOWN_UNIT, code)
        if code == ROOT or not (issuer in units.path(code) or code in units.path(issuer)):
            raise _not_under("letter.copies", code)
    superior = [superior_of(units, issuer, unit)] if kind is LetterKind.INSPECTION else []
    return sorted({each for each in (*asked, *superior) if each and each not in (unit, issuer)})


def superior_of(units: UnitTree, issuer: str, unit: str) -> str:
    """Return the superior that gets a copy of an inspection: the unit's, or if that is the issuer, the issuer's."""
    above = units.parent(unit)
    found = units.parent(issuer) if above == issuer else above
    return found if found and found != ROOT else ""


def _not_under(field: str, code: str) -> CaseError:
    fault = FieldFault(field, "不在发函单位之下。", "is not under the unit that issues the letter")
    return CaseError(Reason.INVALID_FIELD, code, (fault,), field=field)


def shown_parts(*, inside: bool, addressed: bool) -> frozenset[Part]:
    """Return which parts are shown: all to the issuer, fewer to the unit and its superiors, only the text to peers."""
    if inside:
        return frozenset(Part)
    return frozenset(Part) - _OURS if addressed else _COPIED_PARTS
