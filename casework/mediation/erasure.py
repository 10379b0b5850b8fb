"""Erasing the personal data of a matter: what prevents it, and until when its file is kept (个人信息保护法 art. 47)."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from casework.errors import CaseError, Reason
from casework.mediation.closing import Retention

SERVICES = ("intake", "mediation", "escalation")
"""Services that hold personal data of a matter."""


class ErasureState(IntEnum):
    """State of an erasure; the numbers match the contract."""

    REQUESTED = 1
    ERASED = 2
    REFUSED = 3


class Ground(IntEnum):
    """Ground of an erasure; the numbers match the contract."""

    RETENTION_OVER = 1
    PARTY_REQUEST = 2
    ORDER = 3


class Obstacle(IntEnum):
    """What prevents an erasure; the numbers match the contract."""

    NOT_CLOSED = 1
    KEPT = 2
    PERMANENT = 3
    HELD = 4
    AGREEMENT_OPEN = 5


YEARS = {Retention.TEN_YEARS: 10, Retention.THIRTY_YEARS: 30}


def keep_until(retention: Retention | None, closed_at: datetime | None) -> datetime | None:
    """Return until when a file is kept; None if it is kept for ever, or was never closed."""
    if retention not in YEARS or closed_at is None:
        return None
    year = closed_at.year + YEARS[retention]
    try:
        return closed_at.replace(year=year)
    except ValueError:  # 29 February
        return closed_at.replace(year=year, month=3, day=1)


def obstacles(
    ground: Ground,
    *,
    closed: bool,
    retention: Retention | None,
    until: datetime | None,
    held: bool,
    open_parts: int,
    now: datetime,
) -> list[Obstacle]:
    """Return what prevents an erasure on this ground.

    A party's request waits until the retention period ends (art. 47: a set retention period prevails); an order
    does not. A hold prevents an erasure on any ground.
    """
    kept = ground is not Ground.ORDER
    found = {
        Obstacle.NOT_CLOSED: not closed,
        Obstacle.KEPT: kept and until is not None and until > now,
        Obstacle.PERMANENT: kept and retention is Retention.PERMANENT,
        Obstacle.HELD: held,
        Obstacle.AGREEMENT_OPEN: kept and open_parts > 0,
    }
    return [obstacle for obstacle, stands in found.items() if stands]


def must_be_clear(found: list[Obstacle]) -> None:
    """Raise ERASURE_BARRED naming everything that prevents an erasure."""
    if found:
        listed = ",".join(each.name for each in found)
        raise CaseError(Reason.ERASURE_BARRED, listed, obstacles=listed)


def must_be_requested(state: ErasureState | None) -> None:
    """Raise WRONG_STATE unless an erasure was requested and is not decided yet."""
    if state is not ErasureState.REQUESTED:
        name = state.name if state else "NOT_REQUESTED"
        raise CaseError(Reason.WRONG_STATE, name, state=name)
