"""Counts that may be published: small ones are suppressed, and so is what would give a small one away."""

from __future__ import annotations

from collections.abc import Mapping

SMALLEST = 5
"""Counts below this are not published: behind them stand people who might be recognised."""


def published(counts: Mapping[str, int]) -> dict[str, int | None]:
    """Return counts as they may be published beside their total, None for one that is suppressed.

    One small count alone could be found by taking the others from the total: then the next smallest goes as well.
    """
    hidden = {key for key, count in counts.items() if count < SMALLEST}
    shown = sorted((count, key) for key, count in counts.items() if key not in hidden)
    while hidden and shown and (len(hidden) == 1 or sum(counts[key] for key in hidden) < SMALLEST):
        hidden.add(shown.pop(0)[1])
    return {key: None if key in hidden else count for key, count in counts.items()}


def published_total(total: int) -> int | None:
    """Return a total as it may be published; None where it is small itself."""
    return None if total < SMALLEST else total
