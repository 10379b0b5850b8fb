"""An attacker who reads all published figures, knows how they are made, and tries to work out the true counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product

from casework.supervision.figures.suppression import BASE, SCALE, SMALLEST

MOST = 11
"""The largest count of an atom that the reader reckons with."""
_STEP = math.exp(-1 / SCALE)


def _moved_by(k: int) -> float:
    return (1 - _STEP) / (1 + _STEP) * _STEP ** abs(k)


@cache
def likelihood(shown: int | None, count: int) -> float:
    """Return how likely a count is published like this, over all secret keys."""
    if count < SMALLEST:
        return 1.0 if shown is None else 0.0
    if shown is None:
        return 1 - sum(_moved_by(k) for k in range(SMALLEST - count, 200))
    first = max(SMALLEST, shown - BASE // 2)
    return sum(_moved_by(k - count) for k in range(first, shown + BASE // 2 + 1))


def beliefs(
    atoms: int, published: Mapping[tuple[int, ...], Sequence[int | None]]
) -> dict[tuple[int, ...], dict[int, float]]:
    """Return, by cell, how likely each count is after all worlds were gone through; all were equally likely before.

    A cell is the atoms that are added up in it. It may be published several times: under two periods, units, tables.
    """
    tables = {
        cell: [math.prod(likelihood(each, count) for each in shown) for count in range(MOST * len(cell) + 1)]
        for cell, shown in published.items()
    }
    found: dict[tuple[int, ...], dict[int, float]] = {cell: {} for cell in published}
    for world in product(range(MOST + 1), repeat=atoms):
        sums = {cell: sum(world[atom] for atom in cell) for cell in tables}
        weight = 1.0
        for cell, total in sums.items():
            weight *= tables[cell][total]
            if not weight:
                break
        else:
            for cell, total in sums.items():
                found[cell][total] = found[cell].get(total, 0.0) + weight
    whole = sum(next(iter(found.values())).values())
    return {cell: {count: weight / whole for count, weight in each.items()} for cell, each in found.items()}
