"""Clues (线索): what somebody says may be wrong with a matter or a unit, from receipt to the use of the result.

A clue may be about a unit. Such a clue is kept by a unit that is neither the one it is about nor under it. The unit it
is about does not learn of the clue before it is transferred to it, and never who gave it: what a person reveals is not
passed on to those it is about, and nobody suffers for it (信访工作条例 art. 30, 46).
"""

from __future__ import annotations

from enum import IntEnum

from casework.door.complaint import lies_within
from casework.errors import CaseError, Reason, field_error
from casework.units import UnitTree


class ClueSource(IntEnum):
    """Where a clue comes from; the numbers match the contract."""

    PEOPLE = 1
    ABOVE = 2
    OTHER_UNIT = 3
    OWN_WORK = 4
    MEDIA = 5


class ClueState(IntEnum):
    """State of a clue; the numbers match the contract."""

    REGISTERED = 1
    VERIFYING = 2
    VERIFIED = 3
    TRANSFERRED = 4
    HANDLING = 5
    HANDLED = 6
    CLOSED = 7


class ClueFinding(IntEnum):
    """What the verification found."""

    FOUNDED = 1
    PARTLY = 2
    UNFOUNDED = 3
    UNCLEAR = 4


class ClueResult(IntEnum):
    """What became of a clue."""

    USED = 1
    SETTLED = 2
    UNFOUNDED = 3
    UNCLEAR = 4


SHOWN_TO_ADDRESSEE = frozenset({ClueState.TRANSFERRED, ClueState.HANDLING, ClueState.HANDLED, ClueState.CLOSED})
"""States in which a clue is with the unit it was transferred to, or was."""
TRUE = frozenset({ClueFinding.FOUNDED, ClueFinding.PARTLY})
ERASED = frozenset({ClueResult.UNFOUNDED, ClueResult.UNCLEAR})
"""Results after which only the number, the kind and the places remain."""

_BEFORE: dict[ClueState, frozenset[ClueState]] = {
    ClueState.VERIFYING: frozenset({ClueState.REGISTERED, ClueState.VERIFYING, ClueState.VERIFIED}),
    ClueState.VERIFIED: frozenset({ClueState.VERIFYING}),
    ClueState.TRANSFERRED: frozenset({ClueState.REGISTERED, ClueState.VERIFIED}),
    ClueState.HANDLING: frozenset({ClueState.TRANSFERRED, ClueState.HANDLED}),
    ClueState.HANDLED: frozenset({ClueState.HANDLING}),
    ClueState.CLOSED: frozenset({ClueState.REGISTERED, ClueState.VERIFIED, ClueState.HANDLED}),
}


def move(state: ClueState, to: ClueState) -> ClueState:
    """Return the new state, or raise WRONG_STATE naming the current one."""
    if state not in _BEFORE[to]:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {to.name}", state=state.name)
    return to


def must_be(state: ClueState, *allowed: ClueState) -> None:
    """Raise WRONG_STATE naming the state, if it is not one of those allowed."""
    if state not in allowed:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def must_be_kept_above(keeper: str, about: str) -> None:
    """Raise COMPLAINED_OF if a clue would be kept by the unit it is about, or by one under it."""
    if lies_within(about, keeper):
        raise field_error("unit", Reason.COMPLAINED_OF, keeper)


def verifier(unit: str, keeper: str, about: str, units: UnitTree) -> str:
    """Return who verifies: the keeper or a unit of its area, never the unit the clue is about or one under it."""
    if not units.contains(keeper, unit):
        raise field_error("verifier", Reason.UNKNOWN_UNIT, unit)
    if lies_within(about, unit):
        raise field_error("verifier", Reason.COMPLAINED_OF, unit)
    return unit


def addressee(unit: str, keeper: str, about: str, finding: ClueFinding | None) -> str:
    """Return who gets a clue transferred; the unit it is about only once it was found to be true."""
    if unit == keeper:
        raise field_error("addressee", Reason.INVALID_FIELD, unit)
    if finding is None and lies_within(about, unit):
        raise field_error("addressee", Reason.COMPLAINED_OF, unit)
    return unit


def may_transfer(finding: ClueFinding | None) -> None:
    """Raise CONTRADICTED if the verification found nothing to handle."""
    if finding is not None and finding not in TRUE:
        raise CaseError(Reason.CONTRADICTED, finding.name)


def closed_with(result: ClueResult, state: ClueState, finding: ClueFinding | None, *, uses: int) -> ClueState:
    """Return the closed state if the result agrees with the facts.

    USED needs something the clue was used for; SETTLED a handling that was reported; UNFOUNDED and UNCLEAR the same
    finding. A clue that was not verified is closed only by its use, for instance as part of an earlier clue.
    """
    to = move(state, ClueState.CLOSED)
    agrees = {
        ClueResult.USED: uses > 0,
        ClueResult.SETTLED: state is ClueState.HANDLED,
        ClueResult.UNFOUNDED: state is ClueState.VERIFIED and finding is ClueFinding.UNFOUNDED,
        ClueResult.UNCLEAR: state is ClueState.VERIFIED and finding is ClueFinding.UNCLEAR,
    }
    if not agrees[result]:
        raise field_error("result", Reason.CONTRADICTED, f"{state.name}: {result.name}")
    return to
