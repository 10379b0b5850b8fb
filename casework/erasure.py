"""Erasing the personal data of a matter: what prevents it, and until when its file is kept (个人信息保护法 art. 47)."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from casework.errors import CaseError, Reason

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


def keep_until(years: int | None, closed_at: datetime | None) -> datetime | None:
    """Return until when a file is kept that long; None if it is kept for ever, or was never closed."""
    if years is None or closed_at is None:
        return None
    year = closed_at.year + years
    try:
        return closed_at.replace(year=year)
    except ValueError:  # 29 February
        return closed_at.replace(year=year, month=3, day=1)


def obstacles(
    ground: Ground,
    *,
    closed: bool,
    permanent: bool,
    until: datetime | None,
    held: bool,
    now: datetime,
    open_parts: int = 0,
) -> list[Obstacle]:
    """Return what prevents an erasure on this ground.

    A party's request waits until the retention period ends (art. 47: a set retention period prevails); an order
    does not. A hold prevents an erasure on any ground.
    """
    kept = ground is not Ground.ORDER
    found = {
        Obstacle.NOT_CLOSED: not closed,
        Obstacle.KEPT: kept and until is not None and until > now,
        Obstacle.PERMANENT: kept and permanent,
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
