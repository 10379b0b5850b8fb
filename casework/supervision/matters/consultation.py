"""Expert consultations (专家会诊): a verifiable draw, recusal, and advice that binds nobody."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum

from casework.errors import CaseError, Reason


class ConsultationState(IntEnum):
    """State of a consultation; the numbers match the contract."""

    ASKED = 1
    DRAWN = 2
    ACCEPTED = 3
    OPINED = 4
    ANSWERED = 5
    ENDED = 6


class AskState(IntEnum):
    """The outcome of asking an expert; the numbers match the contract."""

    WAITING = 1
    ASKED = 2
    ACCEPTED = 3
    RECUSED = 4
    LAPSED = 5
    DROPPED = 6


class Recusal(IntEnum):
    """Why an expert does not act; the numbers match the contract."""

    KIN = 1
    INTEREST = 2
    PRIOR_ROLE = 3
    SAME_UNIT = 4
    NOT_MY_FIELD = 5
    NOT_AVAILABLE = 6


class Adoption(IntEnum):
    """Whether an opinion is followed; the numbers match the contract."""

    ADOPTED = 1
    IN_PART = 2
    NOT_ADOPTED = 3


CAUSE = "expert"
"""The cause for which a clock pauses to wait for an opinion; a rule that does not list it does not pause."""

WAITS = frozenset({ConsultationState.ASKED, ConsultationState.DRAWN, ConsultationState.ACCEPTED})

_BEFORE = {
    ConsultationState.DRAWN: frozenset({ConsultationState.ASKED}),
    ConsultationState.ACCEPTED: frozenset({ConsultationState.DRAWN}),
    ConsultationState.ASKED: frozenset({ConsultationState.DRAWN}),
    ConsultationState.OPINED: frozenset({ConsultationState.ACCEPTED}),
    ConsultationState.ANSWERED: frozenset({ConsultationState.OPINED}),
    ConsultationState.ENDED: WAITS,
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """An expert of the pool, with what a draw needs."""

    name: str
    unit: str
    user: str


def move(state: ConsultationState, to: ConsultationState) -> ConsultationState:
    """Return the new state, or raise WRONG_STATE naming the current state."""
    if state not in _BEFORE[to]:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {to.name}", state=state.name)
    return to


def may_recuse(state: ConsultationState) -> None:
    """Raise WRONG_STATE unless an expert is asked or at work: a conflict may be noticed late."""
    if state not in (ConsultationState.DRAWN, ConsultationState.ACCEPTED):
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → RECUSED", state=state.name)


def fitting(
    pool: Iterable[Candidate], units: Collection[str], conflicts: Collection[str], users: Collection[str]
) -> list[str]:
    """Return the experts eligible for the draw: none of a unit concerned, with a declared conflict, or who asks."""
    return sorted(
        each.name for each in pool if each.unit not in units and each.name not in conflicts and each.user not in users
    )


def drawn(seed: str, names: Iterable[str]) -> list[str]:
    """Return names in the order given by a seed: by the SHA-256 of `{seed}/{name}`, as hex.

    The whole order is fixed at once, so that nobody can redraw until a convenient name comes up.
    """
    return sorted(names, key=lambda name: (hashlib.sha256(f"{seed}/{name}".encode()).hexdigest(), name))


def pool_of(unit: str) -> str:
    """Return the area whose experts are eligible for a unit: its city, or its province if the unit is above a city.

    House default: in a county everybody knows everybody.
    """
    digits = unit.partition("-")[0]
    return digits[:4] if len(digits) >= 4 else digits
