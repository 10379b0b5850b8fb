"""States between Python and proto: they have the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def numbers(**values: int | Sequence[int] | None) -> dict[str, Any]:
    """Return what has the same number here and in the contract; None leaves a field unset."""
    return values
