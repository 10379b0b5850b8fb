"""Counts that may be published: each blurred on its own; small ones, and none at all, stand under one mark.

What adding and subtracting gives away, it gives away because published counts are exact or off by no more than a
known bound. These are off by a whole number that has no bound, drawn by a secret key from the name of the cell: the
same cell always has the same number, and no two cells say anything certain of a third.
"""

from __future__ import annotations

import hmac
import math
from dataclasses import dataclass

SMALLEST = 5
"""Counts below this are not published: behind them stand people who might be recognised."""
BASE = 5
"""What is published is a multiple of this."""
SCALE = 3.0
"""How far a count is moved, about: by k is exp(-k / SCALE) times as likely as not at all."""
_RANGE = 2**64


@dataclass(frozen=True, slots=True)
class Publication:
    """Publishes counts under a secret key."""

    key: bytes

    def count(self, cell: str, count: int) -> int | None:
        """Return the count of a cell as it may be published; None where it is suppressed.

        Nothing below five is shown, and some of what is not below five is suppressed as well: a suppressed count may
        be anything, nought among it.
        """
        moved = count + self._noise(cell)
        if min(count, moved) < SMALLEST:
            return None
        return BASE * ((moved + BASE // 2) // BASE)

    def _noise(self, cell: str) -> int:
        drawn = hmac.digest(self.key, cell.encode(), "sha256")
        return _steps(drawn[:8]) - _steps(drawn[8:16])


def _steps(drawn: bytes) -> int:
    """Return how many steps are taken where each further one is taken with the chance exp(-1 / SCALE)."""
    return int(-SCALE * math.log((int.from_bytes(drawn, "big") + 1) / _RANGE))
