"""Fulfilment: which parts of an agreement were performed or are in default, and what may be done about a default."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum

from casework.errors import CaseError, Reason, field_error
from casework.mediation.agreement import ClauseKind


class InstalmentState(IntEnum):
    """State of one part of a clause; the numbers match the contract."""

    PENDING = 1
    PART = 2
    PERFORMED = 3
    DEFAULTED = 4


class ClaimState(IntEnum):
    """State of a debtor's claim that it performed; the numbers match the contract."""

    WAITING = 1
    CONFIRMED = 2
    DISPUTED = 3


class Performance(IntEnum):
    """How far an agreement was performed: a separate result, never merged with outcome or satisfaction."""

    NOT = 1
    PART = 2
    DONE = 3


class Remedy(IntEnum):
    """What may follow a default; the numbers match the contract."""

    REMIND = 1
    """The performer is reminded; the mediation body follows up on performance (人民调解法 31)."""
    ENFORCEMENT = 2
    """The beneficiary is told of suit, and of enforcement of a confirmed agreement (人民调解法 32, 33; 民诉法 250)."""
    PAYMENT_ORDER = 3
    """The beneficiary is told of the payment order for wages (支付令, 劳动争议调解仲裁法 16)."""
    ESCALATE = 4
    """The accountable unit is told."""


ROUTE_TOLD = frozenset({Remedy.ENFORCEMENT, Remedy.PAYMENT_ORDER})
"""Remedies after which a default no longer keeps a case open: the beneficiary was told the other routes."""

FOLLOW_UP_DAYS = (7, 30, 90)
"""Days after the performance date on which follow-up visits are due (house default)."""


@dataclass(frozen=True, slots=True)
class Instalment:
    """The facts of one part of a clause. `amount` and `paid` in fen."""

    kind: ClauseKind
    amount: int
    paid: int
    due_at: datetime | None
    begun: bool
    performed_on: date | None
    defaulted_at: datetime | None

    def state(self, now: datetime) -> InstalmentState:
        """Return its state: in default if that was declared, or if its last day has passed."""
        if self.performed_on is not None:
            return InstalmentState.PERFORMED
        if self.defaulted_at is not None or (self.due_at is not None and self.due_at < now):
            return InstalmentState.DEFAULTED
        return InstalmentState.PART if self.begun else InstalmentState.PENDING


def perform(instalment: Instalment, amount: int, complete: bool) -> tuple[int, bool]:
    """Return how much is paid after this performance and whether the part is performed; late ones count as well.

    A payment is complete when its whole amount was paid; anything else when it is declared complete.
    """
    if instalment.performed_on is not None:
        raise CaseError(Reason.WRONG_STATE, InstalmentState.PERFORMED.name, state=InstalmentState.PERFORMED.name)
    if instalment.kind is not ClauseKind.PAY:
        if amount:
            raise field_error("amount_fen", Reason.INVALID_FIELD, "not a payment")
        return 0, complete
    paid = instalment.paid + amount
    if amount <= 0 or paid > instalment.amount:
        raise field_error("amount_fen", Reason.INVALID_FIELD, f"1 … {instalment.amount - instalment.paid}")
    return paid, paid == instalment.amount


def answer(state: ClaimState, confirmed: bool) -> ClaimState:
    """Return the state of a claim after an answer; nothing else changes it, however long it is open.

    What was disputed may still be confirmed, by whoever looks at it again; what was confirmed stays.
    """
    to = ClaimState.CONFIRMED if confirmed else ClaimState.DISPUTED
    if state is ClaimState.CONFIRMED or state is to:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {to.name}", state=state.name)
    return to


def remedies(kind: ClauseKind) -> tuple[Remedy, ...]:
    """Return the remedies for a default of this clause; a payment order is for any fixed sum (民事诉讼法 art. 225)."""
    return tuple(remedy for remedy in Remedy if kind is ClauseKind.PAY or remedy is not Remedy.PAYMENT_ORDER)


def pursue(instalment: Instalment, remedy: Remedy, now: datetime) -> None:
    """Raise unless this remedy is possible: only a default has remedies, and only those of its kind of clause."""
    state = instalment.state(now)
    if state is not InstalmentState.DEFAULTED:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)
    if remedy not in remedies(instalment.kind):
        raise field_error("remedy", Reason.INVALID_FIELD, remedy.name)


def declare(instalment: Instalment, now: datetime) -> None:
    """Raise WRONG_STATE unless a part can be declared in default: not performed, not in default already."""
    state = instalment.state(now)
    if state not in (InstalmentState.PENDING, InstalmentState.PART):
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def is_open(state: InstalmentState, open_ended: bool, route_told: bool) -> bool:
    """Return whether a part keeps its case open. A lasting duty without a date, and a default whose other routes were
    told, do not.
    """
    if state is InstalmentState.PERFORMED or open_ended:
        return False
    return not (state is InstalmentState.DEFAULTED and route_told)


def performance(states: Iterable[InstalmentState], begun: bool) -> Performance | None:
    """Return how far an agreement with parts in these states was performed; None if no part has a date."""
    found = list(states)
    if not found:
        return None
    if all(state is InstalmentState.PERFORMED for state in found):
        return Performance.DONE
    return Performance.PART if begun or InstalmentState.PERFORMED in found else Performance.NOT


VISIT_DAYS = 7
"""Days from its day on in which a follow-up visit is to be made (house default)."""


def may_visit(due_on: date, today: date) -> bool:
    """Return whether a follow-up visit may be made today: from its day on, never before; a late one always may."""
    return today >= due_on


def follow_ups(performed_on: date) -> dict[int, date]:
    """Return the day of each follow-up visit, by days after the performance date."""
    return {days: performed_on + timedelta(days=days) for days in FOLLOW_UP_DAYS}


def last_day(due_on: date) -> date:
    """Return the last day of a follow-up visit, by its day."""
    return due_on + timedelta(days=VISIT_DAYS)
