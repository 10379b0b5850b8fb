"""Dockings: a matter that another authority hands over to mediation, and what is returned to it."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from casework.errors import CaseError, Reason


class DockingKind(IntEnum):
    """Which authority hands it over; the numbers match the contract."""

    COURT = 1
    POLICE = 2
    PETITION = 3


DEPARTMENTS = {DockingKind.COURT: "court", DockingKind.POLICE: "police", DockingKind.PETITION: "petition"}
"""The department of an area that each kind of authority is, in rules/units."""


class Procedure(IntEnum):
    """Which procedure of the court the entrusted matter is in; the numbers match the contract."""

    ORDINARY = 1
    SUMMARY = 2


class Nature(IntEnum):
    """What a petition is about; only a civil claim can be mediated (司法部、国家信访局 2025-02-10)."""

    CIVIL = 1
    ADMINISTRATIVE = 2
    PENDING_IN_COURT = 3


class DockingState(IntEnum):
    """State of a docking; the numbers match the contract."""

    HANDED_OVER = 1
    CONSENTED = 2
    SIGNED = 3
    AGREED = 4
    PERFORMED = 5
    APPLIED = 6
    SETTLED = 7
    RETURNED = 8
    OVERTAKEN = 9


class Letter(IntEnum):
    """The letters exchanged; the numbers match the contract."""

    HAND_OVER = 1
    RECEIPT = 2
    EXTENSION = 3
    AGREEMENT = 4
    PERFORMANCE_PROOF = 5
    APPLICATION = 6
    RETURN = 7
    ANSWER = 8


class Result(IntEnum):
    """All that a return says about the mediation; the numbers match the contract."""

    NO_CONSENT = 1
    NO_AGREEMENT = 2
    NOT_PERFORMED = 3


class Answer(IntEnum):
    """The authority's final answer; the numbers match the contract."""

    ACCEPTED = 1
    NOT_ACCEPTED = 2
    DECIDED_MEANWHILE = 3


class Change(IntEnum):
    """What changed of a docking, as its authority is told; the numbers match the contract."""

    HANDED_OVER = 1
    CONSENTED = 2
    SIGNED = 3
    EXTENDED = 4
    AGREED = 5
    PERFORMED = 6
    APPLIED = 7
    RETURNED = 8
    ANSWERED = 9
    TERM_MOVED = 10
    """Its clock ends at another moment than before."""


OVER = frozenset({DockingState.SETTLED, DockingState.RETURNED, DockingState.OVERTAKEN})

_STEPS: dict[DockingKind, dict[DockingState, frozenset[DockingState]]] = {
    # 诉调: consent, sign (the clock), agreement or return. SPC 意见 2024-12-27, 特邀调解规定 21, 26, 27.
    DockingKind.COURT: {
        DockingState.CONSENTED: frozenset({DockingState.HANDED_OVER}),
        DockingState.SIGNED: frozenset({DockingState.CONSENTED}),
        DockingState.AGREED: frozenset({DockingState.SIGNED}),
        DockingState.SETTLED: frozenset({DockingState.AGREED}),
    },
    # 警调: before the police decide; agreed, performed, applied for in writing, accepted. 治安管理处罚法 (2026) 9.
    DockingKind.POLICE: {
        DockingState.CONSENTED: frozenset({DockingState.HANDED_OVER}),
        DockingState.SIGNED: frozenset({DockingState.CONSENTED}),
        DockingState.AGREED: frozenset({DockingState.SIGNED}),
        DockingState.PERFORMED: frozenset({DockingState.AGREED}),
        DockingState.APPLIED: frozenset({DockingState.PERFORMED}),
        DockingState.SETTLED: frozenset({DockingState.APPLIED}),
    },
    # 访调: agreement goes back as its result, anything else to the 60-day track. 信访工作条例 33, 34.
    DockingKind.PETITION: {
        DockingState.CONSENTED: frozenset({DockingState.HANDED_OVER}),
        DockingState.SIGNED: frozenset({DockingState.CONSENTED}),
        DockingState.AGREED: frozenset({DockingState.SIGNED}),
        DockingState.SETTLED: frozenset({DockingState.AGREED}),
    },
}

CLOCKS = {
    (DockingKind.COURT, Procedure.ORDINARY): "court_entrusted",
    (DockingKind.COURT, Procedure.SUMMARY): "court_entrusted_summary",
    (DockingKind.POLICE, None): "police_docking",
}
"""The rule of the clock that signing starts. A petition has none: its own clock keeps running."""

EXTENSION_DAYS = 30


def ends_petition(before: DockingState, answer: Answer) -> bool:
    """Return whether the petition office's answer ends its own 60 days; no step of ours ever does."""
    return answer is not Answer.NOT_ACCEPTED or before is DockingState.RETURNED


def may_hand_over(kind: DockingKind, nature: Nature | None, decided: bool) -> None:
    """Raise unless mediation may accept it: not an administrative or pending matter, and before the police decide."""
    if kind is DockingKind.PETITION and nature is not Nature.CIVIL:
        name = nature.name if nature else "UNSPECIFIED"
        raise CaseError(Reason.NOT_FOR_MEDIATION, name, nature=name)
    if kind is DockingKind.POLICE and decided:
        raise CaseError(Reason.NOT_FOR_MEDIATION, "DECIDED")


def move(kind: DockingKind, state: DockingState, to: DockingState) -> DockingState:
    """Return the docking's new state, or raise WRONG_STATE naming its current state."""
    if state not in _STEPS[kind].get(to, frozenset()):
        raise CaseError(Reason.WRONG_STATE, f"{kind.name}: {state.name} → {to.name}", state=state.name)
    return to


_GIVEN_BACK = {
    DockingState.HANDED_OVER: Result.NO_CONSENT,
    DockingState.CONSENTED: Result.NO_CONSENT,
    DockingState.SIGNED: Result.NO_AGREEMENT,
    # An agreement in a police matter that is not performed goes back as well: 治安管理处罚法 (2026) 9.
    DockingState.AGREED: Result.NOT_PERFORMED,
}


def give_back(state: DockingState) -> tuple[DockingState, Result]:
    """Return the state of a docking that is returned, and its result; WRONG_STATE once it was performed or is over."""
    if state not in _GIVEN_BACK:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → RETURNED", state=state.name)
    return DockingState.RETURNED, _GIVEN_BACK[state]


def may_extend(
    kind: DockingKind, state: DockingState, extended: bool, due_at: datetime | None, missing: set[int], now: datetime
) -> None:
    """Raise unless the court's term may be extended: once, while it runs, with every party's consent."""
    running = due_at is not None and now <= due_at
    if kind is not DockingKind.COURT or state is not DockingState.SIGNED or extended or not running:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)
    if missing:
        who = ",".join(map(str, sorted(missing)))
        raise CaseError(Reason.CONSENT_MISSING, who, parties=who)


def answered(kind: DockingKind, state: DockingState, answer: Answer) -> DockingState:
    """Return the state after the authority's answer. A decision taken meanwhile ends a docking in any open state; a
    petition that went back to its own track is answered there.
    """
    if kind is DockingKind.PETITION and state is DockingState.RETURNED:
        return state
    if answer is Answer.DECIDED_MEANWHILE:
        if state in OVER:
            raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)
        return DockingState.OVERTAKEN
    settled = move(kind, state, DockingState.SETTLED)
    return settled if answer is Answer.ACCEPTED else DockingState.RETURNED
