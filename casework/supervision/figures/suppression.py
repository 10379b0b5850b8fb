"""Publishable counts: each is blurred independently; small counts and zero share one suppression mark.

Adding and subtracting reveals suppressed counts only if published counts are exact, or wrong by at most a known
bound. These are moved by an unbounded whole number, drawn with a secret key from the name of the cell: the same cell
always gets the same number, and no two cells give certain information about a third.
"""

from __future__ import annotations

import hmac
import math
from dataclasses import dataclass

SMALLEST = 5
"""Counts below this are not published: the people behind them might be recognised."""
BASE = 5
"""Published counts are multiples of this."""
SCALE = 3.0
"""Typical size of a move: moving by k is exp(-k / SCALE) times as likely as not moving."""
_RANGE = 2**64


@dataclass(frozen=True, slots=True)
class Publication:
    """Publishes counts under a secret key."""

    key: bytes

    def count(self, cell: str, count: int) -> int | None:
        """Return the publishable count of a cell; None if it is suppressed.

        Nothing below five is shown, and some counts of five or more are suppressed as well: a suppressed count may be
        anything, including zero.
        """
        moved = count + self._noise(cell)
        if min(count, moved) < SMALLEST:
            return None
        return BASE * ((moved + BASE // 2) // BASE)

    def _noise(self, cell: str) -> int:
        drawn = hmac.digest(self.key, cell.encode(), "sha256")
        return _steps(drawn[:8]) - _steps(drawn[8:16])


def _steps(drawn: bytes) -> int:
    """Return the number of steps, where each further step has probability exp(-1 / SCALE)."""
    return int(-SCALE * math.log((int.from_bytes(drawn, "big") + 1) / _RANGE))
